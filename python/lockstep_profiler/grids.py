"""What is measured: lists of shots, from the limits of the machine and the engine.

A shot is one step as a list of requests (new tokens, tokens with KV already). Lengths are tokens.
"""

from dataclasses import dataclass
from itertools import product

BLOCK = 16
RATIOS = (0.0625, 0.125, 0.25, 0.5, 0.75, 0.9)
USUAL_SKEW = 4.0


@dataclass(frozen=True)
class Limits:
    """What a step may hold."""

    batched_tokens: int = 2048  # tokens of a step (max_num_batched_tokens)
    sequences: int = 256  # requests of a step (max_num_seqs)
    kv_tokens: int = 10**9  # KV cache of the GPU
    model_len: int = 10**9  # longest sequence of the model (max_model_len)
    attention_kv: int = 16384  # longest context that is measured


@dataclass(frozen=True)
class Factors:
    """Ratios of neighbouring grid points."""

    chunk: float = 2.0
    kv: float = 2.0
    skew_decodes: float = 2.0
    skew_chunk: float = 2.0
    skew_prefill_kv: float = 2.0
    skew_decode_kv: float = 2.0


def in_blocks(tokens):
    """The tokens that `tokens` take up in whole KV blocks."""
    return -(-tokens // BLOCK) * BLOCK


def token_grid(most):
    """Every count up to 15, every 4th up to 60, every 16th from 64 on, and `most`."""
    grid = [*range(1, min(15, most) + 1), *range(16, min(64, most + 1), 4), *range(64, most + 1, 16)]
    return grid if grid[-1] == most else [*grid, most]


def _rounded_steps(first, most, factor):
    """first, then times factor, rounded half to even, each once, up to most, which ends it."""
    if factor <= 1:
        raise ValueError(f"a grid's factor must be above 1, not {factor}")
    if most < first:
        return []
    grid, exact = [], float(first)
    while round(exact) <= most:
        if not grid or round(exact) != grid[-1]:
            grid.append(round(exact))
        exact *= factor
    return grid if grid[-1] == most else [*grid, most]


def grid_from_zero(most, first, factor):
    """0 and a geometric sequence; 0 alone when `most` is below `first`."""
    return [0, *_rounded_steps(first, most, factor)]


def grid_from(first, most, factor):
    """A geometric sequence; `most` alone when it is below `first`."""
    return _rounded_steps(first, most, factor) or [most]


def dense_counts(limits):
    """Token counts of layers that work token by token."""
    return [t for t in token_grid(limits.batched_tokens)
            if in_blocks(t) <= limits.kv_tokens and t < limits.model_len]


def sequence_counts(limits):
    """Request counts of layers that work once a request."""
    return [s for s in token_grid(limits.sequences)
            if s <= limits.batched_tokens and BLOCK * s <= limits.kv_tokens]


def dense_shot(tokens):
    return [(tokens, 0)]


def sequence_shot(sequences):
    return [(1, 0)] * sequences


def attention_shot(chunk, prefill_kv, decodes, decode_kv):
    """A prefill chunk over its history, and decodes with equal contexts."""
    return ([(chunk, prefill_kv)] if chunk else []) + [(1, decode_kv)] * decodes


def _attention_fits(limits, chunk, prefill_kv, decodes, decode_kv):
    if (chunk == 0 and (prefill_kv or decodes == 0)) or (decodes == 0) != (decode_kv == 0):
        return False
    requests = decodes + (chunk > 0)
    if requests > limits.sequences or chunk + decodes > limits.batched_tokens + limits.sequences:
        return False
    if chunk and chunk + prefill_kv + 1 > limits.model_len:
        return False
    if decodes and decode_kv + 2 > limits.model_len:
        return False
    held = in_blocks(chunk + prefill_kv) if chunk else 0
    return held + decodes * in_blocks(1 + decode_kv) <= limits.kv_tokens


def attention_axes(limits, factors):
    """(chunks, numbers of decodes, contexts)."""
    return (grid_from_zero(limits.batched_tokens, 16, factors.chunk),
            grid_from_zero(limits.sequences, 1, 2.0),
            grid_from_zero(min(limits.attention_kv, limits.model_len), 16, factors.kv))


def attention_keys(limits, factors):
    """(prefill chunk, its history, decodes, their context) of every shot."""
    chunks, decodes, contexts = attention_axes(limits, factors)
    return [key for key in product(chunks, contexts, decodes, contexts)
            if _attention_fits(limits, *key)]


def doublings(most):
    """1, 2, 4, ... up to most."""
    return [1 << i for i in range(max(most, 0).bit_length())]


def expert_keys(limits, experts, per_token):
    """(tokens, experts that get any) of every shot; at least one token's, at most all of them."""
    return [(tokens, active) for tokens in doublings(limits.batched_tokens)
            if tokens < limits.model_len and in_blocks(tokens) <= limits.kv_tokens
            for active in doublings(experts)
            if per_token <= active <= min(experts, tokens * per_token)]


def expert_of(token, slot, per_token, active):
    """Forced routing that uses `active` experts evenly."""
    return (token * per_token + slot) % active


@dataclass(frozen=True)
class SkewCase:
    """Decodes of which some have a longer context than the others."""

    decodes: int
    ratio: float  # share with the long context, as asked for
    skew: float  # long context over short one
    chunk: int
    prefill_kv: int
    short_kv: int

    @property
    def long_decodes(self):
        return min(max(round(self.ratio * self.decodes), 1), self.decodes - 1)

    @property
    def long_kv(self):
        return round(self.short_kv * self.skew)

    @property
    def mean_kv(self):
        n, long = self.decodes, self.long_decodes
        return (long * self.long_kv + (n - long) * self.short_kv) // n

    @property
    def key(self):
        return (self.decodes, self.long_decodes, round(self.skew, 3), self.chunk, self.prefill_kv,
                self.short_kv)

    def shots(self):
        """With all contexts at their mean, all long, and as they are."""
        base = [(self.chunk, self.prefill_kv)] if self.chunk else []
        n, long = self.decodes, self.long_decodes
        return (base + [(1, self.mean_kv)] * n, base + [(1, self.long_kv)] * n,
                base + [(1, self.long_kv)] * long + [(1, self.short_kv)] * (n - long))


def _skew_fits(limits, case):
    requests = case.decodes + (case.chunk > 0)
    longest = limits.attention_kv + 1
    if case.chunk > limits.batched_tokens + 1 or requests > limits.sequences:
        return False
    if max(case.short_kv, case.long_kv, case.prefill_kv) > longest:
        return False
    if case.chunk + case.decodes > limits.batched_tokens + limits.sequences:
        return False
    if case.long_kv + 1 > limits.model_len:
        return False
    if case.chunk and case.chunk + case.prefill_kv + 1 > limits.model_len:
        return False
    long = case.long_decodes
    held = (in_blocks(case.long_kv) * long + in_blocks(case.short_kv) * (case.decodes - long)
            + (in_blocks(case.chunk + case.prefill_kv) if case.chunk else 0))
    return held <= limits.kv_tokens


def skew_axes(limits, factors):
    """(numbers of decodes, chunks, histories of the chunk, short contexts)."""
    longest = limits.attention_kv
    return (grid_from(2, limits.sequences, factors.skew_decodes),
            [0, *grid_from(16, limits.batched_tokens, factors.skew_chunk)],
            [0, *grid_from(512, max(512, longest // 2), factors.skew_prefill_kv)],
            grid_from(128, max(512, longest), factors.skew_decode_kv))


def _broad_cases(axes):
    """Every mixture, at one usual skew."""
    decodes, chunks, histories, contexts = axes
    for n in decodes:
        shares = sorted({*RATIOS, *(few / n for few in range(1, 5) if few < n)})
        for share, chunk, history, context in product(shares, chunks, histories, contexts):
            if chunk or not history:
                yield SkewCase(n, share, USUAL_SKEW, chunk, history, context)


def _deep_cases(axes):
    """A few mixtures, at many skews; none where an axis is too short for them."""
    decodes, chunks, _, contexts = axes
    if len(decodes) < 3:
        return
    few, more = decodes[1], decodes[2]
    chunk, context = chunks[1], contexts[0]
    for n, share, beside, skews in ((few, 0.125, chunk, (1.5, 2, 4, 8, 16)),
                                    (more, 0.125, chunk, (1.5, 2, 4, 8, 16)),
                                    (few, 0.5, chunk, (1.5, 2, 4)),
                                    (few, 0.125, 0, (2, 4, 8, 16))):
        for skew in skews:
            yield SkewCase(n, share, float(skew), beside, 0, context)


def skew_cases(limits, factors):
    """The cases that fit, each once, in the order of their measurement."""
    axes = skew_axes(limits, factors)
    cases = {}
    for case in (*_broad_cases(axes), *_deep_cases(axes)):
        if _skew_fits(limits, case):
            cases.setdefault(case.key, case)
    return list(cases.values())
