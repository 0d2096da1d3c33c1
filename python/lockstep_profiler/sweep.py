"""The sweep: asks a backend for times, keeps them in files, goes on where an earlier one stopped.

A backend is made for one tensor-parallel degree and has
    limits                       Limits of the engine
    layer_times(layers, shot)    microseconds of each named layer in one step, as a dict
    expert_time(tokens, active)  microseconds of the expert layer when `active` experts get tokens
    facts()                      dict for meta.yaml: gpu, cuda_version, vllm_version, ...
"""

from dataclasses import asdict

from . import grids
from .files import SkewTable, Table, grid_text, yaml_text, replace_file
from .models import TP_STABLE, ModelError

VERSION = "1.0.0"
GROUPS = ("dense", "per_sequence", "attention", "moe")
_BETWEEN_WRITES = 200


class Sweep:
    """Measures one bundle. `folder`: <root>/<hardware>/<model>/<variant>.

    backend_of(model, degree) makes a backend; say(text) tells of progress; force measures anew what
    is there already.
    """

    def __init__(self, folder, model, backend_of, *, factors=grids.Factors(), force=False,
                 say=lambda text: None):
        self.folder = folder
        self.model = model
        self.backend_of = backend_of
        self.factors = factors
        self.force = force
        self.say = say
        self.backend = None

    def run(self, degrees, groups=GROUPS, skew=True):
        """Measures the degrees, 1 among them, then writes what does not depend on the degree into
        all. Returns the last backend, whose limits and facts go into meta.yaml."""
        degrees = sorted(set(degrees))
        if not degrees or degrees[0] != 1:
            raise ModelError("--tp must contain 1\n  fix: --tp 1,2,4")
        sharded = {degree: self.model.sharded(degree) for degree in degrees}
        for degree in degrees:
            self.backend = self.backend_of(sharded[degree], degree)
            for group in groups:
                if group != "moe" or (degree == 1 and self.model.experts):
                    self._measure_group(group, degree)
            if skew:
                self._measure_skew(degree)
        for degree in degrees[1:]:
            self._copy_stable(degree)
        return self.backend

    def path(self, degree, name):
        return self.folder / f"tp{degree}" / f"{name}.csv"

    def _jobs(self, group, degree):
        """(keys of one shot, how to time them) one after the other."""
        backend, limits = self.backend, self.backend.limits
        if group == "attention":
            for key in grids.attention_keys(limits, self.factors):
                yield [key], lambda k=key: [
                    backend.layer_times(("attention",), grids.attention_shot(*k))["attention"]]
        elif group == "moe":
            for key in grids.expert_keys(limits, self.model.experts, self.model.experts_per_token):
                yield [key], lambda k=key: [backend.expert_time(*k)]
        else:
            dense = group == "dense"
            names = self.model.dense_layers if dense else self.model.sequence_layers
            names = [n for n in names if degree == 1 or n not in TP_STABLE[group]]
            counts = grids.dense_counts(limits) if dense else grids.sequence_counts(limits)
            shot_of = grids.dense_shot if dense else grids.sequence_shot
            for count in counts:
                def times(count=count):
                    found = backend.layer_times(tuple(names), shot_of(count))
                    return [found[name] for name in names]
                yield [(name, count) for name in names], times

    def _measure_group(self, group, degree):
        path = self.path(degree, group)
        table = Table(group) if self.force else Table.read(group, path)
        missing = [(keys, time) for keys, time in self._jobs(group, degree)
                   if any(key not in table for key in keys)]
        self.say(f"tp{degree} {group}: {len(missing)} shots to measure, {len(table)} rows are there")
        for done, (keys, time) in enumerate(missing, 1):
            for key, value in zip(keys, time()):
                if key not in table:
                    table.add(key, value)
            if done % _BETWEEN_WRITES == 0:
                table.write(path)
                self.say(f"tp{degree} {group}: {done} of {len(missing)}")
        table.write(path)

    def _measure_skew(self, degree):
        path = self.path(degree, "skew")
        table = SkewTable() if self.force else SkewTable.read(path)
        missing = [case for case in grids.skew_cases(self.backend.limits, self.factors)
                   if case.key not in table]
        self.say(f"tp{degree} skew: {len(missing)} cases to measure, {len(table)} rows are there")
        for done, case in enumerate(missing, 1):
            times = [self.backend.layer_times(("attention",), shot)["attention"]
                     for shot in case.shots()]
            table.add(case, *times)
            if done % _BETWEEN_WRITES == 0:
                table.write(path)
                self.say(f"tp{degree} skew: {done} of {len(missing)}")
        table.write(path)

    def _copy_stable(self, degree):
        for group, names in TP_STABLE.items():
            source = Table.read(group, self.path(1, group))
            target = Table.read(group, self.path(degree, group))
            target.drop([key for key in target.keys() if key[0] in names])
            for key in source.keys():
                if key[0] in names:
                    target.add(key, source.time(key))
            target.write(self.path(degree, group))


def meta_document(sweep, *, hardware, variant, degrees, when, iterations, skew):
    """What meta.yaml says of a finished sweep. `when`: UTC, as text."""
    backend, factors = sweep.backend, sweep.factors
    limits = backend.limits
    chunks, decodes, contexts = grids.attention_axes(limits, factors)
    document = {"profiler_version": VERSION, **backend.facts(), "hardware": hardware,
                "profiled_at": when, "architecture": sweep.model.family, "model": sweep.model.name,
                "variant": variant, "tp_degrees": sorted(set(degrees)),
                "engine_effective": {"block_size": grids.BLOCK,
                                     "max_num_batched_tokens": limits.batched_tokens,
                                     "max_num_seqs": limits.sequences,
                                     **{key: value for key, value in asdict(limits).items()
                                        if key in ("kv_tokens", "model_len")}},
                "attention_grid": {"max_kv": limits.attention_kv, "chunk_factor": factors.chunk,
                                   "kv_factor": factors.kv, "chunks": grid_text(chunks),
                                   "n_decode": grid_text(decodes), "kv": grid_text(contexts)},
                "measurement_iterations": iterations}
    if not skew:
        return {**document, "skew_profile": {"enabled": False}, "skew_fit": {"enabled": False}}
    axes = [grid_text(axis) for axis in grids.skew_axes(limits, factors)]
    document["skew_profile"] = {
        "enabled": True,
        "factors": {"n": factors.skew_decodes, "pc": factors.skew_chunk,
                    "kp": factors.skew_prefill_kv, "kvs": factors.skew_decode_kv},
        "grid": {"n": axes[0], "ratio": list(grids.RATIOS), "pc": axes[1], "kp": axes[2],
                 "kvs": axes[3], "skew_rep": grids.USUAL_SKEW}}
    return document


def write_meta(folder, document, skew_block=""):
    """`skew_block`: what `lockstep perf fit-skew` prints for it; empty: the fit is off."""
    if not skew_block and "skew_fit" not in document:
        document = {**document, "skew_fit": {"enabled": False}}
    replace_file(folder / "meta.yaml", yaml_text(document) + skew_block)
