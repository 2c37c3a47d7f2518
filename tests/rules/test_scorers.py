"""Votes of scorers: the prior is met exactly, constant shifts change nothing, and masks leave no NaN."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

import sfumato as sf
from sfumato.core.errors import ParameterError, ShapeError
from sfumato.rules import ScorerVotes, restricted
from sfumato.rules.scorers import matching

SHARE = np.array([0.7, 0.2, 0.1])


def simulated(n=2000, scorers=3, seed=0):
    """(truth, logits (n, scorers, 3)) of scorers whose classes are shifted by constants and whose scale is wrong."""
    draw = np.random.default_rng(seed)
    y = draw.choice(3, n, p=SHARE)
    z = draw.normal(size=(n, scorers, 3)) + 2 * np.eye(3)[y][:, None]
    return y, 3 * (z + draw.normal(scale=2, size=(scorers, 3)))


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_offsets_meet_the_prior(scale):
    _, z = simulated()
    b = matching(scale * z[:, 0], SHARE)
    assert softmax(scale * z[:, 0] + b, axis=1).mean(0) == pytest.approx(SHARE, abs=1e-9)
    assert b.mean() == pytest.approx(0, abs=1e-9)


def test_a_constant_per_class_changes_no_vote():
    _, z = simulated()
    base = ScorerVotes(form="logits").make(z, prior=SHARE).matrix(z)
    moved = z + np.array([5.0, -3.0, 0.5])
    assert (ScorerVotes(form="logits").make(moved, prior=SHARE).matrix(moved) == base).mean() > 0.999


def test_probabilities_are_logits_of_their_logarithms():
    _, z = simulated()
    p = softmax(z, axis=2)
    assert (ScorerVotes().make(p, SHARE).matrix(p) == ScorerVotes(form="logits").make(z, SHARE).matrix(z)).all()
    assert (ScorerVotes().make(7 * p, SHARE).matrix(7 * p) == ScorerVotes().make(p, SHARE).matrix(p)).all()


def test_the_prior_repairs_shifted_scorers():
    y, z = simulated()

    def right(votes):
        return (votes == y[:, None])[votes >= 0].mean()

    plain, matched = (ScorerVotes(form="logits", abstain=0).make(z, prior) for prior in (None, SHARE))
    assert right(matched.matrix(z)) > right(plain.matrix(z)) + 0.2
    new_y, new_z = simulated(seed=0, n=4000)  # the same scorers: their shifts are drawn after more rows, so take halves
    half = ScorerVotes(form="logits", abstain=0).make(new_z[:2000], SHARE)
    said = half.matrix(new_z[2000:])
    assert (said == new_y[2000:, None]).mean() > (new_z[2000:].argmax(2) == new_y[2000:, None]).mean() + 0.1
    found = sf.aggregate.LabelModel(balance=tuple(SHARE)).fit(matched.votes(z)).codes()
    assert (found == y).mean() > right(matched.matrix(z)) + 0.02


def test_the_stated_share_abstains_and_it_is_the_least_sure():
    y, z = simulated()
    found = ScorerVotes(form="logits", abstain=0.3).make(z, SHARE)
    said = found.matrix(z)
    assert (said < 0).mean(0) == pytest.approx(0.3, abs=0.002)
    for f, votes in zip(found, said.T, strict=True):
        sure = f.beliefs(z).max(1)
        assert sure[votes < 0].max() < sure[votes >= 0].min()
    whole = ScorerVotes(form="logits", abstain=0).make(z, SHARE).matrix(z)
    assert (whole >= 0).all()
    spoke = said >= 0
    assert (said == y[:, None])[spoke].mean() > (whole == y[:, None]).mean()


def test_a_single_scorer_may_be_a_table():
    y, z = simulated()
    one = ScorerVotes(form="logits").make(z[:, 0], SHARE)
    assert (one.matrix(z[:, 0]) == ScorerVotes(form="logits").make(z[:, :1], SHARE).matrix(z[:, :1])).all()


def test_impossible_classes_have_no_belief_and_nothing_is_nan():
    p = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.2, 0.2, 0.6]])
    possible = np.array([[False, True, True], [False, True, True], [False, False, False]])
    found = restricted(p, possible, SHARE)
    assert found == pytest.approx(np.array([[0, 0.6, 0.4], [0, 2 / 3, 1 / 3], SHARE]))
    assert (restricted(p, np.ones((3, 3), bool), SHARE) == p).all()


def test_bad_input():
    _, z = simulated(50)
    with pytest.raises(ShapeError, match="negative or all zero"):
        ScorerVotes().make(z)
    with pytest.raises(ParameterError, match="3 positive numbers"):
        ScorerVotes(form="logits").make(z, prior=[0.5, 0.5])
    with pytest.raises(ParameterError, match="abstain=1"):
        ScorerVotes(form="logits", abstain=1).make(z)
    with pytest.raises(ShapeError, match=r"\(rows, scorers, K >= 2\)"):
        ScorerVotes(form="logits").make(z[:, 0, 0])
    with pytest.raises(ShapeError, match="all 0 or 1"):
        ScorerVotes().make(np.eye(3)[z.argmax(2)])
    found = ScorerVotes().make(softmax(z, axis=2))
    with pytest.raises(ShapeError, match="negative or all zero"):
        found.matrix(-softmax(z, axis=2))
    with pytest.raises(ShapeError, match="booleans"):
        restricted(softmax(z[:, 0], axis=1), np.ones((50, 3)), SHARE)


def test_real_text_scored_by_distances_to_a_few_examples(load_real):
    """A scorer made of real text: the cosine of a comment to the mean of ten examples per class, shifted by a constant
    as a prompt would shift it. The prior is that of the training rows: an oracle here.
    """
    data = load_real.lf("youtube_lf")
    emb, y = data["emb"].astype(float), data["y"].astype(int)
    draw = np.random.default_rng(0)
    tables = []
    used = np.zeros(len(y), bool)
    for _ in range(3):
        some = [draw.choice(np.flatnonzero(y == c), 10, replace=False) for c in range(2)]
        used[np.concatenate(some)] = True
        centre = np.stack([emb[rows].mean(0) for rows in some])
        tables.append(20 * emb @ (centre / np.linalg.norm(centre, axis=1, keepdims=True)).T + [0, 4.0])
    z = np.stack(tables, axis=1)
    prior = np.bincount(y) / len(y)
    plain, matched = (ScorerVotes(form="logits", abstain=0).make(z, p).matrix(z[~used]) for p in (None, prior))
    right = [(said == y[~used, None]).mean() for said in (plain, matched)]
    assert right[1] > right[0] + 0.1 and right[1] > 0.75
