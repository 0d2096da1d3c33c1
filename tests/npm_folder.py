"""Folders with npm packages for the tests that need some."""

import shutil
import subprocess
import sys
from pathlib import Path


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def npm_folder(source, work):
    """`work` with the packages that the lock file of `source` names, installed once for every state
    of it. Ends the test as skipped where node, npm or the packages cannot be had."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            skip(f"{tool} is not installed (apt-get install nodejs npm)")
    work = Path(work)
    lock = (source / "package-lock.json").read_bytes()
    if not (work / "installed").exists() or (work / "installed").read_bytes() != lock:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, work)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit",
                               "--no-fund"], cwd=work, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            skip(f"npm cannot install what {source.name} needs: {done.stderr.strip().splitlines()[-1:]}")
        (work / "installed").write_bytes(lock)
    return work
