"""Ranks over conditions: Friedman's test and Nemenyi's critical difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import ShapeError

TIE = 1e-9  # oracles are means over rows and seeds: values that differ by less differ by rounding


@dataclass(frozen=True, eq=False)
class Ranks:
    """Mean ranks (1 = best) of k methods over n conditions.

    Args: mean (k,); n; chi2 and p, Friedman's statistic corrected for ties and its p-value, None for fewer than three
    methods or two conditions, or where all tie; difference, Nemenyi's at level .05: methods whose mean ranks differ
    by less are not told apart; None where there is no p.
    """

    mean: NDArray[np.float64]
    n: int
    chi2: float | None
    p: float | None
    difference: float | None


def level(values: Any) -> NDArray[np.float64]:
    """(n,) values of which neighbours less than TIE apart became equal: the least of them."""
    v = np.asarray(values, np.float64)
    order = np.argsort(v, kind="stable")
    first = np.diff(v[order], prepend=-np.inf) > TIE
    out = np.empty_like(v)
    out[order] = v[order][first][np.cumsum(first) - 1]
    return out


def ranks(values: Any) -> Ranks:
    r"""Mean ranks of methods whose value is higher = better, ties (to TIE) sharing their mean rank.

    :math:`CD = q_{.05} \sqrt{k (k + 1) / (6 n)}`, q the studentised range's .95 quantile for k groups and infinite
    degrees of freedom divided by :math:`\sqrt 2`.

    Args: values (k, n), finite. Source: Demsar (2006), Statistical comparisons of classifiers over multiple data sets.
    """
    from scipy import stats

    v = np.asarray(values, np.float64)
    if v.ndim != 2 or not v.size or not np.isfinite(v).all():
        raise ShapeError(f"values of shape {v.shape} to rank", "(methods, conditions), finite, not empty")
    k, n = v.shape
    v = np.column_stack([level(v[:, j]) for j in range(n)])
    each = np.column_stack([stats.rankdata(-v[:, j]) for j in range(n)])
    mean = each.mean(1)
    if k < 3 or n < 2:
        return Ranks(mean, n, None, None, None)
    ties = sum(float((c**3 - c).sum()) for j in range(n) for c in [np.unique(v[:, j], return_counts=True)[1]])
    correction = 1 - ties / (n * k * (k * k - 1))
    if correction <= 0:
        return Ranks(mean, n, None, None, None)
    chi2 = 12 * n / (k * (k + 1)) * float(((mean - (k + 1) / 2) ** 2).sum()) / correction
    q = float(stats.studentized_range.ppf(0.95, k, np.inf)) / math.sqrt(2)
    return Ranks(mean, n, chi2, float(stats.chi2.sf(chi2, k - 1)), q * math.sqrt(k * (k + 1) / (6 * n)))


def cliques(mean: Any, difference: float) -> list[tuple[int, int]]:
    """(first, last) positions in the order of mean ranks of the longest groups that are not told apart, two or more
    each.
    """
    order = np.sort(np.asarray(mean, np.float64))
    out: list[tuple[int, int]] = []
    for i in range(len(order)):
        j = int(np.searchsorted(order, order[i] + difference, side="left")) - 1
        if j > i and (not out or j > out[-1][1]):
            out.append((i, j))
    return out
