"""``sfumato bench``: the four commands, their JSON, their errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sfumato.bench import sets
from sfumato.bench.real import Absent
from sfumato.bench.spec import DatasetEntry
from sfumato.cli import main
from tests.bench import deadly

SPEC = """
name = "cli"
datasets = ["wine"]
laws = ["uniform-sets"]
methods = ["cc", "average", "peer:tests.bench.deadly:FAILING"]
seeds = 2
[train]
epochs = 2
hidden = [4]
[small]
seeds = 1
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


def test_run_show_compare_report(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    assert main(["bench", "run", str(spec), "--small", "--out", str(store)]) == 0
    assert "2 of 3 runs done, 1 failed" in capsys.readouterr().out
    assert main(["bench", "run", str(spec), "--out", str(store), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["runs"] == {"todo": 0, "claimed": 0, "done": 4, "failed": 2, "skipped": 0}

    assert main(["bench", "show", str(store)]) == 0
    shown = capsys.readouterr().out
    assert "Leaderboard" in shown
    assert "ValueError: it does not work" in shown
    assert main(["bench", "show", str(store), "--json"]) == 0
    sections = json.loads(capsys.readouterr().out)
    assert [s["title"] for s in sections] == ["Runs", "Partial labels"]

    assert main(["bench", "compare", "cc", "average", "--store", str(store), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["overall"]["pairs"] == 2
    assert main(["bench", "compare", str(store), str(store)]) == 0
    assert "equal in 2" in capsys.readouterr().out

    assert main(["bench", "report", str(store), "--out", str(tmp_path / "report"), "--title", "T"]) == 0
    assert "<h1>T</h1>" in (tmp_path / "report" / "report.html").read_text()


def test_failed_runs_are_tried_again_when_asked(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["bench", "run", str(spec), "--small", "--out", str(tmp_path / "store")]
    assert main(run) == 0
    assert "--retry-failed" in capsys.readouterr().out
    monkeypatch.setattr(
        deadly.Failing, "fit", lambda self, X, labels, seed: lambda rows: np.full((len(rows), 3), 1 / 3)
    )
    assert main(run) == 0
    assert "2 of 3 runs done, 1 failed" in capsys.readouterr().out
    assert main([*run, "--retry-failed"]) == 0
    assert "3 of 3 runs done, 0 failed" in capsys.readouterr().out
    assert main(["bench", "show", str(tmp_path / "store")]) == 0
    assert "it does not work" not in capsys.readouterr().out


def test_what_was_skipped_in_another_grid_is_not_told_again(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set that is not there has no hash, so that its runs have other names once it is."""
    real, store = sets.load, str(tmp_path / "store")

    def load(entry: DatasetEntry) -> sets.Set:
        if entry.name == "wine":
            raise Absent("wine: no file")
        return real(entry)

    with monkeypatch.context() as m:
        m.setattr(sets, "load", load)
        assert main(["bench", "run", str(spec), "--small", "--out", store]) == 0
        assert "skipped 3: wine: no file" in capsys.readouterr().out
    assert main(["bench", "run", str(spec), "--small", "--out", store]) == 0
    assert main(["bench", "show", store]) == 0
    assert "no file" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "run", "nothing.toml"],
        ["bench", "run", "plench"],
        ["bench", "show", "nowhere"],
        ["bench", "report", "nowhere"],
        ["bench", "compare", "a", "b"],
        ["bench", "run", "noisy", "--workers", "0"],
        ["bench", "run", "noisy", "--executor", "dask"],
        ["bench", "run", "noisy", "--address", "auto"],
        ["bench"],
    ],
)
def test_bad_input_is_one_line_and_code_2(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("sfumato: error: ")
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_wrong_key_leaves_no_store(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(SPEC.replace("seeds = 2", "sedes = 2"))
    assert main(["bench", "run", str(spec), "--out", str(tmp_path / "store")]) == 2
    assert "Did you mean seeds?" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "show", "compare", "report"):
        assert main(["bench", command, "--help"]) == 0
        assert f"sfumato bench {command} " in capsys.readouterr().out
