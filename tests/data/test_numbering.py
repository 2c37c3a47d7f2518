"""Items that are numbered on disk give the votes that the table in memory gives."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from sfumato.core.errors import FileError, LabelError, ParameterError, TableError
from sfumato.data import number_items, read_votes
from sfumato.labels import Votes
from tests.data.test_votes import same, table


def test_without_duckdb_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ParameterError, match=r"sfumato\[duckdb\]"):
        number_items(tmp_path / "v.parquet", tmp_path)


@pytest.mark.parametrize("kind", ["text", "numbers far apart"])
def test_numbered_items_are_those_of_the_table(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    told = table()
    named = [f'it\'s <{v}> "{v}"' for v in told["item"]] if kind == "text" else (told["item"] * 10**12).tolist()
    half = len(named) // 2
    paths = [tmp_path / "a'b.parquet", tmp_path / "c.parquet"]
    for path, part in zip(paths, (slice(0, half), slice(half, None)), strict=True):
        columns = {'my "item"': named[part], "w": told["source"][part], "l": told["label"][part]}
        parquet.write_table(pa.table(columns), path)
    out = number_items(paths, tmp_path / "out", item='my "item"', source="w", label="l", memory="200MB")
    order = sorted(set(named))
    names = parquet.read_table(tmp_path / "out" / "items.parquet")
    assert names.column("name").to_pylist() == order and names.column("item").to_pylist() == list(range(len(order)))
    lines = [order.index(v) for v in named]
    same(read_votes(out), Votes.from_table(np.array(lines), told["source"], told["label"]))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["items.parquet", "votes.parquet"]


def test_bad_input(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    path, out = tmp_path / "v.parquet", tmp_path / "out"
    with pytest.raises(FileError, match="no file"):
        number_items(path, out)
    parquet.write_table(pa.table({"item": ["a", None], "source": ["v", "w"], "label": [0, 1]}), path)
    with pytest.raises(LabelError, match="1 empty cells in column 'item'"):
        number_items(path, out)
    with pytest.raises(TableError, match="task"):
        number_items(path, out, item="task")
    with pytest.raises(ParameterError, match="memory='lots'"):
        number_items(path, out, memory="lots")
    path.write_bytes(b"PAR1 no")
    with pytest.raises(TableError, match="v.parquet"):
        number_items(path, out)
    assert not list(out.iterdir())
