#!/usr/bin/env python3
"""Random cases as files, through the program's commands: the same bytes.

`run`, `run --no-fold-layers` and `trace export` write one result file; a sweep writes one table on
one worker and on four; the exported iterations of single instances, run by themselves, take as
long as they took in the run.

usage: from_outside.py DIFFERENTIAL LOCKSTEP [COUNT [SEED]]
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_cases(differential, folder, count, seed):
    subprocess.run([differential, "--count", str(count), "--seed", str(seed), "--write", folder],
                   check=True, capture_output=True)
    return sorted(folder.iterdir(), key=lambda case: int(case.name))


def arguments(case):
    return ["--cluster-config", case / "cluster.json", "--dataset", case / "workload.jsonl",
            "--model-dir", case / "models", *(case / "flags").read_text().split()]


def value_of(case, flag):
    words = (case / "flags").read_text().split()
    return words[words.index(flag) + 1]


class Comparison:
    def __init__(self, lockstep, folder):
        self.lockstep, self.folder, self.failures = lockstep, folder, []

    def call(self, *words):
        done = subprocess.run([self.lockstep, *map(str, words)], cwd=ROOT, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def require(self, same, case, what):
        if not same:
            self.failures.append(f"{case}: {what}")

    def commands(self, case):
        out = self.folder / "out"
        files = [out / name for name in ("run.csv", "plain.csv", "export.csv")]
        flags = arguments(case)
        self.call("run", *flags, "--quiet", "--output", files[0])
        self.call("run", *flags, "--quiet", "--no-fold-layers", "--output", files[1])
        first, plain = (file.read_bytes() for file in files[:2])
        self.require(first == plain, case, "--no-fold-layers writes another result")
        try:
            self.call("trace", "export", "--out", out / case.name, *flags, "--output", files[2])
        except RuntimeError as error:
            if "separate grids" not in str(error):  # a network file holds one
                raise
            return
        self.require(first == files[2].read_bytes(), case, "trace export writes another result")
        self.iterations(case, out / case.name)

    def iterations(self, case, out):
        """Of a single instance without pipeline, whose steps do not overlap."""
        nodes = json.loads((case / "cluster.json").read_text())["nodes"]
        instances = nodes[0]["instances"]
        if (len(instances) > 1 or instances[0]["pp_size"] > 1
                or value_of(case, "--fidelity") != "reference"):
            return
        backend = ["--network", out / "network.yml", "--system", out / "system.json",
                   "--memory", out / "memory_expansion.json"]
        with open(out / "batches.csv", encoding="utf-8") as file:
            batches = list(csv.DictReader(file))
        for batch in batches[:6]:
            spans = [span.replace(":", "-").split("-") for span in batch["times"].split()]
            begin = min(int(span[1]) for span in spans)
            rows = csv.DictReader(self.call("trace", "run", out / batch["graphs"],
                                            *backend).splitlines())
            own = {int(row["npu"]): int(row["finish_ns"]) for row in rows}
            same = all(own[int(npu)] == int(end) - begin for npu, _, end in spans)
            self.require(same, case, f"batch {batch['batch']} takes another time by itself")

    def sweep(self, cases):
        entries = []
        for case in cases:
            entry = {"cluster": str(case / "cluster.json"),
                     "workload": str(case / "workload.jsonl"),
                     "flag.model-dir": str(case / "models")}
            words = (case / "flags").read_text().split()
            for at, word in enumerate(words):
                if word.startswith("--"):
                    plain = at + 1 == len(words) or words[at + 1].startswith("--")
                    name = word[2:]
                    off = plain and name.startswith("no-")
                    entry["flag." + (name[3:] if off else name)] = (
                        not off if plain else words[at + 1])
            entries.append(entry)
        spec = self.folder / "spec.yaml"  # JSON is YAML
        spec.write_text(json.dumps({"cluster": entries[0]["cluster"],
                                    "workload": entries[0]["workload"], "list": entries}))
        tables = []
        for jobs in (1, 4):
            place = self.folder / f"sweep{jobs}"
            self.call("sweep", spec, "--output", place, "--jobs", jobs)
            tables.append(place.with_suffix(".csv").read_bytes())
        self.require(tables[0] == tables[1], spec, "four workers write another table")
        self.require(len(tables[0].splitlines()) == len(cases) + 1, spec, "rows are missing")


def main():
    differential, lockstep = sys.argv[1:3]
    count, seed = (int(word) for word in (sys.argv[3:] + ["40", "1"][len(sys.argv[3:]):]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "out").mkdir()
        cases = write_cases(differential, folder / "cases", count, seed)
        comparison = Comparison(lockstep, folder)
        for case in cases:
            comparison.commands(case)
        comparison.sweep(cases)
        for failure in comparison.failures:
            print(failure)
        print(f"{len(cases)} cases from outside, seed {seed}, "
              f"{len(comparison.failures)} differences")
        return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
