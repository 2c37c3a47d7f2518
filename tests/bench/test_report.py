"""A report is whole, self-contained and safe to open, whatever names the data bring."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sfumato.bench.content import content
from sfumato.bench.report import report
from sfumato.bench.run import run
from sfumato.bench.spec import parse
from sfumato.bench.store import Store
from sfumato.core.errors import FileError

FAILS = f"peer:{__name__}:FAILING"
HOSTILE = 'x"><script>alert(1)</script>|`*_[a](http://e.vil)\u202e&amp;'


class Failing:
    name, kind = "failing", "exact"

    def missing(self) -> str | None:
        return None

    def fit(self, X: Any, labels: Any, seed: int) -> Any:
        raise OSError("disk full")


FAILING = Failing()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a table with a hostile name, with a failing method."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = "".join(f"{i % 7},{(i * i) % 5},{'ab'[i % 2]}\n" for i in range(60))
    (folder / "t.csv").write_text("a,b,y\n" + rows)
    values: dict[str, Any] = {
        "name": "h",
        "datasets": [{"name": HOSTILE, "table": "t.csv", "truth": "y"}, "wine"],
        "laws": [{"name": "symmetric", "noise_rate": 0.2}, "clean"],
        "methods": ["ce", "gce", "mae", "peer:logistic", FAILS],
        "train": {"epochs": 2, "hidden": [4]},
    }
    run(parse(values, base=folder), folder / "store")
    return folder / "store"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_is_self_contained_and_inert(hostile: Path, tmp_path: Path) -> None:
    files = report(Store(hostile), tmp_path, title=HOSTILE)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.seen
    assert tags.links
    assert all(link.startswith("#") for link in tags.links)
    assert "\u202e" not in page
    assert "<script" not in page
    assert {"svg", "table"} <= tags.seen
    assert all(f.is_file() for f in files)


def test_markdown_and_pictures(hostile: Path, tmp_path: Path) -> None:
    report(Store(hostile), tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "[a](http" not in text
    for picture in re.findall(r"\]\((figures/[^)]+)\)", text):
        ElementTree.fromstring((tmp_path / picture).read_text(encoding="utf-8"))
    tables = [line for line in text.splitlines() if line.startswith("|")]
    for head, rule in pairwise(tables):
        if set(rule) <= set("| -"):
            assert len(re.findall(r"(?<!\\)\|", head)) == len(re.findall(r"\|", rule))


def test_csv_holds_every_run(hostile: Path, tmp_path: Path) -> None:
    report(Store(hostile), tmp_path)
    with open(tmp_path / "results.csv", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    table = Store(hostile).table()
    assert [r["run"] for r in rows] == table["run"].to_pylist()
    assert {r["dataset"] for r in rows} == {HOSTILE, "wine"}
    with open(tmp_path / "noisy-labels-leaderboard.csv", encoding="utf-8", newline="") as f:
        board = list(csv.DictReader(f))
    assert {r["method"] for r in board} == {"ce", "gce", "mae", "peer:logistic", FAILS}
    assert sum(float(r["mean rank"]) for r in board if r["mean rank"]) == pytest.approx(10)
    assert [(r["mean rank"], r["failed runs"]) for r in board if r["method"] == FAILS] == [("", "2")]


def test_failures_and_oracles_are_told(hostile: Path) -> None:
    sections = content(Store(hostile))
    failures = next(t for t in sections[0].tables if t.title == "Failures")
    assert [(row[0], row[2]) for row in failures.rows] == [(FAILS, 4)]
    assert any("oracle" in note for note in sections[0].notes)
    assert {s.title for s in sections} == {"Runs", "Noisy labels", "Exact labels"}


def test_a_store_without_results(tmp_path: Path) -> None:
    Store(tmp_path / "s", create=True)
    files = report(Store(tmp_path / "s"), tmp_path / "out")
    assert (tmp_path / "out" / "report.html") in files
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="is a file"):
        report(Store(tmp_path / "s"), tmp_path / "file")
