"""The examples of docs/python.md run, in their order."""

import contextlib
import io
import re
import shutil

from conftest import ROOT


def test_examples(tmp_path, monkeypatch):
    page = (ROOT / "docs/python.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    assert len(blocks) >= 6
    for name in ("configs", "hardware"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for block in blocks:
            exec(compile(block, "docs/python.md", "exec"), names)
    assert "workload 1 " in said.getvalue()
    assert (tmp_path / "run.csv").stat().st_size > 0
