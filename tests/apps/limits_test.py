#!/usr/bin/env python3
"""Inputs beyond what a run can take: long lines, large numbers, deep nesting.

usage: limits_test.py BINARY [unittest arguments]
"""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import run_case
from run_case import ONE, REQUEST, RunCase, call


class Sizes(RunCase):
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


class Depths(RunCase):
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


if __name__ == "__main__":
    run_case.binary = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
