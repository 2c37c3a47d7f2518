"""Ranks against scipy and against published critical values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sfumato.bench.ranks import TIE, cliques, level, ranks
from sfumato.core.errors import ShapeError

# Demsar (2006), table 5(a): q at level .05 for 2 to 10 classifiers.
Q = {3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.mark.parametrize("k", sorted(Q))
def test_critical_difference_is_the_published_one(k: int) -> None:
    n = 30
    values = np.random.default_rng(k).normal(size=(k, n))
    found = ranks(values)
    assert found.difference == pytest.approx(Q[k] * math.sqrt(k * (k + 1) / (6 * n)), rel=3e-4)


@pytest.mark.parametrize("ties", [False, True])
def test_friedman_is_scipy_s(ties: bool) -> None:
    values = np.random.default_rng(0).normal(size=(5, 12))
    if ties:
        values = values.round(0)
    found = ranks(values)
    want = stats.friedmanchisquare(*values)
    assert found.chi2 == pytest.approx(want.statistic, rel=1e-12)
    assert found.p == pytest.approx(want.pvalue, rel=1e-12)
    assert found.mean.sum() == pytest.approx(5 * 6 / 2)


def test_higher_is_better_and_ties_share() -> None:
    found = ranks([[0.9, 0.9, 0.5], [0.8, 0.9, 0.4], [0.1, 0.1, 0.4]])
    assert found.mean.tolist() == [(1 + 1.5 + 1) / 3, (2 + 1.5 + 2.5) / 3, (3 + 3 + 2.5) / 3]


def test_too_little_to_test() -> None:
    for values in ([[1.0, 2.0], [2.0, 1.0]], [[1.0], [2.0], [3.0]], np.ones((3, 4))):
        found = ranks(values)
        assert (found.chi2, found.p, found.difference) == (None, None, None)
    with pytest.raises(ShapeError):
        ranks([[1.0, math.nan]])
    with pytest.raises(ShapeError):
        ranks(np.ones((0, 3)))


def test_cliques_by_brute_force() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        mean, difference = rng.uniform(1, 8, rng.integers(2, 9)), float(rng.uniform(0.1, 4))
        order = np.sort(mean)
        k = len(order)
        inside = {(i, j) for i in range(k) for j in range(i + 1, k) if order[j] - order[i] < difference}
        longest = {(i, j) for i, j in inside if not any((a, b) != (i, j) and a <= i and j <= b for a, b in inside)}
        assert set(cliques(mean, difference)) == longest


def test_values_that_differ_by_rounding_tie() -> None:
    a, b = np.mean([0.9, 0.8, 0.7]), np.mean([0.7, 0.8, 0.9])
    assert a != b
    found = ranks([[a, 0.5, 0.1], [b, 0.5, 0.2], [0.1, 0.5, 0.3]])
    assert found.mean.tolist() == [(1.5 + 2 + 3) / 3, (1.5 + 2 + 2) / 3, (3 + 2 + 1) / 3]
    want = stats.friedmanchisquare([0.8, 0.5, 0.1], [0.8, 0.5, 0.2], [0.1, 0.5, 0.3])
    assert found.chi2 == pytest.approx(want.statistic)  # ties are counted as ties
    half = 0.5 + TIE / 2  # no grid of rounded values that neighbours could fall on two sides of
    assert level([half + 1e-16, 0.9, half - 1e-16, 0.5]).tolist() == [0.5, 0.9, 0.5, 0.5]
    assert level([0.3, 0.1, 0.2]).tolist() == [0.3, 0.1, 0.2]
