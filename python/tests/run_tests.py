#!/usr/bin/env python3
"""usage: run_tests.py FOLDER [pytest arguments]: runs pytest there, or says what is missing."""

import importlib.util
import sys

missing = [name for name in ("pytest", "numpy", "pandas") if not importlib.util.find_spec(name)]
if missing:
    print(f"skipped: {', '.join(missing)} not installed for {sys.executable}")
    sys.exit(77)
import pytest  # noqa: E402

sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
