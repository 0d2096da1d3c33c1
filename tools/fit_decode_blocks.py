#!/usr/bin/env python3
"""Fits `decode_blocks` of a GPU (hardware/*.yaml) to the layer bundles measured on it.

    tools/fit_decode_blocks.py BUNDLES/RTXPRO6000 --multiprocessors 188

Of each tp folder it takes the decodes that the kernel does not split: those of equal length in
attention.csv, and those of unequal length in skew.csv. Lengths count with the new token.
"""

import argparse
import csv
import heapq
import math
import re
import statistics
from pathlib import Path

TOKEN_BYTES = 2 * 128 * 2  # keys and values of one head of 128, 16 bits
NAMES = ("block_gb_s", "memory_gb_s", "start_us", "launch_us")
REPETITIONS = 3  # skew.csv holds their sum, attention.csv their mean


def makespan(lengths, heads, slots, rates):
    """Microseconds; as src/perf/decode_blocks.cpp."""
    block, memory, start, launch = (rates[0] * 1e3, rates[1] * 1e3, rates[2], rates[3])
    work = [length * TOKEN_BYTES + start * block for length in lengths] * heads
    running = work[:slots]
    heapq.heapify(running)
    time, read = launch, 0.0
    full = min(block, memory / len(running))
    for own in work[slots:]:
        end = running[0]
        time += (end - read) / full
        read = end
        heapq.heapreplace(running, read + own)
    for done, end in enumerate(sorted(running)):
        time += (end - read) / min(block, memory / (len(running) - done))
        read = end
    return time


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def samples_of(folder, heads, slots):
    """(lengths, heads, microseconds)."""
    unsplit = lambda n: n * heads >= 0.8 * 2 * slots
    for row in rows(folder / "attention.csv"):
        n = int(row["n_decode"])
        if row["prefill_chunk"] == "0" and unsplit(n):
            yield [int(row["kv_decode"]) + 1] * n, heads, float(row["time_us"])
    for row in rows(folder / "skew.csv"):
        n, large = int(row["n"]), int(row["nb"])
        if row["pc"] == "0" and unsplit(n):
            lengths = [int(row["kv_big"]) + 1] * large + [int(row["kvs"]) + 1] * (n - large)
            yield lengths, heads, float(row["t_skew_us"]) / REPETITIONS
            yield [int(row["kv_mean"]) + 1] * n, heads, float(row["t_mean_us"]) / REPETITIONS


def samples(root, slots):
    found = []
    for meta in sorted(root.rglob("meta.yaml")):
        text = meta.read_text(encoding="utf-8")
        degrees = [int(d) for d in re.search(r"tp_degrees: \[(.*)\]", text)[1].split(",")]
        # The file names the heads of the last degree's ranks.
        heads = int(re.search(r"num_key_value_heads: (\d+)", text)[1]) * degrees[-1]
        for degree in degrees:
            found += samples_of(meta.parent / f"tp{degree}", heads // degree, slots)
    return found


def errors(rates, chosen, slots):
    return [makespan(lengths, heads, slots, rates) / measured - 1
            for lengths, heads, measured in chosen]


def fit(chosen, slots):
    """Walks along one rate after the other in shares that are halved when none helps."""
    loss = lambda rates: statistics.fmean(e * e for e in errors(rates, chosen, slots))
    rates, step = [20.0, 1000.0, 1.0, 10.0], 0.3
    best = loss(rates)
    while step > 0.005:
        moved = False
        for i in range(len(rates)):
            for factor in (1 + step, 1 / (1 + step)):
                tried = rates[:i] + [rates[i] * factor] + rates[i + 1:]
                value = loss(tried)
                if value < best:
                    best, rates, moved = value, tried, True
        step = step if moved else step / 2
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, help="folder of the hardware's bundles")
    parser.add_argument("--multiprocessors", type=int, required=True)
    parser.add_argument("--every", type=int, default=4, help="fit to every so manieth sample")
    args = parser.parse_args()
    known = samples(args.bundles, args.multiprocessors)
    rates = fit(known[::args.every], args.multiprocessors)
    left = [abs(e) for e in errors(rates, known, args.multiprocessors)]
    print("decode_blocks: {" + ", ".join(f"{n}: {r:.4g}" for n, r in zip(NAMES, rates)) + "}")
    print(f"# {len(known)} times: median error {100 * statistics.median(left):.1f} %, root mean "
          f"square {100 * math.sqrt(statistics.fmean(e * e for e in left)):.1f} %")


if __name__ == "__main__":
    main()
