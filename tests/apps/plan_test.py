#!/usr/bin/env python3
"""`lockstep plan`, and the commands and specs that docs/sweep.md, plan.md and workloads.md show.

usage: plan_test.py BINARY [unittest arguments]
"""

import csv
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,480,10
2023-11-16 18:17:04.0319600,318,8
2023-11-16 18:17:04.0781490,110,0
"""
BURST = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,108,230,338,API log
118,GPT-4,417,27,444,Conversation log
"""


def yaml_block(page):
    text = (ROOT / "docs" / page).read_text()
    return re.search(r"```yaml\n(.*?)```", text, re.S).group(1)


class Documented(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def call(self, *args, code=0):
        done = subprocess.run([BINARY, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def rows(self, file):
        with open(file, newline="") as text:
            return list(csv.DictReader(text))

    def test_the_sweep_of_the_page(self):
        spec = self.folder / "s.yaml"
        spec.write_text(yaml_block("sweep.md"))
        self.call("sweep", spec, "--output", self.folder / "s")
        rows = self.rows(self.folder / "s.csv")
        self.assertEqual(len(rows), 12)
        page = (ROOT / "docs/sweep.md").read_text()
        for column in rows[0]:
            base = re.sub(r"_(mean|p50|p90|p95|p99)_ms$", "", column)
            self.assertIn(f"`{base}`" if "." not in column else column, page)

    def test_the_plan_of_the_page_and_its_winner_runs(self):
        spec = self.folder / "p.yaml"
        spec.write_text(yaml_block("plan.md"))
        done = self.call("plan", spec, "--output", self.folder / "p")
        rows = self.rows(self.folder / "p.csv")
        self.assertEqual(rows[0]["fate"], "holds")
        self.assertIn(f"Cheapest: {rows[0]['cluster']}", done.stdout)
        self.assertIn("Runner-up: " + rows[1]["cluster"], done.stdout)
        costs = [float(row["cost_per_hour"]) for row in rows if row["fate"] == "holds"]
        self.assertEqual(costs, sorted(costs))
        workload = self.folder / "w.jsonl"
        self.call("workload", "poisson", "--num-reqs", 60, "--sps", 30, "--input-toks", 200,
                  "--output-toks", 12, "--output", workload)
        self.call("run", "--cluster-config", self.folder / "p.cluster.json", "--dataset", workload,
                  "--dtype", "bfloat16", "--fidelity", "vllm", "--output", self.folder / "r.csv")
        ttft = sorted(int(row["TTFT"]) for row in self.rows(self.folder / "r.csv"))
        self.assertLess(ttft[-2] / 1e6, 100)  # the promise at p99

    def test_nothing_holds(self):
        spec = self.folder / "p.yaml"
        spec.write_text(yaml_block("plan.md").replace("ttft_p99_ms: 100", "ttft_p99_ms: 0.01"))
        done = self.call("plan", spec, "--output", self.folder / "p", code=1)
        self.assertIn("Nothing in the search keeps the promises", done.stdout)
        self.assertFalse((self.folder / "p.cluster.json").exists())

    def test_strictness_leaves_out_what_a_run_would_warn_of(self):
        spec = self.folder / "p.yaml"
        spec.write_text(yaml_block("plan.md"))
        done = self.call("plan", spec, "--output", self.folder / "p", "--strict", code=1)
        self.assertIn("8 impossible", done.stdout)
        self.assertIn("no kernel times for RTX4090", done.stdout)

    def test_the_commands_of_the_workload_page(self):
        page = (ROOT / "docs/workloads.md").read_text()
        (self.folder / "AzureLLMInferenceTrace_conv.csv").write_text(AZURE)
        (self.folder / "BurstGPT_1.csv").write_text(BURST)
        commands = re.findall(r"^    lockstep (workload .*)$", page, re.M)
        self.assertEqual(len(commands), 4)
        for command in commands:
            subprocess.run(f"{BINARY} {command}", shell=True, cwd=self.folder, check=True,
                           capture_output=True)
        conv = (self.folder / "conv.jsonl").read_text().splitlines()
        self.assertEqual(len(conv), 2)
        self.assertIn('"arrival_time_ns": 52000000', conv[1])
        burst = (self.folder / "b.jsonl").read_text().splitlines()
        self.assertEqual(len(burst), 2)
        self.assertIn('"arrival_time_ns": 200000000', burst[1])  # one gap at 5 a second
        self.assertEqual(len((self.folder / "outputs/day.jsonl").read_text().splitlines()), 100)


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
