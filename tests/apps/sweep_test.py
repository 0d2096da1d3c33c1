#!/usr/bin/env python3
"""`lockstep sweep`: the same bytes on any number of workers and after any kill, failures as rows,
clear refusals, shares and MPI ranks.

usage: sweep_test.py BINARY MPIRUN-or-none [unittest arguments]
"""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
MPIRUN = None

SPEC = """\
cluster: configs/cluster/rtx4090_single_instance.json
flags: {dtype: bfloat16}
workload: {arrivals: poisson, num_reqs: 20, rate: 20, input_toks: 100, output_toks: 10}
slo: {ttft_ms: 100, tpot_ms: 20}
grid:
  cluster.nodes.0.instances.*.npu_mem.mem_size: [20, 24]
  flag.max-num-seqs: [1, 8]
  workload.rate: [5, 50, 500]
"""
CONFIGS = 12
MANY = SPEC.replace("[5, 50, 500]", str([rate / 4 for rate in range(1, 121)])).replace(
    "num_reqs: 20,", "num_reqs: 400,")


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def spec(self, text=SPEC, name="spec.yaml"):
        file = self.folder / name
        file.write_text(text)
        return str(file)

    def base(self, name="out"):
        return str(self.folder / name)

    def call(self, *args, before=(), **kwargs):
        return subprocess.run([*before, BINARY, "sweep", *map(str, args)], cwd=ROOT,
                              capture_output=True, text=True, timeout=300, check=False, **kwargs)

    def sweep(self, spec, *flags, name="out", before=()):
        done = self.call(spec, "--output", self.base(name), *flags, before=before)
        self.assertEqual(done.returncode, 0, done.stderr)
        return Path(self.base(name) + ".csv").read_bytes()

    def timed(self, spec):
        """The table of an undisturbed sweep, with the seconds it took."""
        began = time.monotonic()
        return self.sweep(spec, name="whole"), time.monotonic() - began

    def start(self, spec, before=()):
        """A sweep that holds its store."""
        process = subprocess.Popen([*before, BINARY, "sweep", spec, "--output", self.base()], cwd=ROOT,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        store = Path(self.base() + ".sqlite")
        while (not store.exists() or store.stat().st_size == 0) and process.poll() is None:
            time.sleep(0.001)
        return process

    def rows(self, name="out"):
        with open(self.base(name) + ".csv", newline="") as file:
            return list(csv.DictReader(file))

    def refused(self, spec, *texts):
        done = self.call(spec, "--output", self.base("refused"))
        self.assertEqual(done.returncode, 2, done.stderr)
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertFalse(Path(self.base("refused") + ".csv").exists())


class Results(Case):
    def test_the_same_bytes_on_any_number_of_workers(self):
        one = self.sweep(self.spec(), "--jobs", 1, name="one")
        self.assertEqual(one, self.sweep(self.spec(), "--jobs", 4, name="four"))
        rows = self.rows("one")
        self.assertEqual([int(row["config"]) for row in rows], list(range(CONFIGS)))
        self.assertEqual({row["error"] for row in rows}, {""})
        self.assertEqual({row["requests"] for row in rows}, {"20"})
        # Higher rates never make first tokens come earlier here.
        for first, last in zip(rows[0::3], rows[2::3]):
            self.assertLess(float(first["ttft_p99_ms"]), float(last["ttft_p99_ms"]))
        self.assertGreater(float(rows[3]["goodput"]), float(rows[2]["goodput"]))

    def test_a_row_is_what_run_gives(self):
        workload = self.folder / "w.jsonl"
        subprocess.run([BINARY, "workload", "poisson", "--num-reqs", "20", "--sps", "50",
                        "--input-toks", "100", "--output-toks", "10", "--output", workload],
                       cwd=ROOT, check=True, capture_output=True)
        result = self.folder / "run.csv"
        subprocess.run([BINARY, "run", "--cluster-config",
                        "configs/cluster/rtx4090_single_instance.json", "--dtype", "bfloat16",
                        "--max-num-seqs", "8", "--dataset", workload, "--output", result],
                       cwd=ROOT, check=True, capture_output=True)
        with open(result, newline="") as file:
            ttft = [int(row["TTFT"]) for row in csv.DictReader(file)]
        self.sweep(self.spec())
        row = [r for r in self.rows() if r["flag.max-num-seqs"] == "8" and
               r["workload.rate"] == "50" and
               r["cluster.nodes.0.instances.*.npu_mem.mem_size"] == "24"]
        self.assertAlmostEqual(float(row[0]["ttft_mean_ms"]), sum(ttft) / len(ttft) / 1e6, 9)

    def test_a_failure_is_a_row(self):
        text = SPEC.replace("mem_size: [20, 24]", "mem_size: [8, 24]")
        self.sweep(self.spec(text))
        rows = self.rows()
        self.assertEqual(len(rows), CONFIGS)
        for row in rows[:6]:
            self.assertIn("instance 0", row["error"])
            self.assertEqual(row["requests"], "")
        self.assertEqual({row["error"] for row in rows[6:]}, {""})

    def test_strictness_fails_what_a_run_would_warn_of(self):
        """No bundle of this GPU is here: the analytic model answers, with a warning."""
        spec = self.spec()
        done = self.call(spec, "--output", self.base(), "--strict")
        self.assertIn("12 failed", done.stdout)
        self.assertIn("no kernel times for RTX4090", self.rows()[0]["error"])
        self.assertEqual(self.call(spec, "--output", self.base("plain")).returncode, 0)
        self.assertEqual(self.rows("plain")[0]["error"], "")
        self.call(spec, "--output", self.base("array"), "--slurm-array", 2, "--strict")
        script = Path(self.base("array") + ".sbatch").read_text().splitlines()
        for line in ("exec ", "sweep merge"):
            self.assertIn("--strict", next(text for text in script if line in text))

    def test_copies_and_lists(self):
        text = SPEC.split("grid:")[0] + """\
list:
  - {copies.nodes.0.instances.0: 1, flag.max-num-seqs: 4}
  - {copies.nodes.0.instances.0: 3}
"""
        self.sweep(self.spec(text))
        rows = self.rows()
        self.assertEqual([row["npus"] for row in rows], ["1", "3"])
        self.assertEqual([row["flag.max-num-seqs"] for row in rows], ["4", ""])

    def test_the_store_answers_queries(self):
        self.sweep(self.spec())
        store = sqlite3.connect(self.base() + ".sqlite")
        self.addCleanup(store.close)
        count, = store.execute("select count(*) from results where error is null").fetchone()
        self.assertEqual(count, CONFIGS)
        rates = {json.loads(config)["workload.rate"]
                 for config, in store.execute("select config from results")}
        self.assertEqual(rates, {5, 50, 500})


class Resuming(Case):
    def test_a_second_call_simulates_nothing_and_an_extended_spec_only_what_is_new(self):
        first = self.sweep(self.spec())
        done = self.call(self.spec(), "--output", self.base())
        self.assertIn("0 simulated now, 12 there before", done.stdout)
        self.assertEqual(first, Path(self.base() + ".csv").read_bytes())
        longer = self.spec(SPEC.replace("[5, 50, 500]", "[5, 50, 100, 500]"), "longer.yaml")
        done = self.call(longer, "--output", self.base())
        self.assertIn("4 simulated now, 12 there before", done.stdout)
        self.assertEqual(Path(self.base() + ".csv").read_bytes(),
                         self.sweep(longer, name="fresh"))

    def test_a_changed_file_is_noticed(self):
        cluster = self.folder / "cluster.json"
        text = (ROOT / "configs/cluster/rtx4090_single_instance.json").read_text()
        cluster.write_text(text)
        spec = self.spec(SPEC.replace("configs/cluster/rtx4090_single_instance.json",
                                      str(cluster)))
        self.sweep(spec)
        cluster.write_text(text.replace('"mem_bw": 1008', '"mem_bw": 504'))
        done = self.call(spec, "--output", self.base())
        self.assertIn("12 simulated now", done.stdout)

    def kill_and_resume(self, number, code):
        """In its middle, wherever that is on this machine."""
        spec = self.spec(MANY)
        whole, seconds = self.timed(spec)
        kills = 0
        for _ in range(3):
            process = self.start(spec)
            time.sleep(seconds / 5)
            process.send_signal(number)
            kills += process.wait(timeout=60) == code
        self.assertGreater(kills, 0)
        self.assertEqual(whole, self.sweep(spec))

    def test_a_killed_sweep_goes_on(self):
        self.kill_and_resume(signal.SIGKILL, -signal.SIGKILL)

    def test_an_interrupted_sweep_goes_on(self):
        self.kill_and_resume(signal.SIGINT, 130)

    def test_a_terminated_sweep_goes_on(self):
        self.kill_and_resume(signal.SIGTERM, 143)

    def test_two_at_once_are_refused(self):
        spec = self.spec(MANY)
        process = self.start(spec)
        process.send_signal(signal.SIGSTOP)
        done = self.call(spec, "--output", self.base())
        self.assertEqual(done.returncode, 2)
        self.assertIn("locked", done.stderr)


class Shares(Case):
    def test_shares_merge_to_the_whole(self):
        whole = self.sweep(self.spec(), name="whole")
        for share in ("1/3", "2/3"):
            self.assertEqual(self.call(self.spec(), "--output", self.base(), "--share",
                                       share).returncode, 0)
        done = self.call("merge", self.spec(), "--output", self.base())
        self.assertEqual(done.returncode, 2)
        self.assertIn("4 of 12 configurations have no result", done.stderr)
        self.call(self.spec(), "--output", self.base(), "--share", "3/3")
        self.assertEqual(self.call("merge", self.spec(), "--output", self.base()).returncode, 0)
        self.assertEqual(whole, Path(self.base() + ".csv").read_bytes())

    def test_the_job_array_runs(self):
        whole = self.sweep(self.spec(), name="whole")
        done = self.call(self.spec(), "--output", self.base(), "--slurm-array", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        script = self.base() + ".sbatch"
        text = Path(script).read_text()
        self.assertIn("#SBATCH --array=1-2", text)
        for task in "1", "2":  # as the array would
            subprocess.run(["bash", script], cwd=ROOT, check=True, capture_output=True,
                           env={**os.environ, "SLURM_ARRAY_TASK_ID": task})
        merge = next(line for line in text.splitlines() if "sweep merge" in line)
        subprocess.run(["bash", "-c", merge.split("done:")[1]], cwd=ROOT, check=True,
                       capture_output=True)
        self.assertEqual(whole, Path(self.base() + ".csv").read_bytes())


class Refusals(Case):
    def test_slips_in_the_spec(self):
        for change, texts in {
            ("grid:", "gird:"): ("unknown key 'gird'", "did you mean 'grid'", "spec.yaml:5"),
            ("[1, 8]", "[]"): ("has no values", "spec.yaml:7"),
            ("flag.max-num-seqs", "flag.max-num-sqs"): ("--max-num-sqs", "--max-num-seqs",
                                                        "spec.yaml:7"),
            ("instances.*", "instanzes.*"): ("matches nothing", "did you mean 'instances'"),
            ("instances.*", "instances.7"): ("matches nothing", "list of 1"),
            ("npu_mem.mem_size", "npu_mem.mem_sise"): ("mem_sise",),
            ("workload.rate", "workload.speed"): ("no key 'speed'",),
            ("workload.rate", "rate"): ("names nothing",),
            ("arrivals: poisson", "arrivals: poison"): ("did you mean 'poisson'", "spec.yaml:3"),
            ("{dtype: bfloat16}", "{dtype: bf16}"): ("invalid choice", "spec.yaml:2"),
            ("{dtype: bfloat16}", "{output: x}"): ("--output", "no place here"),
            ("ttft_ms: 100", "ttft_ms: -1"): ("ttft_ms", "spec.yaml:4"),
            ("ttft_ms", "tfft_ms"): ("did you mean 'ttft_ms'",),
        }.items():
            with self.subTest(change[1]):
                self.assertIn(change[0], SPEC)
                self.refused(self.spec(SPEC.replace(*change)), *texts)

    def test_bombs_and_broken_files(self):
        self.refused(self.spec("a: [\n"), "spec.yaml:")
        self.refused(self.spec(""), "spec.yaml")
        self.refused(self.spec("a: &a [1]\n" + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n"
            for i in range(9))), "this file unfolds to more than")
        self.refused(self.spec("a: " + "[" * 200 + "]" * 200), "deeper than 32")
        self.refused(self.spec("a: 1\na: 2\n"), "given twice", "spec.yaml:2")
        self.refused(self.folder / "none.yaml", "none.yaml")
        self.refused(self.spec(SPEC.replace("[5, 50, 500]", str(list(range(1, 4000)))).replace(
            "[1, 8]", str(list(range(1, 4000))))), "more than 10000000 configurations")

    def test_an_output_that_is_no_store(self):
        Path(self.base() + ".sqlite").write_text("mine, and long enough to be looked at" * 100)
        done = self.call(self.spec(), "--output", self.base())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("not a database", done.stderr)


class Ranks(Case):
    def mpirun(self, count):
        if MPIRUN is None:
            self.skipTest("this lockstep is built without MPI")
        allow = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        return [MPIRUN, *allow, "--oversubscribe", "-n", str(count)]

    def test_ranks_give_the_bytes_of_one_process(self):
        one = self.sweep(self.spec(), name="one")
        for ranks in 2, 4:
            self.assertEqual(one, self.sweep(self.spec(), name=f"ranks{ranks}",
                                             before=self.mpirun(ranks)))

    def test_a_killed_rank_loses_nothing(self):
        before = self.mpirun(3)
        spec = self.spec(MANY)
        whole, seconds = self.timed(spec)
        process = self.start(spec, before)
        time.sleep(seconds / 5)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        self.assertNotEqual(process.wait(timeout=60), 0)
        self.assertFalse(Path(self.base() + ".csv").exists())
        self.assertEqual(whole, self.sweep(spec, before=before))


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    found = sys.argv.pop(1)
    MPIRUN = None if found == "none" else found
    unittest.main()
