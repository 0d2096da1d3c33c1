"""Pinned results: one small workload on every cluster file of the project.

Kernel times are the analytic model's. It uses pow() of the C library, so a library other than
glibc may differ in the last bit of a time and, rarely, by a nanosecond; compilers and build types
do not matter.

After a change that is meant to change results: python3 tests/cli/cli_test.py BINARY --update
"""

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKLOAD = HERE / "golden" / "small.jsonl"
SESSIONS = HERE / "golden" / "sessions.jsonl"
DIGESTS = HERE / "golden" / "digests.json"

# Of repeated flags the last counts.
REFERENCE = ["--fidelity", "reference"]

# Systems that are more than a cluster file: name -> (cluster file, further flags).
SMALL_POOL = ["--npu-memory-utilization", "0.1565"]  # loses a prefix before it comes again
SPECIAL = {
    "all-to-all": ("single_node_moe_dp_ep_instance", ["--expert-exchange", "alltoall"]),
    "attention in memory": ("single_node_pim_instance", ["--enable-attn-offloading"]),
    "attention in memory, interleaved": (
        "single_node_pim_instance",
        ["--enable-attn-offloading", "--enable-sub-batch-interleaving"]),
    "weights through local memory": ("single_node_single_instance", ["--enable-local-offloading"]),
    "prefixes lost": ("single_node_single_instance", SMALL_POOL),
    "prefixes in host memory": (
        "single_node_single_instance", [*SMALL_POOL, "--prefix-storage", "CPU"]),
    "prefixes shared in host memory": (
        "single_node_multi_instance",
        [*SMALL_POOL, "--prefix-storage", "CPU", "--enable-prefix-sharing"]),
    "prefixes in CXL memory": (
        "single_node_cxl_instance", [*SMALL_POOL, "--prefix-storage", "CXL"]),
    "no prefix caching": ("single_node_single_instance", ["--no-enable-prefix-caching"]),
    "short steps": ("single_node_tp_pp_instance", ["--max-num-batched-tokens", "32"]),
    "sessions": ("single_node_moe_dp_ep_instance", ["--dataset", str(SESSIONS)]),
    "sessions, one instance": ("single_node_single_instance", ["--dataset", str(SESSIONS)]),
    "round robin": ("dual_node_multi_instance", ["--request-routing-policy", "RR"]),
    "random instance": ("dual_node_multi_instance", ["--request-routing-policy", "RAND"]),
    "routed by prefix": (
        "single_node_multi_instance", ["--request-routing-policy", "PREFIX", "--dataset", str(SESSIONS)]),
    "routed by session": (
        "dual_node_multi_instance", ["--request-routing-policy", "SESSION", "--dataset", str(SESSIONS)]),
    "whole hand-over": (
        "single_node_pd_instance", ["--kv-transfer", "whole", "--fidelity", "vllm"]),
    "round robin over experts": (
        "single_node_moe_single_instance", ["--expert-routing-policy", "RR"]),
    "random experts": ("single_node_moe_single_instance", ["--expert-routing-policy", "RAND"]),
    "without block copy": ("single_node_moe_single_instance", ["--no-enable-block-copy"]),
    "fp8": ("single_node_single_instance", ["--dtype", "fp8"]),
    "fp8 KV cache": ("single_node_single_instance", ["--kv-cache-dtype", "fp8"]),
    "fp32": ("single_node_single_instance", ["--dtype", "float32"]),
    "fidelity vllm, attention in memory": (
        "single_node_pim_instance",
        ["--enable-attn-offloading", "--enable-sub-batch-interleaving", "--fidelity", "vllm"]),
    "fidelity vllm, prompts in place": (
        "single_node_single_instance", ["--skip-prefill", "--fidelity", "vllm"]),
    "skipped prompts": ("single_node_single_instance", ["--skip-prefill"]),
    "fidelity vllm, three dimensions": (
        "three_dimension_network_instance", ["--fidelity", "vllm"]),
    "fidelity vllm": ("single_node_moe_dp_tp_pp_instance", ["--fidelity", "vllm"]),
    "fidelity vllm, hand-over": ("single_node_pd_instance", ["--fidelity", "vllm"]),
}


def systems():
    """name -> flags."""
    flags = {f.stem: ["--cluster-config", str(f)]
             for f in sorted((ROOT / "configs" / "cluster").glob("*.json"))}
    for name, (cluster, more) in SPECIAL.items():
        flags[name] = ["--cluster-config", str(ROOT / "configs" / "cluster" / f"{cluster}.json"),
                       *more]
    return {name: [*REFERENCE, "--dataset", str(WORKLOAD), *args] for name, args in flags.items()}


def energy_section(log):
    """Of a run's output: the energy of every part and the power series."""
    lines = log.split("\n")
    begin = next(i for i, line in enumerate(lines) if "Power Modeling Results" in line)
    end = next(i for i, line in enumerate(lines) if line.startswith("Power per "))
    return "\n".join(lines[begin:end + 1]).encode()


# What a run says of energy: name -> flags.
ENERGY = {
    f"energy, {name}": [
        *REFERENCE, "--cluster-config", str(ROOT / "configs" / "cluster" / f"{cluster}.json"), "--dataset",
        str(WORKLOAD), "--log-interval", "0.1", *flags]
    for name, cluster, flags in (
        ("plain", "single_node_power_instance", []),
        ("attention in memory", "single_node_pim_instance", ["--enable-attn-offloading"]),
        ("fidelity vllm", "single_node_power_instance", ["--fidelity", "vllm"]))}

# Traces and graphs of the first batches: name -> cluster file.
EXPORTS = {f"export, {name}": name for name in (
    "single_node_tp_pp_instance", "single_node_moe_dp_ep_instance", "single_node_pd_instance")}


def folder_digest(folder):
    """Names and bytes of all files below a folder."""
    total = hashlib.sha256()
    for file in sorted(f for f in Path(folder).rglob("*") if f.is_file()):
        total.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def pinned():
    return json.loads(DIGESTS.read_text())


def update(csv_of, log_of, export_of):
    """Writes the digests anew; `csv_of(flags)` gives the bytes of the result file, `log_of(flags)`
    what is printed, `export_of(cluster)` the digest of exported files."""
    digests = {name: digest(csv_of(flags)) for name, flags in systems().items()}
    digests.update({name: digest(energy_section(log_of(flags))) for name, flags in ENERGY.items()})
    digests.update({name: export_of(cluster) for name, cluster in EXPORTS.items()})
    DIGESTS.write_text(json.dumps(digests, indent=1) + "\n")
