"""Rows class by class, sums and the least values of a stream, in memory that the caller bounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Bits = NDArray[np.uint8]

_BLOCK = 1 << 13  # labels looked at in one go
_LEAF = 128  # numpy adds up so many numbers without splitting them


def small(k: int) -> type[np.signedinteger[Any]]:
    """A type for numbers below k: memory is what limits the number of rows."""
    return np.int16 if k <= 1 << 15 else np.int32 if k <= 1 << 31 else np.int64


def stretches(
    labels: Ints, count: Ints, most: int, without: Bits | None = None, only: Collection[int] | None = None
) -> Iterator[tuple[int, Ints]]:
    """(class, its next rows), classes and rows in ascending order; a stretch is at most ``most`` rows long.

    Args: labels (n,); count (K,) rows of each class; most, rows held at a time: the labels are read once for so many;
    without, packed bits (n / 8,) of rows to leave out, which ``count`` does not count either; only, some classes.
    """
    ends = np.cumsum(count)
    begin = ends - count
    pieces = []
    for c in range(len(count)) if only is None else sorted(only):
        pieces += [(c, low, min(low + most, int(ends[c]))) for low in range(int(begin[c]), int(ends[c]), most)]
    i = 0
    while i < len(pieces):
        (first, low, high), j = pieces[i], i + 1
        while j < len(pieces) and pieces[j][1] == high and pieces[j][2] - low <= most:
            high, j = pieces[j][2], j + 1
        free = begin[first : pieces[j - 1][0] + 1] - low
        found = _sorted(labels, free, first, high - low, without)
        for c, start, end in pieces[i:j]:
            yield c, found[start - low : end - low]
        del found  # before the next ones are gathered
        i = j


def _sorted(labels: Ints, free: Ints, first: int, held: int, without: Bits | None) -> Ints:
    """Rows of classes from ``first`` on, stably by label, where row by row the next of class first + c goes to place
    ``free[c]`` and only places from 0 to ``held`` are kept: a counting sort, in blocks."""
    out = np.empty(held, small(len(labels)))
    for low in range(0, len(labels), _BLOCK):
        part = labels[low : low + _BLOCK]
        taken = part == first if len(free) == 1 else (part >= first) & (part < first + len(free))
        if without is not None:
            taken &= unpacked(without, low, low + len(part)) == 0
        at = np.flatnonzero(taken)
        key = (part[at] - first).astype(small(len(free)))  # short keys are sorted digit by digit
        many = np.bincount(key, minlength=len(free))
        if len(free) > 1:
            at = at[np.argsort(key, kind="stable")]
        place = np.repeat(free - (np.cumsum(many) - many), many) + np.arange(len(at))
        inside = slice(*np.searchsorted(place, [0, held])) if len(free) == 1 else (place >= 0) & (place < held)
        out[place[inside]] = at[inside] + low
        free = free + many
    return out


def unpacked(bits: Bits, low: int, high: int) -> NDArray[np.uint8]:
    """Bits ``low`` to ``high`` as numbers 0 and 1; low is a multiple of 8."""
    return np.unpackbits(bits[low // 8 : (high + 7) // 8], count=high - low)


class PairwiseSum:
    """numpy's sum over ``count`` contiguous numbers, bit for bit, from numbers that arrive in pieces; about ``most`` of
    them are held. numpy halves what is longer than 128, the left half to a multiple of 8."""

    def __init__(self, count: int, most: int) -> None:
        self.count, self.most = count, max(most, _LEAF)
        self.due = iter(self._lengths(count))
        self.next = next(self.due)
        self.held: list[NDArray[Any]] = []
        self.sums: list[Any] = [] if count else [np.float64(0)]

    def push(self, value: NDArray[Any]) -> None:
        self.held.append(value.copy())  # not a view, which would keep all of its block
        while self.next and sum(map(len, self.held)) >= self.next:
            row = np.concatenate(self.held)
            self.sums.append(row[: self.next].sum(dtype=np.float32 if row.itemsize == 2 else None))  # as its mean does
            self.held = [row[self.next :].copy()]
            self.next = next(self.due, 0)

    def total(self) -> Any:
        """The sum, after the last number."""
        return self._sum(iter(self.sums), self.count)

    def _lengths(self, count: int) -> list[int]:
        if count <= self.most:
            return [count]
        half = count // 2 - count // 2 % 8
        return self._lengths(half) + self._lengths(count - half)

    def _sum(self, sums: Iterator[Any], count: int) -> Any:
        if count <= self.most:
            return next(sums)
        half = count // 2 - count // 2 % 8
        left = self._sum(sums, half)
        return left + self._sum(sums, count - half)


class Least:
    """Which are the ``number`` least values of a stream, equal ones first come first served: all values are pushed,
    then, in the same order, asked about. Held are a quarter more than that number, or 4,096 more."""

    def __init__(self, number: int) -> None:
        self.number, self.size, self.bound, self.equal = number, 0, np.inf, 0
        self.held: NDArray[Any] = np.empty(0)

    def push(self, value: NDArray[Any]) -> None:
        if self.number < 1:
            return
        if not len(self.held):
            self.held = np.empty(self.number + max(self.number // 4, 1 << 12), value.dtype)
        value = value[value < self.bound] if self.bound < np.inf else value
        while len(value):
            taken = min(len(value), len(self.held) - self.size)
            self.held[self.size : self.size + taken] = value[:taken]
            self.size, value = self.size + taken, value[taken:]
            if self.size == len(self.held):
                self._trim()

    def _trim(self) -> None:
        if 0 < self.number < self.size:
            self.held[: self.size].partition(self.number - 1)
            self.size, self.bound = self.number, self.held[self.number - 1]
            self.equal = self.number - int(np.count_nonzero(self.held[: self.number] < self.bound))

    def close(self) -> None:
        """After the last push: what is held is let go, the cut stays."""
        self._trim()
        self.held = np.empty(0)

    def among(self, value: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of these are; after closing."""
        chosen: NDArray[np.bool_] = (value < self.bound) & (self.number > 0)
        if self.bound < np.inf and self.equal:
            first = np.flatnonzero(value == self.bound)[: self.equal]
            chosen[first] = True
            self.equal -= len(first)
        return chosen


def largest(value: NDArray[Any], number: int) -> Ints:
    """Positions of the ``number`` largest values; equal values at the cut go to the lowest position."""
    n = len(value)
    if number <= 0:
        return np.empty(0, np.int64)
    if number >= n:
        return np.arange(n)
    cut = np.partition(value, n - number)[n - number]
    above = np.flatnonzero(value > cut)
    return np.concatenate([above, np.flatnonzero(value == cut)[: number - len(above)]])
