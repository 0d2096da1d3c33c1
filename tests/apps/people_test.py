#!/usr/bin/env python3
"""What people see: summaries for scripts, terminals, traces, completions, the manual, hints.

usage: people_test.py BINARY [unittest arguments]
"""

import json
import os
import pty
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from folder_case import FolderCase  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
MOE = ["--cluster-config", "configs/cluster/single_node_moe_dp_ep_instance.json"]


def call(*args, **more):
    return subprocess.run([BINARY, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False, **more)


def at_terminal(*args, **environment):
    """Output of a run whose standard output is a terminal."""
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment}
    with subprocess.Popen([BINARY, *map(str, args)], cwd=ROOT, stdout=slave, env=env) as child:
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        child.wait(timeout=60)
    os.close(master)
    return seen.decode()




class Summary(FolderCase):
    def test_json_is_all_that_is_printed(self):
        done = call("run", *MOE, "--json", "--run-id", "x")
        self.assertEqual(done.returncode, 0, done.stderr)
        summary = json.loads(done.stdout)
        self.assertEqual((summary["format"], summary["version"]), ("lockstep-summary", 1))
        self.assertEqual(summary["run_id"], "x")
        self.assertEqual(summary["requests"], 32)
        self.assertEqual(list(summary["latency"]),
                         ["ttft_ns", "tpot_ns", "itl_ns", "latency_ns", "queue_ns"])
        for values in summary["latency"].values():
            self.assertEqual(list(values), ["count", "mean", "min", "p50", "p90", "p95", "p99", "max"])
        kinds = ("exact", "interpolated", "extrapolated", "analytic")
        self.assertGreater(sum(summary["kernel_times"][kind] for kind in kinds), 0)
        self.assertEqual(summary["instances"][1]["dp_group"], summary["instances"][0]["dp_group"])
        for dimension in summary["network"]:
            self.assertAlmostEqual(sum(dimension["npu_ns_by_collective"].values()),
                                   dimension["npu_ns"])

    def test_the_same_keys_are_documented(self):
        text = (ROOT / "docs/run-json.md").read_text()
        for key in json.loads(call("run", *MOE, "--json").stdout):
            self.assertIn(f"`{key}`", text)

    def test_quiet(self):
        done = call("run", *MOE, "--quiet", "--output", self.folder / "a.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in done.stdout.splitlines():
            self.assertIn("WARNING", line)
        self.assertTrue((self.folder / "a.csv").exists())

    def test_results_do_not_depend_on_who_listens(self):
        call("run", *MOE, "--quiet", "--output", self.folder / "a.csv")
        call("run", *MOE, "--json", "--output", self.folder / "b.csv", "--trace",
             self.folder / "t.json", "--report", self.folder / "r.html")
        self.assertEqual((self.folder / "a.csv").read_bytes(), (self.folder / "b.csv").read_bytes())

    def test_run_files_are_the_same_but_for_the_clock(self):
        files = []
        for name in ("a.json", "b.json"):
            call("run", *MOE, "--quiet", "--run-id", "x", "--save-run", self.folder / name)
            run = json.loads((self.folder / name).read_text())
            del run["summary"]["wall_seconds"]
            self.assertIn(str(self.folder / name), run.pop("arguments"))
            files.append(run)
        self.assertEqual(files[0], files[1])
        steps = files[0]["steps"]
        self.assertEqual(steps["total"], len(steps["launch"]))
        self.assertTrue(all(end > launch for launch, end in zip(steps["launch"], steps["end"])))


class Terminal(FolderCase):
    def test_glance_at_a_terminal_only(self):
        self.assertIn("At a Glance", at_terminal("run", *MOE))
        self.assertNotIn("At a Glance", call("run", *MOE).stdout)

    def test_a_long_run_shows_how_far_it_is(self):
        load = self.folder / "load.jsonl"
        call("workload", "fixed", "--num-reqs", 120_000, "--sps", 100, "--input-toks", 64, "--output-toks",
             8, "--output", load)
        flags = ["run", "--no-fold-layers", "--dataset", load]
        self.assertRegex(at_terminal(*flags), r"requests  [\d.]+ s simulated  about \d+")
        done = call(*flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("\r", done.stdout + done.stderr)

    def test_colours(self):
        self.assertIn("\x1b[", at_terminal("run", *MOE))
        self.assertNotIn("\x1b[1;", at_terminal("run", *MOE, NO_COLOR="1"))
        self.assertNotIn("\x1b", call("run", *MOE).stdout)


class Trace(FolderCase):
    def slices(self, *flags):
        file = self.folder / "trace.json"
        done = call("run", *flags, "--quiet", "--trace", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        events = json.loads(file.read_text())["traceEvents"]
        names = {}
        for event in events:
            if event["ph"] == "M" and event["name"] in ("process_name", "thread_name"):
                names[event["name"], event["pid"], event.get("tid")] = event["args"]["name"]
        found = {}
        for event in events:
            if event["ph"] == "X":
                process = names["process_name", event["pid"], None]
                track = names["thread_name", event["pid"], event["tid"]]
                found.setdefault((process, track), []).append(event)
        return found

    def test_tracks(self):
        found = self.slices(*MOE)
        self.assertEqual({process for process, _ in found},
                         {"Instances", "NPUs", "Network", "Requests"})
        for track in (("Instances", "instance 1"), ("NPUs", "NPU 1 compute"),
                      ("NPUs", "NPU 0 communication"), ("Network", "NPU 0, dimension 1")):
            self.assertIn(track, list(found))

    def test_slices_of_a_track_do_not_overlap(self):
        for config in ("single_node_moe_dp_ep_instance", "single_node_pd_instance"):
            found = self.slices("--cluster-config", f"configs/cluster/{config}.json")
            for (process, track), events in found.items():
                if process == "Requests":  # nested
                    continue
                events.sort(key=lambda event: event["ts"])
                for one, other in zip(events, events[1:]):
                    self.assertLessEqual(round((one["ts"] + one["dur"]) * 1000),
                                         round(other["ts"] * 1000), (process, track))

    def test_requests_are_those_of_the_summary(self):
        found = self.slices(*MOE)
        requests = [event for (process, _), events in found.items() if process == "Requests"
                    for event in events if event["name"].startswith("request ")]
        self.assertEqual(len(requests), 32)

    def test_kernels_have_names(self):
        names = {event["name"] for event in self.slices(*MOE)["NPUs", "NPU 0 compute"]}
        self.assertIn("qkv_proj", names)

    def test_nothing_is_left_of_a_refused_run(self):
        done = call("run", *MOE, "--strict", "--trace", self.folder / "trace.json")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(list(self.folder.iterdir()), [])


class Shells(FolderCase):
    def test_bash(self):
        script = self.folder / "lockstep.bash"
        script.write_text(call("completions", "bash").stdout)
        for words, expected in (("lockstep re", {"report", "rerun"}),
                                ("lockstep run --fid", {"--fidelity"}),
                                ("lockstep run --fidelity ", {"reference", "vllm"}),
                                ("lockstep perf ch", {"check"}),
                                ("lockstep check ch", {"chaos.csv"}),
                                ("lockstep perf cha", {"chaos.csv"}),
                                ("lockstep sweep m", {"merge", "many.yaml"})):
            self.assertEqual(self.bash(script, words, self.files), expected)

    @property
    def files(self):
        """A folder with files whose names begin like commands."""
        folder = self.folder / "files"
        folder.mkdir(exist_ok=True)
        for name in ("chaos.csv", "many.yaml"):
            (folder / name).touch()
        return folder

    @staticmethod
    def bash(script, line, folder):
        words = line.split(" ")
        code = (f"source '{script}'; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
                f"COMP_CWORD={len(words) - 1}; _lockstep; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "-c", code], cwd=folder, capture_output=True, text=True,
                              check=True)
        return set(done.stdout.split())

    def test_zsh_and_fish_accept_their_scripts(self):
        for shell in ("zsh", "fish"):
            script = self.folder / f"lockstep.{shell}"
            script.write_text(call("completions", shell).stdout)
            self.assertIn("--fidelity" if shell == "zsh" else "-l fidelity", script.read_text())
            if shutil.which(shell):
                done = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
                self.assertEqual(done.stderr, "")

    def test_fish_completes(self):
        if not shutil.which("fish"):
            self.skipTest("fish is not installed")
        script = self.folder / "lockstep.fish"
        script.write_text(call("completions", "fish").stdout)
        done = subprocess.run(["fish", "-c", f"source {script}; complete -C 'lockstep rep'"],
                              capture_output=True, text=True, check=True,
                              env={**os.environ, "HOME": str(self.folder)})
        self.assertIn("report", done.stdout)

    def test_manual(self):
        page = call("man").stdout
        self.assertIn(".TH LOCKSTEP 1", page)
        for name in ("\\-\\-fidelity", "lockstep report", "lockstep perf check"):
            self.assertIn(name, page)
        if shutil.which("man"):
            done = subprocess.run(["man", "--warnings", "-l", "-"], input=page, capture_output=True,
                                  text=True, check=False, env={**os.environ, "MANWIDTH": "80"})
            self.assertEqual(done.stderr, "")


class Hints(FolderCase):
    def test_commands_and_flags(self):
        for args, hint in ((["rnu"], "did you mean 'run'?"),
                           (["perf", "chekc"], "did you mean 'check'?"),
                           (["report", "--ouput", "x"], "did you mean '--output'?"),
                           (["run", "--clustr-config", "x"], "did you mean --cluster-config?")):
            done = call(*args)
            self.assertEqual(done.returncode, 2)
            self.assertIn(hint, done.stderr)

    def test_names(self):
        for args, hint in ((["models", "show", "Qwen/Qwen3-32C"], "did you mean Qwen/Qwen3-32B"),
                           (["init", "--model", "Qwen/Qwen3-32B", "--hardware", "RTX490"], "'RTX4090'?"),
                           (["support", "Qwen/Qwen3-32B", "--gpu", "H20"], "did you mean 'H200'?"),
                           (["check", "configs/cluster/single_node_cxl_instnce.json"],
                            "did you mean 'single_node_cxl_instance.json'?")):
            done = call(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn(hint, done.stderr)

    def test_models_alone_lists_them(self):
        done = call("models")
        self.assertEqual((done.returncode, done.stdout), (0, call("models", "list").stdout))
        self.assertIn("Qwen/Qwen3-32B", done.stdout)

    def test_hardware(self):
        self.assertIn("H100", call("hardware").stdout)
        self.assertIn("median error", call("hardware", "H100").stdout)
        self.assertEqual(json.loads(call("hardware", "H100", "--json").stdout)[0]["name"], "H100")
        done = call("hardware", "Q7")
        self.assertEqual(done.returncode, 2)
        self.assertIn("known: ", done.stderr)


class Report(FolderCase):
    def test_refusals(self):
        for name, text, message in (("a.csv", "", "empty"), ("b.csv", "x\n1\n", "no column"),
                                    ("c.json", "{}", "no run file"),
                                    ("d.json", '{"format":"lockstep-run","version":9}', "version")):
            file = self.folder / name
            file.write_text(text)
            done = call("report", file, "--output", self.folder / "out.html")
            self.assertEqual(done.returncode, 2, name)
            self.assertIn(message, done.stderr)
            self.assertFalse((self.folder / "out.html").exists())


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
