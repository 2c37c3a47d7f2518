"""The given labels of each row's nearest neighbours, for the scores that compare them with its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.parts.confident import as_labels
from sfumato.parts.neighbours import Neighbourhood, nearest

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_MORE = 4  # neighbours asked for beyond k, since near-duplicates do not count


def neighbour_labels(
    near: Neighbourhood, labels: ArrayLike, k: int, group: ArrayLike | None = None
) -> tuple[Ints, Ints]:
    """The labels y (n,), checked, and those of each row's k nearest other rows (n, k), nearest first.

    ``group`` (n,) numbers groups of near-duplicates, negative for a row on its own: such a group speaks once, with the
    label that most of it carry (ties: the lowest row), and never to its own members. Where the search is in a sample,
    the groups' speakers in it are heard, or all of them if it holds too few.
    """
    x, y = near.x, as_labels(labels)
    if len(y) != len(x):
        raise ShapeError(f"{len(y)} labels for {len(x)} rows of features", "one label per row")
    if y.min() < 0:
        raise LabelError(f"class number {y.min()}", "numbers from 0", "leave out the rows without a label")
    key, speakers = (None, np.arange(len(x))) if group is None else _groups(group, y)
    if not 1 <= k <= min(near.room, len(speakers) - 1):
        what = f"{len(speakers)} {'rows' if group is None else 'rows that differ'}"
        raise ParameterError(
            f"k={k} with {what}, a sample of {near.room + 1}", "k from 1, fewer than these rows and than the sample"
        )
    if key is None:
        return y, np.asarray(y[near.nearest(k)[1]])
    # Most rows have k speakers among their nearest rows: only the others need a search of their own.
    index = near.nearest(min(k + _MORE, near.room))[1]
    speaks = np.isin(np.arange(len(x)), speakers)[index] & (key[index] != key[:, None])
    place = speaks.cumsum(axis=1)
    left = place[:, -1] < k
    found = np.empty((len(x), k), np.int64)
    found[~left] = index[~left][(speaks & (place <= k))[~left]].reshape(-1, k)
    if left.any():
        heard = speakers if near.among is None else np.intersect1d(speakers, near.among)
        heard = heard if len(heard) > k else speakers
        index = heard[nearest(x[left], k + 1, metric=near.metric, reference=x[heard])[1]]
        own = key[index] == key[left, None]  # nobody is their own neighbour
        own[~own.any(axis=1), -1] = True
        found[left] = index[~own].reshape(-1, k)
    return y, np.asarray(y[found])


def neighbour_shares(
    near: Neighbourhood, labels: ArrayLike, classes: int, k: int = 20, group: ArrayLike | None = None
) -> Floats:
    r"""Probabilities (n, classes) float32 that the labels of each row's k nearest other rows give for its own.

    .. math:: q_{ic} = \frac{1}{k + 1}\Big(\pi_c + \sum_{j \in N_k(i)} \mathbb 1[y_j = c]\Big)

    with pi the shares of the classes, one row's worth. No row's own label enters its neighbours' word.

    Args: near, the search; labels (n,) from 0 to classes - 1; group, as in ``neighbour_labels``.
    """
    y, around = neighbour_labels(near, labels, k, group)
    out = np.tile((np.bincount(y, minlength=classes) / len(y)).astype(np.float32), (len(y), 1))
    for column in around.T:
        out[np.arange(len(y)), column] += 1
    out /= k + 1
    return out


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
