#!/usr/bin/env python3
"""Compares the order of a run with what is known of it: polls and batches, line by line.

usage: order.py ORDER_DUMP [--data DIR] [--case NAME]...
"""

import csv
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import all_cases  # noqa: E402
from replay import SKIPPED, data_parser  # noqa: E402

BATCH_COLUMNS = ("instance", "batch", "batch_time_ns", "total_len", "num_prefill", "num_decode",
                 "prefill_q", "prefill_k", "decode_k", "load", "request_ids")


def dump(args, case, polls):
    command = [args.binary, *(["--polls"] if polls else []), *case.arguments(
        args.data / "bundles", args.data / "configs/model", args.data / "configs/pim",
        "/dev/null")]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else [done.stderr]


def compare(want, have, prefix_only):
    for number, (a, b) in enumerate(zip(want, have)):
        if a != b:
            return f"line {number}: expected {a[:100]}, got {b[:100]}"
    if len(have) < len(want) or (len(have) > len(want) and not prefix_only):
        return f"{len(want)} lines expected, {len(have)} got"
    return ""


def known_polls(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [f"{r['npu']},{r['iteration']},{r['cycle_ns']},{r['reply'].split()[0]}"
                for r in csv.DictReader(file)]


def known_batches(path, columns):
    with open(path, newline="", encoding="utf-8") as file:
        return [",".join(row[c] for c in columns) for row in csv.DictReader(file)]


def checks(case, data):
    """(what, expected lines, polls?, columns) of one case."""
    folder = case.expected.parent
    iterations = folder / "iterations.csv"
    if case.group == "flag_runs":
        iterations = folder / f"{case.name}.iterations.csv"
    if case.group == "recorded":
        name = case.name.replace("/", "_")
        iterations = data / f"vectors/recorded_iterations/{name}.csv"
        columns = BATCH_COLUMNS[:6]
    else:
        columns = BATCH_COLUMNS
    if case.group in ("traces", "more", "quant", "flag_runs", "recorded") and iterations.exists():
        yield "batches", known_batches(iterations, columns), False, columns
    if case.group == "traces" and (folder / "polls.csv").exists():
        yield "polls", known_polls(folder / "polls.csv"), True, None


def run_case(args, case):
    found = []
    for what, want, polls, columns in checks(case, args.data):
        have = dump(args, case, polls)
        if columns is not None and len(columns) < len(BATCH_COLUMNS):
            have = [",".join(line.split(",")[:len(columns)]) for line in have]
        found.append((case, what, len(want), compare(want, have, polls)))
    return found


def main():
    args = data_parser(__doc__).parse_args()
    if not args.data.is_dir():
        print("skipped: the reference data is not on this machine (set LOCKSTEP_REFERENCE)")
        return SKIPPED
    cases = [c for c in all_cases(args.data)
             if c.expected.exists() and c.group != "quant" and (not args.case or
                                                                c.name in args.case)]
    with ThreadPoolExecutor(2) as pool:
        results = [r for found in pool.map(lambda c: run_case(args, c), cases) for r in found]
    for case, what, _, difference in results:
        if difference:
            print(f"FAIL: {case.group} {case.name} {what}: {difference}")
    for what in ("polls", "batches"):
        rows = [r for r in results if r[1] == what]
        print(f"{what}: {sum(not r[3] for r in rows)} of {len(rows)} runs in the known order, "
              f"{sum(r[2] for r in rows)} lines")
    return 1 if any(r[3] for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
