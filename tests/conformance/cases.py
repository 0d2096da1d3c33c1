"""The runs whose results are known: name, flags, expected result file."""

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path

COMMON = ["--dtype", "bfloat16", "--block-size", "16"]
TRACE = "workloads/example_trace.jsonl"
SHARE_CPU = ["--enable-prefix-caching", "--enable-prefix-sharing", "--prefix-storage", "CPU"]


@dataclass
class Case:
    group: str
    name: str
    config: Path
    dataset: Path
    flags: list
    expected: Path            # the CSV; its absence means that no result is known
    num_reqs: int = 10
    common: list = field(default_factory=lambda: list(COMMON))
    log: Path = None          # console output to compare heartbeats and summary with
    known_to_end: bool = True  # False: only that it ends is asked

    def arguments(self, bundles, models, pim, output):
        return ["--cluster-config", str(self.config), *self.common, "--dataset",
                str(self.dataset), "--num-reqs", str(self.num_reqs), *self.flags, "--perf-dir",
                str(bundles), "--model-dir", str(models), "--pim-dir", str(pim), "--output",
                str(output)]


# name: (cluster config, further flags)
EXAMPLES = {
    "single": ("single_node_single_instance", []),
    "multi": ("single_node_multi_instance", []),
    "pd": ("single_node_pd_instance", []),
    "cxl": ("single_node_cxl_instance", []),
    "prefix_cpu_mem_pool": ("single_node_multi_instance", SHARE_CPU),
    "dual_prefix_cpu_mem_pool": ("dual_node_multi_instance", SHARE_CPU),
    "power": ("single_node_power_instance", ["--log-interval", "0.1"]),
    "pim": ("single_node_pim_instance", ["--enable-attn-offloading"]),
    "pim_sub_batch": ("single_node_pim_instance",
                      ["--enable-attn-offloading", "--enable-sub-batch-interleaving"]),
    "pp": ("single_node_pp_instance", []),
    "tp_pp": ("single_node_tp_pp_instance", []),
    "moe_pp": ("single_node_moe_pp_instance", []),
    "moe": ("single_node_moe_single_instance", []),
    "dp": ("single_node_dp_instance", []),
    "moe_dp_tp": ("single_node_moe_dp_tp_instance", []),
    "moe_dp_pp": ("single_node_moe_dp_pp_instance", []),
    "moe_dp_tp_pp": ("single_node_moe_dp_tp_pp_instance", []),
    "dual_moe_dp_ep": ("dual_node_moe_dp_ep_intra_inter_instance", []),
    "moe_dp_ep": ("single_node_moe_dp_ep_instance", []),
}

# name: (config, workload, lines, flags); paths relative to the data folder
TRACES = {
    "dense_tp1": ("configs/cluster/single_node_single_instance.json", TRACE, 10, []),
    "dense_tp2": ("vectors/configs/dense_tp2.json", TRACE, 4, []),
    "dense_pp2": ("vectors/configs/dense_pp2.json", TRACE, 4, []),
    "tp_pp": ("configs/cluster/single_node_tp_pp_instance.json", TRACE, 4, []),
    "moe_tp2_ep2": ("vectors/configs/moe_tp2_ep2.json", TRACE, 4, []),
    "dp_ep_session": ("configs/cluster/single_node_moe_dp_ep_instance.json",
                      "vectors/dp_ep_session.jsonl", 1, []),
    "dp_ep_2sessions": ("configs/cluster/single_node_moe_dp_ep_instance.json",
                        "vectors/dp_ep_2sessions.jsonl", 2, []),
    "moe_dp_pp": ("configs/cluster/single_node_moe_dp_pp_instance.json", TRACE, 10, []),
    "moe_dp_tp_pp": ("configs/cluster/single_node_moe_dp_tp_pp_instance.json", TRACE, 10, []),
    "pd": ("configs/cluster/single_node_pd_instance.json", TRACE, 4, []),
    "pim": ("configs/cluster/single_node_pim_instance.json", TRACE, 4,
            ["--enable-attn-offloading"]),
    "pim_sub_batch": ("configs/cluster/single_node_pim_instance.json", TRACE, 4,
                      ["--enable-attn-offloading", "--enable-sub-batch-interleaving"]),
    "cxl": ("configs/cluster/single_node_cxl_instance.json", TRACE, 4, []),
    "power": ("configs/cluster/single_node_power_instance.json", TRACE, 4,
              ["--log-interval", "0.1"]),
    "chunked": ("configs/cluster/single_node_single_instance.json",
                "vectors/workloads/chunked.jsonl", 0, []),
    "chunked_threshold": ("configs/cluster/single_node_single_instance.json",
                          "vectors/workloads/chunked.jsonl", 0,
                          ["--long-prefill-token-threshold", "256", "--max-num-batched-tokens",
                           "1024"]),
    "preempt": ("vectors/configs/small_kv.json", "vectors/workloads/preempt.jsonl", 0, []),
    "preempt_noisl": ("vectors/configs/small_kv.json", "vectors/workloads/preempt.jsonl", 0,
                      ["--no-reserve-full-isl"]),
    "prefix_npu": ("vectors/configs/small_kv.json", "vectors/workloads/prefix.jsonl", 0, []),
    "prefix_off": ("vectors/configs/small_kv.json", "vectors/workloads/prefix.jsonl", 0,
                   ["--no-enable-prefix-caching"]),
    "prefix_evict_npu": ("vectors/configs/small_kv.json", "vectors/workloads/prefix_evict.jsonl",
                         0, []),
    "prefix_evict_cpu": ("vectors/configs/small_kv.json", "vectors/workloads/prefix_evict.jsonl",
                         0, ["--prefix-storage", "CPU"]),
    "prefix_evict_cpu_shared": ("vectors/configs/small_kv_2inst.json",
                                "vectors/workloads/prefix_evict.jsonl", 0,
                                ["--enable-prefix-sharing", "--prefix-storage", "CPU"]),
}

SHAREGPT = "workloads/sharegpt-llama-3.1-8b-300-sps10.jsonl"
SINGLE = "configs/cluster/single_node_single_instance.json"
FLAG_RUNS = {
    "multi_rr": ("configs/cluster/single_node_multi_instance.json", TRACE, 10,
                 ["--request-routing-policy", "RR"]),
    "multi_rand": ("configs/cluster/single_node_multi_instance.json", TRACE, 10,
                   ["--request-routing-policy", "RAND"]),
    "moe_ep_rr": ("vectors/configs/moe_tp2_ep2.json", TRACE, 5,
                  ["--expert-routing-policy", "RR"]),
    "moe_ep_rand": ("vectors/configs/moe_tp2_ep2.json", TRACE, 5,
                    ["--expert-routing-policy", "RAND"]),
    "moe_ep_rand_nocopy": ("vectors/configs/moe_tp2_ep2.json", TRACE, 2,
                           ["--expert-routing-policy", "RAND", "--no-enable-block-copy"]),
    "max_num_seqs_2": (SINGLE, TRACE, 10, ["--max-num-seqs", "2"]),
    "max_tokens_64": (SINGLE, "vectors/workloads/chunked.jsonl", 0,
                      ["--max-num-batched-tokens", "64"]),
    "skip_prefill": (SINGLE, TRACE, 10, ["--skip-prefill"]),
    "local_offloading": (SINGLE, TRACE, 5, ["--enable-local-offloading"]),
    "block_32": ("vectors/configs/small_kv.json", "vectors/workloads/prefix.jsonl", 0,
                 ["--block-size", "32"]),
    "util_half": (SINGLE, TRACE, 10, ["--npu-memory-utilization", "0.5"]),
    "log_interval_quarter": (SINGLE, TRACE, 10, ["--log-interval", "0.25"]),
    "info_log": (SINGLE, TRACE, 2, ["--log-level", "INFO"]),
    "fast_link": ("vectors/configs/dense_tp2_fastlink.json", TRACE, 4, []),
    "sharegpt_30": (SINGLE, SHAREGPT, 30, []),
    "sharegpt_16_4x2tp": ("configs/cluster/single_node_4_instance_2TP.json", SHAREGPT, 16, []),
    "mixed_pd": ("configs/cluster/single_node_pd_instance.json",
                 "vectors/workloads/chunked.jsonl", 0, []),
    "hetero_pd": ("configs/cluster/single_node_heterogeneous.json",
                  "workloads/sharegpt-qwen3-32b-300-sps10.jsonl", 6, []),
}


def from_table(group, table, root, expected, log):
    for name, (config, dataset, lines, flags) in table.items():
        yield Case(group, name, root / config, root / dataset, flags, expected(name),
                   num_reqs=lines, log=log(name))


def examples(root):
    for name, (config, flags) in EXAMPLES.items():
        session = name == "moe_dp_ep"
        dataset = "vectors/dp_ep_session.jsonl" if session else TRACE
        yield Case("outputs", name, root / f"configs/cluster/{config}.json", root / dataset, flags,
                   root / f"outputs/example_{name}_run.csv", num_reqs=1 if session else 10,
                   log=root / f"vectors/logs/example_{name}_run.log")


def recorded(root):
    for meta in sorted((root / "recorded").glob("*/*/vllm/meta.json")):
        folder = meta.parent.parent
        hardware = folder.parent.name
        dataset = root / "workloads" / Path(json.loads(meta.read_text())["dataset_path"]).name
        seqs = "256" if hardware == "RTX4090" else "128"
        yield Case("recorded", f"{hardware}/{folder.name}", folder / "config.json", dataset,
                   ["--kv-cache-dtype", "auto", "--max-num-seqs", seqs,
                    "--max-num-batched-tokens", "2048", "--network-backend", "analytical"],
                   folder / "outputs/sim.csv", num_reqs=300, log=folder / "outputs/sim.log")


def config_runs(root):
    for stderr in sorted((root / "vectors/config_runs").glob("*.stderr.txt")):
        name = stderr.name.removesuffix(".stderr.txt")
        yield Case("config_runs", name, root / f"configs/cluster/{name}.json", root / TRACE, [],
                   stderr.with_name(f"{name}.csv"), log=stderr.with_name(f"{name}.log"))


def folders(root, group, num_reqs, common):
    for flags in sorted((root / "vectors" / group).glob("*/flags.txt")):
        folder = flags.parent
        log = folder / "out.log"
        yield Case(group, folder.name, folder / "config.json", folder / "workload.jsonl",
                   shlex.split(flags.read_text()), folder / "out.csv", num_reqs=num_reqs,
                   common=common, log=log if log.exists() else None)


def all_cases(root):
    """Every case of the data folder."""
    yield from examples(root)
    yield from recorded(root)
    yield from from_table("traces", TRACES, root,
                          lambda n: root / f"vectors/traces/{n}/requests.csv",
                          lambda n: root / f"vectors/traces/{n}/stdout.log")
    yield from config_runs(root)
    yield from from_table("flag_runs", FLAG_RUNS, root,
                          lambda n: root / f"vectors/flag_runs/{n}.csv",
                          lambda n: root / f"vectors/flag_runs/{n}.log")
    dtype = ["--dtype", "bfloat16"]
    yield from folders(root, "random", 1000, dtype)
    yield from folders(root, "more", 1000, dtype)
    yield from folders(root, "quant", 1000, dtype)
