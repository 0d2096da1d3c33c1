#!/usr/bin/env python3
"""Results say where they come from, and `lockstep rerun` makes them again.

usage: rerun_test.py BINARY [unittest arguments]
"""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from folder_case import FolderCase  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
REQUESTS = "".join(
    json.dumps({"input_toks": 20 + i, "output_toks": 4, "arrival_time_ns": i * 1000000}) + "\n"
    for i in range(5))


def call(*args, cwd=ROOT, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LOCKSTEP_")}
    return subprocess.run([BINARY, *map(str, args)], cwd=cwd, env={**env, **environment},
                          capture_output=True, text=True, timeout=120, check=False)


class Case(FolderCase):
    def setUp(self):
        super().setUp()
        self.cluster = self.folder / "cluster.json"
        shutil.copy(ROOT / "configs/cluster/single_node_moe_dp_ep_instance.json", self.cluster)
        self.dataset = self.folder / "load.jsonl"
        self.dataset.write_text(REQUESTS)
        self.csv = self.folder / "run.csv"
        self.sidecar = self.folder / "run.csv.provenance.json"

    def run_it(self, *more):
        """From a folder of its own, with relative paths."""
        done = call("run", "--cluster", "cluster.json", "--data=load.jsonl", "--output", "run.csv",
                    "--fid", "reference", "--quiet", *more, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(self.sidecar.read_text())


class Facts(Case):
    def test_what_is_said(self):
        said = self.run_it("--no-enable-prefix-caching", "--max-num-seqs=4")
        self.assertEqual((said["format"], said["version"]), ("lockstep-provenance", 1))
        self.assertRegex(said["commit"], r"^([0-9a-f]{40}(\+changes)?|unknown)$")
        self.assertEqual((said["fidelity"], said["seed"], said["partial"]), ("reference", 42, False))
        self.assertEqual(said["command"], [
            "run", f"--cluster-config={self.cluster}", f"--dataset={self.dataset}",
            "--fidelity=reference", "--no-enable-prefix-caching", "--max-num-seqs=4"])
        self.assertEqual(said["working_directory"], str(self.folder))
        inputs = {one["role"]: one for one in said["inputs"]}
        self.assertEqual(sorted(inputs), ["cluster", "kernel times", "model", "workload"])
        self.assertEqual(inputs["workload"]["bytes"], len(REQUESTS))
        self.assertEqual(said["result"]["path"], str(self.csv))
        self.assertEqual(said["result"]["bytes"], len(self.csv.read_bytes()))
        self.assertEqual(len(said["kernel_times"]), 1)

    @unittest.skipUnless(shutil.which("xxh128sum"), "xxh128sum is not installed (xxhash)")
    def test_digests_are_those_of_the_usual_tool(self):
        said = self.run_it()
        for one in [*said["inputs"], said["result"]]:
            tool = subprocess.run(["xxh128sum", one["path"]], capture_output=True, text=True, check=True)
            self.assertEqual(tool.stdout.split()[0], one["xxh128"])

    def test_every_output_says_the_same(self):
        said = self.run_it("--save-run", "run.json", "--report", "run.html", "--trace", "t.json")
        run = json.loads((self.folder / "run.json").read_text())
        self.assertEqual(run["summary"]["provenance"], said)
        self.assertEqual(json.loads((self.folder / "t.json").read_text())["otherData"], said)
        self.assertIn(said["result"]["xxh128"], (self.folder / "run.html").read_text())

    def test_a_summary_without_a_file(self):
        done = call("run", "--cluster-config", self.cluster, "--json")
        said = json.loads(done.stdout)["provenance"]
        self.assertIsNone(said["result"]["path"])
        self.assertEqual(said["command"][1], "--fidelity=vllm")

    def test_defaults_that_depend_on_the_folder_are_written_out(self):
        done = call("run", "--json")
        command = json.loads(done.stdout)["provenance"]["command"]
        default = ROOT / "configs/cluster/single_node_single_instance.json"
        self.assertEqual(command, ["run", "--fidelity=vllm", f"--cluster-config={default}"])

    def test_a_device_gets_no_neighbour(self):
        done = call("run", "--cluster-config", self.cluster, "--output", "/dev/null")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(Path("/dev/null.provenance.json").exists())


class Again(Case):
    def rerun(self, *args, code, **more):
        done = call("rerun", *args, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_same_bytes_from_another_folder(self):
        self.run_it()
        self.assertIn(f"the same {self.csv.stat().st_size} bytes", self.rerun(self.csv, code=0))
        self.assertIn("the same", self.rerun(self.sidecar, code=0))
        self.assertIn("the same", self.rerun("run.csv", code=0, cwd=self.folder))

    def test_a_moved_result(self):
        self.run_it()
        other = self.folder / "other"
        other.mkdir()
        for file in (self.csv, self.sidecar):
            shutil.move(file, other / file.name)
        self.rerun(other / "run.csv", code=0)

    def test_a_link_to_a_result(self):
        self.run_it()
        link = self.folder / "link.csv"
        link.symlink_to(self.csv)
        self.rerun(link, code=0)

    def test_every_flag_is_given_again(self):
        plain = self.run_it()
        changed = self.run_it("--max-num-seqs", 1, "--expert-exchange=alltoall", "--skip-prefill")
        self.assertNotEqual(plain["result"]["xxh128"], changed["result"]["xxh128"])
        self.rerun(self.csv, code=0)

    def test_the_environment_of_the_run_counts(self):
        perf = self.folder / "perf"
        perf.mkdir()
        done = call("run", "--cluster-config", self.cluster, "--output", self.csv,
                    LOCKSTEP_PERF_DIR=str(perf))
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(self.sidecar.read_text())
        self.assertEqual(said["environment"], {"LOCKSTEP_PERF_DIR": str(perf)})
        self.rerun(self.csv, code=0, LOCKSTEP_PERF_DIR="/nowhere")

    def test_a_changed_input_is_named_with_both_digests(self):
        said = self.run_it()
        self.dataset.write_text(REQUESTS.replace('"output_toks": 4', '"output_toks": 5', 1))
        self.cluster.unlink()
        text = self.rerun(self.csv, code=2)
        digest = next(one["xxh128"] for one in said["inputs"] if one["role"] == "workload")
        self.assertRegex(text, rf"workload {re.escape(str(self.dataset))}\n +then: {digest}\n +now: +[0-9a-f]{{32}}")
        self.assertIn("(there is no such file)", text)

    def test_an_input_that_was_not_there_then(self):
        self.run_it()
        shadow = self.folder / "configs/model/Qwen/Qwen3-30B-A3B-Instruct-2507.json"
        shadow.parent.mkdir(parents=True)
        model = json.loads((ROOT / "configs/model/Qwen/Qwen3-30B-A3B-Instruct-2507.json").read_text())
        shadow.write_text(json.dumps({**model, "num_hidden_layers": 2}))
        text = self.rerun(self.csv, code=2)
        self.assertIn("did not read then", text)
        self.assertIn(str(shadow), text)

    def test_a_difference_names_the_first_line(self):
        self.run_it()
        lines = self.csv.read_bytes().split(b"\n")
        lines[2] = lines[2].replace(b",", b";", 1)
        self.csv.write_bytes(b"\n".join(lines))
        text = self.rerun(self.csv, "--output", self.folder / "new.csv", code=1)
        self.assertIn("was changed after the run", text)
        self.assertIn("different from line 3 on", text)
        self.assertTrue((self.folder / "new.csv").exists())

    def test_a_result_cut_short(self):
        self.run_it()
        self.csv.write_bytes(self.csv.read_bytes()[:-10])
        self.rerun(self.csv, code=1)

    def test_run_files_and_summaries_compare_digests(self):
        self.run_it("--save-run", "run.json")
        self.assertIn("the same result", self.rerun(self.folder / "run.json", code=0))
        file = self.folder / "run.json"
        file.write_text(re.sub(r'("result":\{[^}]*"xxh128":")....', r"\g<1>0000", file.read_text()))
        self.assertIn("another result", self.rerun(file, code=1))

    def test_the_result_itself_is_not_overwritten(self):
        self.run_it()
        self.assertIn("--output", self.rerun(self.csv, "--output", self.csv, code=2))

    def test_a_result_of_a_pipe_cannot_be_made_again(self):
        with open(self.dataset) as pipe, subprocess.Popen(["cat"], stdin=pipe, stdout=subprocess.PIPE) as cat:
            subprocess.run([BINARY, "run", "--cluster-config", self.cluster, "--dataset", "/dev/stdin",
                            "--output", self.csv, "--quiet"], stdin=cat.stdout, cwd=ROOT, check=True)
        self.assertIn("no file", self.rerun(self.csv, code=2))

    def test_what_says_nothing_is_refused(self):
        self.csv.write_text("a,b\n")
        self.assertIn("nothing says how", self.rerun(self.csv, code=2))
        self.sidecar.write_text("{}")
        self.assertIn("fix:", self.rerun(self.csv, code=2))
        said = {"format": "lockstep-provenance", "version": 1, "lockstep": 5}
        self.sidecar.write_text(json.dumps(said))
        self.assertIn("'lockstep' has the wrong type", self.rerun(self.csv, code=2))
        self.sidecar.write_text("[" * 1000000)
        self.rerun(self.csv, code=2)

    def test_a_command_in_it_only_ever_makes_the_result_again(self):
        said = self.run_it()
        said["command"] = ["workload", "poisson", "--output", str(self.folder / "evil")]
        self.sidecar.write_text(json.dumps(said))
        self.rerun(self.csv, code=1)
        said["command"] = ["trace", "export", "--cluster-config", str(self.cluster), "--out",
                           str(self.folder / "evil")]
        self.sidecar.write_text(json.dumps(said))
        self.rerun(self.csv, code=2)
        said["command"] = ["run", f"--cluster-config={self.cluster}", f"--dataset={self.dataset}",
                           "--fidelity=reference", f"--report={self.folder / 'evil'}"]
        self.sidecar.write_text(json.dumps(said))
        self.rerun(self.csv, code=0)
        said["command"] = ["run", "--cluster-config"]
        self.sidecar.write_text(json.dumps(said))
        self.assertIn("no arguments of a run", self.rerun(self.csv, code=2))
        self.assertFalse((self.folder / "evil").exists())


class OtherCommands(Case):
    """Whatever writes a file says it too; the file is made again by its own command."""

    SWEEP = """cluster: cluster.json
flags: {fidelity: reference}
workload: load.jsonl
grid: {flag.max-num-seqs: [1, 2]}
"""

    def made(self, result, *args):
        done = call(*args, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads((self.folder / (result + ".provenance.json")).read_text())

    def again(self, result, code=0):
        done = call("rerun", self.folder / result)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_a_workload(self):
        said = self.made("w.jsonl", "workload", "poisson", "--num-reqs", "5", "--seed", "7",
                         "--output", "w.jsonl")
        self.assertEqual((said["seed"], said["fidelity"]), (7, ""))
        self.assertEqual(said["command"],
                         ["workload", "poisson", "--num-reqs", "5", "--seed", "7"])
        self.assertIn("the same", self.again("w.jsonl"))
        text = (self.folder / "w.jsonl").read_text()
        (self.folder / "w.jsonl").write_text(text.replace("128", "129", 1))
        self.assertIn("different from line", self.again("w.jsonl", 1))

    def test_a_workload_on_a_pipe_leaves_no_file(self):
        done = call("workload", "poisson", "--num-reqs", "2", "--output", "/dev/stdout")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(Path("/dev/stdout.provenance.json").exists())

    def test_a_sweep(self):
        (self.folder / "s.yaml").write_text(self.SWEEP)
        said = self.made("s.csv", "sweep", "s.yaml", "--output", "s", "--quiet", "--jobs", "2")
        roles = {one["role"]: one["path"] for one in said["inputs"]}
        self.assertEqual(sorted(roles), ["cluster", "kernel times", "model", "spec", "workload"])
        self.assertIn("the same", self.again("s.csv"))
        with open(self.cluster, "a") as file:
            file.write("\n")
        self.assertIn("cluster", self.again("s.csv", 2))

    def test_a_plan(self):
        (self.folder / "p.yaml").write_text("""model: meta-llama/Llama-3.1-8B
workload: {num_reqs: 5, rate: 5, input_toks: 50, output_toks: 4}
slo: {ttft_p99_ms: 1000}
hardware: [{name: RTX4090, price: 1, most_gpus: 2, link_bw: 16, link_latency: 1000}]
search: {instances: [1, 2]}
seeds: 2
""")
        said = self.made("p.cluster.json", "plan", "p.yaml", "--output", "p", "--quiet")
        self.assertEqual(said["fidelity"], "vllm")
        self.assertIn("the same", self.again("p.csv"))
        self.assertIn("the same", self.again("p.cluster.json"))

    def test_a_cluster_from_a_serve_command(self):
        script = self.folder / "serve.sh"
        script.write_text("vllm serve Qwen/Qwen3-32B --tensor-parallel-size 2\n")
        said = self.made("c.json", "init", "--from", "serve.sh", "--hardware", "H100",
                         "--output", "c.json")
        self.assertIn("serve command", {one["role"] for one in said["inputs"]})
        self.assertIn("the same", self.again("c.json"))
        script.write_text("vllm serve Qwen/Qwen3-32B --tensor-parallel-size 4\n")
        self.assertIn("serve.sh", self.again("c.json", 2))

    def test_a_cluster_from_answers(self):
        """What was answered at a terminal stands in the command."""
        terminal, inside = pty.openpty()
        os.write(terminal, b"Qwen/Qwen3-32B\n2\n1\n1\nH100\n")
        done = subprocess.run([BINARY, "init", "--output", "c.json"], stdin=inside,
                              cwd=self.folder, capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads((self.folder / "c.json.provenance.json").read_text())
        self.assertEqual(said["command"], ["init", "--model", "Qwen/Qwen3-32B", "--tp", "2", "--pp",
                                           "1", "--dp", "1", "--hardware", "H100"])
        self.assertIn("the same", self.again("c.json"))

    def test_a_comparison_with_a_recorded_run(self):
        (self.folder / "bench.json").write_text(json.dumps(
            {"model_id": "Qwen/Qwen3-30B-A3B-Instruct-2507", "request_rate": 2.0,
             "request_throughput": 1.5, "input_lens": [20, 10], "output_lens": [3, 2],
             "ttfts": [0.2, 0.1], "itls": [[0.05, 0.06], [0.04]], "start_times": [101.5, 100.0],
             "errors": ["", ""]}))
        done = call("bench-import", "bench.json", "--output", "recorded", "--cluster-config",
                    ROOT / "configs/cluster/single_node_moe_single_instance.json", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Errors beyond --max-error end the command with 1; the comparison is made all the same.
        done = call("validate", "recorded", "--summary", "s.txt", "--max-error", "1",
                    cwd=self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        said = json.loads((self.folder / "s.txt.provenance.json").read_text())
        self.assertEqual(said["fidelity"], "reference")
        self.assertIn("recorded run", {one["role"] for one in said["inputs"]})
        self.assertIn("the same", self.again("s.txt"))

    def test_plots_of_a_bundle(self):
        (self.folder / "bundle/tp1").mkdir(parents=True)
        (self.folder / "bundle/tp1/dense.csv").write_text(
            "layer,tokens,time_us\nqkv_proj,1,10\nqkv_proj,512,20\n")
        said = self.made("b.svg", "perf", "show", "bundle", "--svg", "b.svg")
        self.assertEqual({one["role"] for one in said["inputs"]}, {"kernel times"})
        self.assertIn("the same", self.again("b.svg"))

    def test_a_fit_of_imported_tables(self):
        place = self.folder / "tables/l40s/vllm-0.24.0"
        place.mkdir(parents=True)
        rows = [f"bfloat16,{m},{n},{k},{3 + m * n * k / 8e7 + n * k / 3e5:.3f}"
                for m in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) for n in (512, 1024, 4096)
                for k in (512, 2048)]
        (place / "gemm.csv").write_text("gemm_dtype,m,n,k,time_us\n" + "\n".join(rows) + "\n")
        done = call("perf", "import", "tables", "--store", "store", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        fit = ["perf", "fit", "--store", "store", "--date", "2026-12-01", "--output", "fitted"]
        said = self.made("fitted/L40S.yaml", *fit)
        self.assertNotIn("fitted", said["command"])
        self.assertIn("the same", self.again("fitted/L40S.yaml"))
        # What goes on from the file that lay there cannot be made again from its inputs.
        self.made("fitted/L40S.yaml", *fit, "--only", "gemm")
        self.again("fitted/L40S.yaml", 2)

    def test_an_exported_graph(self):
        out = self.folder / "out"
        done = call("trace", "export", "--cluster-config", self.cluster, "--dataset", self.dataset,
                    "--out", out)
        if done.returncode != 0:
            self.fail(done.stderr)
        said = json.loads(Path(f"{out}.provenance.json").read_text())
        self.assertEqual(said["command"][:2], ["trace", "export"])
        self.assertIn("cluster", {one["role"] for one in said["inputs"]})


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
