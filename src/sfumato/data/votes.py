"""Votes from parquet files that need not fit into memory: two walks in batches, the smallest types, no table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from sfumato.core.errors import FileError, LabelError, TableError
from sfumato.data.columns import quoted
from sfumato.labels import Votes
from sfumato.labels.vote_lines import small
from sfumato.labels.votes import ABSTAIN

BATCH = 1_000_000  # votes that are looked at together
Ints = NDArray[np.integer[Any]]


def read_votes(
    path: str | Path | Sequence[str | Path],
    *,
    item: str = "item",
    source: str = "source",
    label: str = "label",
    n: int | None = None,
    classes: Sequence[Any] | None = None,
    abstain: Any = None,
    batch: int = BATCH,
) -> Votes:
    """Votes from parquet files with one line per vote; equal to ``Votes.from_table`` of their columns.

    The first walk counts the votes of each item and collects the names; the second one puts each vote in its place.
    Beside a batch this takes per vote the bytes of its codes (3 to 5) and per item 24 bytes.

    Args: path, one file or several; item, source, label: the columns; items are row numbers from 0 (``n`` of them, or
    up to the largest); classes, names in order, or sorted; abstain, the label of a source that declined; batch, lines
    that are read together, at least 1. Errors: no such file or column, items that are no row numbers, empty cells, a
    class that is not among ``classes``, a source that speaks twice of an item.
    """
    files = [Path(p) for p in ([path] if isinstance(path, str | Path) else path)]
    columns = (item, source, label)
    counts: Ints = np.zeros(1 if n is None else n, np.int64)
    found: tuple[set[Any], set[Any]] = set(), set()
    for columns_ in _walk(files, columns, batch):
        at, first = _grouped(_rows(columns_[0], n, item))[1:]
        counts = _room(counts, int(at[-1]) + 1)
        counts[at[first]] += np.diff(np.append(first, len(at)))
        for known, column in zip(found, columns_[1:], strict=True):
            known.update(pc.unique(column).to_pylist())
    found[1].discard(abstain)
    if not found[1]:
        raise LabelError("no vote at all", "at least one label")
    who, names = _sorted(found[0], source), _sorted(found[1], label) if classes is None else tuple(classes)
    if unknown := found[1] - set(names):
        raise LabelError(f"labels: {next(iter(unknown))!r}", f"one of {list(names)[:20]}", "add it, or mend the entry")
    if n is None:
        counts = counts[: int(np.flatnonzero(counts)[-1]) + 1]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    sources, said = np.empty(offsets[-1], small(len(who))), np.empty(offsets[-1], small(len(names)))
    free = offsets[:-1].copy()
    for columns_ in _walk(files, columns, batch):
        order, at, first = _grouped(_rows(columns_[0], n, item))
        many = np.diff(np.append(first, len(at)))
        place = free[at] + np.arange(len(at)) - np.repeat(first, many)
        free[at[first]] += many
        sources[place] = _codes(columns_[1], who)[order]
        said[place] = _codes(columns_[2], names)[order]
    _in_order(offsets, sources, said, who)
    return Votes(
        torch.from_numpy(offsets),
        torch.from_numpy(sources),
        torch.from_numpy(said),
        len(names),
        len(who),
        classes=names,
        who=who,
    )


def _walk(files: Sequence[Path], columns: Sequence[str], batch: int) -> Iterator[list[pa.Array]]:
    from pyarrow import parquet

    for path in files:
        if not path.is_file():
            raise FileError(f"no file {path}", "a parquet file that exists", "check the spelling and the folder")
        try:
            with parquet.ParquetFile(path) as file:
                for name in columns:
                    if name not in file.schema_arrow.names:
                        raise TableError(
                            f"{path.name} has no column {name!r}", f"one of {quoted(file.schema_arrow.names)}"
                        )
                for part in file.iter_batches(batch, columns=list(dict.fromkeys(columns))):
                    if part.num_rows:
                        yield [_plain(path, name, part.column(name)) for name in columns]
        except (OSError, pa.ArrowException) as error:
            if isinstance(error, FileError):
                raise
            said = " ".join(str(error).split())[:200]
            raise TableError(f"{path} cannot be read: {said}", "a whole parquet file") from None


def _plain(path: Path, name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    blank = column.null_count
    if pa.types.is_floating(column.type):
        blank += pc.sum(pc.is_nan(column)).as_py() or 0
    if blank:
        raise LabelError(f"{path.name}: {blank} empty cells in column {name!r}", "an entry on every line")
    return column


def _rows(column: pa.Array, n: int | None, name: str) -> Ints:
    if not pa.types.is_integer(column.type):
        raise LabelError(
            f"items of type {column.type} in column {name!r}", "row numbers from 0", "number the items first"
        )
    values = column.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    low, high = int(values.min()), int(values.max())
    if low < 0 or (n is not None and high >= n):
        raise LabelError(f"row numbers from {low} to {high}", f"from 0 to {'...' if n is None else n - 1}")
    return np.asarray(values)


def _grouped(values: Ints) -> tuple[Ints, Ints, Ints]:
    """(a stable order by item, items in it, where each item begins)."""
    order = np.argsort(values, kind="stable")
    at = values[order]
    return order, at, np.flatnonzero(np.append(True, at[1:] != at[:-1]))


def _room(counts: Ints, wanted: int) -> Ints:
    if wanted <= len(counts):
        return counts
    return np.concatenate([counts, np.zeros(max(wanted, 2 * len(counts)) - len(counts), counts.dtype)])


def _sorted(names: set[Any], what: str) -> tuple[Any, ...]:
    try:
        return tuple(sorted(names))
    except TypeError:
        raise LabelError(f"{what}: names of mixed types", "one type") from None


def _codes(column: pa.Array, names: tuple[Any, ...]) -> Ints:
    """Codes of names, -1 for what is none of them: an abstention."""
    found = pc.index_in(column, value_set=pa.array(names, column.type))
    return np.asarray(pc.fill_null(found, ABSTAIN).to_numpy(zero_copy_only=False))


def _in_order(offsets: Ints, sources: Ints, said: Ints, who: tuple[Any, ...]) -> None:
    """Sources of each item in order, in place, some items at a time; none twice."""
    start, n = 0, len(offsets) - 1
    while start < n:
        stop = max(int(np.searchsorted(offsets, offsets[start] + BATCH, side="right")) - 1, start + 1)
        a, b = int(offsets[start]), int(offsets[stop])
        item = np.repeat(np.arange(start, stop), np.diff(offsets[start : stop + 1]))
        order = np.lexsort((sources[a:b], item))
        sources[a:b], said[a:b] = sources[a:b][order], said[a:b][order]
        twice = (sources[a : b - 1] == sources[a + 1 : b]) & (item[:-1] == item[1:])
        if twice.any():
            i = int(twice.argmax())
            raise LabelError(
                f"source {str(who[int(sources[a + i])])!r} speaks more than once of item {int(item[i])}",
                "one vote of a source on an item",
                "settle such lines first",
            )
        start = stop
