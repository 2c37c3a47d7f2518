"""Data sets of a grid by name: bundled, real ones found on this machine, or a table; the truth always known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.core.errors import ParameterError
from sfumato.core.streams import numpy_rng
from sfumato.data import bundled, readers
from sfumato.data import labels as table_labels
from sfumato.labels import Exact, Labels, Votes
from sfumato.labels.encode import encode

from . import real
from .real.others import deviations
from .spec import DatasetEntry


@dataclass(frozen=True, eq=False)
class Set:
    """A set: x, an array or a table of n rows; y, its truth, read for oracles and simulated labels alone: (n,) codes
    (of votes, -1 where nobody knows), or as ``laws.Entry`` tells of other truths; k classes; labels, weak ones that the
    set itself carries, or None; test (n,) its official test rows, or None.
    """

    name: str
    x: Any
    y: NDArray[Any]
    k: int
    labels: Labels | None = None
    test: NDArray[np.bool_] | None = None

    @property
    def digest(self) -> str:
        """A fingerprint of everything that the set holds."""
        h = hashlib.sha256(f"{self.k} {type(self.labels).__name__}".encode())
        own = [] if self.labels is None else [getattr(self.labels, c) for c in self.labels.columns]
        if isinstance(self.labels, Votes):
            own += [self.labels.offsets, self.labels.source, self.labels.said]
        for part in (self.x, self.y, self.test, *own):
            if part is None:
                h.update(b"none")
            elif hasattr(part, "schema"):  # a table of columns
                h.update(str(part.schema).encode())
                for column in part.columns:
                    h.update(repr(column.to_pylist()).encode())
            else:
                array = np.ascontiguousarray(np.asarray(part))
                h.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
        return h.hexdigest()[:16]


@dataclass(frozen=True)
class Source:
    """Where a set comes from: kind, that of the labels it carries (None: none of its own); load, or real.Absent; truth,
    as laws tell it; bare, whether its items have no features.
    """

    name: str
    kind: str | None
    load: Callable[[], Set]
    truth: str = "class"
    bare: bool = False


def source(entry: DatasetEntry) -> Source:
    """The source of an entry; an unknown name lists the known ones."""
    if entry.table is not None:
        kind = None if entry.labels is None else table_labels.parse(entry.labels).kind.removesuffix("-single")
        return Source(entry.name, kind, lambda: _table(entry))
    if entry.name in bundled.NAMES:
        return Source(entry.name, None, lambda: _cut(_bundled(entry.name), entry))
    if entry.name == "diabetes":
        return Source(entry.name, None, lambda: _cut(_diabetes(), entry), "value")
    if entry.name in real.READERS:
        reader = real.READERS[entry.name]
        return Source(entry.name, reader.kind, lambda: _cut(_real(entry.name), entry), reader.truth, reader.bare)
    known = ", ".join((*bundled.NAMES, "diabetes", *sorted(real.READERS)))
    raise ParameterError(f"a data set named {entry.name!r}", f"one of {known}, or a table = FILE")


@lru_cache(maxsize=2)
def load(entry: DatasetEntry) -> Set:
    """The set of an entry; the last two are kept, since neighbours in a grid share their set."""
    return source(entry).load()


def _cut(held: Set, entry: DatasetEntry) -> Set:
    """So many rows beside official test rows, and two classes where positive ones are named."""
    rows = entry.rows
    if entry.positive:
        plain = held.labels is None and held.y.ndim == 1 and held.y.dtype == np.int64
        if not plain or max(entry.positive) >= held.k or len(set(entry.positive)) >= held.k:
            wants = f"some of the classes 0..{held.k - 1}" if plain else "a set of classes without labels of its own"
            raise ParameterError(f"{held.name}: positive = {list(entry.positive)}", wants)
        held = Set(held.name, held.x, np.isin(held.y, entry.positive).astype(np.int64), 2, None, held.test)
    fixed = np.zeros(len(held.y), bool) if held.test is None else held.test
    if rows is None or rows >= (~fixed).sum():
        return held
    # a draw, since files are often sorted by class; the same one whatever the seed of a run
    drawn = numpy_rng(0, "bench rows").permutation(np.flatnonzero(~fixed))[:rows]
    keep = np.sort(np.concatenate([drawn, np.flatnonzero(fixed)]))
    own = None if held.labels is None else held.labels[torch.from_numpy(keep)]
    x = held.x.take(keep) if hasattr(held.x, "schema") else held.x[keep]
    return Set(held.name, x, held.y[keep], held.k, own, None if held.test is None else held.test[keep])


def _bundled(name: str) -> Set:
    x, y, classes = bundled.load(name)
    return Set(name, x, y, len(classes))


def _diabetes() -> Set:
    """How far a disease went in a year, from ten measures of scikit-learn's patients."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return Set("diabetes", x.astype(np.float32), deviations(y), 1)


def _real(name: str) -> Set:
    found = real.read(name)
    return Set(name, found.x, found.y, found.k, found.labels, found.test)


def _table(entry: DatasetEntry) -> Set:
    assert entry.table is not None and entry.truth is not None
    table = readers.read(entry.table, entry.missing)
    spec = None if entry.labels is None else table_labels.parse(entry.labels)
    columns = () if spec is None else spec.columns
    table.check(entry.truth, *columns, *entry.drop)
    labels = None if spec is None else table_labels.read_labels(table, spec)
    if labels is not None and labels.row is not None:
        raise ParameterError(f"labels {entry.labels} that point at rows", "one observation per row")
    x = table.features([*dict.fromkeys([entry.truth, *columns, *entry.drop])] if table.frame is not None else [])
    truth = table.column(entry.truth)
    if labels is None:
        y, names = encode(truth, None, "the truth")
        k = len(names)
    else:
        if labels.classes is not None and all(isinstance(c, str) for c in labels.classes):
            # "0|1" makes classes texts, while a column of 0 and 1 is one of numbers
            truth = [str(v) if isinstance(v, int) else v for v in truth]
        y, k = encode(truth, labels.classes, "the truth")[0], labels.k
    held = Set(entry.name, x, Exact(y, k).y.numpy(), k, labels)
    return _cut(held, entry)
