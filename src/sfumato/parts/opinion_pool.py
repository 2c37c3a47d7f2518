r"""Several models' probabilities for the same rows as one, each trusted as far as it predicts the given labels.

The logarithmic pool of opinions :math:`p^{(1)}, \dots, p^{(M)}` (genest1986combining) is

.. math:: \bar p_{ic} \propto \prod_m \big(p^{(m)}_{ic}\big)^{a_m}, \qquad
    a = \arg\min_{a \in [0, 1]^M} -\frac1n\sum_i \log \bar p_{i y_i},

a convex problem in M numbers. The exponents read nothing but labels as they were given; a model that says nothing about
them gets exponent 0, and none is made surer than it says. Opinions must be out of sample: what saw a row's own label
would be trusted for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from sfumato.core.errors import ShapeError
from sfumato.core.streams import numpy_rng
from sfumato.parts.confident import as_probabilities, blocks

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_FLOOR = 1e-6  # a class that a model holds to be impossible
_ROWS = 20_000  # that the exponents are fitted on at most: they are a handful of numbers


def logarithmic_pool(labels: ArrayLike, opinions: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Pooled probabilities (n, K) float32 and the exponents (M,) in [0, 1].

    Args:
        labels: given class numbers (n,), 0 to K-1.
        opinions: M arrays (n, K) of out-of-sample probabilities.

    With more than 20,000 rows the exponents are fitted on a random 20,000 of them.
    """
    if not opinions:
        raise ShapeError("no opinion", "at least one array of probabilities")
    checked = [as_probabilities(labels, p) for p in opinions]
    (y, first), rows = checked[0], len(checked[0][0])
    for _, p in checked:
        if p.shape != first.shape:
            raise ShapeError(f"opinions of shapes {first.shape} and {p.shape}", "one shape for all")
    some: Ints = np.arange(rows)
    if rows > _ROWS:
        some = np.sort(numpy_rng(0, "opinion-pool").choice(rows, _ROWS, replace=False))
    exponents = _fitted(y[some], np.stack([_logs(p[some]) for _, p in checked]))
    out = np.empty(first.shape, np.float32)
    for parts in zip(*(blocks(p) for _, p in checked), strict=True):  # checked to hold probabilities on the way
        start = parts[0][0]
        out[start : start + len(parts[0][1])] = _pooled(exponents, np.stack([_logs(block) for _, block in parts]))
    return out, exponents


def _logs(p: Floats) -> Floats:
    return np.log(np.maximum(p, _FLOOR, dtype=np.float64))


def _pooled(exponents: Floats, logs: Floats) -> Floats:
    return np.asarray(softmax(np.tensordot(exponents, logs, 1), axis=1))


def _fitted(y: Ints, logs: Floats) -> Floats:
    """The exponents (M,) of least mean loss, from logs (M, n, K)."""
    given = logs[:, np.arange(len(y)), y]

    def loss(a: Floats) -> tuple[float, Floats]:
        p = _pooled(a, logs)
        total = logsumexp(np.tensordot(a, logs, 1), axis=1)
        slope = np.einsum("nk,mnk->mn", p, logs) - given
        return float((total - a @ given).mean()), np.asarray(slope.mean(axis=1))

    start = np.full(len(logs), 1 / len(logs))
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(logs)).x)
