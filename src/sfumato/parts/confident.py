r"""Confident counting: which true class does the model hold each row to be, counted against the given labels.

The threshold of class j is the mean self-confidence of the rows labelled j,

.. math:: t_j = \frac{1}{|\{i : y_i = j\}|}\sum_{i : y_i = j} p_{ij},

a row is confidently of class j where :math:`p_{ij} \ge t_j`, and where several classes qualify the most probable one
counts. The joint C[given, true] counts these rows, has at least one on its diagonal, and is calibrated so that its
rows add up to the label counts. The probabilities are read twice in blocks of rows, the first time at the given labels
only, so memory-mapped files work; two bits per row are kept. Comparisons and sums happen in the input's own type and in
the order that makes the results equal, bit for bit, to those of cleanlab 2.9 (northcutt2021confident).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.core.errors import LabelError, ShapeError

from .by_label import Bits, PairwiseSum, small

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

NEAR = 1e-6  # probabilities closer than this count as equal
_TINY = 1e-100
_BLOCK = 1 << 18  # entries of one block of probabilities
_EXACT = 1 << 12  # up to here the sum of all class numbers is a whole number in float32
_MEANS, _PASS = 64, 1024  # parts of the probabilities' size that the thresholds and the pass may hold


@dataclass(frozen=True)
class Confident:
    """What one pass found: per row, as packed bits, ``near`` (prediction agrees with the label) and ``counted`` (held
    to be of another class than the given one); per class ``threshold``, ``count``, and ``doubtful``, its rows that are
    not near; ``raw`` counts [given, confident true class]; ``agree``: the labels are the predictions in every row."""

    k: int
    labels: Ints
    count: Ints
    threshold: Floats
    near: Bits
    counted: Bits
    doubtful: Ints
    raw: Ints
    agree: bool

    def raw_joint(self) -> Ints:
        """Counts (K, K) of [given, confident true class], each diagonal entry at least one."""
        joint = self.raw.copy()
        np.fill_diagonal(joint, joint.diagonal().clip(min=1))
        return joint

    def joint(self) -> Ints:
        """The joint calibrated to the label counts, in whole rows."""
        return calibrate(self.raw_joint(), self.count)


def as_labels(labels: ArrayLike) -> Ints:
    """Class numbers (n,) as integers, or one clear error."""
    y = np.asarray(labels)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise LabelError(
            f"labels of shape {y.shape} and type {y.dtype}",
            "whole class numbers of shape (rows,)",
            "number the classes 0, 1, 2, ... in the order of the probability columns",
        )
    return y


def as_probabilities(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Ints, Floats]:
    """Labels (n,) and probabilities (n, K) whose shapes fit; values are checked block by block where they are read."""
    y = as_labels(labels)
    p = probabilities if isinstance(probabilities, np.ndarray) else np.asarray(probabilities)
    if p.dtype.kind != "f":
        raise ShapeError(f"probabilities of type {p.dtype}", "floating point numbers")
    if p.ndim != 2 or p.shape[0] != len(y) or p.shape[1] < 2:
        raise ShapeError(f"probabilities of shape {p.shape} for {len(y)} labels", f"({len(y)}, classes), two or more")
    if len(y) == 0:
        raise ShapeError("no rows", "at least one labelled row")
    if y.min() < 0 or y.max() >= p.shape[1]:
        raise LabelError(
            f"class numbers from {y.min()} to {y.max()}", f"0 to {p.shape[1] - 1}, one per column of probabilities"
        )
    return y, p


def blocks(p: Floats, entries: int = _BLOCK) -> Iterator[tuple[int, Floats]]:
    """Consecutive blocks of rows, about ``entries`` numbers each, with the first row's number, a multiple of 8; each
    is checked to hold probabilities."""
    step = max(1, entries // p.shape[1] // 8) * 8
    for start in range(0, len(p), step):
        block = np.asarray(p[start : start + step])
        # A NaN fails both comparisons, so this also refuses what is not a number.
        if not (block.min() >= -NEAR and block.max() <= 1 + NEAR):
            row = start + int(np.flatnonzero(~((block >= -NEAR) & (block <= 1 + NEAR)).all(axis=1))[0])
            raise ShapeError(f"row {row} of the probabilities leaves [0, 1] or is NaN", "probabilities from 0 to 1")
        yield start, block


def room(p: Floats, part: int) -> int:
    """Bytes of work space: one ``part``-th of the probabilities, and what costs nothing where they are few."""
    return max(p.nbytes // part, 1 << 17)


def confident(labels: ArrayLike, probabilities: ArrayLike) -> Confident:
    """Count confidently; one reading of the probabilities, after one of the given labels' only."""
    y, p = as_probabilities(labels, probabilities)
    n, k = p.shape
    count = np.bincount(y, minlength=k)
    threshold = _thresholds(y, p, count)
    bar = threshold - NEAR
    # How many classes are confident and the sum of their numbers: where it is one class, that is the class.
    tally = np.stack([np.ones(k), np.arange(k)], axis=1).astype(np.float32 if k <= _EXACT else np.float64)
    near, counted = (np.empty((n + 7) // 8, np.uint8) for _ in range(2))
    doubtful, raw, agree = np.zeros(k, np.int64), np.zeros(k * k, np.int64), True
    for start, block in blocks(p, min(_BLOCK, room(p, _PASS))):
        given, at = y[start : start + len(block)], np.arange(len(block))
        number, which = ((block >= bar).astype(tally.dtype) @ tally).T
        highest = block.argmax(axis=1)
        guess = np.where(number == 1, which, highest).astype(np.int64)
        best = block[at, highest]
        raised = block[at, given] + p.dtype.type(NEAR)
        # The label is the prediction, or would be with NEAR on top; where that makes them equal the lower class wins.
        is_top = highest == given
        close = is_top | (raised > best) | ((raised == best) & (given < highest))
        sure = number > 0
        np.add.at(raw, given[sure].astype(np.int64) * k + guess[sure], 1)
        doubtful += np.bincount(given[~close], minlength=k)
        here = slice(start // 8, (start + len(block) + 7) // 8)
        near[here] = np.packbits(close)
        counted[here] = np.packbits(sure & (guess != given) & ~close)
        agree = agree and bool(is_top.all())
    return Confident(k, y, count, threshold, near, counted, doubtful, raw.reshape(k, k), agree)


def _thresholds(y: Ints, p: Floats, count: Ints) -> Floats:
    """Mean self-confidence of each class: a contiguous sum in the input's type is what makes it equal to the last bit.
    A class without rows gets 2, which no probability reaches."""
    step = room(p, _MEANS) // 32  # bytes that a row costs on the way
    # Half precision is added up in another order, through a buffer: then all numbers of a class are held.
    most = room(p, _MEANS) // (len(count) * p.itemsize) if p.itemsize > 2 else len(y)
    sums = [PairwiseSum(c, most) for c in count.tolist()]
    for low in range(0, len(y), step):  # not the whole array at once: the fancy index of a memory map would hold it all
        given = y[low : low + step].astype(small(len(count)))  # short keys are sorted digit by digit
        own = p[low : low + step][np.arange(len(given)), given][np.argsort(given, kind="stable")]
        ends = np.cumsum(np.bincount(given, minlength=len(count)))
        for c in np.flatnonzero(np.diff(ends, prepend=0)).tolist():
            sums[c].push(own[ends[c - 1] if c else 0 : ends[c]])
    totals = [each.total() for each in sums]
    # the type of the count decides in which precision numpy divides
    means = [p.dtype.type(t.dtype.type(t / c)) if c else 2 for t, c in zip(totals, count, strict=True)]
    return np.asarray(np.clip(np.asarray(means), 2 * NEAR, None))


def calibrate(joint: Ints, count: Ints) -> Ints:
    """Scale the joint's rows to the label counts, then round so that every row keeps its total."""
    # Column order in memory, on purpose: the total below is added up in memory order, and its last bit decides
    # roundings.
    joint = np.asfortranarray(joint)
    scaled = (joint.T / np.clip(joint.sum(axis=1), _TINY, None) * count).T
    scaled = scaled / np.clip(np.sum(scaled), _TINY, None) * int(count.sum())
    return np.array([_round_row(row) for row in scaled], dtype=np.int64)


def _round_row(row: Floats) -> Ints:
    """Whole numbers near ``row`` with the same rounded total; entries with the largest rounding error give way
    first."""
    whole = row.round()
    while abs(missing := np.round(np.sum(row).round() - np.sum(whole).round())) > NEAR:
        step = 1 if missing > 0 else -1
        # The default sort, on purpose: equal fractions are common here and must fall as they do in cleanlab.
        first = np.argsort(row - whole)[::-step][: min(int(abs(missing)), len(row))]
        whole[first] += step
    return whole.astype(np.int64)
