#!/usr/bin/env python3
"""What a process costs before it simulates: a run of one request over a bundle of 12 MB.

usage: startup_benchmark.py BINARY [REPETITIONS]

Makes a bundle (its times by formula; attention.csv is nearly all of it) and a request, and measures
processes: the program alone (`--version`), a run with the analytic model, the run that reads the
bundle and keeps its rows, runs that find them, and runs without the cache. Each writes its result
to a new file. Medians of CPU and wall-clock time in milliseconds.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = ROOT / "configs/cluster/rtx4090_single_instance.json"
CHUNKS = [0] + [16 * k for k in range(1, 48)]
DECODES = [0] + [2 ** k for k in range(9)]
CONTEXTS = [0] + [int(16 * 1.25 ** k) for k in range(34)]
DENSE = ("act_fn", "down_proj", "embedding", "final_layernorm", "gate_up_proj", "layernorm", "o_proj",
         "qkv_proj", "rotary_emb")


def attention_rows():
    for chunk in CHUNKS:
        for decodes in DECODES:
            for prefilled in CONTEXTS if chunk else [0]:
                for context in CONTEXTS[1:] if decodes else [0]:
                    if chunk or decodes:
                        micros = (8 + chunk * (0.05 + prefilled / 50000) +
                                  decodes * (0.3 + context / 3000))
                        yield f"{chunk},{prefilled},{decodes},{context},{micros:.4f}"


def write_bundle(folder, limit):
    tables = folder / "tp1"
    tables.mkdir(parents=True)
    (folder / "meta.yaml").write_text(
        "hardware: RTX4090\nmodel: meta-llama/Llama-3.1-8B\nvariant: bf16\ntp_degrees: [1]\n"
        "engine_effective: {max_num_batched_tokens: 2048, max_num_seqs: 256}\n"
        "skew_profile: {enabled: false}\n")
    with open(tables / "attention.csv", "w") as file:
        file.write("prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n")
        for row in attention_rows():
            file.write(row + "\n")
            if file.tell() > limit:
                break
    sizes = [*range(1, 64), *range(64, 2049, 16)]
    (tables / "dense.csv").write_text("layer,tokens,time_us\n" + "".join(
        f"{layer},{n},{5 + n / 10:.3f}\n" for layer in DENSE for n in sizes))
    (tables / "per_sequence.csv").write_text("layer,sequences,time_us\n" + "".join(
        f"{layer},{n},{100 + n / 10:.3f}\n" for layer in ("lm_head", "sampler") for n in range(1, 257)))
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measured(command, environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1e3 * cpu, 1e3 * wall


def main():
    binary, repetitions = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_bundle(folder / "perf/RTX4090/meta-llama/Llama-3.1-8B/bf16", 12_000_000)
        load = folder / "load.jsonl"
        load.write_text(json.dumps({"input_toks": 10, "output_toks": 2, "arrival_time_ns": 0}) + "\n")
        time.sleep(2.5)  # what has just been written is not kept
        environment = dict(os.environ, XDG_CACHE_HOME=str(folder / "cache"))
        without = dict(environment, LOCKSTEP_NO_BUNDLE_CACHE="1")

        def run(where, output, perf=True):
            output.unlink(missing_ok=True)
            Path(f"{output}.provenance.json").unlink(missing_ok=True)
            return measured([binary, "run", "--cluster-config", str(CLUSTER), "--dataset", str(load),
                             "--output", str(output), "--model-dir", str(ROOT / "configs/model"),
                             *(["--perf-dir", str(folder / "perf")] if perf else [])], where)

        def show(what, times):
            cpu, wall = (statistics.median(column) for column in zip(*times))
            print(f"{what:40} {cpu:7.1f} {wall:7.1f}")

        print(f"{size / 1e6:.1f} MB, load {os.getloadavg()[0]:.0f}; CPU and wall clock, ms")
        show("the program alone", [measured([binary, "--version"], environment)
                                   for _ in range(repetitions)])
        show("analytic", [run(environment, folder / "a.csv", False) for _ in range(repetitions)])
        show("bundle, no cache", [run(without, folder / "b.csv") for _ in range(repetitions)])
        expected = (folder / "b.csv").read_bytes()
        show("bundle, first time", [run(environment, folder / "c.csv")])
        assert (folder / "c.csv").read_bytes() == expected
        show("bundle, from the cache", [run(environment, folder / "d.csv") for _ in range(repetitions)])
        assert (folder / "d.csv").read_bytes() == expected
        kept = list((folder / "cache/lockstep/bundle-rows").iterdir())
        print(f"kept: {sum(file.stat().st_size for file in kept) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
