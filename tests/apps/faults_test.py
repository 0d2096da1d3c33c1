#!/usr/bin/env python3
"""What may go wrong around a run: full disks, signals, sizes, depths, memory.

usage: faults_test.py BINARY [unittest arguments]
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
DP = ROOT / "configs/cluster/single_node_dp_instance.json"
ONE = ROOT / "configs/cluster/single_node_single_instance.json"
REQUEST = {"input_toks": 20, "output_toks": 3, "arrival_time_ns": 0}


def call(*args, **more):
    return subprocess.run([BINARY, *map(str, args)], cwd=ROOT, timeout=120, check=False,
                          **{"capture_output": True, "text": True, **more})


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.out = self.folder / "out"
        self.out.mkdir()

    def dataset(self, *lines):
        file = self.folder / "load.jsonl"
        file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                                for line in lines))
        return file

    def refused(self, done, *texts):
        self.assertEqual(done.returncode, 2, f"{done.stdout}{done.stderr}")
        for text in (*texts, "fix:"):
            self.assertIn(text, done.stderr)

    def run_of(self, *lines, more=()):
        return call("run", "--cluster-config", ONE, "--dataset", self.dataset(*lines), *more)


class FullDisks(Case):
    def test_a_full_device(self):
        self.refused(call("run", "--cluster-config", ONE, "--quiet", "--output", "/dev/full"),
                     "writing the output file failed (No space left on device)", "/dev/full")

    def test_a_full_standard_output(self):
        for flags in (["run", "--cluster-config", ONE, "--json"], ["run", "--help"], ["man"],
                      ["workload", "stats", self.dataset(REQUEST)]):
            with open("/dev/full", "w") as full:
                done = call(*flags, capture_output=False, stdout=full, stderr=subprocess.PIPE)
            self.refused(done, "the standard output could not be written")

    def test_a_full_disk_leaves_what_was_there(self):
        disk = self.out
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("a small disk needs the right to mount one")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        (disk / "old").write_text("old")
        load = self.folder / "many.jsonl"
        call("workload", "poisson", "--num-reqs", 1500, "--sps", 100, "--output", load)
        run = ["run", "--cluster-config", DP, "--dataset", load, "--quiet"]
        for flags in ([*run, "--output", disk / "old"], [*run, "--save-run", disk / "old"],
                      [*run, "--report", disk / "old"], [*run, "--trace", disk / "old"],
                      ["workload", "poisson", "--num-reqs", 5000, "--sps", 1, "--output", disk / "old"]):
            self.refused(call(*flags), "writing the output file failed (No space left on device)")
            self.assertEqual([(file.name, file.read_text()) for file in disk.iterdir()], [("old", "old")])

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_a_folder_that_may_not_be_written(self):
        self.out.chmod(0o555)
        self.refused(call("run", "--output", self.out / "x.csv"), "--output")


class Signals(Case):
    """A run of some seconds, stopped in its middle."""

    def start(self, *more, requests=20000):
        load = self.dataset(*({**REQUEST, "arrival_time_ns": i * 20_000_000} for i in range(requests)))
        return subprocess.Popen(
            [BINARY, "run", "--cluster-config", DP, "--dataset", load, "--output", self.out / "r.csv",
             "--no-fold-layers", *map(str, more)], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def stop(self, child, number):
        """Once some of the trace is there."""
        while sum(file.stat().st_size for file in self.out.glob("t.json.*.part")) < 10_000_000:
            self.assertIsNone(child.poll())
            time.sleep(0.01)
        child.send_signal(number)
        output, errors = child.communicate(timeout=60)
        return child.returncode, output + errors

    def test_what_is_done_is_written_and_marked(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number):
                shutil.rmtree(self.out)
                self.out.mkdir()
                (self.out / "r.csv").write_text("whole")
                child = self.start("--save-run", self.out / "r.json", "--trace", self.out / "t.json",
                                   "--report", self.out / "r.html")
                returned, text = self.stop(child, number)
                self.assertEqual(returned, code, text)
                self.assertIn("what is written is partial", text)
                self.assertEqual((self.out / "r.csv").read_text(), "whole")
                self.assertEqual(sorted(file.name for file in self.out.iterdir()), [
                    "r.csv", "r.partial.csv", "r.partial.csv.provenance.json", "r.partial.html",
                    "r.partial.json", "t.partial.json"])
                rows = (self.out / "r.partial.csv").read_text().splitlines()
                self.assertTrue(1 < len(rows) < 20001, len(rows))
                said = json.loads((self.out / "r.partial.csv.provenance.json").read_text())
                self.assertTrue(said["partial"])
                run = json.loads((self.out / "r.partial.json").read_text())
                self.assertTrue(run["summary"]["partial"])
                self.assertEqual(len(run["requests"]["id"]), len(rows) - 1)
                self.assertTrue(json.loads((self.out / "t.partial.json").read_text())["otherData"]["partial"])
                self.refused(call("rerun", self.out / "r.partial.csv"), "stopped")

    def test_at_any_moment(self):
        """Wherever it comes: whole, partial or nothing; never half a file."""
        codes = set()
        for delay in (0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3):
            child = self.start(requests=300)
            time.sleep(delay)
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=60)
            codes.add(child.returncode)
            self.assertIn(child.returncode, (0, 143, -signal.SIGTERM))
            names = {file.name for file in self.out.iterdir()}
            self.assertLessEqual(names, {"r.csv", "r.csv.provenance.json", "r.partial.csv",
                                         "r.partial.csv.provenance.json"})
            for name in names:
                self.assertTrue((self.out / name).read_text().endswith("\n"))
                (self.out / name).unlink()
        self.assertTrue(codes)

    def test_a_run_that_is_not_stopped_is_not_marked(self):
        done = call("run", "--cluster-config", ONE, "--json")
        self.assertFalse(json.loads(done.stdout)["partial"])


class Sizes(Case):
    def test_a_line_of_ten_megabytes(self):
        ids = list(range(1_600_000))
        line = json.dumps({**REQUEST, "input_toks": len(ids), "input_tok_ids": ids})
        self.assertGreater(len(line), 10_000_000)
        done = self.run_of(REQUEST, line)
        self.refused(done, "request 1 needs KV memory for 1600002 tokens")

    def test_a_file_of_ten_gigabytes_that_is_no_workload(self):
        file = self.folder / "sparse.jsonl"
        with open(file, "wb") as sparse:
            sparse.truncate(10 << 30)
        done = call("run", "--cluster-config", ONE, "--dataset", file, "--max-memory", "256M")
        if "sanitizers" in done.stderr:
            self.skipTest("an instrumented program takes no budget")
        self.refused(done, "more memory than the budget of 268435456 bytes")

    def test_the_first_lines_of_an_endless_pipe(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["sh", "-c", f"exec yes '{json.dumps(REQUEST)}' > {pipe}"]) as writer:
            try:
                done = call("run", "--cluster-config", ONE, "--dataset", pipe, "--num-reqs", 50,
                            "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout)["requests"], 50)
            finally:
                writer.kill()

    def test_times_and_sizes_that_do_not_fit(self):
        big = 1 << 61
        for line, text in (
                ({**REQUEST, "arrival_time_ns": big + 1}, "arrival_time_ns"),
                ({**REQUEST, "arrival_time_ns": -big - 1}, "arrival_time_ns"),
                ({**REQUEST, "arrival_time_ns": 1 << 63}, "arrival_time_ns"),
                ({**REQUEST, "input_toks": 1 << 62}, "input_toks"),
                ({**REQUEST, "output_toks": 1 << 62}, "input_toks"),
                ({**REQUEST, "output_toks": 1 << 64}, "output_toks"),
                ({"session_id": "s", "arrival_time_ns": 0, "sub_requests": [
                    {"input_toks": 5, "output_toks": 2, "tool_duration_ns": big + 1},
                    {"input_toks": 9, "output_toks": 2}]}, "tool_duration_ns")):
            with self.subTest(text, line=line):
                self.refused(self.run_of(line), text, "load.jsonl")

    def test_a_clock_that_would_run_over(self):
        """Each time fits; their sum does not."""
        call_ = {"input_toks": 5, "output_toks": 2, "tool_duration_ns": 1 << 61}
        line = {"session_id": "s", "arrival_time_ns": 0, "sub_requests": [call_] * 4}
        done = self.run_of(line, more=["--log-interval", "1e9"])
        self.refused(done, "the simulated clock has passed")

    def test_arrivals_since_1970_are_noticed(self):
        late = {**REQUEST, "arrival_time_ns": 1_700_000_000 * 10**9}
        done = self.run_of(late, more=["--strict", "--log-interval", "1000"])
        self.refused(done, "fix:")
        done = self.run_of(late, more=["--log-interval", "1000"])
        self.assertIn("are its arrivals times since 1970?", done.stdout)

    def test_flags_beyond_any_size(self):
        for flag in ("--max-num-seqs", "--max-num-batched-tokens", "--block-size",
                     "--long-prefill-token-threshold", "--num-reqs", "--num-gpu-blocks-override",
                     "--max-cudagraph-capture-size"):
            for value in ((1 << 63) - 1, 1 << 63, 1 << 70, -(1 << 63)):
                with self.subTest(flag, value=value):
                    done = call("run", "--cluster-config", ONE, f"{flag}={value}", "--json")
                    self.assertIn(done.returncode, (0, 2), done.stderr)

    def test_numbers_of_a_cluster_beyond_any_size(self):
        config = json.loads(ONE.read_text())

        def numbers(node, path=()):
            if isinstance(node, dict):
                for key in node:
                    yield from numbers(node[key], (*path, key))
            elif isinstance(node, list):
                for index, value in enumerate(node):
                    yield from numbers(value, (*path, index))
            elif isinstance(node, (int, float)) and not isinstance(node, bool):
                yield path
        for path in numbers(config):
            for value in (-1, 1 << 31, (1 << 63) - 1, 1 << 63, 1e18, 1e300, -1e300):
                changed = json.loads(ONE.read_text())
                place = changed
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = value
                file = self.folder / "cluster.json"
                file.write_text(json.dumps(changed))
                with self.subTest(path=path, value=value):
                    done = call("run", "--cluster-config", file, "--json")
                    self.assertIn(done.returncode, (0, 2), done.stderr)


class Depths(Case):
    """A hundred thousand levels, wherever JSON or YAML is read."""
    DEEP = {"lists": "[" * 100_000 + "]" * 100_000, "maps": '{"a":' * 100_000 + "1" + "}" * 100_000,
            "cut": "[" * 100_000}

    def every(self, name, wrap, command):
        for kind, deep in self.DEEP.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wrap % deep if "%s" in wrap else deep)
            with self.subTest(name, kind=kind):
                done = call(*command(file))
                self.assertEqual(done.returncode, 2, (done.stdout + done.stderr)[-500:])
                self.assertLess(len(done.stderr), 5000)

    def test_clusters(self):
        for wrap in ("%s", '{"nodes": %s}'):
            self.every("cluster.json", wrap, lambda file: ("run", "--cluster-config", file))

    def test_workloads(self):
        for wrap in ("%s", '{"input_toks": %s, "output_toks": 1, "arrival_time_ns": 0}',
                     '{"input_toks": 1, "output_toks": 1, "arrival_time_ns": 0, "sub_requests": %s}'):
            self.every("load.jsonl", wrap, lambda file: ("run", "--cluster-config", ONE, "--dataset", file))

    def test_models(self):
        model = self.folder / "m.json"
        for wrap in ("%s", '{"hidden_size": %s}', '{"model_type": "llama", "rope_scaling": %s}'):
            self.every("m.json", wrap, lambda file: ("models", "show", file))
        cluster = json.loads(ONE.read_text())
        cluster["nodes"][0]["instances"][0]["model_name"] = "x/m"
        (self.folder / "c.json").write_text(json.dumps(cluster))
        for wrap in ("%s", '{"hidden_size": %s}'):
            self.every("models/x/m.json", wrap, lambda file: (
                "run", "--cluster-config", self.folder / "c.json", "--model-dir", self.folder / "models"))

    def test_calibrations(self):
        self.every("terms.json", "%s", lambda file: ("run", "--cluster-config", ONE, "--calibration", file))

    def test_run_files(self):
        result = self.folder / "r.csv"
        call("run", "--cluster-config", ONE, "--output", result)
        for wrap in ("%s", '{"format": "lockstep-run", "version": 1, "x": %s}'):
            self.every("r.json", wrap, lambda file: ("report", file, "--output", self.out / "x.html"))
            self.every("r.json", wrap, lambda file: ("explain", result, "--request", 1, "--run", file))
            self.every("r.json", wrap, lambda file: ("rerun", file))
        self.every("r.csv.provenance.json", '{"format": "lockstep-provenance", "version": 1, "lockstep": %s}',
                   lambda file: ("rerun", result))

    def test_specs(self):
        for wrap in ("%s", "cluster: %s"):
            self.every("spec.yaml", wrap, lambda file: ("sweep", file, "--output", self.out / "s"))
            self.every("spec.yaml", wrap, lambda file: ("plan", file, "--output", self.out / "p"))

    def test_recordings(self):
        self.every("bench.json", "%s", lambda file: ("bench-import", file, "--output", self.out / "b"))
        self.every("serve.yaml", "%s", lambda file: ("init", "--from", file, "--hardware", "H100"))

    def test_graphs(self):
        self.every("net.yml", "%s", lambda file: (
            "trace", "run", self.out, "--network", file, "--system", file, "--memory", file))


class Memory(Case):
    def run_with(self, budget, *more):
        done = call("run", "--cluster-config", ONE, "--quiet", "--max-memory", budget, *more)
        if "sanitizers" in done.stderr:
            self.skipTest("an instrumented program takes no budget")
        return done

    def test_a_budget_that_suffices_changes_nothing(self):
        plain = call("run", "--cluster-config", ONE, "--output", self.out / "a.csv")
        self.assertEqual(plain.returncode, 0, plain.stderr)
        for budget in ("2G", "2GiB", "2048M", str(2 << 30)):
            done = self.run_with(budget, "--output", self.out / "b.csv")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((self.out / "a.csv").read_bytes(), (self.out / "b.csv").read_bytes())

    def test_a_budget_that_does_not(self):
        load = self.folder / "many.jsonl"
        call("workload", "poisson", "--num-reqs", 400_000, "--sps", 100, "--output", load)
        for budget in ("32M", "64M"):
            done = self.run_with(budget, "--dataset", load, "--output", self.out / "a.csv")
            self.refused(done, "more memory than the budget", "--max-memory")
            self.assertEqual(list(self.out.iterdir()), [])

    def test_words_that_are_no_size(self):
        for word in ("", "0", "-1", "8X", "G", "1.5G", "9999999999T", "8GG"):
            done = call("run", "--max-memory", word)
            self.assertEqual(done.returncode, 2, word)
            self.assertIn("--max-memory", done.stderr)

    def test_a_limit_from_outside_is_no_defect_of_ours(self):
        load = self.folder / "many.jsonl"
        call("workload", "poisson", "--num-reqs", 400_000, "--sps", 100, "--output", load)
        done = call("run", "--cluster-config", ONE, "--dataset", load, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_DATA, (64 << 20, 64 << 20)))
        if "Sanitizer" in done.stderr:
            self.skipTest("an instrumented program needs more")
        self.refused(done, "not enough memory")


class Warnings(Case):
    def test_they_are_counted_at_the_end(self):
        done = self.run_of(REQUEST, more=["--inputs-root", "x", "--expert-exchange", "alltoall"])
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = len(re.findall(r"\] WARNING ", done.stdout))
        self.assertGreaterEqual(shown, 3)
        self.assertIn(f"\n{shown} warnings: see above; --strict makes them errors\n", done.stdout)

    def test_in_the_summary(self):
        done = self.run_of(REQUEST, more=["--inputs-root", "x", "--json"])
        self.assertGreaterEqual(len(json.loads(done.stdout)["warnings"]), 2)


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
