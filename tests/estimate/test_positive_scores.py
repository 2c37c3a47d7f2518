"""Scores of positive-unlabeled rows: the model that parts labelled rows from the others best, out of fold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sfumato.core.errors import LabelError
from sfumato.estimate import PriorBBE, PriorDEDPUL, PriorElkanNoto
from sfumato.estimate import positive_scores as module
from sfumato.estimate.positive_scores import LEAVES
from sfumato.estimate.positive_scores import positive_scores as scored
from sfumato.parts.forest import folds_of_copies, forest_out_of_fold
from sfumato.parts.linear import out_of_fold


def world(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and flags: classes parted by a plane in many columns, or one inside a ring of the other."""
    rng = np.random.default_rng(0)
    y = rng.random(600) < 0.5
    if kind == "plane":
        x = rng.normal(size=(600, 12)) + 0.5 * y[:, None]
    else:
        angle, radius = rng.uniform(0, 2 * np.pi, 600), np.where(y, 1.0, 2.5) + 0.3 * rng.normal(size=600)
        x = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return x, y & (rng.random(600) < 0.3)


def candidates(x, flag):
    found = [forest_out_of_fold(x, flag, 5, 0, leaf) for leaf in LEAVES]
    return [*found, out_of_fold(x, flag.astype(int), 2, fold=folds_of_copies(x, flag, 5, 0))[:, 1]]


@pytest.mark.parametrize(("kind", "wins"), [("plane", [2]), ("ring", [0, 1])])
def test_the_scores_are_those_of_the_largest_area_under_the_curve(kind, wins) -> None:
    x, flag = world(kind)
    every = candidates(x, flag)
    area = [roc_auc_score(flag, s) for s in every]
    assert int(np.argmax(area)) in wins
    assert np.array_equal(scored(x, flag, 5, 0), every[int(np.argmax(area))])


def test_estimators_that_rank_read_them_and_the_one_that_reads_probabilities_does_not(monkeypatch) -> None:
    x, flag = world("plane")
    best, fine = scored(x, flag, 5, 0), forest_out_of_fold(x, flag, 5, 0)
    for estimator in (PriorBBE(repeats=0), PriorDEDPUL(repeats=0)):
        assert np.array_equal(estimator.prepare(x, flag, 0), best)
    assert np.array_equal(PriorElkanNoto(repeats=0).prepare(x, flag, 0), fine)


def test_of_equals_the_first_is_taken_and_copies_share_a_fold(monkeypatch) -> None:
    x, flag = world("plane")
    monkeypatch.setattr(module, "forest_out_of_fold", lambda *a: np.full(len(flag), float(a[-1])))
    monkeypatch.setattr(module, "out_of_fold", lambda *a, **k: np.zeros((len(flag), 2)))
    assert (scored(x, flag, 5, 0) == LEAVES[0]).all()
    x[::2] = x[1::2]
    fold = folds_of_copies(x, flag, 5, 0)
    assert np.array_equal(fold[::2], fold[1::2]) and set(fold) == set(range(5))


@pytest.mark.parametrize("copies", [1, 3])
def test_one_positive_gives_no_score_out_of_its_fold(copies):
    x = np.random.default_rng(0).normal(size=(30, 2))
    x[:copies] = 1.0
    with pytest.raises(LabelError, match="two different"):
        forest_out_of_fold(x, np.arange(30) < copies, 3, 0)
