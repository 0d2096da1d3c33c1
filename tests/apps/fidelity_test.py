#!/usr/bin/env python3
"""The mode that follows vLLM: every cluster of the repository runs to its end, and the slips that
show in a result file are gone.

usage: fidelity_test.py BINARY [unittest arguments]
"""

import csv
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = None


class Modes(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def run_mode(self, mode, config, lines, *flags):
        workload = self.folder / "workload.jsonl"
        workload.write_text("".join(json.dumps(line) + "\n" for line in lines))
        output = self.folder / f"{mode}.csv"
        done = subprocess.run(
            [BINARY, "run", "--cluster-config", f"configs/cluster/{config}.json", "--dataset",
             str(workload), "--output", str(output), "--fidelity", mode, *flags],
            cwd=ROOT, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, f"{config} {mode}: {done.stderr}")
        with open(output) as file:
            return sorted(csv.DictReader(file), key=lambda row: int(row["request id"]))

    def both(self, config, lines, *flags):
        return (self.run_mode("reference", config, lines, *flags),
                self.run_mode("vllm", config, lines, *flags))

    @staticmethod
    def requests(count, input_toks, output_toks, gap_ns):
        return [{"input_toks": input_toks, "output_toks": output_toks,
                 "arrival_time_ns": i * gap_ns} for i in range(count)]

    def test_every_cluster_serves_every_request(self):
        lines = self.requests(6, 100, 8, 7_300_001)
        for file in sorted((ROOT / "configs/cluster").glob("*.json")):
            flags = ["--enable-attn-offloading"] if "pim" in file.stem else []
            with self.subTest(file.stem):
                rows = self.run_mode("vllm", file.stem, lines, *flags)
                self.assertEqual(len(rows), 6)
                for row in rows:
                    self.assertGreaterEqual(int(row["TTFT"]), int(row["queuing_delay"]))
                    self.assertGreaterEqual(int(row["queuing_delay"]), 0)

    def test_an_idle_cluster_begins_at_once(self):
        reference, vllm = self.both("single_node_moe_dp_ep_instance",
                                    self.requests(3, 64, 4, 500_300_000))
        self.assertGreater(int(reference[1]["queuing_delay"]), 0)
        self.assertEqual([int(row["queuing_delay"]) for row in vllm[1:]], [0, 0])

    def test_the_last_npu_begins_with_the_others(self):
        reference, vllm = self.both("rtx4090_tp2_instance", self.requests(1, 512, 4, 0))
        self.assertLess(int(vllm[0]["TTFT"]), int(reference[0]["TTFT"]))

    def test_chunks_wait_for_each_other_in_a_pipeline(self):
        flags = ["--max-num-batched-tokens", "256"]
        reference, vllm = self.both("single_node_pp_instance", self.requests(1, 1000, 8, 0), *flags)
        self.assertGreater(int(vllm[0]["TPOT"]), 2 * int(reference[0]["TPOT"]))
        self.assertLessEqual(int(vllm[0]["queuing_delay"]), 1)
        self.assertGreater(int(reference[0]["queuing_delay"]), 1)

    def test_one_output_token_ends_at_the_prefill_instance(self):
        reference, vllm = self.both("single_node_pd_instance", self.requests(1, 512, 1, 0))
        self.assertEqual(vllm[0]["latency"], vllm[0]["TTFT"])
        self.assertGreater(int(reference[0]["latency"]), int(reference[0]["TTFT"]))

    def test_all_blocks_of_an_moe_model(self):
        flags = ["--no-enable-block-copy"]
        config = "single_node_moe_single_instance"
        reference, vllm = self.both(config, self.requests(1, 64, 4, 0), *flags)
        copied = self.run_mode("vllm", config, self.requests(1, 64, 4, 0))
        self.assertEqual(vllm, copied)
        self.assertGreater(int(vllm[0]["TPOT"]), 10 * int(reference[0]["TPOT"]))


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
