#!/usr/bin/env python3
"""`lockstep explain` and `lockstep bench-import`: parts that add up, and what is refused.

usage: explain_test.py BINARY [unittest arguments]
"""

import csv
import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from folder_case import FolderCase  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
CLUSTERS = ("single_node_moe_dp_ep_instance", "single_node_pd_instance",
            "single_node_moe_dp_tp_pp_instance")


def call(*args):
    return subprocess.run([BINARY, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
                          timeout=300, check=False)


class Case(FolderCase):
    def setUp(self):
        super().setUp()
        self.load = self.folder / "load.jsonl"
        self.csv = self.folder / "run.csv"

    def run_once(self, cluster, *more):
        done = call("workload", "poisson", "--num-reqs", 20, "--sps", 30, "--input-toks",
                    "uniform:50:1200", "--output-toks", "uniform:2:30", "--output", self.load)
        self.assertEqual(done.returncode, 0, done.stderr)
        flags = ["--cluster-config", f"configs/cluster/{cluster}.json", "--dataset", self.load]
        done = call("run", *flags, "--output", self.csv, "--quiet", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return flags

    def saved(self):
        return ("--save-run", f"{self.csv}.run.json")


class Explain(Case):
    def test_parts_are_the_times_of_the_result_file(self):
        for cluster in CLUSTERS:
            with self.subTest(cluster):
                self.run_once(cluster, *self.saved())
                done = call("explain", self.csv, "--request", 11, "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                told = json.loads(done.stdout)
                with open(self.csv, newline="") as file:
                    row = next(r for r in csv.DictReader(file) if r["request id"] == "11")
                gaps = json.loads(row["ITL"])
                times = [told["latency"], told["ttft"], *told["tokens"]]
                expected = [int(row["latency"]), int(row["TTFT"]), *gaps]
                self.assertEqual([t["total_ns"] for t in times], expected)
                self.assertEqual([sum(t["parts_ns"].values()) for t in times], expected)

    def test_flags_may_be_given_instead_of_a_run_file(self):
        flags = self.run_once(CLUSTERS[0])
        done = call("explain", self.csv, "--request", 3)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--save-run", done.stderr)
        done = call("explain", self.csv, "--request", 3, "--", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("experts", done.stdout)

    def test_another_run_is_refused(self):
        flags = self.run_once(CLUSTERS[0])
        done = call("explain", self.csv, "--request", 3, "--", *flags, "--max-num-batched-tokens",
                    "128")
        self.assertEqual(done.returncode, 2)
        self.assertIn("another one", done.stderr)

    def test_a_request_that_is_not_there(self):
        self.run_once(CLUSTERS[0], *self.saved())
        done = call("explain", self.csv, "--request", 999)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no request 999", done.stderr)

    def test_a_broken_run_file(self):
        self.run_once(CLUSTERS[0])
        for text in ("", "[]", "{}", '{"format": "lockstep-run", "arguments": [1]}'):
            Path(f"{self.csv}.run.json").write_text(text)
            done = call("explain", self.csv, "--request", 3)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn("fix:", done.stderr)


class BenchImport(Case):
    RESULT = {"model_id": "Qwen/Qwen3-30B-A3B-Instruct-2507", "request_rate": 2.0,
              "request_throughput": 1.5, "input_lens": [20, 10], "output_lens": [3, 2],
              "ttfts": [0.2, 0.1], "itls": [[0.05, 0.06], [0.04]], "start_times": [101.5, 100.0],
              "errors": ["", ""]}

    def test_validate_reads_it(self):
        result = self.folder / "result.json"
        result.write_text(json.dumps(self.RESULT))
        run = self.folder / "recorded"
        done = call("bench-import", result, "--output", run, "--cluster-config",
                    "configs/cluster/single_node_moe_single_instance.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads((run / "import.provenance.json").read_text())
        self.assertIn("benchmark", {one["role"] for one in made["inputs"]})
        done = call("validate", run, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertAlmostEqual(told["metrics"]["TTFT"]["recorded_ms"]["mean"], 150.0, 6)
        # Put together from operations, the same run takes another time.
        done = call("validate", run, "--json", "--fidelity", "vllm", "--kernel-times", "layers")
        layers = json.loads(done.stdout)["metrics"]["TTFT"]["simulated_ms"]["mean"]
        done = call("validate", run, "--json", "--fidelity", "vllm", "--kernel-times", "operations")
        self.assertEqual(done.returncode, 0, done.stderr)
        operations = json.loads(done.stdout)["metrics"]["TTFT"]["simulated_ms"]["mean"]
        self.assertGreater(operations, 0)
        self.assertNotAlmostEqual(operations / layers, 1.0, 3)

    def test_a_mistake_is_named_and_nothing_written(self):
        result = self.folder / "result.json"
        result.write_text(json.dumps({**self.RESULT, "ttfts": [0.2, None]}))
        run = self.folder / "recorded"
        done = call("bench-import", result, "--output", run)
        self.assertEqual(done.returncode, 2)
        self.assertIn("ttfts[1]", done.stderr)
        self.assertFalse(run.exists())


if __name__ == "__main__":
    BINARY = Path(sys.argv.pop(1)).resolve()
    unittest.main()
