"""Times of vLLM's own kernels, through its layer-wise profiler. Needs vLLM (0.19) and a GPU.

Nothing here has run where this was written; README.md says what to check. vllm is imported only
when a timer is made, and in the engine's worker.

One engine with dummy weights and a single decoder layer runs steps that bypass its scheduler: the
worker gets a made-up scheduler output whose requests have their history counted as computed.
"""

from .grids import BLOCK, Limits

# Layer by the class that vLLM's profile names, and the class above it that tells equal ones apart.
_CLASSES = {
    "embedding": ("VocabParallelEmbedding", None),
    "layernorm": ("RMSNorm", "DecoderLayer"),
    "qk_norm": ("RMSNorm", "Attention"),
    "final_layernorm": ("RMSNorm", "ForCausalLM"),
    "qkv_proj": ("QKVParallelLinear", None),
    "rotary_emb": ("RotaryEmbedding", None),
    "attention": ("Attention", None),
    "o_proj": ("RowParallelLinear", "Attention"),
    "gate_up_proj": ("MergedColumnParallelLinear", None),
    "act_fn": ("SiluAndMul", None),
    "down_proj": ("RowParallelLinear", "MLP"),
    "lm_head": ("LogitsProcessor", None),
    "sampler": ("Sampler", None),
    "moe": ("SparseMoeBlock", None),
}


def _matches(layer, name, ancestors):
    """How deep in `ancestors` the class stands that the layer must be within; None: no match."""
    wanted, within = _CLASSES[layer]
    if not (name == wanted or (layer == "moe" and name.endswith(wanted))):
        return None
    if within is None:
        return -1
    depths = [i for i, above in enumerate(ancestors) if above.endswith(within)]
    return depths[0] if depths else None


def times_of_tree(nodes, layers):
    """Microseconds a call of each layer, from a profile's tree of dicts.

    A node is {"entry": {"name", "cuda_time_us", "invocations"}, "children": [...]}. Where several
    layers match a node, the one whose outer class is deepest wins.
    """
    sums = {}

    def visit(node, ancestors):
        name = node["entry"]["name"].split("(")[0]
        found = [(depth, layer) for layer in layers
                 if (depth := _matches(layer, name, ancestors)) is not None]
        if found:
            layer = max(found, key=lambda pair: pair[0])[1]
            time, calls = sums.get(layer, (0.0, 0))
            sums[layer] = (time + node["entry"]["cuda_time_us"],
                           calls + node["entry"]["invocations"])
        for child in node["children"]:
            visit(child, [*ancestors, name])
    for node in nodes:
        visit(node, [])
    missing = [layer for layer in layers if not sums.get(layer, (0, 0))[1]]
    if missing:
        raise RuntimeError(f"vLLM's profile has no layer for {', '.join(missing)}: this version "
                           "names its classes otherwise; see _CLASSES in vllm_timer.py")
    return {layer: time / calls for layer, (time, calls) in sums.items()}


class VllmTimer:
    """A backend of Sweep. `model` is already sharded; its folder needs no weights."""

    def __init__(self, model, model_folder, *, limits, iterations=3, dtype="bfloat16",
                 kv_cache_dtype="auto"):
        try:
            from vllm import LLM
        except ImportError as error:
            raise RuntimeError("vLLM is not installed: pip install vllm, or --backend torch") \
                from error
        self.iterations = iterations
        overrides = {"num_hidden_layers": 1}
        for name in ("intermediate_size", "num_attention_heads", "num_key_value_heads",
                     "vocab_size", "head_dim"):
            if name in model.config:
                overrides[name] = model.config[name]
        self.engine = LLM(
            model=str(model_folder), load_format="dummy", dtype=dtype,
            kv_cache_dtype=kv_cache_dtype, enforce_eager=True, skip_tokenizer_init=True,
            enable_prefix_caching=False, tensor_parallel_size=1, block_size=BLOCK,
            max_num_batched_tokens=limits.batched_tokens + limits.sequences,
            max_num_seqs=limits.sequences, hf_overrides=overrides,
            worker_extension_cls="lockstep_profiler.vllm_worker.StepWorker")
        facts = self.engine.collective_rpc("lockstep_facts")[0]
        self.limits = Limits(limits.batched_tokens, limits.sequences, facts["kv_tokens"],
                             facts["model_len"], limits.attention_kv)

    def facts(self):
        import torch
        import vllm
        return {"backend": "vllm", "vllm_version": vllm.__version__,
                "cuda_version": torch.version.cuda or "none", "gpu": torch.cuda.get_device_name()}

    def layer_times(self, layers, shot):
        tree = self.engine.collective_rpc("lockstep_step", args=(list(shot), self.iterations))[0]
        return times_of_tree(tree, layers)

    def expert_time(self, tokens, active):
        tree = self.engine.collective_rpc(
            "lockstep_step", args=([(tokens, 0)], self.iterations, active))[0]
        return times_of_tree(tree, ("moe",))["moe"]
