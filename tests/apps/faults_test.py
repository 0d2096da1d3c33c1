#!/usr/bin/env python3
"""What may go wrong around a run: full disks, signals, memory, warnings.

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
import time
import unittest
from pathlib import Path

import run_case
from run_case import ONE, REQUEST, ROOT, RunCase, call

DP = ROOT / "configs/cluster/single_node_dp_instance.json"


class FullDisks(RunCase):
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


class Signals(RunCase):
    """A run of some seconds, stopped in its middle."""

    def start(self, *more, requests=20000):
        load = self.dataset(*({**REQUEST, "arrival_time_ns": i * 20_000_000} for i in range(requests)))
        return subprocess.Popen(
            [run_case.binary, "run", "--cluster-config", DP, "--dataset", load, "--output", self.out / "r.csv",
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


class Memory(RunCase):
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
            for command in (["run"], ["sweep", "s.yaml"], ["plan", "p.yaml"]):
                done = call(*command, "--max-memory", word)
                self.assertEqual(done.returncode, 2)
                self.assertIn("--max-memory", done.stderr)
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


class Warnings(RunCase):
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
    run_case.binary = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
