"""Random clusters and workloads: the same bytes as the command line."""

import os
import subprocess

import pytest

import lockstep

pytestmark = pytest.mark.filterwarnings("ignore::lockstep.RunWarning")
COUNT = 40


def keywords(words):
    """`--max-num-seqs 4 --no-enable-x` as max_num_seqs="4", enable_x=False."""
    flags = {}
    for at, word in enumerate(words):
        if not word.startswith("--"):
            continue
        plain = at + 1 == len(words) or words[at + 1].startswith("--")
        name = word[2:].replace("-", "_")
        off = plain and name.startswith("no_")
        flags[name[3:] if off else name] = not off if plain else words[at + 1]
    return flags


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    program = os.environ.get("LOCKSTEP_DIFFERENTIAL")
    if not program:
        pytest.skip("LOCKSTEP_DIFFERENTIAL names no program that writes cases")
    folder = tmp_path_factory.mktemp("cases")
    subprocess.run([program, "--count", str(COUNT), "--seed", "7", "--write", folder], check=True,
                   capture_output=True)
    return sorted(folder.iterdir(), key=lambda case: int(case.name))


def test_bindings_write_what_the_command_line_writes(binary, cases, tmp_path):
    assert len(cases) > COUNT // 2
    for case in cases:
        words = (case / "flags").read_text().split()
        subprocess.run([binary, "run", "--cluster-config", case / "cluster.json", "--dataset",
                        case / "workload.jsonl", "--model-dir", case / "models", "--quiet",
                        *words, "--output", tmp_path / "command.csv"], check=True)
        result = lockstep.run(case / "cluster.json", case / "workload.jsonl",
                              model_dir=str(case / "models"), **keywords(words))
        assert result.to_csv() == (tmp_path / "command.csv").read_bytes(), case
