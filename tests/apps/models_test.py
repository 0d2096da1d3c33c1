#!/usr/bin/env python3
"""Any model on any server, from the command line: what a config implies, what a step consists of,
what a benchmark client would see, and measured points beside simulations.

usage: models_test.py BINARY [unittest arguments]
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = None


class Models(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def call(self, *args, code=0):
        # An empty cache: imported tables of this machine must not change what the tests see.
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        done = subprocess.run([BINARY, *args], cwd=ROOT, capture_output=True, text=True,
                              timeout=120, env=environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_show_counts_weights_and_cache(self):
        text = self.call("models", "show", "openai/gpt-oss-120b")
        self.assertIn("116.8", text)
        self.assertIn("mxfp4 (groups of 32)", text)
        self.assertIn("KV cache: 73728 bytes a token", text)
        self.assertIn("window 128", text)

    def test_show_reads_any_path_and_flags(self):
        config = json.loads((ROOT / "configs/model/Qwen/Qwen3-8B.json").read_text())
        config["something_new"] = {"nobody": "knows"}
        path = self.folder / "config.json"
        path.write_text(json.dumps(config))
        for place in (path, self.folder):
            text = self.call("models", "show", str(place), "--dtype", "fp8",
                             "--kv-cache-dtype", "fp8")
            self.assertIn("in fp8", text)

    def test_unknown_architectures_and_missing_fields_are_named(self):
        path = self.folder / "config.json"
        path.write_text('{"model_type": "rwkv7"}')
        self.assertIn("model_type", self.call("models", "show", str(path), code=2))
        path.write_text('{"model_type": "llama", "num_hidden_layers": 2}')
        self.assertIn("hidden_size", self.call("models", "show", str(path), code=2))

    def bundle(self):
        """Two layers and attention of a small bundle of Llama-3.1-8B on H100."""
        place = self.folder / "H100/meta-llama/Llama-3.1-8B/bf16/tp1"
        place.mkdir(parents=True)
        (place / "dense.csv").write_text("layer,tokens,time_us\nqkv_proj,64,20\nlayernorm,64,2\n")
        (place / "per_sequence.csv").write_text("layer,sequences,time_us\nlm_head,8,400\n")
        (place / "attention.csv").write_text(
            "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
            "0,0,8,1024,25\n512,0,0,0,40\n512,0,8,1024,60\n")
        return place

    def test_compare_puts_operations_beside_a_bundle(self):
        place = self.bundle()
        text = self.call("perf", "compare", str(place.parent), "--no-tables")
        self.assertIn("meta-llama/Llama-3.1-8B at tp 1", text)
        for layer in ("qkv_proj", "layernorm", "lm_head", "attention of decodes",
                      "attention of prompts", "attention of both"):
            self.assertRegex(text, rf"{layer} +1 ")
        self.assertRegex(text, r"all +6 ")
        (place / "dense.csv").write_text("layer,tokens,time_us\nabacus,64,20\n")
        self.assertIn("not known", self.call("perf", "compare", str(place.parent), code=2))

    def test_clusters_of_described_models_run_and_explain_themselves(self):
        cluster, load = self.folder / "cluster.json", self.folder / "load.jsonl"
        out = self.folder / "run.csv"
        self.call("init", "--model", "openai/gpt-oss-20b", "--hardware", "H100",
                  "--output", str(cluster))
        self.call("workload", "poisson", "--num-reqs", "5", "--sps", "9", "--seed", "1",
                  "--output", str(load))
        flags = ["--cluster-config", str(cluster), "--dataset", str(load)]
        text = self.call("run", *flags, "--output", str(out))
        self.assertIn("analytic model of H100's operations", text)
        text = self.call("explain", str(out), "--request", "2", "--", *flags)
        for cause in ("attention", "experts", "dense layers", "norms, rotary embedding",
                      "embedding, logits, sampler"):
            self.assertIn(f"\n{cause} ", text)
        text = self.call("run", *flags, "--kernel-times", "layers", code=2)
        self.assertIn("gpt_oss", text)

    def test_list_names_families_and_configs(self):
        text = self.call("models", "list")
        self.assertIn("deepseek_v3", text)
        self.assertIn("openai/gpt-oss-20b", text)

    def test_step_lists_operations_that_add_up(self):
        text = self.call("step", "--model", "meta-llama/Llama-3.1-70B", "--gpu", "H100", "--tp",
                         "4", "--decode", "64", "--prefill", "512")
        self.assertIn("gate/up projection", text)
        self.assertIn("576 tokens, computed as 576", text)
        self.assertIn("ms on the GPU", text)
        self.assertIn("step is empty", self.call("step", "--model", "Qwen/Qwen3-8B", "--gpu",
                                                 "H100", code=2))

    def test_client_prints_what_a_benchmark_would(self):
        args = ("run", "--client", "closed", "--model", "Qwen/Qwen3-8B", "--gpu", "H100",
                "--concurrency", "8", "--input", "256", "--output", "32", "--range-ratio", "0.8",
                "--num-prompts", "40")
        text = self.call(*args)
        self.assertIn("Successful requests:                     40", text)
        self.assertIn("Mean TTFT (ms):", text)
        self.assertEqual(text, self.call(*args), "the same every time")
        self.assertRegex(text, r"lockstep \S+, commit \S+, vllm rules, seed 0")
        self.assertRegex(text, r"model: \S+Qwen3-8B\S* \(xxh128 [0-9a-f]{32}\)")

    def test_client_heeds_a_memory_budget_and_strictness(self):
        args = ("run", "--client", "closed", "--model", "Qwen/Qwen3-8B", "--gpu", "H100",
                "--concurrency", "4", "--input", "128", "--output", "32", "--num-prompts", "8")
        self.assertIn("import the tables", self.call(*args, "--strict", code=2))
        said = self.call(*args, "--max-memory", "1MiB", code=2)
        if "sanitizers" in said:
            self.skipTest("an instrumented program takes no budget")
        self.assertIn("budget of 1048576 bytes", said)
        self.assertIn("Successful requests:", self.call(*args, "--max-memory", "4GiB"))

    def test_engines_that_share_experts_run_behind_one_address(self):
        args = ("run", "--client", "closed", "--model", "Qwen/Qwen3-30B-A3B-Instruct-2507", "--gpu", "H100",
                "--enable-expert-parallel", "--concurrency", "8", "--input", "128", "--output", "32",
                "--num-prompts", "16", "--no-tables")
        pair = self.call(*args, "--data-parallel-size", "2")
        self.assertIn("on each engine", pair)
        self.assertRegex(pair, r"Successful requests: +16")
        self.assertNotEqual(pair, self.call(*args))

    def test_a_model_that_does_not_fit_is_refused(self):
        text = self.call("run", "--client", "closed", "--model", "meta-llama/Llama-3.1-405B",
                         "--gpu", "H100", code=2)
        self.assertIn("no memory for a KV cache", text)

    def test_points_are_set_beside_simulations_on_any_number_of_threads(self):
        points = self.folder / "points.csv"
        header = ("id,model,precision,gpu,vllm,mode,isl,osl,concurrency,tp,pp,attention_dp,moe_ep,"
                  "ttft_ms,tpot_ms,source,recipe,same_as")
        rows = ["a,Qwen/Qwen3-8B,,H100,0.19.0,agg,256,32,4,1,1,1,1,30,7,InferenceX,r,",
                "b,Qwen/Qwen3-8B,,H100,0.19.0,agg,256,32,8,1,1,1,1,40,8,InferenceX,r,",
                "c,Qwen/Qwen3-8B,,H100,0.19.0,disagg,256,32,8,1,1,1,1,40,8,InferenceX,,",
                "d,Qwen/Qwen3-8B,,H100,0.19.0,agg,256,32,8,1,1,1,1,40,8,InferenceX,r,b",
                "e,Qwen/Qwen3-30B-A3B-Instruct-2507,,H100,0.19.0,agg,256,32,8,1,1,2,2,40,8,InferenceX,r,"]
        points.write_text("\n".join([header, *rows]) + "\n")
        results = []
        for threads in ("1", "2"):
            output = self.folder / f"{threads}.csv"
            text = self.call("validate", "--points", str(points), "--csv", str(output),
                             "--threads", threads)
            self.assertIn("Coverage: 3 of 4 points", text)
            self.assertIn("prefill and decode workers apart", text)
            results.append(output.read_text())
        self.assertEqual(*results)
        made = json.loads((self.folder / "2.csv.provenance.json").read_text())
        self.assertIn("measured points", {one["role"] for one in made["inputs"]})
        self.assertIn("the same", self.call("rerun", str(self.folder / "2.csv")))
        rows = list(csv.DictReader(results[0].splitlines()))
        self.assertGreater(float(rows[0]["simulated_tpot_ms"]), 0)


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
