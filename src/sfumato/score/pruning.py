"""Which rows of each class confident learning drops, once it has counted how many."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.parts.by_label import Least, largest, stretches
from sfumato.parts.confident import NEAR, Bools, Confident, Floats, Ints, room

_ROWS, _COLUMNS = 256, 64  # parts of the probabilities' size: row numbers, one class's doubtful rows copied
_SHORT = 2000  # below this many rows one sort of all columns beats a selection per column


def prune_counts(joint: Ints) -> Ints:
    """Rows to prune [true, given]: the joint transposed, with at least one row kept for every class."""
    count = joint.T.astype(np.float64)
    kept = np.maximum(count.diagonal(), 1)
    others = np.maximum(np.count_nonzero(count, axis=0) - 1.0, 1.0)
    count = np.maximum(count - (kept - count.diagonal()) / others, 0)
    np.fill_diagonal(count, kept)
    return np.asarray(count.astype(np.int64))


def by_class(found: Confident, p: Floats, prune: Ints, mask: Bools) -> None:
    """Mark, of each class, as many rows as are counted elsewhere, of least probability of their label."""
    number = np.where(found.count > 1, found.count - prune.diagonal(), 0)
    least = {c: Least(n) for c, n in enumerate(number.tolist()) if n > 0}
    for given, parts in groupby(stretches(found.labels, found.count, room(p, _ROWS) // 4, only=least), itemgetter(0)):
        for _, rows in parts:
            least[given].push(p[rows, given])
        least[given].close()
    for given, rows in stretches(found.labels, found.count, room(p, _ROWS) // 4, only=least):
        mask[rows[least[given].among(p[rows, given])]] = True


def by_noise_rate(found: Confident, p: Floats, prune: Ints, mask: Bools) -> None:
    """Mark, for each pair of classes, as many rows as are counted there, of the largest margin."""
    most = room(p, _ROWS) // 4
    short: dict[int, list[int]] = {}
    for given, parts in groupby(stretches(found.labels, found.doubtful, most, found.near), itemgetter(0)):
        if found.count[given] > 1:
            short[given] = _among_doubtful(p, given, [rows for _, rows in parts], prune[:, given], mask)
    least = {given: {true: Least(int(prune[true, given])) for true in left} for given, left in short.items() if left}
    for given, parts in groupby(stretches(found.labels, found.count, most, only=least), itemgetter(0)):
        for _, rows in parts:
            for true, each in least[given].items():
                each.push(p[rows, given] - p[rows, true])
        for each in least[given].values():
            each.close()
    for given, rows in stretches(found.labels, found.count, most, only=least):
        for true, each in least[given].items():
            mask[rows[each.among(p[rows, given] - p[rows, true])]] = True


def _among_doubtful(p: Floats, given: int, parts: list[Ints], prune: Ints, mask: Bools) -> list[int]:
    """Mark among a class's doubtful rows; returned are the classes towards which all of its rows must compete."""
    doubtful = parts[0] if len(parts) == 1 else np.concatenate(parts)
    wanted: Ints = np.setdiff1d(np.flatnonzero(prune > 0), given)
    if wanted.size and 2 * doubtful.size * p.shape[1] * p.itemsize <= room(p, _COLUMNS):
        wanted = _columns(p, given, doubtful, wanted, prune[wanted], mask)
    left = []
    for true in wanted.tolist():
        number = int(prune[true])
        margin = p[doubtful, true]
        margin -= p[doubtful, given]  # looked up again rather than held, for the memory's sake
        # A row whose margin exceeds 2e-6 cannot be one of those dropped at the end, so where enough of them exist
        # they alone decide; otherwise every row of the class competes.
        if np.count_nonzero(margin > 2 * NEAR) >= number:
            mask[doubtful[largest(margin, number)]] = True
        else:
            left.append(true)
    return left


def _columns(p: Floats, given: int, doubtful: Ints, wanted: Ints, number: Ints, mask: Bools) -> Ints:
    """Mark towards many classes at once; what is left over, for too few doubtful rows or ties at a cut, is returned."""
    margin = p[doubtful]
    margin -= margin[:, [given]]
    towards = margin.T[wanted]
    place = (len(doubtful) - number).clip(min=0)
    if len(doubtful) < _SHORT:
        cut = np.sort(towards, axis=1)[np.arange(len(wanted)), place]
    else:
        cut = np.array([_nth_largest(line[line > 2 * NEAR], many) for line, many in zip(towards, number, strict=True)])
    chosen = towards >= cut[:, None]
    clear = (cut > 2 * NEAR) & (np.count_nonzero(chosen, axis=1) == number)
    mask[doubtful[chosen[clear].any(axis=0)]] = True
    return np.asarray(wanted[~clear])


def _nth_largest(value: NDArray[Any], number: int) -> Any:
    """The ``number``-th largest value, or 0 where there are fewer."""
    place = len(value) - number
    return np.partition(value, place)[place] if place >= 0 else 0
