#!/usr/bin/env python3
"""How long the report of a run of 100,000 requests takes to open in Chromium.

usage: report_benchmark.py BINARY [REQUESTS [REPETITIONS]]

Simulates the run (one dense model on one NPU, short requests), makes its page, and opens it in
browsers of their own. Prints the medians and the machine's load. Needs node, Chromium, and
`npm ci` done in web/.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = ROOT / "configs/cluster/single_node_single_instance.json"


def make_page(binary, requests, folder):
    load, run, page = folder / "load.jsonl", folder / "run.json", folder / "run.html"
    for command in (
            ["workload", "poisson", "--num-reqs", requests, "--sps", 200, "--input-toks", 64,
             "--output-toks", 8, "--seed", 5, "--output", load],
            ["run", "--cluster-config", CLUSTER, "--dataset", load, "--save-run", run, "--quiet"],
            ["report", run, "--output", page]):
        subprocess.run([binary, *map(str, command)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return page


def openings(page, repetitions):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    script = ROOT / "web/node_modules/report_open.mjs"  # where its import finds playwright-core
    shutil.copy(ROOT / "bench/report_open.mjs", script)
    out = subprocess.run(["node", script, chromium, page, str(repetitions)], check=True,
                         capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    binary = Path(sys.argv[1]).resolve()
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    repetitions = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with tempfile.TemporaryDirectory() as folder:
        page = make_page(binary, requests, Path(folder))
        size = page.stat().st_size / 1e6
        before = os.getloadavg()[0]
        seen = openings(page, repetitions)
    print(f"page of {requests:,} requests: {size:.1f} MB; {repetitions} openings, "
          f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after")
    for key, meaning in (("ready", "charts in sight drawn"), ("complete", "all sections there"),
                         ("requests", "request time line, from the click")):
        values = [one[key] for one in seen]
        print(f"  {meaning}: median {statistics.median(values):.0f} ms "
              f"({min(values):.0f} to {max(values):.0f})")


if __name__ == "__main__":
    main()
