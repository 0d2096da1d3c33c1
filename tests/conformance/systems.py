"""Which systems a known run is of: read from its cluster file, workload and flags."""

import functools
import json

NAMES = ["one NPU", "tensor parallel", "pipeline parallel", "expert parallel", "data parallel",
         "multi-instance", "prefill/decode", "prefix caching", "memory tiers", "PIM", "precision",
         "power", "network", "agentic sessions"]


@functools.lru_cache(maxsize=None)
def has_sessions(dataset):
    with open(dataset, encoding="utf-8") as file:
        return any('"sub_requests"' in line for line in file)


def is_off(value):
    return value in (None, "", "auto", "bfloat16")


def placed_elsewhere(value):
    """A placement that names another memory than the NPU's for weights."""
    if isinstance(value, dict):
        return any((key == "weights" and text not in ("npu", None)) or placed_elsewhere(text)
                   for key, text in value.items())
    if isinstance(value, list):
        return any(placed_elsewhere(item) for item in value)
    return False


def systems_of(case):
    """Names of NAMES, in that order."""
    config = json.loads(case.config.read_text())
    nodes = config.get("nodes", [])
    instances = [i for node in nodes for i in node.get("instances", [])]
    flags = [*case.common, *case.flags]

    def flag(name):
        places = [i for i, word in enumerate(flags) if word == name]
        return flags[places[-1] + 1] if places else None  # the last one counts

    def any_key(key, test=bool):
        return any(test(i.get(key)) for i in instances)

    def degree(key):
        return any_key(key, lambda value: isinstance(value, int) and value > 1)

    pipelined = degree("pp_size") or any(
        (i.get("num_npus") or 1) > (i.get("tp_size") or i.get("num_npus") or 1)
        for i in instances)
    tensor = degree("tp_size") or any(
        (i.get("num_npus") or 1) > 1 and not i.get("tp_size") and not i.get("pp_size")
        for i in instances)
    found = {
        "tensor parallel": tensor,
        "pipeline parallel": pipelined,
        "expert parallel": any(key in str(i.get("model_name")) for i in instances
                               for key in ("A3B", "MoE", "Mixtral")),
        "data parallel": any_key("dp_group"),
        "multi-instance": len(instances) > 1,
        "prefill/decode": any_key("pd_type"),
        "prefix caching": "--enable-prefix-caching" in flags
                          or flag("--prefix-storage") not in (None, "None"),
        "memory tiers": "--enable-local-offloading" in flags
                        or any_key("enable_local_offloading")
                        or any(placed_elsewhere(i.get("placement")) for i in instances),
        "PIM": "--enable-attn-offloading" in flags or any_key("enable_attn_offloading"),
        "precision": not is_off(flag("--dtype")) or not is_off(flag("--kv-cache-dtype"))
                     or any_key("dtype", lambda v: not is_off(v))
                     or any_key("kv_cache_dtype", lambda v: not is_off(v)),
        "power": bool(nodes) and all("power" in node for node in nodes),
        "network": len(nodes) > 1 or isinstance(config.get("link_bw"), list),
        "agentic sessions": has_sessions(str(case.dataset)),
    }
    names = [name for name in NAMES if found.get(name)]
    return names or ["one NPU"]
