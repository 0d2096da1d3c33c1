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
DIGESTS = HERE / "golden" / "digests.json"

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
    return {name: [*args, "--dataset", str(WORKLOAD)] for name, args in flags.items()}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def pinned():
    return json.loads(DIGESTS.read_text())


def update(csv_of):
    """Writes the digests anew; `csv_of(flags)` gives the bytes of the result file."""
    digests = {name: digest(csv_of(flags)) for name, flags in systems().items()}
    DIGESTS.write_text(json.dumps(digests, indent=1) + "\n")
