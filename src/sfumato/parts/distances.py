"""The measures of label distributions: how far, or how near, each predicted distribution is to the true one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import ParameterError, ShapeError

Floats = NDArray[np.floating[Any]]

FLOOR = 1e-12  # what stands for a predicted share of zero where its logarithm is asked for


def _ratio(a: Floats, b: Floats) -> Floats:
    """a / b, and 0 where both are 0: two absent labels do not differ."""
    return np.asarray(np.divide(a, b, out=np.zeros_like(a), where=b > 0))


def chebyshev(d: Floats, p: Floats) -> Floats:
    """(n,) max_k |d_k - p_k|."""
    return np.asarray(np.abs(d - p).max(1))


def clark(d: Floats, p: Floats) -> Floats:
    """(n,) sqrt(sum_k (d_k - p_k)^2 / (d_k + p_k)^2)."""
    return np.asarray(np.sqrt((_ratio(d - p, d + p) ** 2).sum(1)))


def canberra(d: Floats, p: Floats) -> Floats:
    """(n,) sum_k |d_k - p_k| / (d_k + p_k)."""
    return np.asarray(_ratio(np.abs(d - p), d + p).sum(1))


def kullback_leibler(d: Floats, p: Floats) -> Floats:
    """(n,) sum_k d_k log(d_k / p_k); p_k is at least 1e-12, and 0 log 0 = 0."""
    log = np.log(np.where(d > 0, d, 1)) - np.log(np.maximum(p, FLOOR))
    return np.asarray((d * log).sum(1))


def entropy(p: Floats) -> Floats:
    """(n,) -sum_k p_k log p_k in nats; 0 log 0 = 0."""
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1))).sum(1))


def cross_entropy(d: Floats, p: Floats) -> Floats:
    """(n,) -sum_k d_k log p_k; p_k is at least 1e-12."""
    return np.asarray(-(d * np.log(np.maximum(p, FLOOR))).sum(1))


def jensen_shannon(d: Floats, p: Floats) -> Floats:
    """(n,) H((d + p) / 2) - (H(d) + H(p)) / 2, in [0, log 2]."""
    return np.asarray(np.maximum(entropy((d + p) / 2) - (entropy(d) + entropy(p)) / 2, 0))


def euclidean(d: Floats, p: Floats) -> Floats:
    """(n,) sqrt(sum_k (d_k - p_k)^2)."""
    return np.asarray(np.sqrt(((d - p) ** 2).sum(1)))


def sorensen(d: Floats, p: Floats) -> Floats:
    """(n,) sum_k |d_k - p_k| / sum_k (d_k + p_k)."""
    return np.asarray(np.abs(d - p).sum(1) / (d + p).sum(1))


def squared_chi2(d: Floats, p: Floats) -> Floats:
    """(n,) sum_k (d_k - p_k)^2 / (d_k + p_k)."""
    return np.asarray(_ratio((d - p) ** 2, d + p).sum(1))


def fidelity(d: Floats, p: Floats) -> Floats:
    """(n,) sum_k sqrt(d_k p_k)."""
    return np.asarray(np.sqrt(d * p).sum(1))


def cosine(d: Floats, p: Floats) -> Floats:
    """(n,) d . p / (|d| |p|)."""
    return np.asarray((d * p).sum(1) / np.sqrt((d * d).sum(1) * (p * p).sum(1)))


def intersection(d: Floats, p: Floats) -> Floats:
    """(n,) sum_k min(d_k, p_k)."""
    return np.asarray(np.minimum(d, p).sum(1))


# name -> (measure, whether more is better)
MEASURES: dict[str, tuple[Callable[[Floats, Floats], Floats], bool]] = {
    "chebyshev": (chebyshev, False),
    "clark": (clark, False),
    "canberra": (canberra, False),
    "kullback-leibler": (kullback_leibler, False),
    "cosine": (cosine, True),
    "intersection": (intersection, True),
    "euclidean": (euclidean, False),
    "sorensen": (sorensen, False),
    "squared-chi2": (squared_chi2, False),
    "fidelity": (fidelity, True),
}


def measures(truth: Any, predicted: Any) -> dict[str, float]:
    """The mean over rows of every measure.

    Args: truth, predicted (n, K) distributions. Errors: other shapes, negative numbers, rows that do not sum to one.
    """
    d, p = as_distributions(truth, predicted)
    return {name: float(measure(d, p).mean()) for name, (measure, _) in MEASURES.items()}


def as_distributions(truth: Any, predicted: Any) -> tuple[Floats, Floats]:
    """Both as float64 (n, K), checked: one shape, shares >= 0, rows that sum to one up to 1e-3."""
    d, p = (np.asarray(table, np.float64) for table in (truth, predicted))
    if d.ndim != 2 or d.shape != p.shape or len(d) == 0:
        raise ShapeError(f"distributions of shape {d.shape} and {p.shape}", "one (n, K) shape")
    for name, table in (("true", d), ("predicted", p)):
        if not ((table >= 0).all() and (np.abs(table.sum(1) - 1) < 1e-3).all()):
            raise ParameterError(f"{name} rows that are no distributions", "shares >= 0 that sum to one")
    return d, p
