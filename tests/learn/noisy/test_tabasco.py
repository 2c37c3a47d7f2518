"""TABASCO: both measures by other routes, which of them splits a class, swallowed classes, and classes too small to
split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.noisy.tabasco import (
    TABASCO,
    centroids,
    divergence_tells,
    mean_predictions,
    selected,
    weighted_divergence,
)
from sfumato.parts.mixture import TwoNormals, two_normals
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build


def world(n: int = 60, k: int = 4, d: int = 5, seed: int = 0) -> tuple[Any, Any, Any]:
    """Probabilities, features and labels at random; every class has rows."""
    draws = np.random.default_rng(seed)
    p = draws.dirichlet(np.ones(k), n)
    return p, draws.standard_normal((n, d)), np.concatenate([np.arange(k), draws.integers(0, k, n - k)])


def test_divergence_by_scipy() -> None:
    p, _, y = world()
    shares = mean_predictions(p, y, 4)
    got = weighted_divergence(p, y, shares)
    for i in range(len(y)):
        c = y[i]
        a = p[y == c].mean(0)
        weight = np.clip(p[i].max() / p[i, c], 1, a.max() / a[c])
        assert got[i] == pytest.approx(weight * jensenshannon(p[i], np.eye(4)[c]) ** 2, rel=1e-7)


def test_in_a_class_that_is_its_own_on_average_the_weight_is_one() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2]])
    got = weighted_divergence(p, np.zeros(3, int), np.array([[0.63, 0.37], [0.5, 0.5]]))
    assert got == pytest.approx([jensenshannon(row, [1, 0]) ** 2 for row in p], rel=1e-7)


def test_certainty_of_another_class_is_finite() -> None:
    p = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert np.isfinite(weighted_divergence(p, np.zeros(2, int), mean_predictions(p, np.zeros(2, int), 2))).all()


def test_centroids_class_by_class() -> None:
    p, features, y = world()
    unit, centre, count = centroids(features, p, y, mean_predictions(p, y, 4))
    centred = features - features.mean(0)
    np.testing.assert_allclose(unit, centred / np.linalg.norm(centred, axis=1)[:, None], rtol=1e-12)
    for c in range(4):
        here = p[y == c]
        a = here.mean(0)
        top = a.argmax()
        raised = here.copy()
        raised[:, top] *= np.maximum(1, here[:, top] / a[top])
        again = raised.mean(0)
        likely = again.argmax()
        sure = [i for i in range(len(here)) if here[i].argmax() == likely and here[i, likely] > again[likely]]
        sure = sure or list(range(len(here)))
        np.testing.assert_allclose(centre[c], unit[y == c][sure].mean(0), rtol=1e-10)
        assert count[c] == len(sure)


def test_a_class_in_which_no_row_is_sure_is_taken_whole() -> None:
    p, y = np.full((4, 2), 0.5), np.array([0, 0, 0, 1])
    _, _, count = centroids(np.eye(4), p, y, mean_predictions(p, y, 2))
    assert count.tolist() == [3, 1]


def mixture(low: float, high: float) -> TwoNormals:
    return TwoNormals(np.full(2, 0.5), np.array([low, high]), np.full(2, 0.01), np.empty(0))


def test_which_measure_splits() -> None:
    by_d, near = mixture(0.1, 0.9), np.array([False, False, True, True])
    # the similarity's clusters lie apart in divergence, spreads .05 low and .1 high: the similarity
    assert not divergence_tells(np.array([0.8, 1.0, 0.05, 0.15]), by_d, near)
    # the upper one's spread is below .65 of the lower one's: the divergence
    assert divergence_tells(np.array([0.88, 0.92, 0.0, 0.2]), by_d, near)
    # both clusters are of high divergence: the divergence
    assert divergence_tells(np.array([0.5, 1.0, 0.6, 1.0]), by_d, near)
    # both of low divergence: the similarity
    assert not divergence_tells(np.array([0.0, 0.2, 0.1, 0.3]), by_d, near)
    # a single cluster of high divergence is all there is
    assert divergence_tells(np.array([0.8, 0.9, 0.9, 1.0]), by_d, np.ones(4, bool))


def test_a_posterior_at_new_values_is_that_of_the_fit() -> None:
    u = np.random.default_rng(0).random(50)
    u[0], u[1] = 0, 1
    fit = two_normals(u)
    np.testing.assert_allclose(fit.upper_at(u), fit.upper, rtol=1e-10)


def mislabeled(wrong: int = 12, right: int = 40) -> tuple[Any, Any, Any, Any]:
    """Three well separated classes, each holding rows of the next one; probabilities that know them. Returns p,
    features, labels, truth."""
    draws = np.random.default_rng(0)
    truth = np.tile(np.repeat([0, 1, 2], [right, wrong, 0]), 3)
    y = np.repeat([0, 1, 2], right + wrong)
    truth = (truth + y) % 3
    features = 4 * np.eye(3)[truth] + 0.3 * draws.standard_normal((len(y), 3))
    z = 3 * np.eye(3)[truth] + 0.5 * draws.standard_normal((len(y), 3))
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return p, features, y, truth


def test_wrong_labels_that_both_measures_see_are_found() -> None:
    p, features, y, truth = mislabeled()
    assert ((selected(p, features, y, 3) > 0.5) == (y == truth)).all()


def test_order_of_rows_and_names_of_classes_change_nothing() -> None:
    p, features, y, _ = mislabeled()
    clean = selected(p, features, y, 3)
    order, names = np.random.default_rng(1).permutation(len(y)), np.array([2, 0, 1])
    np.testing.assert_allclose(selected(p[order], features[order], y[order], 3), clean[order], rtol=1e-6, atol=1e-9)
    renamed = selected(p[:, np.argsort(names)], features, names[y], 3)
    np.testing.assert_allclose(renamed, clean, rtol=1e-6, atol=1e-9)


def test_a_swallowed_class_keeps_the_rows_far_from_its_centroid() -> None:
    """Of class 1, most labeled rows are class 0's, and the network calls them so: its centroid is class 0's."""
    draws = np.random.default_rng(0)
    truth = np.repeat([0, 0, 1], [200, 40, 15])
    y = np.repeat([0, 1, 1], [200, 40, 15])
    features = np.where(truth[:, None] == 0, [3.0, 0.0], [0.0, 3.0]) + 0.2 * draws.standard_normal((len(y), 2))
    first = np.where(truth == 0, 0.9, 0.6) + 0.02 * draws.standard_normal(len(y))
    p = np.stack([first, 1 - first], 1)
    shares = mean_predictions(p, y, 2)
    _, centre, count = centroids(features, p, y, shares)
    assert centre[0] @ centre[1] > 0 and count[1] < count[0]  # both centroids stand on class 0
    clean = selected(p, features, y, 2)[y == 1] > 0.5
    assert (clean == (truth[y == 1] == 1)).all()


@pytest.mark.parametrize("few", [0, 1, 2])
def test_a_class_of_fewer_than_three_rows_keeps_them(few: int) -> None:
    p, features, y, _ = mislabeled()
    y[:few] = 3
    p = np.concatenate([0.99 * p, np.full((len(y), 1), 0.01)], 1)
    clean = selected(p, features, y, 4)
    assert (clean[y == 3] == 1).all() and np.isfinite(clean).all()


def test_constant_scores_keep_all_rows() -> None:
    y = np.repeat([0, 1], 5)
    draws = np.random.default_rng(0).standard_normal((10, 3))
    assert (selected(np.full((10, 2), 0.5), draws, y, 2) == 1).all()
    assert (selected(world(10, 2)[0], np.ones((10, 3)), y, 2) == 1).all()


def test_each_network_is_split_by_what_the_other_sees() -> None:
    draws = torch.Generator().manual_seed(0)
    X, y = torch.randn(60, 5, generator=draws), torch.randint(0, 3, (60,), generator=draws)
    config = Config(epochs=1, batch_size=20, precision="float64")
    law = ClassConditional(torch.eye(3))
    run = Run(X, Noisy(y, 3), TABASCO(), lambda m: build("mlp", (5,), 3, m, (8,)), config, law=law).fit()
    for m in (0, 1):
        z, h = run.outputs(1 - m)
        p = torch.softmax(z, 1).detach().numpy()
        want = selected(p, h.detach().numpy(), y.numpy(), 3)
        torch.testing.assert_close(run.memory[m]["rows"], torch.from_numpy(want), rtol=1e-9, atol=1e-12)
