import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOE = "configs/cluster/single_node_moe_dp_ep_instance.json"


@pytest.fixture(autouse=True)
def in_project(monkeypatch):
    """Models and clusters are named from the project's folder."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def binary():
    return os.environ["LOCKSTEP_BIN"]
