"""`run`: the same bytes and texts as the command line, and what a result holds."""

import gc
import inspect
import json
import subprocess
import threading
import weakref
import xml.dom.minidom

import numpy
import pandas
import pytest

import lockstep
from conftest import MOE, ROOT

pytestmark = pytest.mark.filterwarnings("ignore::lockstep.RunWarning")
LOAD = [{"input_toks": 100 + 37 * i, "output_toks": 5 + i % 7, "arrival_time_ns": 20_000_000 * i}
        for i in range(40)]


def command(binary, *args):
    return subprocess.run([binary, "run", *map(str, args)], cwd=ROOT, capture_output=True,
                          text=True, timeout=120, check=False)


def write_load(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("config, flags", [
    (MOE, {}),
    ("configs/cluster/single_node_multi_instance.json",
     {"max_num_seqs": 4, "enable_prefix_caching": False, "request_routing_policy": "RR"}),
    ("configs/cluster/single_node_pd_instance.json", {"fidelity": "vllm"}),
    ("configs/cluster/single_node_power_instance.json", {"npu_memory_utilization": 0.8}),
])
def test_same_bytes_as_the_command_line(binary, tmp_path, config, flags):
    load = write_load(tmp_path / "load.jsonl", LOAD)
    words = []
    for name, value in flags.items():
        dashed = name.replace("_", "-")
        words += [f"--no-{dashed}"] if value is False else [f"--{dashed}", str(value)]
    done = command(binary, "--cluster-config", config, "--dataset", load, *words,
                   "--output", tmp_path / "command.csv", "--json", "--run-id", "same")
    assert done.returncode == 0, done.stderr
    expected = (tmp_path / "command.csv").read_bytes()
    assert len(expected.splitlines()) == len(LOAD) + 1

    result = lockstep.run(config, load, **flags, output=tmp_path / "flag.csv", run_id="same")
    assert (tmp_path / "flag.csv").read_bytes() == expected
    assert result.to_csv() == expected
    result.to_csv(tmp_path / "method.csv")
    assert (tmp_path / "method.csv").read_bytes() == expected
    said = json.loads(done.stdout)
    mine = result.summary
    apart = {"wall_seconds": 0, "provenance": 0}
    assert {**said, **apart} == {**mine, **apart}
    told, made = said["provenance"], mine["provenance"]
    for key in ("lockstep", "commit", "fidelity", "seed", "kernel_times", "partial"):
        assert told[key] == made[key], key
    assert told["result"]["xxh128"] == made["result"]["xxh128"]
    assert made["command"] == []

    from_dicts = lockstep.run(json.loads((ROOT / config).read_text()), LOAD, **flags)
    assert from_dicts.to_csv() == expected
    assert lockstep.run(config, pandas.DataFrame(LOAD), **flags).to_csv() == expected


def test_built_in_workload(binary, tmp_path):
    assert command(binary, "--cluster-config", MOE, "--output", tmp_path / "c.csv").returncode == 0
    assert lockstep.run(cluster=MOE).to_csv() == (tmp_path / "c.csv").read_bytes()


def test_sessions_and_token_ids():
    calls = [{"input_toks": 40, "output_toks": 4, "tool_duration_ns": 5_000_000,
              "input_tok_ids": numpy.arange(40)},
             {"input_toks": 60, "output_toks": 3}]
    result = lockstep.run(MOE, [{"session_id": "a", "arrival_time_ns": numpy.int64(7),
                                 "sub_requests": calls}])
    rows = result.requests.sort_values("request id")
    assert list(rows["session"]) == [0, 0] and list(rows["call"]) == [0, 1]
    assert rows["arrival"].iloc[1] == rows["end_time"].iloc[0] + 5_000_000


def test_frames_agree_with_the_file(tmp_path):
    result = lockstep.run(MOE, LOAD)
    result.to_csv(tmp_path / "r.csv")
    file = pandas.read_csv(tmp_path / "r.csv")
    frame = result.requests
    assert list(frame.columns[:12]) == list(file.columns)
    for name in file.columns:
        if name == "ITL":
            assert [list(gaps) for gaps in frame[name]] == [json.loads(x) for x in file[name]]
        else:
            assert list(frame[name]) == list(file[name]), name
    assert result.total_ns >= frame["end_time"].max()
    assert len(result) == len(LOAD) and "40 requests" in repr(result)


def test_steps_and_timeline():
    result = lockstep.run(MOE, LOAD)
    steps = result.steps
    assert len(steps) == result.summary["steps"]
    assert steps["dummy"].dtype == bool
    assert (steps["end"] > steps["launch"]).all() and (steps["launch"] >= steps["formed"]).all()
    waves = steps.groupby("wave")
    assert (waves.size() == 2).all()  # both members of the group
    timeline = result.timeline
    assert timeline["generated_tokens"].sum() == pytest.approx(
        sum(row["output_toks"] for row in LOAD))
    assert timeline["finished"].sum() == len(LOAD)


@pytest.mark.parametrize("fidelity", ["reference", "vllm"])
def test_members_of_a_wave_have_equal_steps(fidelity):
    steps = lockstep.run(MOE, LOAD, fidelity=fidelity).steps
    lengths = (steps["tokens"] + steps["padding"]).groupby(steps["wave"])
    equal = lengths.nunique() == 1
    if fidelity == "reference":
        assert equal.all()
    else:  # steps beyond the captured graphs, of up to 256 tokens here, are not padded
        assert (equal | (lengths.max() > 256)).all()
        assert not equal.all()


def test_arrays_are_views_that_outlive_their_result():
    result = lockstep.run(MOE, LOAD)
    ttft = result.arrays["TTFT"]
    again = result._core.request_arrays()["TTFT"]
    assert not ttft.flags.owndata and not ttft.flags.writeable
    assert ttft.ctypes.data == again.ctypes.data
    gap = result.requests["ITL"].iloc[0]
    assert numpy.shares_memory(gap, result.arrays["itl"])
    with pytest.raises(ValueError):
        ttft[0] = 0
    expected = list(ttft)
    gone = weakref.ref(result)
    del result, again
    gc.collect()
    assert gone() is None
    lockstep.run(MOE, LOAD)  # takes freed memory, if there is any
    assert list(ttft) == expected


def test_html():
    html = lockstep.run(MOE, LOAD)._repr_html_()
    assert xml.dom.minidom.parseString(html).getElementsByTagName("polyline").length == 3
    assert "generated tokens/s" in html


@pytest.mark.parametrize("words, flags", [
    (["--cluster-config", "nowhere.json"], {"cluster": "nowhere.json"}),
    (["--dataset", "nowhere.jsonl"], {"workload": "nowhere.jsonl"}),
    (["--block-size", "0"], {"block_size": 0}),
    (["--run-id", "a/b"], {"run_id": "a/b"}),
    (["--request-routing-policy", "CUSTOM"], {"request_routing_policy": "CUSTOM"}),
    (["--strict"], {"strict": True}),
    (["--output", "/proc/no/such.csv"], {"output": "/proc/no/such.csv"}),
])
def test_errors_have_the_texts_of_the_command_line(binary, words, flags):
    done = command(binary, *words)
    assert done.returncode == 2
    with pytest.raises(lockstep.Error) as caught:
        lockstep.run(**flags)
    assert done.stderr == f"error: {caught.value}\n"
    assert str(caught.value).startswith(caught.value.problem)


@pytest.mark.parametrize("words, flags", [
    (["--max-num-seqs=many"], {"max_num_seqs": "many"}),
    (["--dtype=int7"], {"dtype": "int7"}),
    (["--max-num-sequences=3"], {"max_num_sequences": 3}),
    (["--no-such"], {"no_such": True}),
])
def test_flags_are_refused_as_on_the_command_line(binary, words, flags):
    done = command(binary, *words)
    assert done.returncode == 2
    with pytest.raises(lockstep.Error) as caught:
        lockstep.run(**flags)
    assert done.stderr.endswith(f"error: {caught.value}\n")


def test_errors_in_dicts_name_their_place():
    with pytest.raises(lockstep.Error) as caught:
        lockstep.run(MOE, [LOAD[0], {"input_toks": 10, "output_toks": -3, "arrival_time_ns": 0}])
    assert (caught.value.file, caught.value.line) == ("workload", 2)
    assert "output_toks" in caught.value.path
    cluster = json.loads((ROOT / MOE).read_text())
    cluster["nodes"][0]["instances"][0]["tp_size"] = 0
    with pytest.raises(lockstep.Error) as caught:
        lockstep.run(cluster)
    assert caught.value.file == "cluster" and "tp_size" in caught.value.path
    assert caught.value.mend in str(caught.value)
    with pytest.raises(lockstep.Error, match="holds no request"):
        lockstep.run(MOE, [])
    with pytest.raises(lockstep.Error) as caught:
        lockstep.run(MOE, [{"input_toks": 10**7, "output_toks": 1, "arrival_time_ns": 0}])
    assert caught.value.file == "workload"
    with pytest.raises(TypeError):
        lockstep.run(cluster=3)


def test_warnings():
    with pytest.warns(lockstep.RunWarning) as seen:
        result = lockstep.run(MOE, inputs_root="x")
    assert [str(entry.message) for entry in seen] == result.warnings
    assert seen[0].filename == __file__


def test_other_threads_run_meanwhile():
    results = {}

    def work(name):
        results[name] = lockstep.run(MOE, LOAD, quiet=True).to_csv()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results.values())) == 1 and len(results) == 3


def test_stubs_know_every_flag_and_name():
    stub = (ROOT / "python/lockstep/__init__.pyi").read_text()
    for name in lockstep._core.flag_kinds():
        if name not in ("help", "cluster-config", "dataset"):
            assert f"    {name.replace('-', '_')}: " in stub, name
    for name in lockstep.__all__:
        assert f"class {name}" in stub or f"def {name}" in stub, name
        assert inspect.getdoc(getattr(lockstep, name)), name
    for kind in (lockstep.Request, lockstep.Instance, lockstep.Result, lockstep.Simulation):
        for member in vars(kind):
            if not member.startswith("_"):
                assert f"def {member}(" in stub, (kind, member)
