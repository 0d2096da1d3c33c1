"""What the sweep needs to know of a model: its layers and their sizes, from a config.json."""

import json
from dataclasses import dataclass
from pathlib import Path

# Measured per step whose layers do not depend on the tensor-parallel degree.
TP_STABLE = {"dense": {"layernorm", "qk_norm", "final_layernorm"}, "per_sequence": {"sampler"}}
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "moe_k")
_SHARDED = ("intermediate_size", "num_attention_heads", "num_key_value_heads", "vocab_size")
# Families whose block is the one that is measured here, and those of them that norm queries and keys.
_FAMILIES = {"llama", "mistral", "qwen3", "qwen3_moe", "mixtral", "phimoe"}
_WITH_QK_NORM = {"qwen3", "qwen3_moe"}


class ModelError(Exception):
    """A model that cannot be measured."""


@dataclass(frozen=True)
class Model:
    """One decoder layer and what surrounds it."""

    name: str
    config: dict

    @classmethod
    def read(cls, path, name=None):
        try:
            config = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: {error}\n  fix: give the model's config.json") from None
        family = config.get("model_type")
        if family not in _FAMILIES:
            raise ModelError(f"{path}: model_type {family!r} is not measured here\n"
                             f"  fix: one of {', '.join(sorted(_FAMILIES))}")
        return cls(name or Path(path).stem, config)

    @property
    def family(self):
        return self.config["model_type"]

    def _first(self, names):
        return next((self.config[name] for name in names if self.config.get(name)), 0)

    @property
    def experts(self):
        """0: none."""
        return self._first(_EXPERTS)

    @property
    def experts_per_token(self):
        return self._first(_PER_TOKEN)

    @property
    def dense_layers(self):
        """Layers whose time depends on the tokens of a step alone."""
        names = ["embedding", "layernorm", "qkv_proj", "rotary_emb", "o_proj", "final_layernorm"]
        if self.family in _WITH_QK_NORM:
            names.append("qk_norm")
        if not self.experts:
            names += ["gate_up_proj", "act_fn", "down_proj"]
        return tuple(names)

    @property
    def sequence_layers(self):
        """Layers whose time depends on the number of requests."""
        return ("lm_head", "sampler")

    def sharded(self, degree):
        """As one rank of `degree` sees it. Experts are not divided."""
        config = dict(self.config)
        if not config.get("head_dim"):  # of the whole model: a rank has fewer heads, not smaller ones
            config["head_dim"] = config["hidden_size"] // config["num_attention_heads"]
        for name in _SHARDED:
            if name not in config:
                continue
            if not isinstance(config[name], int) or config[name] % degree:
                raise ModelError(f"{self.name}: {name} {config[name]!r} is not divisible by tp "
                                 f"{degree}\n  fix: choose other degrees with --tp")
            config[name] //= degree
        return Model(self.name, config)
