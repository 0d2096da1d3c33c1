"""The profiler without a GPU: a made-up clock stands for the kernels."""

import csv
import importlib.util
import json
import os
import subprocess
import xml.dom.minidom
from pathlib import Path

import pytest

from conftest import ROOT
from lockstep_profiler import __main__ as command
from lockstep_profiler import files, grids
from lockstep_profiler.models import Model, ModelError
from lockstep_profiler.sweep import Sweep
from lockstep_profiler.vllm_timer import times_of_tree

LLAMA = "configs/model/meta-llama/Llama-3.1-8B.json"
MOE = "configs/model/Qwen/Qwen3-30B-A3B-Instruct-2507.json"
SMALL = grids.Limits(batched_tokens=64, sequences=8, attention_kv=512)
BUNDLES = Path(os.environ.get("LOCKSTEP_REFERENCE", ROOT.parent / "shared/reference")) / "bundles"
needs_bundles = pytest.mark.skipif(not BUNDLES.is_dir(), reason=f"{BUNDLES} is absent")


class Clock:
    """A backend whose times follow a rule. It stops like a Ctrl-C after `most` calls."""

    def __init__(self, model, degree, limits=SMALL, most=None):
        self.model, self.degree, self.limits, self.most = model, degree, limits, most
        self.calls = 0

    def facts(self):
        return {"backend": "clock", "gpu": "none", "cuda_version": "0.0"}

    def _count(self):
        if self.most is not None and self.calls == self.most:
            raise KeyboardInterrupt
        self.calls += 1

    def layer_times(self, layers, shot):
        self._count()
        new = sum(tokens for tokens, _ in shot)
        work = sum(tokens * (before + tokens / 2) for tokens, before in shot)
        longest = max(before for _, before in shot)
        attention = 4 + work / 5e4 / self.degree + longest / 1e3
        return {name: attention if name == "attention" else
                3 + len(name) / 10 + new / 7 / self.degree for name in layers}

    def expert_time(self, tokens, active):
        self._count()
        return 6.4 * active + tokens / 10


class Maker:
    """Makes clocks and keeps them."""

    def __init__(self, **settings):
        self.settings, self.made = settings, []

    def __call__(self, model, degree):
        self.made.append(Clock(model, degree, **self.settings))
        return self.made[-1]

    @property
    def calls(self):
        return sum(clock.calls for clock in self.made)


def bytes_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*.csv"))}


def test_default_grids_have_their_sizes():
    limits, factors = grids.Limits(), grids.Factors()
    assert len(grids.token_grid(2048)) == 152 and len(grids.token_grid(256)) == 40
    assert len(grids.attention_keys(limits, factors)) == 8643
    assert len(grids.expert_keys(limits, 128, 8)) == 50
    assert len(grids.skew_cases(limits, factors)) == 13009


def test_grids_end_at_their_limit():
    assert grids.token_grid(20) == [*range(1, 16), 16, 20]
    assert grids.token_grid(5) == [1, 2, 3, 4, 5]
    assert grids.grid_from_zero(100, 16, 2.0) == [0, 16, 32, 64, 100]
    assert grids.grid_from_zero(10, 16, 2.0) == [0]
    assert grids.grid_from_zero(60, 16, 1.5) == [0, 16, 24, 36, 54, 60]
    assert grids.grid_from(512, 100, 2.0) == [100]
    with pytest.raises(ValueError):
        grids.grid_from(1, 8, 1.0)


def test_every_shot_fits():
    limits = grids.Limits(128, 16, kv_tokens=3000, model_len=900, attention_kv=2048)
    keys = grids.attention_keys(limits, grids.Factors())
    cases = grids.skew_cases(limits, grids.Factors())
    shots = [grids.attention_shot(*key) for key in keys]
    shots += [case.shots()[2] for case in cases]
    assert len(keys) > 100 and len(cases) > 50
    for shot in shots:
        assert 0 < len(shot) <= limits.sequences
        assert all(new + before + 1 <= limits.model_len for new, before in shot)
        held = [before if new == 1 else new + before for new, before in shot]
        assert sum(map(grids.in_blocks, held)) <= limits.kv_tokens


@needs_bundles
def test_grids_are_those_of_the_measured_bundles():
    folder = BUNDLES / "RTX4090/meta-llama/Llama-3.1-8B/bf16/tp1"
    limits, factors = grids.Limits(), grids.Factors()
    assert files.Table.read("attention", folder / "attention.csv").keys() == \
        sorted(grids.attention_keys(limits, factors))
    assert list(files.SkewTable.read(folder / "skew.csv").rows) == \
        [case.key for case in grids.skew_cases(limits, factors)]


@needs_bundles
def test_measured_tables_are_written_as_they_are():
    checked = 0
    for path in sorted(BUNDLES.glob("*/*/*/*/tp*/*.csv")):
        if path.stem in files.HEADERS:
            text = files.Table.read(path.stem, path).text()
        elif path.stem == "skew":
            text = files.SkewTable.read(path).text()
        else:
            continue
        assert text.encode() == path.read_bytes(), path
        checked += 1
    assert checked >= 20


@needs_bundles
def test_skew_rows_are_formed_as_in_the_measured_tables():
    path = BUNDLES / "RTX4090/meta-llama/Llama-3.1-8B/bf16/tp1/skew.csv"
    table = files.SkewTable.read(path)
    cases = {case.key: case for case in grids.skew_cases(grids.Limits(), grids.Factors())}
    for key, row in list(table.rows.items())[::7]:
        again = files.SkewTable()
        again.add(cases[key], *map(float, row[10:13]))
        assert again.rows[key][:13] == row[:13]
        if row[13] and float(row[11]) - float(row[10]) > 5:  # made from times before rounding
            assert float(again.rows[key][13]) == pytest.approx(float(row[13]), abs=3e-4)


def test_a_bundle_has_its_rows(tmp_path):
    model = Model.read(MOE, "Qwen/Small")
    Sweep(tmp_path, model, Maker()).run([2, 1], skew=False)
    dense = files.Table.read("dense", tmp_path / "tp1/dense.csv")
    assert dense.keys() == sorted((name, t) for name in model.dense_layers
                                  for t in grids.token_grid(64))
    assert dense.time(("qkv_proj", 7)) == pytest.approx(3.8 + 1)
    assert (tmp_path / "tp1/moe.csv").read_bytes().startswith(b"tokens,activated_experts,time_us\r\n")
    assert not (tmp_path / "tp2/moe.csv").exists() and not (tmp_path / "tp1/skew.csv").exists()


def test_what_no_degree_changes_comes_from_the_first(tmp_path):
    Sweep(tmp_path, Model.read(LLAMA, "m"), Maker()).run([1, 2], skew=False)
    one, two = (files.Table.read("dense", tmp_path / f"tp{d}/dense.csv") for d in (1, 2))
    assert one.keys() == two.keys()
    assert two.time(("layernorm", 64)) == one.time(("layernorm", 64))
    assert two.time(("o_proj", 64)) < one.time(("o_proj", 64))


def test_a_stopped_sweep_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("lockstep_profiler.sweep._BETWEEN_WRITES", 7)
    model = Model.read(MOE, "m")
    whole = Maker()
    Sweep(tmp_path / "whole", model, whole).run([1, 2])
    measured = 0
    for _ in range(40):
        maker = Maker(most=150)
        try:
            Sweep(tmp_path / "parts", model, maker).run([1, 2])
            measured += maker.calls
            break
        except KeyboardInterrupt:
            measured += maker.calls
    assert bytes_in(tmp_path / "parts") == bytes_in(tmp_path / "whole")
    assert whole.calls <= measured < whole.calls * 1.3  # what was not yet written is measured again
    again = Maker()
    Sweep(tmp_path / "whole", model, again).run([1, 2])
    assert again.calls == 0
    forced = Maker()
    Sweep(tmp_path / "whole", model, forced, force=True).run([1, 2])
    assert forced.calls == whole.calls
    assert bytes_in(tmp_path / "whole") == bytes_in(tmp_path / "parts")


def test_a_deleted_row_alone_is_measured_again(tmp_path):
    model = Model.read(LLAMA, "m")
    Sweep(tmp_path, model, Maker()).run([1])
    before = bytes_in(tmp_path)
    path = tmp_path / "tp1/attention.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5] + lines[6:]))
    maker = Maker()
    Sweep(tmp_path, model, maker).run([1])
    assert maker.calls == 1 and bytes_in(tmp_path) == before


@pytest.mark.parametrize("name, text, line", [
    ("dense.csv", "layer,tokens\r\n", 1), ("dense.csv", "layer,tokens,time_us\r\na,1\r\n", 2),
    ("attention.csv", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\r\n1,2,3,x,5\r\n", 2),
    ("skew.csv", "regime,n\n", 1)])
def test_broken_files_are_refused(tmp_path, name, text, line):
    (tmp_path / "tp1").mkdir()
    (tmp_path / "tp1" / name).write_bytes(text.encode())
    with pytest.raises(files.BundleError, match=f"{name}:{line}: "):
        Sweep(tmp_path, Model.read(LLAMA, "m"), Maker()).run([1])
    assert (tmp_path / "tp1" / name).read_bytes() == text.encode()


def test_models_that_cannot_be_measured(tmp_path):
    with pytest.raises(ModelError, match="not divisible by tp 3"):
        Sweep(tmp_path, Model.read(LLAMA, "m"), Maker()).run([1, 3])
    with pytest.raises(ModelError, match="must contain 1"):
        Sweep(tmp_path, Model.read(LLAMA, "m"), Maker()).run([2])
    assert not list(tmp_path.iterdir())
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(ModelError, match="mamba"):
        Model.read(tmp_path / "config.json")
    with pytest.raises(ModelError, match="no.json"):
        Model.read(tmp_path / "no.json")


def test_a_rank_keeps_the_size_of_its_heads():
    model = Model.read(LLAMA, "m").sharded(4)
    assert model.config["head_dim"] == 128 and model.config["num_attention_heads"] == 8


def test_names_and_texts():
    assert files.variant_name("bfloat16") == "bf16"
    assert files.variant_name("fp8", "fp8") == "fp8-kvfp8"
    assert files.grid_text([0, 16, 32, 64, 100]) == "0, 16-100 x2"
    assert files.grid_text([2, 4, 8]) == "2-8 x2"
    assert files.grid_text([0, 5]) == [0, 5]
    assert files.grid_text([1, 2, 7]) == [1, 2, 7]
    table = files.Table("moe")
    table.add((8, 2), 1.0)
    table.add((8, 2), 2.0)
    table.add((2, 8), 1234.5678)
    assert table.text() == ("tokens,activated_experts,time_us\r\n2,8,1234.57\r\n8,2,1.5\r\n")
    assert files.yaml_text({"a": {"b": "13.0", "c": [1, 2]}, "d": True, "e": "0, 16-64 x2"}) == \
        "a:\n  b: '13.0'\n  c: [1, 2]\nd: true\ne: 0, 16-64 x2\n"


def test_the_profile_of_a_step_is_read():
    def node(name, time, *children):
        return {"entry": {"name": name, "cuda_time_us": time, "invocations": 2},
                "children": list(children)}
    tree = [node("LlamaForCausalLM", 0, node("LlamaModel", 0, node(
        "LlamaDecoderLayer", 0, node("RMSNorm(weight=bf16)", 8.0),
        node("LlamaAttention", 0, node("RowParallelLinear", 6.0), node("RMSNorm", 3.0)),
        node("LlamaMLP", 0, node("RowParallelLinear", 10.0)))), node("RMSNorm", 4.0))]
    names = ("layernorm", "qk_norm", "final_layernorm", "o_proj", "down_proj")
    assert times_of_tree(tree, names) == {"layernorm": 4.0, "qk_norm": 1.5, "final_layernorm": 2.0,
                                          "o_proj": 3.0, "down_proj": 5.0}
    with pytest.raises(RuntimeError, match="sampler"):
        times_of_tree(tree, ("sampler",))


@pytest.mark.parametrize("kind", ["vllm", "torch"])
def test_missing_backends_are_named(kind, capsys, tmp_path):
    if importlib.util.find_spec(kind):
        pytest.skip(f"{kind} is installed")
    code = command.main([LLAMA, "--hardware", "X", "--backend", kind, "--out-root", str(tmp_path)])
    assert code == 2 and "is not installed: pip install" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("model", [LLAMA, MOE])
def test_a_written_bundle_carries_a_run(binary, tmp_path, model):
    flags = command.parse([model, "--hardware", "Made", "--tp", "1,2", "--out-root", str(tmp_path / "perf"),
                           "--max-num-batched-tokens", "64", "--max-num-seqs", "8"])
    said = []
    folder = command.profile(flags, Maker(), "2026-01-02T03:04:05+00:00", said.append)
    assert folder == tmp_path / "perf/Made" / model[len("configs/model/"):-len(".json")] / "bf16"
    assert not any("not fitted" in text for text in said)
    assert (folder / "tp1/skew_fit.csv").exists()
    meta = (folder / "meta.yaml").read_text()
    assert "profiled_at: '2026-01-02T03:04:05+00:00'\n" in meta and "skew_fit:\n  enabled: true" in meta

    done = subprocess.run([binary, "perf", "check", folder], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "to measure again: 0 samples" in done.stdout
    done = subprocess.run([binary, "perf", "show", folder, "--tp", "1"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    titles = {line for line in done.stdout.splitlines() if line.startswith("tp1 ")}
    assert titles == {"tp1 dense", "tp1 per_sequence", "tp1 attention, prefill alone",
                      "tp1 attention, decodes alone", *(["tp1 moe"] if model == MOE else [])}
    done = subprocess.run([binary, "perf", "show", folder, "--svg", tmp_path / "plots.svg"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    picture = xml.dom.minidom.parse(str(tmp_path / "plots.svg"))
    assert picture.getElementsByTagName("g").length == len(titles) + 4
    small = "single_node_single_instance" if model == LLAMA else "single_node_moe_single_instance"
    cluster = json.loads((ROOT / f"configs/cluster/{small}.json").read_text())
    for instance in cluster["nodes"][0]["instances"]:
        instance.update(hardware="Made", model_name=str(folder.parent.relative_to(tmp_path / "perf/Made")))
    (tmp_path / "cluster.json").write_text(json.dumps(cluster))
    done = subprocess.run([binary, "run", "--cluster-config", tmp_path / "cluster.json",
                           "--perf-dir", tmp_path / "perf", "--max-num-batched-tokens", "64",
                           "--max-num-seqs", "8", "--json"], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    times = json.loads(done.stdout)["kernel_times"]
    assert times["analytic"] == 0 and times["exact"] > 0
    rows = list(csv.DictReader((folder / "tp1/dense.csv").open(newline="")))
    assert {row["layer"] for row in rows} == set(Model.read(model, "m").dense_layers)
