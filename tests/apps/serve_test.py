#!/usr/bin/env python3
"""`lockstep serve` as its clients see it: raw sockets, http.client, curl, a thousand streams at once.

usage: serve_test.py BINARY [unittest arguments]

What is asserted of real time are lower bounds only: no token may come before its simulated time.
"""

import asyncio
import csv
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import serve_process
from serve_process import CLUSTER, events_of, HELLO, MODEL, ROOT, Server


class OneServer(unittest.TestCase):
    """Tests that may share a server."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server("--time-scale", 20)
        cls.addClassCleanup(cls.server.stop)

    def test_what_it_tells_of_itself(self):
        self.assertEqual(self.server.call("GET", "/health")[0], 200)
        self.assertIn("version", json.loads(self.server.call("GET", "/version")[2]))
        models = json.loads(self.server.call("GET", "/v1/models")[2])
        self.assertEqual([one["id"] for one in models["data"]], [MODEL])
        self.assertEqual(models["data"][0]["max_model_len"], 131072)
        status, fields, text = self.server.call("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(fields["Content-Type"].startswith("text/plain; version=0.0.4"))
        for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc",
                     "time_to_first_token_seconds", "inter_token_latency_seconds",
                     "e2e_request_latency_seconds", "prompt_tokens_total", "generation_tokens_total",
                     "request_success_total"):
            self.assertIn(f"\n# TYPE vllm:{name} ", text)

    def test_completion(self):
        begin = time.monotonic()
        status, answer = self.server.post("/v1/completions", {
            "model": MODEL, "prompt": [11] * 300, "max_tokens": 20, "ignore_eos": True})
        wall = time.monotonic() - begin
        self.assertEqual(status, 200)
        self.assertEqual(answer["object"], "text_completion")
        self.assertEqual(answer["usage"]["prompt_tokens"], 300)
        self.assertEqual(answer["usage"]["completion_tokens"], 20)
        choice = answer["choices"][0]
        self.assertEqual(choice["finish_reason"], "length")
        self.assertEqual(len(choice["text"].split()), 20)
        stamps = answer["simulated"]
        self.assertLess(0, stamps["ttft_ns"])
        self.assertLess(stamps["ttft_ns"], stamps["latency_ns"])
        self.assertGreaterEqual(wall * 20, stamps["latency_ns"] / 1e9)

    def test_chat_as_a_stream(self):
        status, fields, text = self.server.call("POST", "/v1/chat/completions", {
            **HELLO, "model": MODEL, "stream": True, "max_tokens": 12,
            "stream_options": {"include_usage": True}})
        self.assertEqual(status, 200)
        self.assertTrue(fields["Content-Type"].startswith("text/event-stream"))
        head, *words, usage = events_of(text)
        self.assertEqual(head["choices"][0]["delta"], {"role": "assistant", "content": ""})
        self.assertEqual(len(words), 12)
        self.assertEqual({one["id"] for one in words}, {head["id"]})
        self.assertEqual([one["choices"][0]["finish_reason"] for one in words], [None] * 11 + ["length"])
        self.assertEqual(usage["choices"], [])
        self.assertEqual(usage["usage"]["completion_tokens"], 12)
        self.assertIn("ttft_ns", words[-1]["simulated"])

    def test_answers_end_where_they_are_told_to(self):
        for body, tokens, reason in (({"max_tokens": 5}, 5, "length"), ({}, 128, "stop"),
                                     ({"min_tokens": 140}, 140, "stop"),
                                     ({"max_completion_tokens": 6}, 6, "length")):
            status, answer = self.server.post("/v1/chat/completions", {**HELLO, **body})
            self.assertEqual(status, 200)
            self.assertEqual(answer["usage"]["completion_tokens"], tokens)
            self.assertEqual(answer["choices"][0]["finish_reason"], reason)
        status, answer = self.server.post("/v1/completions", {"prompt": "Say it"})
        self.assertEqual(answer["usage"]["completion_tokens"], 16)

    def test_a_second_turn_finds_the_first_in_the_cache(self):
        messages = [{"role": "user", "content": "Tell me a story. " * 40}]
        _, first = self.server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 64})
        messages += [first["choices"][0]["message"], {"role": "user", "content": "And then?"}]
        _, second = self.server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 4})
        cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
        self.assertGreater(cached, first["usage"]["prompt_tokens"])  # some of the answer as well
        self.assertGreater(self.server.metric("vllm:prefix_cache_hits_total"), 0)

    def test_refusals(self):
        for path, body, status, kind, word in (
                ("/v1/completions", {"model": "gpt-4", "prompt": "x"}, 404, "NotFoundError", "gpt-4"),
                ("/v1/completions", {"prompt": "x", "n": 3}, 400, "BadRequestError", "n must be 1"),
                ("/v1/completions", {"prompt": "x", "max_tokens": 200000}, 400, "BadRequestError", "context"),
                ("/v1/chat/completions", {"messages": []}, 400, "BadRequestError", "messages"),
                ("/v1/completions", "{", 400, "BadRequestError", "no JSON"),
                ("/v1/completions", "[" * 5000, 400, "BadRequestError", ""),
                ("/v1/embeddings", {}, 404, "NotFoundError", "nothing at")):
            seen, answer = self.server.post(path, body)
            self.assertEqual(seen, status, path)
            self.assertEqual(answer["error"]["code"], status)
            self.assertEqual(answer["error"]["type"], kind)
            self.assertIn(word, answer["error"]["message"])
        self.assertEqual(self.server.call("GET", "/v1/completions")[0], 405)

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as client:
            client.sendall(data)
            answer = b""
            while part := client.recv(65536):
                answer += part
            return answer

    def test_bad_bytes(self):
        self.assertTrue(self.raw(b"\x16\x03\x01 nonsense\r\n\r\n").startswith(b"HTTP/1.1 400"))
        self.assertTrue(self.raw(b"GET / HTTP/1.1\r\nx: " + b"y" * 20000 + b"\r\n\r\n")
                        .startswith(b"HTTP/1.1 431"))
        self.assertTrue(self.raw(b"POST /v1/completions HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
                        .startswith(b"HTTP/1.1 413"))
        self.assertEqual(self.server.call("GET", "/health")[0], 200)

    def test_requests_one_after_the_other_on_a_connection(self):
        one = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = self.raw(one * 3 + last)
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 4)
        self.assertIn(b"version", answer)

    def test_who_leaves_is_forgotten(self):
        aborted = self.server.metric("vllm:request_success_total", finished_reason="abort")
        body = json.dumps({"prompt": "x", "max_tokens": 100000, "stream": True}).encode()
        client = socket.create_connection(("127.0.0.1", self.server.port), timeout=60)
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                       % (len(body), body))
        client.recv(100)
        client.close()
        for _ in range(600):
            if self.server.metric("vllm:request_success_total", finished_reason="abort") > aborted:
                break
            time.sleep(0.05)
        else:
            self.fail("nobody noticed")
        for _ in range(600):
            if self.server.metric("vllm:kv_cache_usage_perc") == 0:
                return
            time.sleep(0.05)
        self.fail("its blocks are still held")

    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        base = ["curl", "-sSN", "--max-time", "60", f"http://127.0.0.1:{self.server.port}/v1/chat/completions",
                "-H", "Content-Type: application/json", "-d"]
        done = subprocess.run([*base, json.dumps({**HELLO, "stream": True, "max_tokens": 3})],
                              capture_output=True, text=True, check=True)
        self.assertEqual(len(events_of(done.stdout)), 4)
        # Long bodies are announced first, and wait for a word of the server.
        long = {"messages": [{"role": "user", "content": "word " * 300_000}], "max_tokens": 1}
        done = subprocess.run([*base, "@-"], input=json.dumps(long), capture_output=True, text=True,
                              check=True)
        self.assertEqual(json.loads(done.stdout)["error"]["code"], 400)  # beyond the context

    def test_openai_client(self):
        try:
            import openai
        except ImportError:
            self.skipTest("the openai package is not installed")
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{self.server.port}/v1", api_key="none")
        answer = client.chat.completions.create(model=MODEL, max_tokens=3, **HELLO)
        self.assertEqual(answer.usage.completion_tokens, 3)
        words = list(client.chat.completions.create(model=MODEL, max_tokens=3, stream=True, **HELLO))
        self.assertEqual(words[-1].choices[0].finish_reason, "length")


async def stream(port, number, tokens):
    """Number of words, simulated stamps, and when the last word came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"prompt": [number % 1000 + 7] * (20 + number % 50), "stream": True,
                       "max_tokens": tokens, "ignore_eos": True}).encode()
    writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    data = await reader.read()
    end = time.monotonic()
    writer.close()
    head, _, chunks = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    text = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        text += chunks[:int(size, 16)]
        chunks = chunks[int(size, 16) + 2:]
    events = events_of(text.decode())
    return len(events), events[-1]["simulated"], end


class ThousandStreams(unittest.TestCase):
    COUNT = 1000
    TOKENS = 30

    def test_thousand_at_once(self):
        """They all get their words; the same requests in a run without a server get the same times."""
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder) / "load.jsonl"
            result = Path(folder) / "run.csv"
            engine = ["--max-num-seqs", "1024"]
            # Slow enough for all to be open at once before the first is done.
            with Server("--time-scale", 0.2, "--record", record, *engine) as server:
                most = [0, 0]

                def watch():
                    while len(most) == 2:
                        at = server.metrics()
                        most[0] = max(most[0], at["lockstep:open_connections"])
                        time.sleep(0.2)

                watcher = threading.Thread(target=watch)
                watcher.start()

                async def all_of_them():
                    return await asyncio.gather(*(stream(server.port, number, self.TOKENS)
                                                  for number in range(self.COUNT)))
                try:
                    answers = asyncio.run(all_of_them())
                finally:
                    most.append(0)
                    watcher.join()
                threads = len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))
                self.assertEqual(server.metric("vllm:request_success_total", finished_reason="length"),
                                 self.COUNT)
                self.assertEqual(server.metric("vllm:generation_tokens_total"),
                                 self.COUNT * self.TOKENS)
                code, out = server.stop()
            self.assertEqual(code, 0)
            self.assertIn(f"{self.COUNT} requests completed", out)
            self.assertEqual({words for words, _, _ in answers}, {self.TOKENS})
            self.assertEqual(threads, 1)
            self.assertGreaterEqual(most[0], self.COUNT)
            for _, stamps, end in answers:
                due = (stamps["arrival_ns"] + stamps["latency_ns"]) / 1e9 / 0.2
                self.assertGreaterEqual(end - server.begin, due)
            # First come, first served.
            by_arrival = sorted(answers, key=lambda one: one[1]["arrival_ns"])
            first_words = [one[1]["arrival_ns"] + one[1]["ttft_ns"] for one in by_arrival]
            self.assertEqual(first_words, sorted(first_words))

            subprocess.run([serve_process.binary, "run", "--cluster-config", CLUSTER, "--dataset", record, "--output",
                            result, "--fidelity", "vllm", "--quiet", *engine], cwd=ROOT, check=True,
                           capture_output=True)
            with open(result, newline="") as file:
                rows = list(csv.DictReader(file))
            simulated = sorted((int(row["arrival"]), int(row["TTFT"]), int(row["latency"])) for row in rows)
            served = sorted((one["arrival_ns"], one["ttft_ns"], one["latency_ns"])
                            for _, one, _ in answers)
            self.assertEqual(served, simulated)


if __name__ == "__main__":
    serve_process.binary = sys.argv.pop(1)
    unittest.main()
