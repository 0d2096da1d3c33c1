#!/usr/bin/env python3
"""Shows a request file as a reader wants it: one line a request, times in ms."""

import csv
import sys


def milliseconds(text):
    return f"{int(text) / 1e6:.2f}"


def main():
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = ("instance", "request", "input", "output", "arrival ms", "queued ms", "TTFT ms",
               "TPOT ms", "latency ms")
    print("  ".join(f"{name:>11}" for name in columns))
    for row in sorted(rows, key=lambda r: int(r["request id"])):
        values = (row["instance id"], row["request id"], row["input"], row["output"],
                  milliseconds(row["arrival"]), milliseconds(row["queuing_delay"]),
                  milliseconds(row["TTFT"]), milliseconds(row["TPOT"]),
                  milliseconds(row["latency"]))
        print("  ".join(f"{value:>11}" for value in values))
    print(f"\n{len(rows)} requests; every time in {sys.argv[1]} is in integer nanoseconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
