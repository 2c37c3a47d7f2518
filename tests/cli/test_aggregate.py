"""``sfumato aggregate``: votes in, labels out; its files, its JSON, its errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from sfumato.aggregate import DawidSkene, MajorityVote
from sfumato.cli import main
from sfumato.labels import Votes

COLUMNS = ["--item", "task", "--source", "worker", "--label", "answer"]


def lines(seed: int = 0) -> list[tuple[str, str, str]]:
    """Forty items, four good sources and one that is always wrong."""
    draw = np.random.default_rng(seed)
    out = []
    for i in range(40):
        truth = draw.integers(0, 2)
        for j in range(5):
            right = j != 4 and (j == 0 or draw.random() < 0.85)
            out.append((f"t{39 - i}", f"w{j}", ("no", "yes")[truth if right else 1 - truth]))
    return out


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    path = tmp_path / "votes.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("task", "worker", "answer"), *lines()])
    return path


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def test_every_item_gets_its_label(votes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, who = tmp_path / "labels.csv", tmp_path / "workers.parquet"
    words = ["aggregate", votes, *COLUMNS, "--method", "dawid-skene", "--out", out, "--sources", who]
    assert run(*words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    item, source, label = zip(*lines(), strict=True)
    own = Votes.from_table(item, source, label, items=list(dict.fromkeys(item)))
    with pytest.warns(UserWarning, match="less often than chance"):
        found = DawidSkene().fit(own)
    assert any("less often than chance" in line for line in told["warnings"])
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["task", "label", "confidence", "votes", "majority", "p(no)", "p(yes)"]
    assert [r["task"] for r in rows] == list(dict.fromkeys(item))
    assert [r["label"] for r in rows] == found.labels().tolist()
    assert np.allclose([[float(r["p(no)"]), float(r["p(yes)"])] for r in rows], found.posterior, atol=1e-12)
    assert {r["votes"] for r in rows} == {"5"}
    table = parquet.read_table(who)
    assert table.column_names == ["worker", "votes", "declined", "quality", "low", "high", "with_majority"]
    assert np.allclose(table["quality"].to_numpy(), found.quality)
    assert np.allclose(table["low"].to_numpy(), found.interval().low)
    assert np.allclose(table["high"].to_numpy(), found.interval().high)
    voted = found.majority.argmax(1)
    first = own.said.numpy()[own.source.numpy() == 0]
    assert table["with_majority"][0].as_py() == pytest.approx((first == voted).mean())
    assert (told["items"], told["sources"], told["votes"], told["classes"]) == (40, 5, 200, ["no", "yes"])
    assert told["unlike_majority"] == int((found.posterior.argmax(1) != voted).sum())
    assert told["ties"] == 0
    assert run(*words) == 0
    shown = capsys.readouterr().out
    assert "dawid-skene on 200 votes of 5 sources" in shown
    assert "w4" in shown


def test_auto_is_the_default_and_says_what_it_chose(
    votes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("aggregate", votes, *COLUMNS, "--out", tmp_path / "l.parquet", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["method"] != "auto"
    assert parquet.read_table(tmp_path / "l.parquet").num_rows == 40


def test_abstentions_ties_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "v.csv", tmp_path / "l.csv"
    path.write_text("item,source,label\n7,a,1\n7,b,2\n7,c,\n3,a,2\n3,b,2\n3,c,1\n5,a,\n")
    assert run("aggregate", path, "--method", "majority-vote", "--abstain", "", "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["ties"] == 2
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["item"], r["label"], r["votes"], r["majority"]) for r in rows] == [
        ("7", "1", "3", ""),
        ("3", "2", "3", "2"),
        ("5", "1", "1", ""),
    ]
    votes = Votes.from_table([0, 0, 1, 1, 1], list("ababc"), [1, 2, 2, 2, 1], n=3)
    assert np.allclose(MajorityVote().fit(votes).posterior, [[float(r["p(1)"]), float(r["p(2)"])] for r in rows])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--item", "nothing"], "no column 'nothing'"),
        (["--item", "answer"], "three columns"),
        (["--method", "dawid"], "no aggregate method named 'dawid'"),
        (["--set", "rounds=3", "--method", "one-coin"], "no field 'rounds'"),
        (["--set", "iterations=x", "--method", "one-coin"], "wanted an integer"),
        (["--set", "iterations=0", "--method", "one-coin"], "iterations=0"),
        (["--abstain", "maybe"], "no label 'maybe'"),
        (["--duplicates", "first"], "duplicates='first'"),
        (["--out", "labels.txt"], "none of the endings"),
        (["--sources", "w.txt"], "none of the endings"),
        (["--method", "crowdlab"], "probabilities"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, votes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.csv"
    assert run("aggregate", votes, *COLUMNS, "--out", out, *words) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert heard.count("\n") == 1
    assert not out.exists()


def test_lines_that_are_no_votes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "v.csv", tmp_path / "l.csv"
    path.write_text("item,source,label\na,x,1\na,x,2\n")
    assert run("aggregate", path, "--out", out) == 2
    assert "speaks more than once" in capsys.readouterr().err
    path.write_text("item,source,label\na,x,1\nb,y,\n")
    assert run("aggregate", path, "--out", out) == 2
    assert "--abstain ''" in capsys.readouterr().err
    path.write_text("item,source,label\na,x,1\n,y,1\n")
    assert run("aggregate", path, "--out", out) == 2
    assert "'item' has empty cells" in capsys.readouterr().err
    path.write_text("votes,source,label\na,x,1\n")
    assert run("aggregate", path, "--item", "votes", "--out", out) == 2
    assert "another name" in capsys.readouterr().err
    same = str(out)
    path.write_text("item,source,label\na,x,1\n")
    assert run("aggregate", path, "--out", same, "--sources", same) == 2
    assert "two files" in capsys.readouterr().err
