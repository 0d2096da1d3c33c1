"""`python -m serving ...`: the same program as `lockstep run --fidelity reference ...`.

Whoever types this command has results of the reference to compare with, so its rules are the
default here; a `--fidelity` among the arguments counts instead.

Finds the built binary ($LOCKSTEP_BIN, build/*/lockstep beside this package, $PATH), builds it when
there is none, hands all arguments over and keeps the exit code.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find_binary():
    """The binary to run, or None."""
    given = os.environ.get("LOCKSTEP_BIN")
    if given:
        return given
    for preset in ("release", "clang", "debug"):
        candidate = ROOT / "build" / preset / "lockstep"
        if os.access(candidate, os.X_OK):
            return str(candidate)
    return shutil.which("lockstep")


def build():
    """Builds the release binary; its output goes to stderr so that stdout stays the run's."""
    print("lockstep is not built yet: building it once (make build)", file=sys.stderr)
    done = subprocess.run(["make", "-C", str(ROOT), "build"], stdout=sys.stderr, check=False)
    return done.returncode


def main():
    binary = find_binary()
    if binary is None:
        code = build()
        if code != 0:
            return code
        binary = find_binary()
    if binary is None:
        print("no lockstep binary was found or built", file=sys.stderr)
        return 1
    os.environ["LOCKSTEP_PROG"] = "python -m serving"
    os.execv(binary, [binary, "run", "--fidelity", "reference", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
