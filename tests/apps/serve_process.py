"""A `lockstep serve` that runs while a test talks to it. The script sets `binary`."""

import http.client
import json
import re
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = "configs/cluster/single_node_single_instance.json"
MODEL = "meta-llama/Llama-3.1-8B"
HELLO = {"messages": [{"role": "user", "content": "How far is the moon?"}]}
binary = None


class Server:
    def __init__(self, *flags, cluster=CLUSTER):
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve", "--port", "0", "--cluster-config", cluster, *map(str, flags)], cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise AssertionError(line + self.process.stderr.read())
        self.port = int(found.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, kind=signal.SIGTERM):
        """Exit code, and the last lines."""
        if self.process.poll() is None:
            self.process.send_signal(kind)
        out, err = self.process.communicate(timeout=60)
        self.errors = err
        return self.process.returncode, out

    def call(self, method, path, body=None):
        """Status, header fields and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            connection.request(method, path, text)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def post(self, path, body):
        status, _, text = self.call("POST", path, body)
        return status, json.loads(text)

    def metrics(self):
        text = self.call("GET", "/metrics")[2]
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}

    def metric(self, name, **labels):
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(value for sample, value in self.metrics().items()
                   if sample.split("{")[0] == name and all(label in sample for label in wanted))


def events_of(text):
    """The JSON of every server-sent event; the last one must be the end mark."""
    events = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
    assert events[-1] == "[DONE]", events[-1]
    return [json.loads(event) for event in events[:-1]]
