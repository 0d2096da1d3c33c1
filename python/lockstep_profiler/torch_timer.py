"""Times with plain PyTorch kernels: one decoder layer, written out. Needs torch and a GPU.

Nothing here has run where this was written; README.md says what to check. torch is imported only
when a timer is made.
"""

from .grids import BLOCK, Limits, expert_of


class TorchTimer:
    """A backend of Sweep. `model` is already sharded. Times are medians over `iterations`.

    Every layer is the operation that a serving engine launches for it, on tensors of the step's
    shape; attention runs each prefill by itself and all decodes of equal context together.
    """

    def __init__(self, model, *, limits, iterations=3, dtype="bfloat16", device="cuda"):
        try:
            import torch
        except ImportError as error:
            raise RuntimeError("PyTorch is not installed: pip install torch") from error
        if device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no GPU: check nvidia-smi and the torch build")
        self.torch = torch
        self.model = model
        self.iterations = iterations
        self.dtype = getattr(torch, dtype)
        self.device = device
        config = model.config
        self.hidden = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.kv_heads = config.get("num_key_value_heads", self.heads)
        self.head_dim = config["head_dim"]  # Model.sharded() has put it there
        self.inner = config["intermediate_size"]
        self.vocabulary = config["vocab_size"]
        self._weights = {}
        self.limits = self._with_kv(limits)

    def _with_kv(self, limits):
        """The KV cache as far as free memory holds one layer of it."""
        torch = self.torch
        free, _ = torch.cuda.mem_get_info() if self.device == "cuda" else (1 << 34, 0)
        token_bytes = 2 * self.kv_heads * self.head_dim * torch.empty((), dtype=self.dtype).itemsize
        room = int(free * 0.4) // token_bytes // BLOCK * BLOCK
        longest = self.model.config.get("max_position_embeddings", limits.model_len)
        return Limits(limits.batched_tokens, limits.sequences, min(limits.kv_tokens, room),
                      min(limits.model_len, longest), limits.attention_kv)

    def facts(self):
        torch = self.torch
        gpu = torch.cuda.get_device_name() if self.device == "cuda" else self.device
        return {"backend": "torch", "torch_version": torch.__version__,
                "cuda_version": torch.version.cuda or "none", "gpu": gpu}

    def layer_times(self, layers, shot):
        tokens = sum(new for new, _ in shot)
        return {name: self._time(self._layer(name, tokens, shot)) for name in layers}

    def expert_time(self, tokens, active):
        return self._time(self._experts(tokens, active))

    def _time(self, run):
        """Microseconds on the GPU: one run to warm up, then the median of the timed ones."""
        torch = self.torch
        run()
        times = []
        for _ in range(self.iterations):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) * 1e3)
        return sorted(times)[len(times) // 2]

    def _tensor(self, *shape):
        return self.torch.randn(*shape, dtype=self.dtype, device=self.device)

    def _weight(self, name, *shape):
        if name not in self._weights:
            self._weights[name] = self._tensor(*shape)
        return self._weights[name]

    def _layer(self, name, tokens, shot):
        torch, functional = self.torch, self.torch.nn.functional
        h, d = self.hidden, self.head_dim
        queries, pairs = self.heads * d, self.kv_heads * d

        def product(name, rows, before, after):
            x, w = self._tensor(rows, before), self._weight(name, after, before)
            return lambda: functional.linear(x, w)

        def norm(rows, size):
            x, w = self._tensor(rows, size), self._weight(f"norm{size}", size)
            return lambda: x * torch.rsqrt(x.float().pow(2).mean(-1, True) + 1e-6).to(x.dtype) * w

        if name == "attention":
            return self._attention(shot)
        if name == "embedding":
            ids = torch.zeros(tokens, dtype=torch.long, device=self.device)
            table = self._weight(name, self.vocabulary, h)
            return lambda: functional.embedding(ids, table)
        if name in ("layernorm", "final_layernorm"):
            return norm(tokens, h)
        if name == "qk_norm":
            return norm(tokens * self.heads, d)
        if name == "qkv_proj":
            return product(name, tokens, h, queries + 2 * pairs)
        if name == "o_proj":
            return product(name, tokens, queries, h)
        if name == "gate_up_proj":
            return product(name, tokens, h, 2 * self.inner)
        if name == "down_proj":
            return product(name, tokens, self.inner, h)
        if name == "lm_head":
            return product(name, len(shot), h, self.vocabulary)
        if name == "act_fn":
            x = self._tensor(tokens, 2 * self.inner)
            return lambda: functional.silu(x[:, :self.inner]) * x[:, self.inner:]
        if name == "rotary_emb":
            x = self._tensor(tokens, self.heads + self.kv_heads, d)
            cos, sin = self._tensor(tokens, 1, d), self._tensor(tokens, 1, d)
            return lambda: x * cos + torch.cat((-x[..., d // 2:], x[..., :d // 2]), -1) * sin
        if name == "sampler":
            logits = self._tensor(len(shot), self.vocabulary)
            return lambda: logits.float().argmax(-1)
        raise ValueError(f"no kernel for layer {name}")

    def _attention(self, shot):
        functional = self.torch.nn.functional
        groups = {}
        for new, before in shot:
            groups[new, before] = groups.get((new, before), 0) + 1
        calls = []
        for (new, before), count in groups.items():
            q = self._tensor(count, self.heads, new, self.head_dim)
            k, v = (self._tensor(count, self.kv_heads, new + before, self.head_dim)
                    for _ in range(2))
            mask = None
            if new > 1:
                places = self.torch.arange(new + before, device=self.device)
                mask = places[None, :] <= places[before:, None]
            calls.append((q, k, v, mask))

        def run():
            for q, k, v, mask in calls:
                functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
        return run

    def _experts(self, tokens, active):
        """Gate, then each expert's block over its own rows, as a loop over the active experts."""
        torch, functional = self.torch, self.torch.nn.functional
        config, per_token = self.model.config, self.model.experts_per_token
        inner = config.get("moe_intermediate_size", self.inner)
        x = self._tensor(tokens, self.hidden)
        gate = self._weight("gate", self.model.experts, self.hidden)
        up = self._weight("up", self.model.experts, 2 * inner, self.hidden)
        down = self._weight("down", self.model.experts, self.hidden, inner)
        rows = [torch.tensor(
            [t for t in range(tokens) for s in range(per_token)
             if expert_of(t, s, per_token, active) == expert],
            dtype=torch.long, device=self.device) for expert in range(active)]

        def run():
            functional.linear(x, gate).softmax(-1)
            out = torch.zeros_like(x)
            for expert, mine in enumerate(rows):
                both = functional.linear(x[mine], up[expert])
                acted = functional.silu(both[:, :inner]) * both[:, inner:]
                out.index_add_(0, mine, functional.linear(acted, down[expert]) / per_token)
            return out
        return run
