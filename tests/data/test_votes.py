"""Votes from parquet in batches equal those of the whole table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from sfumato.core.errors import FileError, LabelError, TableError
from sfumato.data import read_votes
from sfumato.labels import Votes


def table(seed: int = 0) -> dict[str, Any]:
    """Lines in no order; items 3 and 7 have no vote."""
    draw = np.random.default_rng(seed)
    items = np.array([i for i in range(30) if i not in (3, 7)])
    lines = [(i, j) for i in items for j in draw.permutation(12)[: draw.integers(1, 6)]]
    draw.shuffle(lines)
    item, source = np.array(lines).T
    return {
        "item": item,
        "source": np.array([f"w{j}" for j in source]),
        "label": np.array(["cat", "dog", "eel", "?"])[draw.integers(0, 4, len(item))],
    }


def same(a: Votes, b: Votes) -> None:
    for name in ("offsets", "source", "said"):
        one, other = getattr(a, name), getattr(b, name)
        assert torch.equal(one, other), name
        assert one.dtype == other.dtype, name
    assert (a.k, a.sources, a.classes, a.who, a.items) == (b.k, b.sources, b.classes, b.who, b.items)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_batches_are_the_table(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfumato.data.votes.BATCH", 20)  # several blocks are put in order
    told = table()
    path = tmp_path / "v.parquet"
    parquet.write_table(pa.table(told), path, row_group_size=13)
    same(read_votes(path, abstain="?", batch=batch), Votes.from_table(*told.values(), abstain="?"))
    same(read_votes(path, batch=batch, n=40), Votes.from_table(*told.values(), n=40))
    classes = ["eel", "dog", "?", "cat", "fox"]
    same(read_votes(path, classes=classes, batch=batch), Votes.from_table(*told.values(), classes=classes))


def test_several_files_other_columns_categories_and_whole_numbers(tmp_path: Path) -> None:
    told = table(1)
    half = len(told["item"]) // 2
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    code = np.unique(told["label"], return_inverse=True)[1]
    for path, part in zip(paths, (slice(0, half), slice(half, None)), strict=True):
        columns = {
            "task": pa.array(told["item"][part], pa.int32()),
            "who": pa.array(told["source"][part]).dictionary_encode(),
            "said": pa.array(code[part], pa.int8()),
        }
        parquet.write_table(pa.table(columns), path)
    found = read_votes(paths, item="task", source="who", label="said", batch=9)
    same(found, Votes.from_table(told["item"], told["source"], code))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"item": [0.5, 1.5]}, "items of type double in column 'item'"),
        ({"item": ["a", "a"], "source": ["w", "w"]}, "'w' speaks more than once of item 'a'"),
        ({"item": [0, 10**12]}, "an item 1000000000000 within 2 lines; .*number_items"),
        ({"item": [-1, 0]}, "row numbers from -1"),
        ({"label": ["x", None]}, "1 empty cells in column 'label'"),
        ({"label": [1.0, float("nan")]}, "1 empty cells in column 'label'"),
        ({"item": [0, 0], "source": ["w", "w"]}, "'w' speaks more than once of item 0"),
    ],
)
def test_lines_that_are_no_votes(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    parquet.write_table(pa.table({"item": [0, 1], "source": ["v", "w"], "label": ["x", "y"]} | change), path)
    with pytest.raises(LabelError, match=said):
        read_votes(path)


def test_files_columns_and_classes_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    parquet.write_table(pa.table({"item": [0, 1], "source": ["v", "w"], "label": ["x", "y"]}), path)
    with pytest.raises(TableError, match="no column 'task'; wanted one of"):
        read_votes(path, item="task")
    with pytest.raises(LabelError, match="labels: 'y'"):
        read_votes(path, classes=["x", "z"])
    with pytest.raises(LabelError, match="row numbers from 0 to 1; wanted from 0 to 0"):
        read_votes(path, n=1)
    with pytest.raises(FileError, match="no file"):
        read_votes(tmp_path / "w.parquet")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(TableError, match="cannot be read"):
        read_votes(tmp_path / "x.parquet")


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_items_with_names_stream_too(batch: int, tmp_path: Path) -> None:
    told = table()
    told["item"] = np.array([f"i{v}" for v in told["item"]])
    path = tmp_path / "v.parquet"
    parquet.write_table(pa.table(told | {"item": pa.array(told["item"]).dictionary_encode()}), path, row_group_size=13)
    same(read_votes(path, abstain="?", batch=batch), Votes.from_table(*told.values(), abstain="?"))
    with pytest.raises(LabelError, match="text without n"):
        read_votes(path, n=3)


def test_numbers_and_names_of_items_do_not_mix(tmp_path: Path) -> None:
    for name, items in (("a", [0, 1]), ("b", ["x", "y"])):
        parquet.write_table(pa.table({"item": items, "source": ["v", "w"], "label": [0, 1]}), tmp_path / name)
    for first, second in (("a", "b"), ("b", "a")):
        with pytest.raises(LabelError, match="items of type"):
            read_votes([tmp_path / first, tmp_path / second])
