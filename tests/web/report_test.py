#!/usr/bin/env python3
"""`lockstep report` in a real browser: the page shows the numbers of the result file.

usage: report_test.py BINARY BUILD_DIR [unittest arguments]

Needs node, npm (its cache or the registry) and Chromium; without one of them the test says so and
is skipped (exit code 77).
"""

import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from npm_folder import npm_folder, skip  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
BINARY = WORK = CHROMIUM = None
EVIL = 'evil/<script>alert("x")</script>'


def prepare(build):
    work = npm_folder(WEB, Path(build) / "web-test")
    shutil.copytree(WEB / "src", work / "src", dirs_exist_ok=True)
    for file in (WEB / "build.mjs", ROOT / "tests/web/report_page.mjs"):
        shutil.copy(file, work)
    return work


def lockstep(*args):
    done = subprocess.run([BINARY, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout


def quantile(values, fraction):
    values = sorted(values)
    rank = (len(values) - 1) * fraction
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.result = cls.folder / "run.csv"
        model = cls.folder / "models" / (EVIL + ".json")
        model.parent.mkdir(parents=True)
        shutil.copy(ROOT / "configs/model/Qwen/Qwen3-30B-A3B-Instruct-2507.json", model)
        config = json.loads((ROOT / "configs/cluster/single_node_moe_dp_ep_instance.json").read_text())
        for instance in config["nodes"][0]["instances"]:
            instance["model_name"] = EVIL
        cluster = cls.folder / "<i>cluster.json"
        cluster.write_text(json.dumps(config))
        load = cls.folder / "load.jsonl"
        lockstep("workload", "poisson", "--num-reqs", 60, "--sps", 20, "--seed", 3, "--output", load)
        lockstep("run", "--cluster-config", cluster, "--model-dir", cls.folder / "models", "--dataset",
                 load, "--output", cls.result, "--report", cls.folder / "run.html", "--save-run",
                 cls.folder / "run.json", "--quiet")
        lockstep("report", cls.folder / "run.json", cls.result, "--output", cls.folder / "two.html")
        cls.large_sums = cls.large()
        lockstep("report", cls.folder / "large.csv", "--output", cls.folder / "large.html")
        task = cls.folder / "task.json"
        task.write_text(json.dumps({
            "chromium": CHROMIUM, "page": str(cls.folder / "run.html"),
            "comparison": str(cls.folder / "two.html"), "large": str(cls.folder / "large.html"),
            "shots": os.environ.get("LOCKSTEP_SHOTS")}))
        done = subprocess.run(["node", "report_page.mjs", task], cwd=WORK, capture_output=True,
                              text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.seen = json.loads(done.stdout)
        with open(cls.result, newline="") as file:
            cls.rows = list(csv.DictReader(file))

    @classmethod
    def large(cls):
        """A result file of 100,000 requests; returns a sum of each column as the page forms it."""
        rng = random.Random(5)
        sums = {}
        with open(cls.folder / "large.csv", "w") as file:
            file.write("instance id,request id,model,input,output,arrival,end_time,latency,"
                       "queuing_delay,TTFT,TPOT,ITL\r\n")
            time = 0
            for i in range(100_000):
                time += rng.randrange(20_000_000)
                ttft = rng.randrange(10_000_000, 90_000_000)
                gaps = [rng.randrange(5_000_000, 15_000_000) for _ in range(20)]
                latency = ttft + sum(gaps)
                row = {"instance": i % 8, "id": i, "input": 500, "output": 21, "arrival": time,
                       "end": time + latency, "latency": latency, "queue": ttft // 3, "ttft": ttft,
                       "tpot": sum(gaps) // 20}
                for key, value in row.items():
                    sums[key] = (sums.get(key, 0) * 31 + value + i) % 1_000_000_000
                numbers = list(row.values())
                file.write(f'{i % 8},{i},m,{",".join(map(str, numbers[2:]))},"{gaps}"\r\n')
        return sums

    def column(self, name):
        return [int(row[name]) for row in self.rows]

    def test_nothing_went_wrong(self):
        self.assertEqual(self.seen["problems"], [])

    def test_page_is_one_file(self):
        self.assertEqual([url for url in self.seen["requested"] if not url.startswith(("file:", "blob:", "data:"))], [])

    def test_names_are_text(self):
        self.assertIn(EVIL, self.seen["text"])
        self.assertIn("<i>cluster", self.seen["title"])
        self.assertEqual(self.seen["scripts"], 3)

    def test_every_section_is_there(self):
        self.assertEqual(self.seen["sections"], ["overview", "throughput", "concurrency", "histogram",
                                                 "cdf", "requests", "waves", "memory", "network"])

    def test_requests_are_those_of_the_result_file(self):
        header, *table = self.seen["requests"]
        places = {name: header.index(name) for name in header}
        self.assertEqual(len(table), len(self.rows))
        by_id = {row["request id"]: row for row in self.rows}
        for line in table:
            row = by_id[line[places["id"]]]
            for shown, key in (("ttft (ns)", "TTFT"), ("tpot (ns)", "TPOT"), ("latency (ns)", "latency"),
                               ("queue (ns)", "queuing_delay"), ("arrival (ns)", "arrival"),
                               ("end (ns)", "end_time")):
                self.assertEqual(line[places[shown]], row[key])

    def test_quantiles_are_those_of_the_result_file(self):
        latency = self.seen["data"]["latency"]
        for key, name in (("ttft_ns", "TTFT"), ("tpot_ns", "TPOT"), ("latency_ns", "latency"),
                          ("queue_ns", "queuing_delay")):
            values = self.column(name)
            self.assertAlmostEqual(latency[key]["mean"], statistics.fmean(values), delta=1)
            for quantile_name, fraction in (("p50", .5), ("p90", .9), ("p99", .99), ("max", 1)):
                self.assertAlmostEqual(latency[key][quantile_name], quantile(values, fraction), delta=1)
        gaps = [gap for row in self.rows for gap in json.loads(row["ITL"])]
        self.assertEqual(latency["itl_ns"]["count"], len(gaps))
        self.assertAlmostEqual(latency["itl_ns"]["p99"], quantile(gaps, .99), delta=1)
        shown = {line[0]: int(line[1].replace(",", "")) for line in self.seen["cdf"][1:]}
        for mark in (0, 50, 90, 95, 99, 100):
            self.assertAlmostEqual(shown[str(mark)], quantile(self.column("TTFT"), mark / 100), delta=1)

    def test_summary_is_that_of_the_result_file(self):
        self.assertEqual(self.seen["summary"]["Requests"], str(len(self.rows)))
        tokens = sum(self.column("output"))
        self.assertEqual(self.seen["data"]["generated_tokens"], tokens)
        milliseconds = quantile(self.column("TTFT"), .5) / 1e6
        value, unit = self.seen["summary"]["TTFT, median"].split()
        self.assertEqual(unit, "ms")
        self.assertAlmostEqual(float(value), milliseconds, delta=milliseconds / 1000)

    def test_zoom_by_keyboard(self):
        self.assertGreater(self.seen["zoomed"][0], 0)
        self.assertLess(self.seen["zoomed"][1], 100)
        self.assertEqual(self.seen["unzoomed"], [0, 100])

    def test_charts_have_labels(self):
        self.assertEqual(len(self.seen["labels"]), len(self.seen["figures"]))
        for role, label, title in self.seen["labels"]:
            self.assertEqual(role, "img")
            self.assertTrue(label.startswith(title + ". "), label)
            self.assertIn("table view", label)
        self.assertNotIn("", self.seen["headers"])

    def test_every_figure_zooms_has_a_unit_a_table_and_saves(self):
        for name, figure in self.seen["figures"].items():
            with self.subTest(name):
                self.assertEqual((figure["start"], figure["end"]), (20, 80))
                self.assertRegex(figure["unit"], r"\(\S+\)$")
                self.assertEqual(figure["tools"], ["Table", "SVG", "PNG", "Reset zoom"])

    def test_saving(self):
        self.assertTrue(self.seen["svg"].startswith("<svg"))
        self.assertIn("generated", self.seen["svg"])
        self.assertEqual(self.seen["png"], "throughput.png")

    def test_themes_differ(self):
        self.assertNotEqual(self.seen["light"], self.seen["dark"])

    def test_comparison_of_a_run_file_with_its_result_file(self):
        rows = {row[0]: row[1:] for row in self.seen["comparison"][1:]}
        for name in ("Requests", "TTFT, P99", "TPOT, median", "Latency, P99"):
            self.assertEqual(rows[name][0], rows[name][1])

    def test_hundred_thousand_requests_arrive_whole(self):
        self.assertEqual(self.seen["large"], self.large_sums)


class Bundle(unittest.TestCase):
    def test_committed_page_is_what_the_sources_make(self):
        subprocess.run(["node", "build.mjs", "page.html"], cwd=WORK, check=True)
        self.assertEqual((WORK / "page.html").read_bytes(), (WEB / "dist/report.html").read_bytes(),
                         "run `npm ci && npm run build` in web/ and commit web/dist/report.html")


if __name__ == "__main__":
    BINARY = sys.argv[1]
    WORK = prepare(sys.argv[2])
    CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome")
                     if (path := shutil.which(name))), None)
    if CHROMIUM is None:
        skip("Chromium is not installed (apt-get install chromium)")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
