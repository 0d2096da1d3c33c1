#!/usr/bin/env python3
"""The software bill of materials, CycloneDX 1.5 as JSON: tools/dependencies.txt with the versions
that dpkg has installed, and what web/package-lock.json puts into the report page.

usage: sbom.py [OUTPUT]      (default: the standard output; `make sbom` writes build/sbom.cdx.json)

The same machine gives the same bytes: there is no time in it.
"""

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
LINE = re.compile(r"(?P<name>\S+)\s+\[(?P<licence>[^\]]+)\]\s+(?P<reason>.+)")
# What CycloneDX calls it when a part is not in the program.
SCOPES = {"In the program": "required", "To build it": "excluded", "To test and check it": "excluded"}


def packages(text):
    """(name, licence, reason, section) of every line. Raises ValueError naming a line that is none."""
    section = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            section = line[3:].strip()
            if section not in SCOPES:
                raise ValueError(f"dependencies.txt:{number}: unknown section '{section}'")
        elif line.strip() and not line.startswith("#"):
            found = LINE.fullmatch(line.strip())
            if not found or section is None:
                raise ValueError(f"dependencies.txt:{number}: expected PACKAGE [LICENCE] REASON below a section")
            yield found["name"], found["licence"], found["reason"], section


def installed(names):
    """name -> version, of those that are installed."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${Version}\t${db:Status-Abbrev}\n", *names],
                          capture_output=True, text=True, check=False)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: version for name, version, status in rows if status.startswith("ii")}


def licence_entry(expression):
    if re.fullmatch(r"[\w.+-]+", expression):
        return [{"license": {"id": expression}}]
    return [{"expression": expression}]


def debian(text):
    rows = list(packages(text))
    versions = installed([row[0] for row in rows])
    for name, licence, reason, section in rows:
        component = {"type": "library" if name.endswith("-dev") else "application", "name": name,
                     "description": reason, "scope": SCOPES[section], "licenses": licence_entry(licence),
                     "purl": f"pkg:deb/debian/{quote(name)}"}
        if name in versions:
            component["version"] = versions[name]
            component["purl"] += f"@{quote(versions[name], safe='')}"
        component["purl"] += "?distro=debian-12"
        yield component


def page(lock):
    """npm packages that the report page holds; tools that only make or test it are not in it."""
    for path, package in sorted(lock["packages"].items()):
        if path and not package.get("dev"):
            name = path.removeprefix("node_modules/")
            yield {"type": "library", "name": name, "version": package["version"], "scope": "required",
                   "description": "in the page of `lockstep report`", "licenses": licence_entry(package["license"]),
                   "purl": f"pkg:npm/{quote(name)}@{package['version']}"}


def bill():
    version = re.search(r"project\(lockstep VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    components = [*debian((ROOT / "tools/dependencies.txt").read_text()),
                  *page(json.loads((ROOT / "web/package-lock.json").read_text()))]
    for component in components:
        component["bom-ref"] = component["purl"]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([version, components]))
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}",
            "version": 1,
            "metadata": {"component": {"type": "application", "name": "lockstep", "version": version,
                                       "bom-ref": "lockstep"}},
            "components": components,
            "dependencies": [{"ref": "lockstep", "dependsOn": [
                c["bom-ref"] for c in components if c["scope"] == "required"]}]}


def main():
    text = json.dumps(bill(), indent=1) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
