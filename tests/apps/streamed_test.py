#!/usr/bin/env python3
"""Runs that keep no requests: the bytes and summaries of those that keep all, and their errors.

usage: streamed_test.py BINARY [unittest arguments]
"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from folder_case import FolderCase  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
CLUSTER = ["--cluster-config", "configs/cluster/single_node_multi_instance.json"]
RECIPE = ('{"arrivals": "poisson", "rate": 20, "num_reqs": 300, "input_toks": "uniform:1:60", '
          '"output_toks": "uniform:1:9", "seed": 3}')


def call(*args):
    return subprocess.run([BINARY, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)


class StreamedTest(FolderCase):
    def result_of(self, name, *args):
        """Bytes of the result file, and the summary without what differs between any two runs."""
        file = self.folder / name
        done = call("run", *CLUSTER, *args, "--output", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        summary = done.stdout[done.stdout.index("Simulation results"):]
        summary = re.sub(r"Total simulation time: .*\n|Saving (each|the run) .*\n", "", summary)
        return file.read_bytes(), summary

    def write_load(self):
        load = self.folder / "load.jsonl"
        done = call("workload", "poisson", "--num-reqs", 300, "--sps", 20, "--input-toks",
                    "uniform:1:60", "--output-toks", "uniform:1:9", "--seed", 3, "--output", load)
        self.assertEqual(done.returncode, 0, done.stderr)
        return load

    def test_all_ways_leave_the_same(self):
        load = self.write_load()
        want = self.result_of("kept.csv", "--dataset", load, "--no-fold-layers")
        self.assertEqual(self.result_of("file.csv", "--dataset", load), want)
        self.assertEqual(self.result_of("made.csv", "--dataset", RECIPE), want)
        self.assertEqual(self.result_of("held.csv", "--dataset", RECIPE, "--save-run",
                                        self.folder / "run.json"), want)

    def test_only_the_result_and_its_provenance_are_left(self):
        self.result_of("made.csv", "--dataset", RECIPE)
        names = sorted(file.name for file in self.folder.iterdir())
        self.assertEqual(names, ["made.csv", "made.csv.provenance.json"])

    def test_it_can_be_made_again(self):
        self.result_of("made.csv", "--dataset", RECIPE)
        again = call("rerun", self.folder / "made.csv.provenance.json")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("the same", again.stdout)

    def test_fewer_requests_may_be_asked_for(self):
        rows, _ = self.result_of("few.csv", "--dataset", RECIPE, "--num-reqs", 7)
        self.assertEqual(rows.count(b"\n"), 8)

    def test_mistakes_in_a_description_are_named(self):
        for text, problem in (('{"arivals": "poisson"}', "arivals"), ('{"num_reqs": 0}', "num_reqs"),
                              ('{"file": "x.jsonl"}', "no generator"), ('{"num_reqs"', "--dataset")):
            done = call("run", *CLUSTER, "--dataset", text)
            self.assertNotEqual(done.returncode, 0, text)
            self.assertIn(problem, done.stderr)
            self.assertIn("fix:", done.stderr)


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
