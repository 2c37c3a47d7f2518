"""The planner: majorities by enumeration, the worth of labels by estimation, regimes by search."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest
from scipy.stats import binom

from sfumato.core.errors import ParameterError
from sfumato.rules import Rater, elicitation, labels_worth, majority_right, plan
from sfumato.rules.elicitation import worth


def enumerated(m, p, k):
    """Every way in which m raters can answer, class 0 being true."""
    each = np.array([p, *[(1 - p) / (k - 1)] * (k - 1)])
    total = 0.0
    for said in product(range(k), repeat=m):
        count = np.bincount(said, minlength=k)
        top = count == count.max()
        total += each[list(said)].prod() * (top[0] / top.sum())
    return total


@pytest.mark.parametrize(("m", "k"), [(1, 2), (2, 2), (5, 2), (6, 2), (1, 3), (2, 3), (5, 3), (6, 3), (4, 5), (5, 4)])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.55, 0.9, 1.0])
def test_majorities_by_enumeration(m, p, k):
    assert majority_right(m, p, k) == pytest.approx(enumerated(m, p, k), abs=1e-12)


def test_majorities_of_two_classes_are_binomial_tails():
    for m in (1, 3, 21, 99):
        assert majority_right(m, 0.6) == pytest.approx(binom.sf(m // 2, m, 0.6), abs=1e-12)
    for m in (2, 10, 98):  # a tie is shared: one more rater than an odd number changes nothing
        assert majority_right(m, 0.6) == pytest.approx(majority_right(m - 1, 0.6), abs=1e-12)


def test_majorities_by_simulation():
    draw = np.random.default_rng(0)
    k, m, p, n = 10, 7, 0.4, 200_000
    said = np.where(draw.random((n, m)) < p, 0, draw.integers(1, k, (n, m)))
    count = np.stack([(said == c).sum(1) for c in range(k)], axis=1)
    top = count == count.max(1, keepdims=True)
    share = top[:, 0] / top.sum(1)
    assert majority_right(m, p, k) == pytest.approx(share.mean(), abs=5 * share.std() / n**0.5)


def test_a_noisy_label_is_worth_its_share_of_a_clean_one():
    """Flips shrink every difference of class probabilities by the same factor, whose square is the worth."""
    assert labels_worth(0.1) == pytest.approx(0.64) and labels_worth(0) == 1 and labels_worth(0.5) == 0
    assert labels_worth(2 / 3, 3) == pytest.approx(0)
    for k, e in ((2, 0.2), (4, 0.3)):
        T = np.full((k, k), e / (k - 1))
        np.fill_diagonal(T, 1 - e)
        p, q = np.random.default_rng(0).dirichlet(np.ones(k), 2)
        shrunk = (p - q) @ T / (p - q)
        assert shrunk**2 == pytest.approx(np.full(k, labels_worth(e, k)))


def test_where_items_are_free_one_answer_each_is_worth_most():
    for p in (0.55, 0.7, 0.9, 0.99):
        for k in (2, 5):
            assert plan(9000, [Rater("a", p)], k=k).best.raters == 1


def test_where_items_run_out_more_raters():
    found = plan(900, [Rater("a", 0.7)], pool=100)
    assert found.best.raters == 9 and found.best.items == 100
    assert plan(900, [Rater("a", 0.7)], pool=300).best.raters == 3
    assert plan(900, [Rater("a", 0.7)], item_cost=20).best.raters > 1


def test_better_raters_where_they_are_worth_their_price():
    crowd, expert = Rater("crowd", 0.7, 1), Rater("expert", 0.95, 5)
    # one answer each: .4^2 = .16 per unit of cost against .9^2 / 5 = .162
    assert plan(1000, [crowd, expert]).best.rater == "expert"
    assert plan(1000, [crowd, Rater("expert", 0.95, 5.1)]).best.rater == "crowd"
    table = plan(1000, [crowd, expert], pool=200, curve=(0.05, 1.0, 0.5))
    best = table.best
    assert best.rater == "expert" and best.error == 0.05 + best.effective**-0.5
    assert [d.effective for d in table.designs] == sorted((d.effective for d in table.designs), reverse=True)
    assert all(d.spent <= 1000 and d.items <= 200 for d in table.designs)
    assert "expert" in str(table) and table.to_dict()[0]["rater"] == "expert"


def test_the_plan_counts_by_its_formula():
    for d in plan(500, [Rater("a", 0.8, 2.0)], k=3, item_cost=1.0, most=5).designs:
        assert d.items == int(500 // (2 * d.raters + 1)) and d.spent == d.items * (2 * d.raters + 1)
        assert d.effective == pytest.approx(d.items * (1 - 1.5 * (1 - majority_right(d.raters, 0.8, 3))) ** 2)


def test_budgets_that_are_whole_numbers_of_items():
    assert plan(0.3, [Rater("a", 0.8, 0.1)], most=1).best.items == 3  # 0.3 / 0.1 is below 3 in floats


# ---------------------------------------------------------------------- elicitation


@pytest.mark.parametrize("bias", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("error", [0.0, 0.1, 0.3, 0.45])
@pytest.mark.parametrize("budget", [5.0, 100.0, 5000.0])
def test_no_other_split_is_worth_more(budget, error, bias):
    found = elicitation(budget, weak_cost=0.1, weak_error=error, bias=bias)
    s = labels_worth(error)
    shares = np.linspace(0, 1, 2001)
    every = [worth(budget * (1 - t) / 0.1, budget * t, s, bias) for t in shares]
    assert found.worth >= max(every) * (1 - 1e-12)
    assert found.worth == pytest.approx(max(every), rel=1e-3)
    assert found.weak * 0.1 + found.good == pytest.approx(budget)
    assert found.worth >= max(found.weak_alone, found.good_alone) * (1 - 1e-12)


def test_three_regimes():
    told = {"weak_cost": 0.1, "weak_error": 0.1, "bias": 0.1}
    start = elicitation(1, **told).mixed_from
    assert elicitation(0.99 * start, **told).regime == "quantity"
    assert elicitation(1.01 * start, **told).regime == "mixed"
    assert elicitation(100, weak_cost=0.1, weak_error=0.4, bias=0.1).regime == "quality"  # .2^2 < .1
    unbiased = elicitation(1e6, weak_cost=0.1, weak_error=0.1)
    assert unbiased.regime == "quantity" and unbiased.mixed_from == inf
    pooled = elicitation(100, weak_cost=0.1, weak_error=0.1, pool=200)
    assert pooled.regime == "mixed" and pooled.weak == 200 and pooled.good == pytest.approx(80)


def test_the_worth_is_the_inverse_error_of_a_weighted_mean():
    """By simulation: a biased mean of noisy labels and a mean of good ones, best combined."""
    draw = np.random.default_rng(0)
    good, weak, error, bias, runs = 40, 400, 0.2, 0.08, 40_000
    s = labels_worth(error)
    a = draw.normal(0, (1 / good) ** 0.5, runs)
    b = draw.normal(bias, (1 / (s * weak)) ** 0.5, runs)
    mse = min(float(((t * a + (1 - t) * b) ** 2).mean()) for t in np.linspace(0, 1, 101))
    assert 1 / mse == pytest.approx(worth(weak, good, s, bias), rel=0.03)


def test_bad_input():
    with pytest.raises(ParameterError, match="above 1/2"):
        plan(100, [Rater("a", 0.5)])
    with pytest.raises(ParameterError, match="enough for one answer"):
        plan(1, [Rater("a", 0.9, 2)])
    with pytest.raises(ParameterError, match="at least one kind"):
        plan(1, [])
    with pytest.raises(ParameterError, match="1 to 99"):
        majority_right(100, 0.9)
    with pytest.raises(ParameterError, match=r"from 0 to \(k - 1\) / k"):
        labels_worth(0.6)
    with pytest.raises(ParameterError, match="error below chance"):
        elicitation(10, weak_cost=0.1, weak_error=0.5)
    with pytest.raises(ParameterError, match="scale > 0"):
        plan(100, [Rater("a", 0.8)], curve=(0.1, 0.0, 1.0))
