#!/usr/bin/env python3
"""Runs known cases through the binary and compares the result files byte by byte.

usage: replay.py BINARY [--data DIR] [--group NAME]... [--case NAME]... [--table FILE] [--list]

Without the data (../shared/reference or $LOCKSTEP_REFERENCE) it says so in one line and exits with
the code that ctest takes for "skipped".
"""

import argparse
import csv
import os
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import all_cases  # noqa: E402
from systems import NAMES, systems_of  # noqa: E402

SKIPPED = 77
VARIANTS = ("fp8", "int8", "fp16", "fp32", "bf16-kvfp8", "fp8-kvfp8", "fp32-kvfp8")


def make_variant_bundles(bundles, folder):
    """The measured bundle under the names of other number types, as those cases were made."""
    for model in bundles.glob("RTXPRO6000/*/*"):
        target = folder / model.relative_to(bundles)
        target.mkdir(parents=True)
        for variant in ("bf16", *VARIANTS):
            (target / variant).symlink_to(model / "bf16")
    return folder


def first_difference(expected, actual):
    """Where two result files part: columns that are equal, and the first row that is not."""
    want = list(csv.reader(expected.decode().splitlines()))
    have = list(csv.reader(actual.decode().splitlines()))
    columns = want[0] if want else []
    equal = [name for i, name in enumerate(columns)
             if [r[i] for r in want] == [r[i] for r in have if len(r) > i]]
    for number, (a, b) in enumerate(zip(want, have)):
        if a != b:
            where = next(c for c, x, y in zip(columns, a, b) if x != y)
            i = columns.index(where)
            return f"{len(equal)}/{len(columns)} columns equal; row {number} {where}: " \
                   f"expected {a[i][:40]}, got {b[i][:40]}"
    return f"{len(want)} rows expected, {len(have)} got"


ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
CLOCK = re.compile(r"^\[\d\d:\d\d:\d\d\.\d{3}\] ")
VARYING = ("Total simulation time:", "Saving each request's")
# Of the reference's own files; what Lockstep says before the start instead of at first use; and its
# count of warnings at the end.
FOREIGN = ("Removed ASTRA-Sim inputs root", "exceeds profiled", "--strict makes it an error",
           "--strict makes them errors")


def comparable_lines(text):
    """A console log from the start of the simulation on, without what differs from run to run."""
    lines = ESCAPE.sub("", text).splitlines()
    start = next((i for i, line in enumerate(lines) if "Starting simulation" in line), len(lines))
    kept, own_section = [], False
    for line in lines[start:]:
        if "Kernel Times" in line:
            own_section = True
        elif own_section and line and set(line) == {"\u2500"}:
            own_section = False
            continue
        line = CLOCK.sub("", line).rstrip()
        if not own_section and not line.startswith(VARYING) and not any(f in line for f in FOREIGN):
            kept.append(line)
    return kept


def log_difference(expected, actual):
    """The first line in which two console logs differ, or an empty text."""
    want = comparable_lines(expected.read_text(encoding="utf-8", errors="replace"))
    have = comparable_lines(actual.decode(errors="replace"))
    for number, (a, b) in enumerate(zip(want, have)):
        if a != b:
            return f"log line {number}: expected {a.strip()[:90]!r}, got {b.strip()[:90]!r}"
    return "" if len(want) == len(have) else f"log: {len(want)} lines expected, {len(have)} got"


def run_case(case, args, variants):
    bundles = variants if case.group == "quant" else args.data / "bundles"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.csv"
        command = [args.binary, "run", "--fidelity", "reference", *case.arguments(
            bundles, args.data / "configs/model", args.data / "configs/pim", output)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=args.timeout, check=False)
        except subprocess.TimeoutExpired:
            return case, "FAIL", "did not end", 0
        actual = output.read_bytes() if output.exists() else b""
        rows = max(0, actual.count(b"\r\n") - 1)
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[0]
        if done.returncode not in (0, 2):
            return case, "FAIL", f"exit code {done.returncode}: {last}", rows
        if not case.expected.exists():
            if done.returncode == 0:
                return case, "ends", f"{rows} requests served; the reference gives no result", rows
            return case, "refused", last, rows
        if done.returncode != 0:
            return case, "FAIL", last, rows
        if actual == case.expected.read_bytes():
            logged = case.log is not None and case.log.exists()
            text = log_difference(case.log, done.stdout) if logged else ""
            return case, "FAIL" if text else "equal", text, rows
        return case, "FAIL", first_difference(case.expected.read_bytes(), actual), rows


def data_parser(description):
    """A parser with the arguments that every comparison takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("binary")
    default = os.environ.get("LOCKSTEP_REFERENCE",
                             Path(__file__).resolve().parents[3] / "shared/reference")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--case", action="append")
    return parser


def parse_arguments():
    parser = data_parser(__doc__)
    parser.add_argument("--group", action="append")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--table", type=Path, help="write a table of all rows (Markdown)")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


INTRODUCTION = """# Conformance

Every known run, repeated with `--fidelity reference`: `tests/conformance/replay.py BINARY --table
docs/conformance.md` makes this page. *equal* means that the result file is the same byte for byte
and, where a console log is known, that heartbeats, log lines, summary and power series are the same
line for line. *ends* and *refused* are runs for which the reference has no result, because it never
ends or crashes: here they end with all requests served, or are refused with an error that says what
to change. A number type without a measured bundle falls back to the analytic kernel times, with a
warning.

`tests/conformance/order.py` compares in the same way the order of batches (133 runs) and of the
NPUs' questions to the front end (8 runs).
"""


def command_of(case):
    """The command in short: cluster file, lines of the workload, further flags."""
    lines = f"--num-reqs {case.num_reqs} " if case.num_reqs != 1000 else ""
    return f"{case.config.name} {case.dataset.name} {lines}{shlex.join(case.flags)}".strip()


def summary_table(results):
    """How many runs are of which system, and how they came out."""
    lines = ["## By system", "",
             "A run is counted for every system that it is of.", "",
             "| system | runs | equal | end here only | refused | differ | requests |",
             "|---|---|---|---|---|---|---|"]
    for name in [*NAMES, "all"]:
        own = [r for r in results if name == "all" or name in systems_of(r[0])]
        counts = [sum(r[1] == v for r in own) for v in ("equal", "ends", "refused", "FAIL")]
        lines.append(f"| {name} | {len(own)} | {' | '.join(map(str, counts))} | "
                     f"{sum(r[3] for r in own)} |")
    return [*lines, "", "## Run by run", "",
            "The last column says where a run first differs and by which rule, or why there is "
            "nothing to compare.", ""]


def write_table(path, results):
    lines = [INTRODUCTION, *summary_table(results),
             "| group | case | system | command | requests | columns equal | result | first "
             "difference, or remark |", "|---|---|---|---|---|---|---|---|"]
    for case, verdict, text, rows in results:
        columns = "12 of 12" if verdict == "equal" else "\u2013"
        if verdict == "FAIL" and "columns equal" in text:
            columns = text.split(" columns")[0]
        remark = text.replace("|", "\\|")
        lines.append(f"| {case.group} | {case.name} | {', '.join(systems_of(case))} | `{command_of(case)}` | {rows} | {columns} | "
                     f"{verdict} | {remark} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    args = parse_arguments()
    if not args.data.is_dir():
        print("skipped: the reference data is not on this machine (set LOCKSTEP_REFERENCE)")
        return SKIPPED
    cases = [c for c in all_cases(args.data)
             if (not args.group or c.group in args.group)
             and (not args.case or c.name in args.case)]
    if args.list:
        print("\n".join(f"{c.group} {c.name}" for c in cases))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        variants = make_variant_bundles(args.data / "bundles", Path(folder))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda c: run_case(c, args, variants), cases))
    failed = [r for r in results if r[1] == "FAIL"]
    for case, verdict, text, _ in results:
        if verdict != "equal":
            print(f"{verdict}: {case.group} {case.name}: {text}")
    counts = {v: sum(r[1] == v for r in results) for v in ("equal", "ends", "refused", "FAIL")}
    print(f"{len(results)} cases: {counts['equal']} equal byte for byte, {counts['ends']} end "
          f"where the reference does not, {counts['refused']} refused as there, "
          f"{counts['FAIL']} differ")
    if args.table:
        write_table(args.table, results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
