"""The linear maximum entropy model of label distributions, by L-BFGS in float64, and its ridge by held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lbfgs import minimise

Floats = NDArray[np.floating[Any]]

# half decades: on few rows a whole one costs a tenth of the divergence
RIDGES = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
FOLDS = 3


def maxent(rows: Floats, shares: Floats, w: Floats, ridge: float, tolerance: float, start: Floats | None = None) -> Any:
    r"""(d, K) argmin over theta of (sum_i w_i KL(d_i || softmax(x_i theta)) + ridge |theta|^2 / 2) / sum_i w_i.

    The last column of ``rows`` is that of ones, and has no ridge.
    """
    d, k = rows.shape[1], shares.shape[1]
    share = (w / w.sum())[:, None]
    held = np.full((d, 1), ridge / w.sum())
    held[-1] = 0

    def loss(flat: Floats) -> tuple[Floats, Floats]:
        theta = flat.reshape(d, k)
        log_p = log_softmax(rows @ theta)
        value = -(share * shares * log_p).sum() + (held * theta * theta).sum() / 2
        slope = rows.T @ (share * (np.exp(log_p) - shares)) + held * theta
        return np.array([value]), slope.reshape(1, -1)

    first = np.zeros((1, d * k)) if start is None else start.reshape(1, -1)
    return minimise(loss, first, tolerance).reshape(d, k)


def chosen_ridge(rows: Floats, shares: Floats, w: Floats) -> float:
    """The ridge of RIDGES whose model of two thirds of the rows gives the other third the least cross entropy, every
    third row in turn; the larger of equals, and the smallest of all where there are too few rows to ask.
    """
    if (w > 0).sum() < 2 * FOLDS or any(w[f::FOLDS].sum() == 0 for f in range(FOLDS)):
        return RIDGES[-1]
    fold = np.arange(len(rows)) % FOLDS
    lost = np.zeros(len(RIDGES))
    for f in range(FOLDS):
        train, test = fold != f, fold == f
        theta = None
        for i, ridge in enumerate(RIDGES):
            theta = maxent(rows[train], shares[train], w[train], ridge, 1e-3, theta)
            lost[i] -= (w[test, None] * shares[test] * log_softmax(rows[test] @ theta)).sum()
    return RIDGES[int(lost.argmin())]


def log_softmax(z: Floats) -> Floats:
    """(n, K) log softmax, stable."""
    z = z - z.max(1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(1, keepdims=True)))
