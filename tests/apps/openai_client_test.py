#!/usr/bin/env python3
"""`lockstep serve` before OpenAI's own client (the npm package `openai`).

usage: openai_client_test.py BINARY BUILD_DIR [unittest arguments]

Needs node, npm and the package (npm's cache or the registry); without one of them the test says so
and is skipped (exit code 77).
"""

import json
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

import serve_process
from serve_process import MODEL, Server

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from npm_folder import npm_folder  # noqa: E402

HERE = Path(__file__).resolve().parent
WORK = None


def prepare(build):
    work = npm_folder(HERE / "openai-client", Path(build) / "client-test")
    shutil.copy(HERE / "openai-client/client.mjs", work)
    return work


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = Server("--time-scale", 20)
        cls.addClassCleanup(server.stop)
        done = subprocess.run(["node", "client.mjs", str(server.port)], cwd=WORK, capture_output=True,
                              text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.seen = json.loads(done.stdout)
        cls.server = server

    def test_models(self):
        self.assertEqual(self.seen["models"], [MODEL])

    def test_chat(self):
        chat = self.seen["chat"]
        self.assertEqual((chat["role"], chat["reason"]), ("assistant", "length"))
        self.assertEqual(len(chat["text"].split()), 7)
        usage = chat["usage"]
        self.assertEqual(usage["completion_tokens"], 7)
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + 7)

    def test_completion(self):
        self.assertEqual(len(self.seen["completion"]["text"].split()), 5)
        self.assertEqual(self.seen["completion"]["usage"]["prompt_tokens"], 3)  # 11 bytes

    def test_streams(self):
        *chunks, last = self.seen["chatStream"]
        self.assertEqual(len([chunk for chunk in chunks if chunk["text"]]), 9)
        self.assertEqual(chunks[-1]["reason"], "length")
        self.assertEqual(last["usage"]["completion_tokens"], 9)
        self.assertEqual(len(self.seen["finalText"].split()), 6)
        self.assertEqual(len([text for text in self.seen["completionStream"] if text]), 4)

    def test_refusals_are_the_clients_exceptions(self):
        self.assertEqual((self.seen["unknown"]["kind"], self.seen["unknown"]["status"]),
                         ("NotFoundError", 404))
        self.assertIn("gpt-4", self.seen["unknown"]["message"])
        self.assertEqual((self.seen["bad"]["kind"], self.seen["bad"]["status"]),
                         ("BadRequestError", 400))

    def test_who_leaves_a_stream_leaves_the_cluster(self):
        deadline = time.monotonic() + 30
        while self.server.metric("vllm:num_requests_running") > 0:
            self.assertLess(time.monotonic(), deadline, "the left request still runs")
            time.sleep(0.05)
        self.assertLess(self.server.metric("vllm:generation_tokens_total"), 4000)


if __name__ == "__main__":
    serve_process.binary = sys.argv[1]
    WORK = prepare(sys.argv[2])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
