"""The figures of scale at small size: what they say must hold at any."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import scale


def test_the_files_hold_the_same_rows(tmp_path):
    import pyarrow.parquet as pq

    scale.make(tmp_path, 700)
    x = np.load(tmp_path / "x.npy")
    assert x.shape == (700, scale.D)
    table = pq.read_table(tmp_path / "x.parquet")
    assert np.array_equal(np.stack([c.to_numpy() for c in table.columns], 1), x)
    assert np.load(tmp_path / "y.npy").shape == (700,)


def test_of_several_processes_the_first_one_speaks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    monkeypatch.setattr(scale, "trained", lambda folder, n: {"rows": n})
    words = ["--rows", "30", "--folder", str(tmp_path), "--one", "trained"]
    monkeypatch.setattr(sys, "argv", [scale.__file__, *words])
    for rank, said in (("1", ""), ("0", '{"rows": 30}\n')):
        monkeypatch.setenv("RANK", rank)
        scale.main()
        assert capsys.readouterr().out == said


def test_several_processes_meet_at_a_free_port(tmp_path, monkeypatch):
    asked = []

    def answer(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, json.dumps({"rows": 30}) + "\n", "")

    monkeypatch.setattr(subprocess, "run", answer)
    assert scale.alone(tmp_path, 30, "trained", processes=2) == {"rows": 30}
    assert "--standalone" in asked[0] and "--master-port" not in asked[0]


@pytest.mark.slow
def test_the_page_at_small_size(tmp_path, monkeypatch):
    page = tmp_path / "scale.md"
    words = ["--rows", "20000", "--folder", str(tmp_path / "data"), "--write", str(page)]
    monkeypatch.setattr(sys, "argv", [scale.__file__, *words])
    scale.main()
    found = {}
    for line in page.read_text().splitlines():
        if line.startswith("**"):
            title = line.strip("*")
        elif line.startswith("| ") and not line.startswith("| what"):
            what, value = (part.strip() for part in line.strip("|").split("|"))
            found[title, what] = float(value.replace(",", ""))
    assert Path(scale.__file__).exists()
    disk = found["rows on disk, npy", "accuracy"]
    assert disk == found["rows on disk, parquet", "accuracy"]  # one order, the same rows
    assert found["beliefs n x 100, half", "table MB"] == pytest.approx(20_000 * 100 * 2 / 2**20, rel=0.01)
    two = "ELR, two processes by torchrun"
    assert found[two, "rows of the table kept here"] == 10_000
    assert found[two, "largest difference of a logit"] < 1e-9
