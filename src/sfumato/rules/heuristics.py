"""Small models on one or two columns, many fitted at once: axis 0 of every array runs over the models.

Each class has ``fit(z, y, k)`` on columns z (c, n, q) and codes y (n,), and ``probabilities(z)`` from (c, m, q) to
(c, m, K).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Models whose arrays share their first axis."""

    def __getitem__(self, chosen: Any) -> Self:
        """Those models alone."""
        return type(self)(*(getattr(self, f.name)[chosen] for f in fields(self)))


@dataclass(frozen=True, eq=False)
class Stumps(Batch):
    r"""Decision stumps: the cut of least Gini impurity, and in each half :math:`P_k = (n_k + 1) / (n + K)`.

    threshold (c,): the lower half has values at or below it; below and above (c, K) probabilities. Columns: one.
    """

    threshold: Floats
    below: Floats
    above: Floats
    columns = (1,)

    @classmethod
    def fit(cls, z: Floats, y: Ints, k: int) -> Self:
        """Cuts lie midway between neighbouring values; a constant column is not cut."""
        column = z[:, :, 0]
        order = np.argsort(column, axis=1, kind="stable")
        value = np.take_along_axis(column, order, 1)
        low = np.cumsum(np.eye(k)[y[order]], axis=1)  # (c, n, K) counts at or below each place
        high = low[:, -1:] - low
        inside = sum(
            np.divide((m**2).sum(2), m.sum(2), out=np.zeros(m.shape[:2]), where=m.sum(2) > 0) for m in (low, high)
        )
        inside = np.asarray(inside)
        apart = value[:, :-1] < value[:, 1:]
        gain = np.where(apart, inside[:, :-1], -np.inf) if value.shape[1] > 1 else np.zeros((len(value), 0))
        at = gain.argmax(1) if gain.shape[1] else np.zeros(len(value), int)
        cut = apart.any(1) if gain.shape[1] else np.zeros(len(value), bool)
        each = np.arange(len(value))
        after = np.minimum(at + 1, value.shape[1] - 1)
        threshold = np.where(cut, (value[each, at] + value[each, after]) / 2, value[:, -1])
        threshold = np.where(cut & (threshold >= value[each, after]), value[each, at], threshold)  # rounded up
        at = np.where(cut, at, value.shape[1] - 1)
        smooth = [(m + 1) / (m.sum(1, keepdims=True) + k) for m in (low[each, at], high[each, at])]
        return cls(threshold, *smooth)

    def probabilities(self, z: Floats) -> Floats:
        """(c, m, K) the probabilities of the half each value lies in."""
        below = z[:, :, 0] <= self.threshold[:, None]
        return np.where(below[:, :, None], self.below[:, None], self.above[:, None])


@dataclass(frozen=True, eq=False)
class Logistics(Batch):
    r"""Multinomial logistic regressions on standardised columns, :math:`\sum_i -\log p_{y_i} + \tfrac12 \|W\|^2`.

    By steps of the fixed bound :math:`\tfrac12 (I - 11^\top / K) \otimes Z^\top Z` on the curvature: each lowers the
    loss. centre and scale (c, q); weight (c, q + 1, K), its last row the bias.
    """

    centre: Floats
    scale: Floats
    weight: Floats
    columns = (1, 2)

    @classmethod
    def fit(cls, z: Floats, y: Ints, k: int, steps: int = 30) -> Self:
        """From weights of zero."""
        centre, scale = z.mean(1), z.std(1)
        scale = np.where(scale > 0, scale, 1.0)
        u = cls._standardised(z, centre, scale)
        penalty = np.diag([*np.ones(z.shape[2]), 1e-6])
        step = np.linalg.inv(0.5 * np.einsum("cnp,cnq->cpq", u, u) + penalty)
        weight, target = np.zeros((len(z), z.shape[2] + 1, k)), np.eye(k)[y]
        for _ in range(steps):
            slope = np.swapaxes(u, 1, 2) @ (softmax(u @ weight, axis=2) - target) + penalty @ weight
            weight -= step @ slope
        return cls(centre, scale, weight)

    @staticmethod
    def _standardised(z: Floats, centre: Floats, scale: Floats) -> Floats:
        u = (z - centre[:, None]) / scale[:, None]
        return np.concatenate([u, np.ones((*u.shape[:2], 1))], axis=2)

    def probabilities(self, z: Floats) -> Floats:
        """(c, m, K) by softmax."""
        return np.asarray(softmax(self._standardised(z, self.centre, self.scale) @ self.weight, axis=2))


@dataclass(frozen=True, eq=False)
class Neighbours(Batch):
    r"""The five nearest labelled rows on standardised columns, :math:`P_k = (n_k + 1/K) / (5 + 1)`.

    scale (c, q); seen (c, n, q) labelled rows; target (c, n, K) their labels. Equal distances: the earlier row.
    """

    scale: Floats
    seen: Floats
    target: Floats
    columns = (1, 2)

    @classmethod
    def fit(cls, z: Floats, y: Ints, k: int) -> Self:
        """Keeps the rows."""
        scale = z.std(1)
        return cls(np.where(scale > 0, scale, 1.0), z, np.broadcast_to(np.eye(k)[y], (len(z), len(y), k)))

    def probabilities(self, z: Floats) -> Floats:
        """(c, m, K) the smoothed shares of the nearest."""
        near, k = min(5, self.seen.shape[1]), self.target.shape[2]
        out = np.empty((len(z), z.shape[1], k))
        for j in range(len(z)):  # one model at a time: distances of all would not fit
            gap = (((z[j][:, None] - self.seen[j][None]) / self.scale[j]) ** 2).sum(2)
            rank = np.argsort(gap, axis=1, kind="stable")[:, :near]
            out[j] = (self.target[j][rank].sum(1) + 1 / k) / (near + 1)
        return out


KINDS: dict[str, type[Stumps] | type[Logistics] | type[Neighbours]] = {
    "stump": Stumps,
    "logistic": Logistics,
    "neighbours": Neighbours,
}
