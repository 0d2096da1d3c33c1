"""The program from outside: exit codes, messages, files left behind, pinned results.

Usage: cli_test.py BINARY [--update] [unittest arguments]
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import golden

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from folder_case import ResultFolderCase  # noqa: E402

ROOT = golden.ROOT
BINARY = None
SECONDS = 120  # a run that takes longer hangs

MOE = "Qwen/Qwen3-30B-A3B-Instruct-2507"
INSTANCE = {"model_name": "meta-llama/Llama-3.1-8B", "hardware": "RTXPRO6000",
            "npu_mem": {"mem_size": 96, "mem_bw": 1597, "mem_latency": 0}, "pd_type": None,
            "num_npus": 1, "tp_size": 1}
CLUSTER = {"num_nodes": 1, "link_bw": 16, "link_latency": 20000, "nodes": [
    {"num_instances": 1, "cpu_mem": {"mem_size": 512, "mem_bw": 256, "mem_latency": 0},
     "instances": [INSTANCE]}]}
REQUEST = {"input_toks": 20, "output_toks": 3, "arrival_time_ns": 0}


def call(command, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LOCKSTEP_")}
    env.update(environment)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=SECONDS,
                          check=False)


def lockstep(*args):
    return call([BINARY, "run", *map(str, args)])


def csv_of(flags):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.csv"
        done = lockstep(*flags, "--output", file)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        return file.read_bytes()


def log_of(flags):
    done = lockstep(*flags)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode()


def export_of(cluster):
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "graphs"  # its provenance lies beside it
        done = call([BINARY, "trace", "export", *golden.REFERENCE, "--out", folder, "--max-batches", "2",
                     "--cluster-config", str(ROOT / "configs" / "cluster" / f"{cluster}.json"),
                     "--dataset", str(golden.WORKLOAD)])
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        return golden.folder_digest(folder)


class Case(ResultFolderCase):
    """`out` must stay empty after a refused run."""

    def cluster(self, path=(), **keys):
        """A cluster file; `path` and `keys` change the only instance, None removes a key."""
        config = copy.deepcopy(CLUSTER)
        place = config["nodes"][0]["instances"][0]
        for step in path:
            place = place[step]
        for key, value in keys.items():
            if value is None:
                del place[key]
            else:
                place[key] = value
        file = self.folder / "cluster.json"
        file.write_text(json.dumps(config, indent=1))
        return file

    def dataset(self, *lines):
        file = self.folder / "requests.jsonl"
        file.write_text("".join(
            (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return file

    def refused(self, args, *texts):
        done = lockstep(*args, "--output", self.out / "result.csv")
        message = done.stderr.decode()
        self.assertEqual(done.returncode, 2, message)
        for text in (*texts, "fix:"):
            self.assertIn(text, message)
        self.assertEqual(list(self.out.iterdir()), [])

    def empty(self):
        for file in self.out.iterdir():
            file.unlink()

    def accepted(self, args):
        file = self.out / "result.csv"
        done = lockstep(*args, "--output", file)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode() + done.stderr.decode(), file.read_text()


class BadClusters(Case):
    def test_missing_field(self):
        self.refused(["--cluster-config", self.cluster(hardware=None)],
                     "cluster.json", "nodes[0].instances[0]", "hardware")

    def test_missing_memory_field(self):
        self.refused(["--cluster-config", self.cluster(("npu_mem",), mem_bw=None)],
                     "nodes[0].instances[0].npu_mem", "mem_bw")

    def test_experts_on_more_ranks_than_there_are(self):
        self.refused(["--cluster-config", self.cluster(model_name=MOE, ep_size=2)],
                     "ep_size (2) > tp_size (1)", "nodes[0].instances[0]", "dp_group")

    def test_experts_that_do_not_divide(self):
        file = self.cluster(model_name=MOE, ep_size=3, tp_size=4, num_npus=4)
        self.refused(["--cluster-config", file], "ep_size (3)", "128", "nodes[0].instances[0]")

    def test_model_that_does_not_fit(self):
        self.refused(["--cluster-config", self.cluster(("npu_mem",), mem_size=8)], "instance 0")

    def test_unknown_model(self):
        self.refused(["--cluster-config", self.cluster(model_name="meta-llama/Lama-3.1-8B")],
                     "meta-llama/Lama-3.1-8B", "model_name")

    def test_unknown_hardware(self):
        self.refused(["--cluster-config", self.cluster(hardware="ABACUS")], "ABACUS",
                     "RTXPRO6000")

    def test_broken_json(self):
        file = self.folder / "cluster.json"
        file.write_text('{\n "num_nodes": 1,\n "nodes": [}\n')
        self.refused(["--cluster-config", file], "cluster.json:3")

    def test_missing_file(self):
        self.refused(["--cluster-config", self.folder / "none.json"], "none.json")


class BadWorkloads(Case):
    def test_broken_line(self):
        file = self.dataset(*[REQUEST] * 6, '{"input_toks": 10, "output_toks": ', REQUEST)
        self.refused(["--cluster-config", self.cluster(), "--dataset", file],
                     "requests.jsonl:7")

    def test_missing_field(self):
        file = self.dataset(REQUEST, {"input_toks": 3, "arrival_time_ns": 0})
        self.refused(["--cluster-config", self.cluster(), "--dataset", file],
                     "requests.jsonl:2", "output_toks")

    def test_request_that_memory_cannot_hold(self):
        file = self.dataset(REQUEST, {**REQUEST, "input_toks": 100_000_000})
        self.refused(["--cluster-config", self.cluster(), "--dataset", file],
                     "request 1 needs KV memory for 100000002 tokens", "requests.jsonl",
                     "input_toks")

    def test_prompt_that_no_step_can_take(self):
        file = self.dataset(REQUEST, {**REQUEST, "input_toks": 300})
        self.refused(["--cluster-config", self.cluster(), "--dataset", file,
                      "--no-enable-chunked-prefill", "--max-num-batched-tokens", 256],
                     "request 1", "256")

    def test_missing_file(self):
        self.refused(["--cluster-config", self.cluster(), "--dataset", self.folder / "none"],
                     "none")

    def test_empty_file(self):
        self.refused(["--cluster-config", self.cluster(), "--dataset", self.dataset()],
                     "requests.jsonl")


class Outputs(Case):
    def test_a_path_below_a_file_is_refused_before_the_run(self):
        block = self.folder / "file"
        block.write_text("mine")
        done = lockstep("--cluster-config", self.cluster(), "--output", block / "result.csv")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--output", done.stderr.decode())
        self.assertNotIn("Starting simulation", done.stdout.decode())
        self.assertEqual(block.read_text(), "mine")

    def test_a_failed_run_leaves_the_old_result_alone(self):
        old = self.out / "result.csv"
        old.write_text("old")
        file = self.dataset({**REQUEST, "input_toks": 300})
        done = lockstep("--cluster-config", self.cluster(), "--dataset", file, "--output", old,
                        "--no-enable-chunked-prefill", "--max-num-batched-tokens", 256)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(old.read_text(), "old")
        self.assertEqual(list(self.out.iterdir()), [old])

    def test_the_same_bytes_twice(self):
        flags = golden.systems()["single_node_moe_dp_tp_pp_instance"]
        self.assertEqual(csv_of(flags), csv_of(flags))


class Flags(Case):
    def test_an_unknown_flag_suggests_the_near_one(self):
        done = lockstep("--max-num-sqs", 4)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--max-num-sqs", done.stderr.decode())
        self.assertIn("did you mean --max-num-seqs?", done.stderr.decode())

    def test_a_bad_choice_names_the_choices(self):
        done = lockstep("--dtype", "int3")
        self.assertEqual(done.returncode, 2)
        self.assertIn("bfloat16", done.stderr.decode())

    def test_a_flag_without_effect_is_a_warning(self):
        text, _ = self.accepted(["--cluster-config", self.cluster(),
                                 "--expert-routing-policy", "RAND"])
        self.assertRegex(text, r"WARNING.*--expert-routing-policy has no effect")

    def test_no_limit_on_sequences(self):
        file = self.dataset(*[REQUEST] * 5)
        _, unlimited = self.accepted(["--cluster-config", self.cluster(), "--dataset", file,
                                      "--max-num-seqs", 0])
        _, large = self.accepted(["--cluster-config", self.cluster(), "--dataset", file,
                                  "--max-num-seqs", 128])
        self.assertEqual(unlimited, large)
        self.assertEqual(len(unlimited.splitlines()), 6)

    def test_prefixes_of_flags(self):
        file = self.dataset(*[REQUEST] * 5)
        _, csv = self.accepted(["--cluster", self.cluster(), "--data", file, "--num-req", 1])
        self.assertEqual(len(csv.splitlines()), 2)

    def test_help(self):
        done = lockstep("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--cluster-config", done.stdout.decode())


class Strict(Case):
    def test_times_that_nobody_measured_are_refused(self):
        self.refused(["--cluster-config", self.cluster(), "--strict"],
                     "no kernel times for RTXPRO6000")

    def test_warnings_are_refused(self):
        perf = self.bundle()
        args = ["--cluster-config", self.cluster(), "--perf-dir", perf, "--inputs-root", "x"]
        text, _ = self.accepted(args)
        self.assertIn("--inputs-root has no effect", text)
        self.empty()
        self.refused([*args, "--strict"], "--inputs-root has no effect", "--strict")

    def test_extrapolation_is_refused(self):
        perf = self.bundle()
        file = self.dataset({**REQUEST, "input_toks": 1500})
        args = ["--cluster-config", self.cluster(), "--perf-dir", perf, "--dataset", file,
                "--max-num-seqs", 4, "--max-num-batched-tokens", 2048]
        self.accepted(args)
        self.empty()
        self.refused([*args, "--strict"], "--strict")

    def bundle(self):
        """A made-up bundle of few points."""
        folder = self.folder / "perf" / "RTXPRO6000" / "meta-llama" / "Llama-3.1-8B" / "bf16"
        (folder / "tp1").mkdir(parents=True)
        (folder / "meta.yaml").write_text(
            "engine_effective:\n  max_num_batched_tokens: 2048\n  max_num_seqs: 128\n")
        dense = ["embedding", "layernorm", "qkv_proj", "rotary_emb", "o_proj", "gate_up_proj",
                 "act_fn", "down_proj", "final_layernorm"]
        self.table(folder, "dense", "layer,tokens,time_us",
                   [f"{n},{t},{10 + t}" for n in dense for t in (1, 512)])
        self.table(folder, "per_sequence", "layer,sequences,time_us",
                   [f"{n},{t},{10 + t}" for n in ("lm_head", "sampler") for t in (1, 256)])
        self.table(folder, "attention", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us",
                   [f"{p},{k},{n},{d},{5 + p + n}" for p in (0, 512) for k in (0, 512)
                    for n in (0, 128) for d in (0, 4096) if p or n])
        return self.folder / "perf"

    @staticmethod
    def table(folder, name, header, rows):
        (folder / "tp1" / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")


class Door(Case):
    """`python -m serving` is the same program."""

    def door(self, *args):
        return call([sys.executable, "-m", "serving", *map(str, args)], LOCKSTEP_BIN=BINARY)

    def test_same_bytes(self):
        flags = golden.systems()["single_node_multi_instance"]
        file = self.out / "result.csv"
        self.assertEqual(self.door(*flags, "--output", file).returncode, 0)
        self.assertEqual(file.read_bytes(), csv_of(flags))

    def test_same_codes_and_errors(self):
        for args in (["--cluster-config", "none.json"], ["--dtype", "int3"], ["--frobnicate"],
                     ["--help"]):
            here, there = lockstep(*args), self.door(*args)
            self.assertEqual(here.returncode, there.returncode, args)
            self.assertEqual(here.stderr.decode().replace("lockstep run", "python -m serving"),
                             there.stderr.decode())


RATE = r"\d+(\.\d)?k?"
SIZE = r"\d+(\.\d)? [KM]B"
STEP = (rf"\[INFO\] step=\d+ batch=\d+\+\d+ prompt_t={RATE} tok/s decode_t={RATE} tok/s "
        rf"npu_mem=\[\d+\.\d GB, \d+\.\d GB\] ")


class StepLines(Case):
    def step_lines(self, form):
        cluster = ROOT / "configs" / "cluster" / "single_node_moe_dp_ep_instance.json"
        text, _ = self.accepted(["--cluster-config", cluster, "--dataset", golden.WORKLOAD,
                                 "--log-format", "line", "--expert-exchange", form])
        lines = [line for line in text.splitlines() if "step=" in line]
        self.assertGreater(len(lines), 10)
        return lines

    def test_gathered_and_scattered(self):
        for line in self.step_lines("allgather-reducescatter"):
            self.assertRegex(line, f"^{STEP}allgather={SIZE} reducescatter={SIZE}$")

    def test_all_to_all_has_one_size(self):
        for line in self.step_lines("alltoall"):
            self.assertRegex(line, f"^{STEP}alltoall={SIZE}$")


class Pinned(unittest.TestCase):
    """Results may change on purpose only; golden.py tells how to pin them anew."""

    def test_every_system_is_pinned(self):
        self.assertEqual(sorted([*golden.systems(), *golden.ENERGY, *golden.EXPORTS]),
                         sorted(golden.pinned()))

    def test_results(self):
        digests = golden.pinned()
        for name, flags in golden.systems().items():
            with self.subTest(name):
                self.assertEqual(golden.digest(csv_of(flags)), digests.get(name))

    def test_energy(self):
        for name, flags in golden.ENERGY.items():
            with self.subTest(name):
                self.assertEqual(golden.digest(golden.energy_section(log_of(flags))),
                                 golden.pinned().get(name))

    def test_exported_files(self):
        for name, cluster in golden.EXPORTS.items():
            with self.subTest(name):
                self.assertEqual(export_of(cluster), golden.pinned().get(name))

    def test_options_change_results(self):
        digests = golden.pinned()
        special = [digests[name] for name in golden.SPECIAL]
        self.assertEqual(len(set(special)), len(special))
        for name, (cluster, _) in golden.SPECIAL.items():
            self.assertNotEqual(digests[name], digests[cluster], name)


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    if "--update" in sys.argv:
        golden.update(csv_of, log_of, export_of)
        sys.exit(0)
    unittest.main()
