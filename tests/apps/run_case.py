"""Test cases that call the program and look at what it refuses. The script sets `binary`."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from folder_case import ResultFolderCase  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
ONE = ROOT / "configs/cluster/single_node_single_instance.json"
REQUEST = {"input_toks": 20, "output_toks": 3, "arrival_time_ns": 0}
binary = None


def call(*args, **more):
    return subprocess.run([binary, *map(str, args)], cwd=ROOT, timeout=120, check=False,
                          **{"capture_output": True, "text": True, **more})


class RunCase(ResultFolderCase):
    def dataset(self, *lines):
        file = self.folder / "load.jsonl"
        file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                                for line in lines))
        return file

    def refused(self, done, *texts):
        self.assertEqual(done.returncode, 2, f"{done.stdout}{done.stderr}")
        for text in (*texts, "fix:"):
            self.assertIn(text, done.stderr)

    def run_of(self, *lines, more=()):
        return call("run", "--cluster-config", ONE, "--dataset", self.dataset(*lines), *more)
