#!/usr/bin/env python3
"""Every command of the pages in docs/ that begins with `lockstep` runs, in the order of its page;
every shipped config fits the schemas.

usage: docs_test.py BINARY [unittest arguments]
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
PAGES = ("quickstart.md", "report.md", "dp-ep.md", "run-json.md", "explain.md", "serve.md", "graphs.md",
         "network.md", "systems.md", "fleet.md", "scheduling.md", "coming-from.md", "kernel-times.md",
         "faq.md", "provenance.md")
# What else has pages, and the test that runs their commands, or why there are none.
ELSEWHERE = {"sweep.md": "plan_test.py", "plan.md": "plan_test.py", "workloads.md": "plan_test.py",
             "python.md": "python/tests/test_docs.py", "vllm.md": "needs recorded runs", "validate.md": "needs recorded runs",
             "conformance.md": "made by tests/conformance/replay.py", "quirks.md": "a list of rules",
             "accuracy.md": "needs measured points", "scale.md": "measurements",
             "testing.md": "commands of the tests themselves"}


def commands_of(page):
    for block in re.findall(r"^```\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("lockstep "):
                yield shlex.split(line.split("|")[0].split(" > ")[0])


class Pages(unittest.TestCase):
    def test_commands(self):
        for page in PAGES:
            with tempfile.TemporaryDirectory() as folder:
                for name in ("configs", "hardware"):
                    (Path(folder) / name).symlink_to(ROOT / name)
                found = list(commands_of(page))
                self.assertTrue(found, page)
                for words in found:
                    with self.subTest(page=page, command=" ".join(words)):
                        done = subprocess.run([BINARY, *words[1:]], cwd=folder, capture_output=True,
                                              text=True, timeout=120, check=False)
                        self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_page_is_forgotten(self):
        pages = {page.name for page in (ROOT / "docs").glob("*.md")}
        self.assertEqual(pages, {*PAGES, *ELSEWHERE})

    def test_flags_of_the_reference_are_named_one_by_one(self):
        page = (ROOT / "docs/coming-from.md").read_text()
        text = (ROOT / "src/config/field_flags.cpp").read_text()
        flags = re.findall(r'\{"(--[\w-]+)",\s', text)
        self.assertGreater(len(flags), 25)
        self.assertEqual([flag for flag in flags if flag != "--help" and f"`{flag}`" not in page], [])

    def test_links_between_pages(self):
        for page in (ROOT / "docs").glob("*.md"):
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")


class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            import jsonschema
        except ImportError:
            raise unittest.SkipTest("python3-jsonschema is not installed") from None
        cls.validator = {
            name: jsonschema.Draft7Validator(
                json.loads((ROOT / f"docs/schema/{name}.schema.json").read_text()))
            for name in ("cluster", "workload", "sweep")}

    def test_shipped_clusters(self):
        files = sorted((ROOT / "configs/cluster").glob("*.json"))
        self.assertGreater(len(files), 20)
        for file in files:
            with self.subTest(file.name):
                self.validator["cluster"].validate(json.loads(file.read_text()))

    def test_made_clusters(self):
        done = subprocess.run([BINARY, "init", "--model", "Qwen/Qwen3-30B-A3B-Instruct-2507",
                               "--hardware", "H100", "--dp", "2", "--expert-parallel"], cwd=ROOT,
                              capture_output=True, text=True, check=True)
        self.validator["cluster"].validate(json.loads(done.stdout))

    def test_generated_workloads(self):
        for words in (["poisson", "--num-reqs", "5"], ["agentic", "--sessions", "3"],
                      ["mooncake-like", "--num-reqs", "5"],
                      ["mooncake-like", "--num-reqs", "5", "--as-published"]):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "load.jsonl"
                subprocess.run([BINARY, "workload", *words, "--output", file], cwd=ROOT,
                               capture_output=True, check=True)
                for line in file.read_text().splitlines():
                    self.validator["workload"].validate(json.loads(line))

    def test_slips_are_found(self):
        config = json.loads((ROOT / "configs/cluster/single_node_dp_instance.json").read_text())
        config["nodes"][0]["instances"][0]["max_num_seq"] = 3
        self.assertFalse(self.validator["cluster"].is_valid(config))
        self.assertFalse(self.validator["workload"].is_valid({"input_toks": 3}))

    def test_sweeps(self):
        """What the program reads is valid, what it refuses is not."""
        good = {"cluster": "configs/cluster/rtx4090_single_instance.json", "flags": {"dtype": "bfloat16"},
                "workload": {"arrivals": "poisson", "num_reqs": 2, "rate": 20, "input_toks": 20,
                             "output_toks": "uniform:2:4"},
                "slo": {"ttft_ms": 100}, "grid": {"flag.max-num-seqs": [1]}}
        slips = [{"grid": {}, "gird": {}}, {"flags": {"max-num-sqs": 1}}, {"flags": {"output": "x"}},
                 {"workload": {"arrivals": "poison"}}, {"workload": {"file": "x", "input_toks": 1}},
                 {"slo": {"ttft": 1}}, {"grid": {"rate": [1]}}, {"grid": {"workload.rate": []}},
                 {"list": []}, {"cluster": 3}]
        with tempfile.TemporaryDirectory() as folder:
            for number, change in enumerate([{}, *slips]):
                spec = {**good, **change}
                file = Path(folder) / f"{number}.yaml"
                file.write_text(json.dumps(spec))
                with self.subTest(change):
                    done = subprocess.run([BINARY, "sweep", file, "--quiet", "--output",
                                           Path(folder) / f"out{number}"], cwd=ROOT, capture_output=True,
                                          text=True, timeout=120, check=False)
                    self.assertEqual(done.returncode, 2 if change else 0, done.stderr)
                    self.assertEqual(self.validator["sweep"].is_valid(spec), not change)

    def test_sweep_schema_has_the_flags_of_runs(self):
        flags = json.loads((ROOT / "docs/schema/sweep.schema.json").read_text())["properties"]["flags"]
        known = {flag.replace("-", "_") for flag in flags["properties"]}
        text = "".join((ROOT / f"src/config/{kind}_flags.cpp").read_text() for kind in ("field", "own", "feature"))
        of_runs = {name.replace("-", "_") for name in re.findall(r'\{"--([\w-]+)",\s', text)}
        text = (ROOT / "src/sweep/run_description.cpp").read_text()
        not_here = re.search(r"kNotHere = \{(.*?)\};", text, re.S).group(1)
        refused = {name.replace("-", "_") for name in re.findall(r'"--([\w-]+)"', not_here)}
        self.assertGreater(len(of_runs), 30)
        self.assertEqual(known, of_runs - refused)

    def test_schema_has_the_keys_that_the_reader_knows(self):
        text = (ROOT / "src/config/known_keys.cpp").read_text()
        known = set()
        for body in re.findall(r"string_view, \d+> \w+\{(.*?)\};", text, re.S):
            known |= set(re.findall(r'"(\w+)"', body))
        found = set()

        def walk(schema):
            if isinstance(schema, dict):
                found.update(schema.get("properties", {}))
                for part in schema.values():
                    walk(part)
            elif isinstance(schema, list):
                for part in schema:
                    walk(part)

        walk(json.loads((ROOT / "docs/schema/cluster.schema.json").read_text()))
        self.assertEqual(known - found, set())
        self.assertEqual(found - known, {"$schema"})


class Servers(unittest.TestCase):
    """init, check and export."""

    def init(self, *flags):
        done = subprocess.run([BINARY, "init", *flags], cwd=ROOT, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        return done, json.loads(done.stdout) if done.stdout.startswith("{") else None

    def test_from_a_command(self):
        done, config = self.init("--hardware", "H100", "--from", """
            # how we run it
            CUDA_VISIBLE_DEVICES=0,1 vllm serve Qwen/Qwen3-32B \\
              -tp 2 --max-num-seqs=256 --max_num_batched_tokens 8k --gpu-memory-utilization 0.85 \\
              --no-enable-prefix-caching --kv-cache-dtype fp8 --port 9000 --api-key 'a b' \\
              --enforce-eager --trust-remote-code""")
        self.assertEqual(done.returncode, 0, done.stderr)
        instance = config["nodes"][0]["instances"][0]
        for key, value in (("model_name", "Qwen/Qwen3-32B"), ("tp_size", 2), ("max_num_seqs", 256),
                           ("max_num_batched_tokens", 8000), ("enable_prefix_caching", False),
                           ("kv_cache_dtype", "fp8")):
            self.assertEqual(instance[key], value, key)
        self.assertEqual(instance["npu_mem"]["mem_util"], 0.85)
        self.assertEqual(config["_ignored"], ["--port 9000", "--api-key a b", "--trust-remote-code"])
        self.assertEqual(config["_not_simulated"],
                         ["--enforce-eager (lockstep run --max-cudagraph-capture-size 0)"])
        self.assertIn("--port 9000", done.stderr)

    def test_nothing_that_matters_goes_without_a_word(self):
        done, config = self.init("--hardware", "H100", "--from", "vllm serve Qwen/Qwen3-32B "
                                 "--max-model-len 8k --num-gpu-blocks-override 900 -O3 -q awq "
                                 "--async-scheduling --kv-cache-memory-bytes 9G --uvicorn-log-level info")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(config["nodes"][0]["instances"][0]["num_gpu_blocks"], 900)
        self.assertEqual(config["_ignored"], ["--uvicorn-log-level info"])
        self.assertEqual([note.split()[0] for note in config["_not_simulated"]],
                         ["--max-model-len", "-O3", "-q", "--async-scheduling", "--kv-cache-memory-bytes"])
        self.assertIn("--context 8000", done.stderr)

    def test_from_compose_and_manifest(self):
        compose = """
services:
  proxy: {image: nginx, command: run}
  other: {image: ollama/ollama, command: ["ollama", "serve"]}
  llm:
    image: vllm/vllm-openai:v0.10.0
    command: --model Qwen/Qwen3-32B --tensor-parallel-size 4 --max-num-seqs 64
"""
        manifest = """
apiVersion: v1
kind: ConfigMap
---
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:latest
          command: ["/bin/sh", "-c"]
          args: ["vllm serve Qwen/Qwen3-32B --tensor-parallel-size 4 --max-num-seqs 64"]
"""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("compose.yaml", compose), ("deployment.yml", manifest),
                               ("pod.json", json.dumps({"kind": "Pod", "spec": {"containers": [
                                   {"image": "vllm/vllm-openai", "args": [
                                       "Qwen/Qwen3-32B", "-tp", "4", "--max-num-seqs", "64"]}]}})),
                               ("start.sh", "#!/bin/sh\nexec vllm serve Qwen/Qwen3-32B "
                                            "--tensor-parallel-size 4 --max-num-seqs 64\n")):
                with self.subTest(name):
                    file = Path(folder) / name
                    file.write_text(text)
                    done, config = self.init("--hardware", "H100", "--from-file", str(file))
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(self.init("--hardware", "H100", "--from", str(file))[1], config)
                    instance = config["nodes"][0]["instances"][0]
                    self.assertEqual((instance["tp_size"], instance["max_num_seqs"]), (4, 64))
            file.write_text("#!/bin/sh\nls\n")
            done, _ = self.init("--hardware", "H100", "--from-file", str(file))
            self.assertEqual(done.returncode, 2)
            self.assertIn("start.sh", done.stderr)

    def test_refusals(self):
        for flags, text in ((["--from", "vllm serve"], "names no model"),
                            (["--from", "vllm serve x -tp two"], "'two'"),
                            (["--from", "vllm serve 'x"], "quote"),
                            (["--model", "Qwen/Qwen3-32B"], "no GPU"),
                            (["--model", "Qwen/Qwen3-32B", "--hardware", "Q1"], "'Q1'"),
                            (["--model", "Qwen/Qwen3-32C", "--hardware", "H100"], "did you mean")):
            done, _ = self.init(*flags)
            self.assertEqual(done.returncode, 2, flags)
            self.assertIn(text, done.stderr)

    def test_export_is_what_init_reads(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "cluster.json"
            self.init("--hardware", "H100", "--model", "Qwen/Qwen3-30B-A3B-Instruct-2507", "--tp",
                      "2", "--dp", "2", "--expert-parallel", "--output", str(file))
            done = subprocess.run([BINARY, "export", "vllm", file], cwd=ROOT, capture_output=True,
                                  text=True, check=True)
            self.assertIn("--data-parallel-size 2", done.stdout)
            self.assertIn("--enable-expert-parallel", done.stdout)
            again = Path(folder) / "again.json"
            self.init("--hardware", "H100", "--from", done.stdout, "--output", str(again))
            results = []
            for config in (file, again):
                out = Path(folder) / "out.csv"
                subprocess.run([BINARY, "run", "--cluster-config", config, "--quiet", "--output",
                                out], cwd=ROOT, check=True, capture_output=True)
                results.append(out.read_bytes())
            self.assertEqual(*results)

    def test_limits_that_a_command_leaves_to_the_engine(self):
        for flags, gpu, limits in (("", "H100", (1024, 8192)), ("", "A100", (256, 2048)),
                                   ("", "RTX4090", (256, 2048)), ("--max-num-seqs 9", "H200", (9, 8192)),
                                   ("--no-enable-chunked-prefill", "RTX4090", (256, 0)),
                                   ("--no-enable-chunked-prefill --max-model-len 4096", "RTX4090", (256, 4096))):
            with self.subTest(flags, gpu=gpu):
                done, config = self.init("--hardware", gpu, "--from", f"vllm serve Qwen/Qwen3-8B {flags}")
                instance = config["nodes"][0]["instances"][0]
                self.assertEqual((instance["max_num_seqs"], instance["max_num_batched_tokens"]), limits)
                self.assertEqual(len(config["_assumed"]), 1 if "seqs" in flags else 2)
                self.assertIn("vLLM's own choice on this GPU: --max-num-batched-tokens", done.stderr)

    def test_servers_of_one_machine_have_gpus_of_their_own(self):
        def export(name):
            return subprocess.run([BINARY, "export", "vllm", ROOT / f"configs/cluster/{name}.json"], cwd=ROOT,
                                  capture_output=True, text=True, check=True).stdout
        self.assertEqual(re.findall(r"CUDA_VISIBLE_DEVICES=(\S+)", export("single_node_4_instance_2TP")),
                         ["0,1", "2,3", "4,5", "6,7"])
        self.assertEqual(re.findall(r"CUDA_VISIBLE_DEVICES=(\S+)", export("dual_node_multi_instance")),
                         ["0", "1", "0", "1"])
        self.assertNotIn("CUDA", export("single_node_moe_dp_ep_instance"))
        self.assertIn("members are on 2 nodes", export("dual_node_moe_dp_ep_intra_inter_instance"))

    def test_manifest_is_yaml_with_the_same_words(self):
        config = ROOT / "configs/cluster/single_node_pd_instance.json"
        done = subprocess.run([BINARY, "export", "vllm", config, "--format", "kubernetes"], cwd=ROOT,
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.count("kind: Deployment"), 2)
        self.assertIn('- "meta-llama/Llama-3.1-8B"', done.stdout)

    def assert_room_is_that_of_a_run(self, text):
        config = "configs/cluster/single_node_moe_dp_ep_instance.json"
        done = subprocess.run([BINARY, "run", "--cluster-config", config, "--json"], cwd=ROOT,
                              capture_output=True, text=True, check=True)
        memory = json.loads(done.stdout)["instances"][0]["memory"]
        model = json.loads((ROOT / "configs/model/Qwen/Qwen3-30B-A3B-Instruct-2507.json").read_text())
        context = model["max_position_embeddings"]
        blocks, size = memory["kv_blocks"], memory["kv_block_tokens"]
        self.assertIn(f"GPU KV cache size: {blocks * size:,} tokens", text)
        self.assertIn(f"Maximum concurrency for {context:,} tokens per request: "
                      f"{blocks / -(-context // size):.2f}x", text)

    def test_check(self):
        done = subprocess.run([BINARY, "check", "configs/cluster/single_node_moe_dp_ep_instance.json"],
                              cwd=ROOT, capture_output=True, text=True, check=True)
        for text in ("NPU 0 holds experts 0 to 63", "NPU 1 holds experts 64 to 127",
                     "Maximum concurrency for", "DP group A"):
            self.assertIn(text, done.stdout)
        self.assert_room_is_that_of_a_run(done.stdout)
        for line in done.stdout.splitlines():
            if line.startswith(("┌", "│", "└")):
                self.assertLessEqual(len(line), 100)


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
