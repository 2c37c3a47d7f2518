"""The given labels of each row's nearest neighbours, for the scores that compare them with its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.core.streams import numpy_rng
from sfumato.parts.confident import as_labels
from sfumato.parts.neighbours import Neighbourhood, nearest

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


_MORE = 4  # neighbours asked for beyond k, since near-duplicates do not count


def neighbour_labels(
    near: Neighbourhood, labels: ArrayLike, k: int, sample: int, seed: int, group: ArrayLike | None = None
) -> tuple[Ints, Ints]:
    """The labels y (n,), checked, and those of each row's k nearest other rows (n, k), nearest first.

    With more than four times ``sample`` rows, neighbours are sought in a random sample of that size. ``group`` (n,)
    numbers groups of near-duplicates, negative for a row on its own: such a group speaks once, with the label that most
    of it carry (ties: the lowest row), and never to its own members.
    """
    x, y = near.x, as_labels(labels)
    if len(y) != len(x):
        raise ShapeError(f"{len(y)} labels for {len(x)} rows of features", "one label per row")
    if y.min() < 0:
        raise LabelError(f"class number {y.min()}", "numbers from 0", "leave out the rows without a label")
    n = len(x)
    every: Ints = np.arange(n)
    key, speakers = (every, every) if group is None else _groups(group, y)
    room = len(speakers)
    if not 1 <= k < room or not k < sample:
        what = "rows" if group is None else "rows that differ"
        raise ParameterError(
            f"k={k}, sample={sample} with {room} {what}", "k from 1 to n - 1, and a sample larger than k"
        )
    if group is None and n <= 4 * sample:
        return y, np.asarray(y[near.nearest(k)[1]])
    found, left = np.empty((n, k), np.int64), np.ones(n, bool)
    if room > 4 * sample:
        speakers = np.sort(numpy_rng(seed, "neighbour-labels").choice(speakers, sample, replace=False))
    elif n <= 4 * sample:
        # Most rows have k speakers among their nearest rows: only the others need a search of their own.
        index = near.nearest(min(k + _MORE, n - 1))[1]
        speaks = np.isin(every, speakers)[index] & (key[index] != key[:, None])
        place = speaks.cumsum(axis=1)
        left = place[:, -1] < k
        found[~left] = index[~left][(speaks & (place <= k))[~left]].reshape(-1, k)
    if left.any():
        index = speakers[nearest(x[left], k + 1, metric=near.metric, reference=x[speakers])[1]]
        own = key[index] == key[left, None]  # nobody is their own neighbour
        own[~own.any(axis=1), -1] = True
        found[left] = index[~own].reshape(-1, k)
    return y, np.asarray(y[found])


def groups_apart(group: ArrayLike) -> Ints:
    """Numbers (n,) from 0, equal for rows of a group of near-duplicates; a row with a negative one gets its own."""
    given = np.asarray(group)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise ShapeError(f"groups of shape {given.shape} and type {given.dtype}", "(n,) whole numbers")
    single = given.max(initial=-1) + 1 + np.arange(len(given))
    return np.unique(np.where(given >= 0, given, single), return_inverse=True)[1].reshape(-1)


def _groups(group: ArrayLike, y: Ints) -> tuple[Ints, Ints]:
    """The group of every row, and per group the lowest row with the label that most of it carry."""
    key = groups_apart(group)
    if len(key) != len(y):
        raise ShapeError(f"{len(key)} group numbers for {len(y)} rows", "one per row")
    rows, count = np.unique(key * (y.max() + 1) + y, return_index=True, return_counts=True)[1:]
    rows = rows[np.lexsort((rows, -count, key[rows]))]  # the lowest row of each label of a group, most frequent first
    return key, np.sort(rows[np.flatnonzero(np.diff(key[rows], prepend=-1))])
