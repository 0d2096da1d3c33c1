#!/usr/bin/env python3
"""How the cost of a run grows: with instances, with requests, with the width of a group.

usage: scale_benchmark.py BUILD [--plot FILE.svg] [--requests N] [--repetitions N]

BUILD: the build folder, with the benchmarks (-DLOCKSTEP_BENCH=ON). The part about instances is
bench/instances_benchmark, medians of the repetitions; peaks of memory are those of whole runs. Every
other line is one whole run: user CPU seconds (the least of two) and the peak of its memory. --plot
draws the cost of an event over instances beside what n log n allows. --requests adds a run of that
many requests of 16 + 2 tokens on ten instances, made by a generator.
"""

import argparse
import json
import math
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def cluster(instance, count):
    return {"num_nodes": 1, "link_bw": 16, "link_latency": 1000, "nodes": [
        {"num_instances": count, "cpu_mem": {"mem_size": 64, "mem_bw": 50, "mem_latency": 0},
         "instances": [instance] * count}]}


def dense():
    return {"model_name": "meta-llama/Llama-3.1-8B", "hardware": "RTX4090",
            "npu_mem": {"mem_size": 24, "mem_bw": 1008, "mem_latency": 0, "mem_util": 0.833919},
            "num_npus": 1, "tp_size": 1, "pd_type": None}


def experts(tp, pp, ep):
    return {"model_name": "toy/moe256", "hardware": "RTXPRO6000",
            "npu_mem": {"mem_size": 192, "mem_bw": 1597, "mem_latency": 0}, "num_npus": tp * pp,
            "tp_size": tp, "pp_size": pp, "ep_size": ep, "dp_group": "A",
            "pd_type": None}


def load(requests, rate, prompt, answer):
    return json.dumps({"arrivals": "poisson", "num_reqs": requests, "rate": rate, "seed": 1,
                       "input_toks": prompt, "output_toks": answer})


class Runs:
    def __init__(self, binary, folder, repetitions):
        self.binary, self.folder, self.repetitions = binary, folder, repetitions
        model = json.loads((ROOT / "configs/model/Qwen/Qwen3-30B-A3B-Instruct-2507.json").read_text())
        model["num_experts"] = 256
        (folder / "toy").mkdir()
        (folder / "toy/moe256.json").write_text(json.dumps(model))

    def once(self, command):
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            raise SystemExit(f"failed: {' '.join(command)}")
        return usage.ru_utime, usage.ru_maxrss / 1000

    def run(self, description, dataset, *flags, repetitions=None):
        file = self.folder / "cluster.json"
        file.write_text(json.dumps(description))
        command = [str(self.binary), "run", "--cluster-config", str(file), "--dataset", dataset,
                   "--model-dir", str(self.folder), "--output", str(self.folder / "result.csv"),
                   "--quiet", *flags]
        seen = [self.once(command) for _ in range(repetitions or self.repetitions)]
        return min(cpu for cpu, _ in seen), max(memory for _, memory in seen)


def instances(runs, build, repetitions):
    """Fidelity -> (instances, us an event, us a token, events a token) of each size."""
    command = [build / "bench/instances_benchmark", f"--benchmark_repetitions={repetitions}",
               "--benchmark_min_time=0.01", "--benchmark_enable_random_interleaving=true",
               "--benchmark_report_aggregates_only=true", "--benchmark_format=json"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    series = {}
    for line in told["benchmarks"]:
        if line["aggregate_name"] == "median":
            _, fidelity, count = line["run_name"].split("/")[:3]
            series.setdefault(fidelity, []).append(
                (int(count), line["us_event"], line["us_token"],
                 line["us_token"] / line["us_event"]))
    for fidelity, points in series.items():
        print(f"\ninstances, {fidelity}\n  instances  us an event  us a token  events a token  peak MB")
        for count, event, token, events in sorted(points):
            _, memory = runs.run(cluster(dense(), count), load(20_000, 4 * count, 100, 32),
                                 "--fidelity", fidelity, repetitions=1)
            print(f"  {count:9,} {event:12.3f} {token:12.2f} {events:15.2f} {memory:8.0f}", flush=True)
    return {fidelity: sorted(points) for fidelity, points in series.items()}


def requests(runs, most):
    print("\nrequests of 16 + 2 tokens, ten instances\n   requests    CPU s   us each   peak MB")
    for count in sorted({50_000, 200_000, 1_000_000, most}):
        cpu, memory = runs.run(cluster(dense(), 10), load(count, 400, 16, 2), "--fidelity", "vllm",
                               repetitions=1)
        print(f"  {count:9,} {cpu:8.1f} {1e6 * cpu / count:9.1f} {memory:9.0f}", flush=True)


def groups(runs):
    print("\none group, 256 experts, 256 requests of 64 + 4 tokens")
    print("  members  tp x pp  exchange                   CPU s   peak MB")
    for members, tp, pp, ep in ((16, 1, 1, 16), (64, 1, 1, 64), (256, 1, 1, 256), (16, 2, 2, 32),
                                (256, 2, 1, 256), (256, 2, 2, 256)):
        for exchange in ("alltoall", "allgather-reducescatter"):
            cpu, memory = runs.run(cluster(experts(tp, pp, ep), members),
                                   load(256, 1000, 64, 4), "--fidelity", "vllm",
                                   "--expert-exchange", exchange)
            print(f"  {members:7} {tp:4} x {pp}  {exchange:23} {cpu:8.2f} {memory:9.0f}", flush=True)


def bound(count):
    return 1 + math.log2(count)


def plot(series, file):
    """Cost of an event, with n log n through the first point. Under `reference` an instance alone
    leaves its steps out, so that its events are others: the curve begins with three."""
    lines_of = {}
    for name, points in series.items():
        shown = [point for point in points if point[0] > 1 or name == "vllm"]
        base = shown[0][1] / bound(shown[0][0])
        lines_of[name] = [(count, event / base) for count, event, *_ in shown]
    counts = [count for count, _ in lines_of["vllm"]]
    lines_of["n log n"] = [(count, bound(count)) for count in counts]
    width, height, left, bottom = 640, 360, 60, 50
    most = 1.05 * max(cost for points in lines_of.values() for _, cost in points)

    def at(count, cost):
        x = left + (width - left - 70) * math.log10(count) / 3
        return f"{x:.1f},{height - bottom - (height - bottom - 20) * cost / most:.1f}"

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for tick in range(0, int(most) + 1, 2):
        y = at(1, tick).split(",")[1]
        lines.append(f'<path d="M{left} {y}H{width - 70}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y}" dy="4" text-anchor="end">{tick}</text>')
    for count in counts:
        x = at(count, 0).split(",")[0]
        lines.append(f'<text x="{x}" y="{height - bottom + 18}" text-anchor="middle">{count:,}</text>')
    for (name, points), colour in zip(lines_of.items(), ("#1f6feb", "#d1242f", "#777777")):
        path = " ".join(at(*point) for point in points)
        dash = ' stroke-dasharray="4 4"' if name == "n log n" else ""
        x, y = at(*points[-1]).split(",")
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
                     f'<text x="{x}" y="{y}" dx="4" dy="4" fill="{colour}">{name}</text>')
    lines.append(f'<text x="{width / 2}" y="{height - 10}" text-anchor="middle">instances</text>'
                 '<text x="8" y="14">cost of an event; n log n through the first point of each</text>'
                 '</svg>')
    Path(file).write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--plot")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        build = options.build.resolve()
        runs = Runs(build / "lockstep", Path(folder), 2)
        series = instances(runs, build, options.repetitions)
        groups(runs)
        requests(runs, options.requests)
    if options.plot:
        plot(series, options.plot)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
