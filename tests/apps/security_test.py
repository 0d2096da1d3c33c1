#!/usr/bin/env python3
"""What SECURITY.md promises, as far as a test can see it.

usage: security_test.py BINARY [unittest arguments]
"""

import html
import importlib.util
import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = None
EVIL = "evil/<script>alert(1)</script>"
CLUSTER = ROOT / "configs/cluster/single_node_single_instance.json"


def call(*args):
    return subprocess.run([BINARY, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)


def tracked(*endings):
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / name for name in done.stdout.splitlines() if name.endswith(endings)]
    return [file for file in files if file.exists()]


class Program(unittest.TestCase):
    """How it was linked."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("readelf"):
            raise unittest.SkipTest("readelf is not installed (binutils)")
        cls.text = subprocess.run(["readelf", "-W", "-h", "-l", "-d", "--dyn-syms", BINARY],
                                  capture_output=True, text=True, check=True).stdout
        if re.search(r"__(asan|tsan|ubsan)_", cls.text):
            raise unittest.SkipTest("an instrumented program checks in its own way")

    def test_position_independent(self):
        self.assertRegex(self.text, r"Type:\s+DYN")

    def test_tables_of_addresses_are_read_only(self):
        self.assertIn("GNU_RELRO", self.text)
        self.assertRegex(self.text, r"FLAGS.*BIND_NOW|FLAGS_1.*NOW")

    def test_the_stack_is_not_executed(self):
        self.assertRegex(self.text, r"GNU_STACK(\s+0x\w+){5} RW\s")

    def test_stacks_are_guarded_and_copies_checked(self):
        if "CMAKE_BUILD_TYPE:STRING=Debug" in (Path(BINARY).parent / "CMakeCache.txt").read_text():
            raise unittest.SkipTest("a debug build is not hardened")
        self.assertIn("__stack_chk_fail", self.text)
        self.assertRegex(self.text, r"__\w+_chk@")


class Sources(unittest.TestCase):
    def test_no_shell(self):
        words = {".cpp": r"\b(std::)?system\(|\bpopen\(|\bwordexp\(", ".hpp": r"\b(std::)?system\(|\bpopen\(",
                 ".py": r"os\.system|os\.popen|shell=True", ".js": r"innerHTML|insertAdjacentHTML|\beval\("}
        files = [file for file in tracked(*words) if "tests" not in file.parts and "dist" not in file.parts]
        if not files:
            self.skipTest("no repository here")
        found = []
        for file in files:
            for number, line in enumerate(file.read_text().splitlines(), 1):
                code = re.sub(r"read_system\(", "", line.split("//")[0])
                if re.search(words[file.suffix], code):
                    found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
        self.assertEqual(found, [])


class Escapes(unittest.TestCase):
    """Names that are markup, in everything that is written."""

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        model = cls.folder / "models" / (EVIL + ".json")
        model.parent.mkdir(parents=True)
        shutil.copy(ROOT / "configs/model/meta-llama/Llama-3.1-8B.json", model)
        config = json.loads(CLUSTER.read_text())
        config["nodes"][0]["instances"][0]["model_name"] = EVIL
        cluster = cls.folder / '"><img src=x onerror=alert(1)>.json'
        cluster.write_text(json.dumps(config))
        done = call("run", "--cluster-config", cluster, "--model-dir", cls.folder / "models", "--quiet",
                    "--output", cls.folder / "r.csv", "--report", cls.folder / "r.html", "--trace",
                    cls.folder / "t.json", "--save-run", cls.folder / "r.json")
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def test_the_page_has_no_markup_of_ours_in_it(self):
        page = (self.folder / "r.html").read_text()
        self.assertNotIn("<script>alert", page)
        self.assertNotIn("<img src=x", page)
        self.assertIn("\\u003cscript>alert(1)", page)

    def test_traces_and_summaries_are_whole_json(self):
        json.loads((self.folder / "t.json").read_text())
        run = json.loads((self.folder / "r.json").read_text())
        self.assertEqual(run["summary"]["instances"][0]["model"], EVIL)
        self.assertIn("<img", run["summary"]["provenance"]["command"][-2] + run["summary"]["cluster_config"])

    def test_a_report_of_a_result_file(self):
        done = call("report", self.folder / "r.csv", "--output", self.folder / "again.html")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("<script>alert", (self.folder / "again.html").read_text())

    def test_plots_as_svg(self):
        """What a person opens in a browser by itself."""
        for file in self.folder.glob("*.svg"):
            self.assertNotIn("<script", html.unescape(file.read_text()))


class Endpoint(unittest.TestCase):
    def serve(self, *flags):
        process = subprocess.Popen([BINARY, "serve", "--port", "0", "--cluster-config", CLUSTER, *flags],
                                   cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        self.addCleanup(process.communicate)
        self.addCleanup(process.send_signal, signal.SIGTERM)
        return int(re.search(r":(\d+) ", line).group(1)), process

    @staticmethod
    def listeners(port):
        found = set()
        for name in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                address, state = line.split()[1], line.split()[3]
                if state == "0A" and int(address.split(":")[1], 16) == port:
                    found.add(address.split(":")[0])
        return found

    def test_loopback_unless_asked(self):
        port, _ = self.serve()
        self.assertEqual(self.listeners(port), {"0100007F"})

    def test_another_address_is_warned_of(self):
        port, process = self.serve("--host", "0.0.0.0")
        self.assertEqual(self.listeners(port), {"00000000"})
        process.send_signal(signal.SIGTERM)
        self.assertIn("no loopback address", process.communicate(timeout=60)[1])

    def test_a_client_that_trickles_is_dropped(self):
        port, _ = self.serve("--idle-timeout", "1")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            begin = time.monotonic()
            client.sendall(b"GET /health HTTP/1.1\r\n")
            try:
                while time.monotonic() - begin < 20:
                    client.sendall(b"x: y\r\n")
                    time.sleep(0.1)
            except OSError:
                pass
            self.assertLess(time.monotonic() - begin, 15)

    def test_memory_stays_with_many_halves_of_requests(self):
        port, process = self.serve("--max-connections", "50")
        clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(200)]
        for client in clients:
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 1000)
        time.sleep(0.5)
        status = Path(f"/proc/{process.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmRSS:\s+(\d+)", status).group(1)), 2 << 20)
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200"))


class Bill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        spec = importlib.util.spec_from_file_location("sbom", ROOT / "tools/sbom.py")
        cls.sbom = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(cls.sbom)

    def setUp(self):
        if not shutil.which("dpkg-query"):
            self.skipTest("versions are dpkg's, which is not here")
        self.bill = self.sbom.bill()

    def test_every_line_is_in_it_with_version_and_licence(self):
        parts = {part["name"]: part for part in self.bill["components"]}
        names = [line.split()[0] for line in (ROOT / "tools/dependencies.txt").read_text().splitlines()
                 if line.strip() and not line.startswith("#")]
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertTrue(parts[name]["licenses"], name)
            if parts[name]["scope"] == "required":
                self.assertIn("version", parts[name], name)
        self.assertIn("echarts", parts)
        self.assertNotIn("esbuild", parts)

    def test_what_the_program_links_is_declared(self):
        """Every library that a package of Debian brought in belongs to a declared source package."""
        links = subprocess.run(["readelf", "-d", BINARY], capture_output=True, text=True, check=False).stdout
        needed = set(re.findall(r"\[lib([a-z_+-]+?)[-\d.]*\.so", links)) - {"stdc++", "m", "gcc_s", "c", "asan",
                                                                          "ubsan", "tsan", "ld-linux-x"}
        declared = "".join(part["name"] for part in self.bill["components"] if part["scope"] == "required")
        for name in needed:
            self.assertIn(name.split("-")[0].replace("_", "-"), declared, needed)

    def test_the_same_bytes_twice_and_a_valid_form(self):
        self.assertEqual(json.dumps(self.bill), json.dumps(self.sbom.bill()))
        self.assertEqual((self.bill["bomFormat"], self.bill["specVersion"]), ("CycloneDX", "1.5"))
        self.assertRegex(self.bill["serialNumber"], r"^urn:uuid:[0-9a-f-]{36}$")
        refs = [part["bom-ref"] for part in self.bill["components"]]
        self.assertEqual(len(refs), len(set(refs)))

    def test_lines_without_a_licence_are_refused(self):
        with self.assertRaisesRegex(ValueError, "dependencies.txt:2"):
            list(self.sbom.packages("## In the program\nlibfoo-dev because\n"))


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
