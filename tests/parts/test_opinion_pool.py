"""The logarithmic pool: against a grid, at its bounds, and what it cannot learn from noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sfumato.core.errors import LabelError, ShapeError
from sfumato.parts import opinion_pool
from sfumato.parts.opinion_pool import logarithmic_pool


def opinions(n=500, k=4, seed=0, spread=(1.5, 0.7)):
    """Labels, and models that see each its own part of what made them."""
    rng = np.random.default_rng(seed)
    z = [s * rng.normal(size=(n, k)) for s in spread]
    y = (sum(z) + rng.gumbel(size=(n, k))).argmax(axis=1)
    return y, [np.exp(each) / np.exp(each).sum(axis=1, keepdims=True) for each in z]


def loss(y, ps, a):
    out = np.prod([p**e for p, e in zip(ps, a, strict=True)], axis=0)
    out /= out.sum(axis=1, keepdims=True)
    return out, -np.log(out[np.arange(len(y)), y]).mean()


def test_the_exponents_have_the_least_loss_of_a_grid_and_the_pool_is_their_product():
    # The second model is surer than it should be, so that its exponent lies inside the bounds.
    y, ps = opinions(spread=(1.5, 0.7))
    ps[1] = ps[1] ** 3 / (ps[1] ** 3).sum(axis=1, keepdims=True)
    pooled, a = logarithmic_pool(y, ps)
    best = min(itertools.product(np.linspace(0, 1, 51), repeat=2), key=lambda e: loss(y, ps, e)[1])
    np.testing.assert_allclose(a, best, atol=0.02)
    expected, least = loss(y, ps, a)
    assert 0.1 < a[1] < 0.6 and least <= loss(y, ps, best)[1]
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)
    np.testing.assert_allclose(pooled.sum(axis=1), 1, rtol=1e-5)


def test_a_calibrated_model_alone_is_left_as_it_is_and_one_that_knows_nothing_is_not_heard():
    y, (p, _) = opinions(n=4000, spread=(2.0, 0.0))
    pooled, a = logarithmic_pool(y, [p])
    assert a[0] > 0.9
    even = np.full_like(p, 1 / 4)
    np.testing.assert_allclose(logarithmic_pool(y, [p, even])[0], pooled, atol=1e-3)
    other = np.random.default_rng(1).dirichlet(np.ones(4), len(y))
    assert logarithmic_pool(y, [p, other])[1][1] < 0.05


def test_labels_of_pure_noise_are_not_predicted():
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y, ps = rng.integers(4, size=1000), [rng.dirichlet(np.ones(4), 1000) for _ in range(2)]
        hits += (logarithmic_pool(y, ps)[0].argmax(axis=1) == y).sum()
    assert abs(hits / 20_000 - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 20_000)


def test_names_of_classes_and_the_order_of_rows_change_nothing():
    y, ps = opinions(k=3)
    pooled, a = logarithmic_pool(y, ps)
    classes, rows = np.array([2, 0, 1]), np.random.default_rng(0).permutation(len(y))
    other, b = logarithmic_pool(np.argsort(classes)[y][rows], [p[rows][:, classes] for p in ps])
    np.testing.assert_allclose(a, b, atol=1e-4)
    np.testing.assert_allclose(other, pooled[rows][:, classes], atol=1e-4)


def test_classes_held_to_be_impossible_stay_finite_and_many_rows_are_sampled(monkeypatch):
    y, ps = opinions()
    ps[0][:, 3] = 0
    ps[0] = (ps[0] / ps[0].sum(axis=1, keepdims=True)).astype(np.float32)
    pooled, whole = logarithmic_pool(y, ps)
    assert np.isfinite(pooled).all() and pooled.dtype == np.float32
    monkeypatch.setattr(opinion_pool, "_ROWS", 400)
    again, part = logarithmic_pool(y, ps)
    assert np.abs(part - whole).max() < 0.2 and not np.array_equal(part, whole)
    np.testing.assert_array_equal(again, logarithmic_pool(y, ps)[0])


def test_bad_input():
    y, ps = opinions(n=20)
    with pytest.raises(ShapeError, match="no opinion"):
        logarithmic_pool(y, [])
    with pytest.raises(ShapeError, match="one shape for all"):
        logarithmic_pool(y, [ps[0], np.full((20, 5), 0.2)])
    with pytest.raises(LabelError):
        logarithmic_pool(y + 4, ps)
    with pytest.raises(ShapeError, match=r"leaves \[0, 1\]"):
        logarithmic_pool(y, [ps[0], ps[1] + 1])
