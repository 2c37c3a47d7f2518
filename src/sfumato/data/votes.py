"""Votes from parquet files that need not fit into memory: two walks in batches, the smallest types, no table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from sfumato.core.errors import LabelError
from sfumato.data.batches import walk
from sfumato.data.items import Items
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
    Beside a batch this takes per vote the bytes of its codes (2 to 5) and per item 12 bytes. Items are row numbers from
    0, or names in order of first appearance, which stay in memory (about 200 bytes each): for tens of millions of them,
    or numbers far apart, ``number_items`` gives row numbers first.

    Args: path, one file or several; item, source, label: the columns; n: how many items where they are numbers (else
    up to the largest); classes, names in order, or sorted; abstain, the label of a source that declined; batch, lines
    that are read together, at least 1. Errors: no such file or column, numbers of items that are negative or a hundred
    times the lines, empty cells, a class that is not among ``classes``, a source that speaks twice of an item.
    """
    files = [Path(p) for p in ([path] if isinstance(path, str | Path) else path)]
    columns = (item, source, label)
    items = Items(item, n)
    counts: Ints = np.zeros(1 if n is None else n, np.int32)
    found: tuple[set[Any], set[Any]] = set(), set()
    for columns_ in walk(files, columns, batch):
        at, first = _grouped(items.codes(columns_[0]))[1:]
        counts = _room(counts, int(at[-1]) + 1)
        counts[at[first]] += np.diff(np.append(first, len(at))).astype(np.int32)
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
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    del counts
    sources, said = np.empty(offsets[-1], small(len(who))), np.empty(offsets[-1], small(len(names)))
    free = offsets[:-1]  # where the next vote of each item goes: in the end, where the next item begins
    for columns_ in walk(files, columns, batch):
        order, at, first = _grouped(items.codes(columns_[0]))
        many = np.diff(np.append(first, len(at)))
        place = free[at] + np.arange(len(at)) - np.repeat(first, many)
        free[at[first]] += many
        sources[place] = _codes(columns_[1], who)[order]
        said[place] = _codes(columns_[2], names)[order]
    for stop in range(len(free), 0, -BATCH):
        start = max(stop - BATCH, 0)
        offsets[start + 1 : stop + 1] = free[start:stop].copy()
    offsets[0] = 0
    _in_order(offsets, sources, said, who, items.names)
    return Votes(
        torch.from_numpy(offsets),
        torch.from_numpy(sources),
        torch.from_numpy(said),
        len(names),
        len(who),
        classes=names,
        items=items.names,
        who=who,
    )


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


def _in_order(offsets: Ints, sources: Ints, said: Ints, who: tuple[Any, ...], items: tuple[Any, ...] | None) -> None:
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
            where = int(item[i]) if items is None else repr(items[int(item[i])])
            raise LabelError(
                f"source {str(who[int(sources[a + i])])!r} speaks more than once of item {where}",
                "one vote of a source on an item",
                "settle such lines first",
            )
        start = stop
