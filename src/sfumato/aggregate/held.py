"""Votes laid out for aggregation: a sparse matrix, items x (source, statement), of which only blocks are ever made."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sfumato.core.errors import LabelError, ParameterError
from sfumato.labels import Votes

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
BLOCK = 1 << 18  # votes that are worked on at a time, at most
SMALL = 1 << 17  # enough of them where the tables of sources, of which each block adds one, are small
LARGE = 4  # blocks at a time where those tables are larger than a block


class Held:
    """Votes that count, as views of their container wherever nothing is left out.

    Args: votes; informative: abstentions are a statement of their own (the last), not silence; new: votes to be read
    by a model that is fitted already, which may be none.
    """

    def __init__(self, votes: Votes, informative: bool = False, new: bool = False) -> None:
        if not isinstance(votes, Votes):
            raise ParameterError(f"votes of type {type(votes).__name__}", "sf.labels.Votes", "Votes.from_table(...)")
        self.votes, self.k, self.sources = votes, votes.k, votes.sources
        self.statements = votes.statements + informative
        self.informative = informative
        self.shape = (self.sources, self.statements, self.k)
        self.gold: Ints | None = None if votes.gold is None else votes.gold.numpy()
        self.means: Floats = np.eye(self.k) if votes.means is None else votes.means.numpy().astype(float)
        self.source: Ints = votes.source.numpy()
        self.said: Ints = votes.said.numpy()
        self.weight: Floats | None = None if votes.weight is None else votes.weight.numpy()
        self.offsets: Ints = votes.offsets.numpy()
        self.n = len(self.offsets) - 1
        spoke = self.said >= 0
        if not (new or spoke.any()):
            raise LabelError("votes that are all abstentions", "at least one statement")
        self.silent = not spoke.all()
        if self.silent and not informative:
            self.offsets = _left(spoke, self.offsets)
            self.source, self.said = self.source[spoke], self.said[spoke]
            self.weight = None if self.weight is None else self.weight[spoke]
        self.mass = float(len(self.said) if self.weight is None else self.weight.sum())
        self.block = max(min(BLOCK, SMALL), min(LARGE * BLOCK, 2 * self.sources * self.statements))
        known = np.diff(self.offsets) > 0
        self.told = known if self.gold is None else known | (self.gold >= 0)

    def only_classes(self, method: str) -> None:
        """Refuse statements that are sets of classes."""
        if self.votes.means is not None:
            raise LabelError(f"votes for sets of classes at {method}", "votes for classes", "try Nplm or DawidSkene")

    def right(self) -> NDArray[np.bool_]:
        """(statements, K) whether a statement names a class."""
        found = np.zeros((self.statements, self.k), bool)
        found[: len(self.means)] = self.means > 0
        return found

    def item(self) -> Ints:
        """(votes,) the item of each vote that counts."""
        return np.repeat(np.arange(self.n), np.diff(self.offsets))

    @cached_property
    def column(self) -> Ints:
        """(votes,) source times statements plus statement, of each vote that counts."""
        return self._columns(0, len(self.said))

    def _columns(self, a: int, b: int) -> Ints:
        found = self.source[a:b].astype(np.int32)
        found *= np.int32(self.statements)
        found += self.said[a:b]
        if self.silent and self.informative:  # silence stands as -1: the last statement
            found[self.said[a:b] < 0] += np.int32(self.statements)
        return found

    def spans(self, most: int | None = None) -> Iterator[tuple[int, int]]:
        """Items from, items to: about a block of votes (or ``most``), at least one item."""
        start, many = 0, min(self.block, most or self.block)
        while start < self.n:
            stop = int(np.searchsorted(self.offsets, self.offsets[start] + many, side="right")) - 1
            stop = min(max(stop, start + 1), self.n, start + many)
            yield start, stop
            start = stop

    def blocks(self) -> Iterator[tuple[slice, csr_array]]:
        """Items, and their part of V."""
        ones = np.ones(min(self.block, len(self.said)))
        for start, stop in self.spans():
            a, b = int(self.offsets[start]), int(self.offsets[stop])
            if self.weight is not None:
                data = self.weight[a:b]
            else:  # one item may have more votes than a block
                data = ones[: b - a] if b - a <= len(ones) else np.ones(b - a)
            pointer = (self.offsets[start : stop + 1] - a).astype(np.int32)
            size = (stop - start, self.sources * self.statements)
            yield slice(start, stop), csr_array((data, self._columns(a, b), pointer), shape=size)


def _left(spoke: NDArray[np.bool_], offsets: Ints) -> Ints:
    """Offsets of the votes that spoke, some votes at a time."""
    left = np.zeros(len(offsets), np.int64)
    start, before = 0, 0
    while start < len(spoke):
        stop = min(start + BLOCK, len(spoke))
        many = np.concatenate([[0], np.cumsum(spoke[start:stop])]) + before
        inside = slice(*np.searchsorted(offsets, [start, stop + (stop == len(spoke))]))
        left[inside] = many[offsets[inside] - start]
        start, before = stop, int(many[-1])
    return left
