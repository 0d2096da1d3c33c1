#!/usr/bin/env python3
"""How a `lockstep serve` ends, whom it lets wait, and that what it served is the run of its record.

usage: serve_life_test.py BINARY [unittest arguments]
"""

import csv
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import serve_process
from serve_process import HELLO, ROOT, Server


class Ends(unittest.TestCase):
    def test_signals(self):
        for kind in (signal.SIGINT, signal.SIGTERM):
            server = Server()
            client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            body = b'{"prompt":"x","max_tokens":100000,"stream":true}'
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(body), body))
            client.recv(100)
            code, out = server.stop(kind)
            self.assertEqual(code, 0, server.errors)
            self.assertNotIn("error", server.errors.replace("error against", ""))
            self.assertIn("0 requests completed", out)
            client.close()

    def test_after_a_time(self):
        with Server("--stop-after", "0.2") as server:
            self.assertEqual(server.process.wait(timeout=60), 0)

    def test_connections_wait_for_each_other(self):
        with Server("--max-connections", 1) as server:
            first = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            second = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            ask = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
            second.sendall(ask)
            first.sendall(ask)
            self.assertIn(b"200", first.recv(100))
            second.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                second.recv(100)
            first.close()
            second.settimeout(60)
            self.assertIn(b"200", second.recv(100))
            second.close()

    def test_idle_connections_are_closed(self):
        with Server("--idle-timeout", 1) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
                client.sendall(b"GET /hea")
                self.assertEqual(client.recv(100), b"")

    def test_bad_flags(self):
        for flags, text in ((["--dataset", "x"], "belongs to lockstep run"),
                            (["--max-num-sqs", "3"], "--max-num-sqs"),
                            (["--time-scale", "0"], "--time-scale"),
                            (["--host", "192.0.2.1"], "cannot listen"),
                            (["--cluster-config", "nowhere.json"], "nowhere.json"),
                            (["--cluster-config", "configs/cluster/single_node_heterogeneous.json"], "")):
            done = subprocess.run([serve_process.binary, "serve", "--port", "0", "--stop-after", "0.1", *flags], cwd=ROOT,
                                  capture_output=True, text=True, timeout=60, check=False)
            if text:
                self.assertEqual(done.returncode, 2, flags)
                self.assertIn(text, done.stderr)
            else:
                self.assertIn(done.returncode, (0, 2))


class OtherClusters(unittest.TestCase):
    def test_waves_and_handoff(self):
        """A served run of several instances is the offline run of its record."""
        for cluster in ("single_node_moe_dp_ep_instance", "single_node_pd_instance"):
            for fidelity in ("vllm", "reference"):
                with tempfile.TemporaryDirectory() as folder, self.subTest(cluster, fidelity=fidelity):
                    config = f"configs/cluster/{cluster}.json"
                    record = Path(folder) / "load.jsonl"
                    answers = []
                    with Server("--time-scale", 50, "--record", record, "--fidelity", fidelity,
                                cluster=config) as server:
                        for pause in (0, 0.05):
                            time.sleep(pause)
                            threads = [threading.Thread(target=lambda k=k: answers.append(server.post(
                                "/v1/chat/completions", {**HELLO, "max_tokens": 3 + k})[1]["simulated"]))
                                       for k in range(6)]
                            for thread in threads:
                                thread.start()
                            for thread in threads:
                                thread.join()
                        self.assertEqual(server.stop()[0], 0)
                    result = Path(folder) / "run.csv"
                    subprocess.run([serve_process.binary, "run", "--cluster-config", config, "--dataset", record,
                                    "--output", result, "--fidelity", fidelity, "--quiet"], cwd=ROOT,
                                   check=True, capture_output=True)
                    with open(result, newline="") as file:
                        rows = sorted((int(row["arrival"]), int(row["TTFT"]), int(row["latency"]))
                                      for row in csv.DictReader(file))
                    self.assertEqual(rows, sorted((one["arrival_ns"], one["ttft_ns"], one["latency_ns"])
                                                  for one in answers))


if __name__ == "__main__":
    serve_process.binary = sys.argv.pop(1)
    unittest.main()
