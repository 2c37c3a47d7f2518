"""Nearest neighbours in blocks of rows: scikit-learn's index finds them, differences in float64 measure them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors

from sfumato.core.errors import ParameterError
from sfumato.core.streams import numpy_rng
from sfumato.parts.linear import as_features

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_BLOCK = 1 << 14  # rows asked for at a time
_TREE_COLUMNS = 12  # up to here a tree beats the matrix product


def nearest(
    x: ArrayLike, k: int, *, metric: str = "euclidean", reference: ArrayLike | None = None
) -> tuple[Floats, Ints]:
    r"""The k nearest rows of every row: distances (n, k), ascending, and their row numbers (n, k).

    Distances are :math:`\lVert a - b\rVert` or, for ``cosine``, :math:`1 - \cos(a, b)`, the latter computed as half the
    squared distance of unit vectors. The index only finds the neighbours; their distances are then taken from the
    differences, so equal rows have distance exactly zero. Equal distances are ordered by row number.

    Args:
        x: rows (n, d), finite.
        k: how many, at least 1 and fewer than the rows to choose from.
        metric: "euclidean" or "cosine"; a row of zeros has cosine distance 1/2 to every other.
        reference: rows (m, d) to choose from instead; without it, the other rows of ``x`` (never the row itself).
    """
    rows = _prepared(as_features(x), metric)
    base = rows if reference is None else _prepared(as_features(reference), metric)
    room = len(base) - (reference is None)
    if not 1 <= k <= room:
        raise ParameterError(f"k={k} neighbours among {room} rows", f"1 to {room}")
    distance, index = _by_index(rows, base, k, skip_self=reference is None)
    return (distance * distance / 2 if metric == "cosine" else distance), index


class Neighbourhood:
    """Rows and the nearest other rows of each, searched once for all who ask.

    Args: x (n, d), finite; metric, as in ``nearest``; sample: with more than twice as many rows, neighbours are sought
    in one random sample of this size, so that the cost grows with the rows and not with their square (None: among all);
    seed, of that sample, whose row numbers are ``among``.
    """

    def __init__(self, x: ArrayLike, metric: str = "euclidean", sample: int | None = None, seed: int = 0) -> None:
        self.x, self.metric = as_features(x), metric
        n = len(self.x)
        self.among: Ints | None = None
        if sample is not None and sample < 2:
            raise ParameterError(f"sample={sample}", "at least 2 rows to seek neighbours in, or None for all")
        if sample is not None and n > 2 * sample:
            self.among = np.sort(numpy_rng(seed, "neighbours").choice(n, sample, replace=False))
        self._held: tuple[Floats, Ints] | None = None

    @property
    def room(self) -> int:
        """How many neighbours every row has to choose from, itself left out."""
        return (len(self.x) if self.among is None else len(self.among)) - 1

    def nearest(self, k: int) -> tuple[Floats, Ints]:
        """Distances and row numbers (n, k), as ``nearest`` gives them, k from 1 to ``room``; a second search only where
        more are asked for than before.
        """
        if not 1 <= k <= self.room:
            raise ParameterError(f"k={k} neighbours among {self.room} rows", f"1 to {self.room}")
        if self._held is None or self._held[1].shape[1] < k:
            self._held = nearest(self.x, k, metric=self.metric) if self.among is None else self._sampled(k, self.among)
        distance, index = self._held
        return distance[:, :k], index[:, :k]

    def _sampled(self, k: int, among: Ints) -> tuple[Floats, Ints]:
        distance, place = nearest(self.x, k + 1, metric=self.metric, reference=self.x[among])
        own = among[place] == np.arange(len(self.x))[:, None]  # a sampled row is not its own neighbour
        own[~own.any(axis=1), -1] = True
        return distance[~own].reshape(-1, k), among[place[~own]].reshape(-1, k)


def _prepared(x: Floats, metric: str) -> Floats:
    if metric not in ("euclidean", "cosine"):
        raise ParameterError(f"metric {metric!r}", "'euclidean' or 'cosine'")
    if metric == "cosine":
        length = np.sqrt(np.einsum("nd,nd->n", x, x))[:, None]
        x = np.asarray(x / np.where(length > 0, length, 1))
    return x


def _by_index(x: Floats, base: Floats, k: int, skip_self: bool) -> tuple[Floats, Ints]:
    # Rounding may swap close neighbours, and a row may hide among its equals: look a few places further, then measure.
    spare = min(len(base), k + 4)
    shift = base.mean(axis=0)  # near the origin products lose fewest digits
    way = "kd_tree" if x.shape[1] <= _TREE_COLUMNS else "brute"
    kind = x.dtype if way == "kd_tree" else np.float32
    index = NearestNeighbors(n_neighbors=spare, algorithm=way).fit((base - shift).astype(kind))
    distance, picked = np.empty((len(x), k)), np.empty((len(x), k), np.int64)
    for start in range(0, len(x), _BLOCK):
        here = slice(start, min(len(x), start + _BLOCK))
        near = index.kneighbors((x[here] - shift).astype(kind), return_distance=False)
        exact = np.empty(near.shape)
        for j in range(spare):
            gap = x[here].astype(np.float64) - base[near[:, j]]
            exact[:, j] = np.sqrt(np.einsum("nd,nd->n", gap, gap))
        if skip_self:
            exact[near == np.arange(here.start, here.stop)[:, None]] = np.inf
        ordered, rows = _ordered(exact, near)
        distance[here], picked[here] = ordered[:, :k], rows[:, :k]
    return distance, picked


def _ordered(distance: Floats, index: Ints) -> tuple[Floats, Ints]:
    by_row = np.argsort(index, axis=1, kind="stable")
    distance, index = np.take_along_axis(distance, by_row, 1), np.take_along_axis(index, by_row, 1)
    by_distance = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(distance, by_distance, 1), np.take_along_axis(index, by_distance, 1)
