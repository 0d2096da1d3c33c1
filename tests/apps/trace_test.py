#!/usr/bin/env python3
"""`lockstep trace`: what a run exports takes the same time when it is run by itself.

usage: trace_test.py BINARY [unittest arguments]
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(os.environ.get("LOCKSTEP_REFERENCE", ROOT.parent / "shared/reference"))
BINARY = None


def lockstep(*args):
    return subprocess.run([BINARY, *map(str, args)], cwd=ROOT, capture_output=True, text=True)


def finishes(*args):
    done = lockstep("trace", "run", *args)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return {int(row["npu"]): int(row["finish_ns"])
            for row in csv.DictReader(done.stdout.splitlines())}


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def export(self, config, *flags, requests=1):
        workload = self.folder / "workload.jsonl"
        lines = [{"input_toks": 40 + 8 * i, "output_toks": 4, "arrival_time_ns": 2_000_000 * i}
                 for i in range(requests)]
        workload.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.out = self.folder / "out"
        done = lockstep("trace", "export", "--out", self.out, "--cluster-config",
                        f"configs/cluster/{config}.json", "--dataset", workload, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.out / "batches.csv") as file:
            return list(csv.DictReader(file))

    def backend(self):
        return ["--network", self.out / "network.yml", "--system", self.out / "system.json",
                "--memory", self.out / "memory_expansion.json"]


class Flags(Folder):
    def export_of_two(self, *flags):
        return lockstep("trace", "export", "--out", self.folder / "out", "--cluster-config",
                        "configs/cluster/single_node_single_instance.json", "--num-reqs", "2", *flags)

    def test_warnings_are_told_and_counted_and_strict_makes_them_errors(self):
        done = self.export_of_two("--engine-terms", "none", "--perf-dir", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning: --engine-terms has no effect", done.stderr)
        self.assertIn("3 warnings: --strict makes them errors", done.stderr)
        done = self.export_of_two("--engine-terms", "none", "--strict")
        self.assertEqual(done.returncode, 2)

    def test_what_only_a_run_writes_is_refused(self):
        for flag in (["--json"], ["--report", "r.html"], ["--trace", "t.json"]):
            done = self.export_of_two(*flag)
            self.assertEqual(done.returncode, 2)
            self.assertIn(flag[0], done.stderr)

    def test_a_budget_of_memory_counts(self):
        done = self.export_of_two("--max-memory", "300K")
        self.assertNotEqual(done.returncode, 0)
        if "sanitizers" in done.stderr:
            self.skipTest("an instrumented program takes no budget")
        self.assertIn("more memory than the budget", done.stderr)

    def test_the_result_file_says_what_it_was_made_from(self):
        done = self.export_of_two("--output", self.folder / "a.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "a.csv.provenance.json").exists())


class RoundTrip(Folder):
    def check(self, config, *flags):
        batches = self.export(config, *flags)
        self.assertGreaterEqual(len(batches), 3)
        for batch in batches:
            spans = [span.replace(":", "-").split("-") for span in batch["times"].split()]
            begin = min(int(span[1]) for span in spans)
            expected = {int(npu): int(end) - begin for npu, _, end in spans}
            for own in (finishes(self.out / batch["graphs"], *self.backend()),
                        finishes(self.out / batch["trace"], *self.backend(), "--num-npus",
                                 batch["num_npus"], "--first-npu", batch["first_npu"])):
                self.assertEqual({npu: own[npu] for npu in expected}, expected)

    def test_one_npu(self):
        self.check("single_node_single_instance")

    def test_pipeline(self):
        self.check("single_node_pp_instance")

    def test_tensor_parallel_pipeline(self):
        self.check("single_node_tp_pp_instance")

    def test_attention_in_memory(self):
        self.check("single_node_pim_instance", "--enable-attn-offloading")


class Waves(Folder):
    """Members of a group begin one after the other, and the waves run again as they did."""

    def check(self, config, *flags):
        batches = self.export(config, *flags, requests=1)
        waves = {}
        for batch in batches:
            waves.setdefault(batch["graphs"], []).append(batch)
        self.assertGreaterEqual(len(waves), 3)
        for folder, members in waves.items():
            spans = [span.replace(":", "-").split("-")
                     for batch in members for span in batch["times"].split()]
            begin = min(int(span[1]) for span in spans)
            expected = {int(npu): int(end) - begin for npu, _, end in spans}
            own = finishes(self.out / folder, *self.backend())
            self.assertEqual({npu: own[npu] for npu in expected}, expected)
            starts = (self.out / folder / "starts.csv").read_text().splitlines()
            self.assertEqual(len(starts) - 1, len(list((self.out / folder).glob("*.et"))))

    def test_experts_over_two_instances(self):
        self.check("single_node_moe_dp_ep_instance")

    def test_dense(self):
        self.check("single_node_dp_instance")

    def test_experts_inside_instances(self):
        self.check("single_node_moe_dp_tp_instance")

    def test_two_nodes(self):
        self.check("dual_node_moe_dp_ep_intra_inter_instance")

    def test_prefill(self):
        batches = self.export("single_node_pd_instance")
        spans = [s.replace(":", "-").split("-") for s in batches[0]["times"].split()]
        begin = min(int(span[1]) for span in spans)
        own = finishes(self.out / batches[0]["graphs"], *self.backend())
        self.assertEqual([own[int(npu)] for npu, _, _ in spans],
                         [int(end) - begin for _, _, end in spans])


class Export(Folder):
    def test_names_and_limit(self):
        batches = self.export("single_node_single_instance", "--max-batches", "2")
        self.assertEqual([row["batch"] for row in batches], ["0", "1"])
        for row in batches:
            self.assertRegex(row["trace"], r"^trace/.*/instance0_batch\d\.txt$")
            self.assertTrue((self.out / row["trace"]).is_file())
            self.assertTrue((self.out / row["graphs"] / "llm.0.et").is_file())
        self.assertTrue((self.out / "workload/event_handler/llm.0.et").is_file())
        self.assertTrue((self.out / "trace/event_handler.txt").is_file())

    def test_waves_share_a_folder(self):
        batches = self.export("single_node_moe_dp_ep_instance")
        folders = {row["graphs"] for row in batches}
        self.assertEqual(2 * len(folders), len(batches))
        for folder in folders:
            self.assertEqual(sorted(p.name for p in (self.out / folder).iterdir()),
                             ["llm.0.et", "llm.1.et", "starts.csv"])

    def test_the_run_is_the_same(self):
        self.export("single_node_single_instance", "--output", self.folder / "a.csv", requests=3)
        done = lockstep("run", "--fidelity", "reference", "--cluster-config",
                        "configs/cluster/single_node_single_instance.json", "--dataset",
                        self.folder / "workload.jsonl", "--output", self.folder / "b.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "a.csv").read_bytes(), (self.folder / "b.csv").read_bytes())


class Upstream(Folder):
    def test_numbering_and_unit(self):
        # Empty metadata, then one compute node: id 1, type 4, duration 3 us.
        (self.folder / "mine.0.et").write_bytes(bytes([0, 6, 0x08, 1, 0x18, 4, 0x38, 3]))
        (self.folder / "other.0.et").write_bytes(b"of another prefix")
        network = self.folder / "network.yml"
        network.write_text("topology: [Ring]\nnpus_count: [1]\nbandwidth: [1.0]\nlatency: [1.0]\n")
        args = [self.folder / "mine", "--network", network]
        self.assertEqual(finishes(*args, "--schema", "upstream"), {0: 3000})
        done = lockstep("trace", "run", *args)  # type 4 is in-memory compute here
        self.assertEqual(done.returncode, 2)
        self.assertIn("--schema upstream", done.stderr)


class Refusals(Folder):
    def refused(self, needle, *args):
        done = lockstep("trace", *args)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(needle, done.stderr)

    def test_run(self):
        batch = self.export("single_node_tp_pp_instance", "--max-batches", "1")[0]
        graphs = self.out / batch["graphs"]
        self.refused("neither a cluster file nor a network file", "run", graphs)
        self.refused("cannot be read", "run", self.folder / "no" / "where", *self.backend())
        self.refused("cannot read this file", "run", graphs, "--network", "nowhere.yml")
        starts = graphs / "starts.csv"
        starts.write_text("turn,offset_ns,npu\n0,0,0\n0,x,1\n")
        self.refused("starts.csv:3", "run", graphs, *self.backend())
        starts.write_text("turn,offset_ns,npu\n0,0,0\n")
        self.refused("begins 0 times", "run", graphs, *self.backend())
        starts.unlink()
        (self.out / "network.yml").write_text("topology: [Ring]\nnpus_count: [2]\n"
                                              "bandwidth: [16.0]\nlatency: [500.0]\n")
        self.refused("the network has 2", "run", graphs, *self.backend())
        (self.out / "network.yml").write_text("topology: [Ring]\nnpus_count: [2]\n")
        self.refused("bandwidth", "run", graphs, *self.backend())
        (graphs / "llm.0.et").write_bytes(b"\x05abc")
        self.refused("llm.0.et", "run", graphs, *self.backend())

    def test_partners_that_are_missing(self):
        batch = self.export("rtx4090_tp2_instance", "--max-batches", "1")[0]
        (self.out / batch["graphs"] / "llm.1.et").unlink()
        graphs = [self.out / batch["graphs"], *self.backend()]
        self.refused("2 NPUs begin, and there are graphs of 1", "run", *graphs)
        self.refused("cannot be finished", "run", *graphs, "--together")

    def test_export(self):
        self.refused("--out", "export")
        self.refused("unrecognized arguments", "export", "--out", self.folder / "x", "--bogus")


@unittest.skipUnless((REFERENCE / "vectors/traces").is_dir(), "no reference data")
class Recorded(Folder):
    CASES = [("dense_tp1", "00001", [1], {0: 11146817}),
             ("dense_tp2", "00000", [2], {0: 8947391, 1: 8947391}),
             ("dense_pp2", "00000", [1, 2], {0: 5155898, 1: 11023018}),
             ("tp_pp", "00001", [2, 2], {0: 4161575, 1: 4161575, 2: 8682908, 3: 8682908}),
             ("moe_tp2_ep2", "00001", [2], {0: 7895503, 1: 7915622})]

    def test_durations(self):
        for run, number, dims, expected in self.CASES:
            trace = next((REFERENCE / "vectors/traces" / run).glob(f"{number}_*.txt"))
            n = len(dims)
            network = self.folder / "network.yml"
            network.write_text(f"topology: {['FullyConnected'] * n}\nnpus_count: {dims}\n"
                               f"bandwidth: {[16.0] * n}\nlatency: {[20000.0] * n}\n")
            system = self.folder / "system.json"
            system.write_text(json.dumps({"endpoint-delay": 10, "local-mem-bw": 1597}))
            memory = self.folder / "memory.json"
            memory.write_text(json.dumps({"remote_mem": {
                "memory-type": "PER_NODE_MEMORY_EXPANSION", "mem-bw": 256, "mem-latency": 0,
                "num-devices": 1}}))
            with self.subTest(run=run):
                self.assertEqual(finishes(trace, "--num-npus", len(expected), "--network", network,
                                          "--system", system, "--memory", memory), expected)


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
