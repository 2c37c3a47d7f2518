"""Stumps, logistic regressions and neighbours beside scikit-learn and counts by hand; the choice of candidates."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neighbors import NearestNeighbors
from sklearn.tree import DecisionTreeClassifier

from sfumato.core.errors import ParameterError
from sfumato.labels import Semi
from sfumato.rules.candidates import candidates, columns_of, folds_of, weighted_f1
from sfumato.rules.functions import door, speak
from sfumato.rules.heuristics import KINDS, Logistics, Neighbours, Stumps

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 60)
X = RNG.normal(size=(60, 5)) + np.eye(5)[Y]


def columns(*subsets):
    return np.moveaxis(X[:, np.array(subsets)], 1, 0)


def test_a_stump_cuts_where_a_tree_of_depth_one_does():
    found = Stumps.fit(columns((0,), (1,), (4,)), Y, 3)
    for j, c in enumerate((0, 1, 4)):
        tree = DecisionTreeClassifier(max_depth=1).fit(X[:, [c]], Y)
        assert found.threshold[j] == pytest.approx(tree.tree_.threshold[0], abs=1e-6)  # scikit-learn's are float32
        low = X[:, c] <= found.threshold[j]
        for side, belief in ((low, found.below[j]), (~low, found.above[j])):
            count = np.bincount(Y[side], minlength=3)
            assert belief == pytest.approx((count + 1) / (count.sum() + 3), abs=1e-15)


def test_a_constant_column_is_not_cut():
    found = Stumps.fit(np.ones((1, 10, 1)), np.arange(10) % 2, 2)
    assert found.threshold.tolist() == [1.0]
    assert found.probabilities(np.array([[[1.0], [0.0]]]))[0].tolist() == [[0.5, 0.5]] * 2


def test_neighbouring_floats_are_told_apart():
    low = 1.0
    high = np.nextafter(low, 2)
    found = Stumps.fit(np.array([[[low], [high]]]), np.array([0, 1]), 2)
    assert found.probabilities(np.array([[[low], [high]]]))[0].argmax(1).tolist() == [0, 1]


def test_logistic_regressions_are_those_of_scikit_learn():
    z = columns((0, 1), (2, 3))
    found = Logistics.fit(z, Y, 3, steps=3000)
    for j in range(2):
        u = (z[j] - z[j].mean(0)) / z[j].std(0)
        other = LogisticRegression(tol=1e-10, max_iter=5000).fit(u, Y)
        assert np.abs(found.probabilities(z)[j] - other.predict_proba(u)).max() < 1e-5


def test_each_step_of_a_logistic_regression_lowers_its_loss():
    z = columns((0, 1))

    def loss(steps):
        found = Logistics.fit(z, Y, 3, steps)
        p = found.probabilities(z)[0][np.arange(60), Y]
        return -np.log(p).sum() + 0.5 * (found.weight[0, :2] ** 2).sum() + 0.5e-6 * (found.weight[0, 2] ** 2).sum()

    losses = [loss(steps) for steps in range(0, 12)]
    assert all(b < a for a, b in pairwise(losses))


def test_neighbours_are_those_of_scikit_learn():
    z = columns((0, 1))
    found = Neighbours.fit(z, Y, 3)
    new = RNG.normal(size=(20, 2))
    near = NearestNeighbors(n_neighbors=5).fit(z[0] / z[0].std(0)).kneighbors(new / z[0].std(0), return_distance=False)
    count = np.stack([np.bincount(Y[i], minlength=3) for i in near])
    assert found.probabilities(new[None])[0] == pytest.approx((count + 1 / 3) / 6, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_a_batch_are_models_alone(kind):
    z = columns((0,), (1,), (2,))
    whole = KINDS[kind].fit(z, Y, 3)
    alone = KINDS[kind].fit(z[[1]], Y, 3)
    assert whole[[1]].probabilities(z[[1]]) == pytest.approx(alone.probabilities(z[[1]]), abs=1e-12)


def test_f1_is_that_of_scikit_learn_with_abstentions_as_misses():
    said = RNG.integers(-1, 3, (4, 60))
    for one, f1 in zip(said, weighted_f1(said, Y, 3), strict=True):
        assert f1 == pytest.approx(f1_score(Y, one, labels=[0, 1, 2], average="weighted", zero_division=0), abs=1e-12)


def test_speak_abstains_below_the_cut():
    assert speak(np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]]), 0.6).tolist() == [0, 1, -1]


def test_held_statements_do_not_look_at_their_own_label():
    told = door(X, Semi.from_labels(Y))
    fold, every, pool = folds_of(told, 5, 0), np.ones(60, bool), np.arange(60)
    subsets = np.arange(5)[:, None]
    base = candidates(told, "stump", subsets, fold, every, (0.1,), pool)
    flipped = Y.copy()
    flipped[7] = (Y[7] + 1) % 3
    other = candidates(door(X, Semi.from_labels(flipped)), "stump", subsets, fold, every, (0.1,), pool)
    own = fold == fold[7]
    assert (base.held[:, own] == other.held[:, own]).all()
    assert (base.held[:, ~own] != other.held[:, ~own]).any()


def test_the_cut_is_the_one_of_best_f1():
    told = door(X, Semi.from_labels(Y))
    fold, every, pool = folds_of(told, 5, 0), np.ones(60, bool), np.arange(60)
    subsets, betas = np.arange(5)[:, None], (0.0, 0.1, 0.2, 0.3)
    found = candidates(told, "logistic", subsets, fold, every, betas, pool)
    alone = np.stack([candidates(told, "logistic", subsets, fold, every, (b,), pool).f1 for b in betas])
    assert found.f1.tolist() == alone.max(0).tolist()
    assert found.cut.tolist() == [1 / 3 + betas[i] for i in alone.argmax(0)]


def test_subsets_are_all_or_drawn_without_repeats():
    assert columns_of(4, 2, 100, 0).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    drawn = columns_of(50, 2, 30, 0)
    assert len({tuple(c) for c in drawn.tolist()}) == 30 and (drawn[:, 0] < drawn[:, 1]).all()
    assert drawn.tolist() == columns_of(50, 2, 30, 0).tolist() != columns_of(50, 2, 30, 1).tolist()
    with pytest.raises(ParameterError, match="cardinality=2 with 1 columns"):
        columns_of(1, 2, 5, 0)
