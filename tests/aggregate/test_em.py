"""What the steps of EM climb: the likelihood, and nothing that counts the prior once per vote."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import DawidSkene, OneCoin
from tests.aggregate.crowds import one_hot, votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")
LEAST = 1e-10  # probabilities that a source never used


def leaning(good, bad, seed):
    """Votes (150, good + bad) on two equally frequent classes: sources that are right nine times of ten, and sources
    that say class 0 too often.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 150)[:, None]
    knows, leans = np.where(y == 1, 0.9, 0.1), np.where(y == 1, 0.45, 0.05) if not good else np.full(y.shape, 0.3)
    return (rng.random((150, good + bad)) < np.column_stack([knows] * good + [leans] * bad)).astype(int)


CASES = {"dawid-skene": (DawidSkene, leaning(0, 5, 1)), "one-coin": (OneCoin, leaning(3, 4, 0))}


def climbed(said, k, steps, one_coin=False):
    """Per step of EM, from loops over the formulas: (log likelihood of the parameters that made its beliefs, that of
    those after its M-step, the bound between the two, that bound with the log prior once per vote).
    """
    one = one_hot(said, k)
    many = one.sum((1, 2))
    p = one.sum(1) / many[:, None]

    def m_step(p):
        theta = np.einsum("ik,ijl->jkl", p, one)
        if one_coin:
            right = np.einsum("jkk->j", theta) / one.sum((0, 2))
            theta = np.where(np.eye(k), right[:, None, None], (1 - right[:, None, None]) / (k - 1))
        theta = np.maximum(theta, LEAST)
        theta = theta / theta.sum(2, keepdims=True)
        return np.einsum("ijl,jkl->ik", one, np.log(theta)), np.log(p.mean(0))

    told, prior = m_step(p)
    out = []
    for _ in range(steps):
        joint = np.exp(told + prior)
        before = np.log(joint.sum(1)).sum()
        p = joint / joint.sum(1, keepdims=True)
        told, prior = m_step(p)
        after = np.log(np.exp(told + prior).sum(1)).sum()
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
        bound = (p * (told + prior)).sum() + entropy
        out.append((before, after, bound, (p * (told + many[:, None] * prior)).sum() + entropy))
    return np.array(out).T


@pytest.mark.parametrize("name", CASES)
def test_a_bound_with_the_prior_once_per_vote_may_fall_while_the_likelihood_rises(name):
    """With the prior once per item each step's bound lies between two likelihoods, as it must; with the prior once per
    vote it is none: here it falls at the second step, with most of the likelihood's way still to go.
    """
    model, said = CASES[name]
    before, after, bound, per_vote = climbed(said, 2, 40, name == "one-coin")
    assert (before <= bound + 1e-9).all() and (bound <= after + 1e-9).all()
    assert (np.diff(before) >= -1e-9).all() and (np.diff(bound) >= -1e-9).all()
    assert per_vote[1] < per_vote[0] and before[-1] - before[1] > before[1] - before[0]
    np.testing.assert_allclose(model(iterations=9, tolerance=0).fit(votes(said, 2)).history, before[:9], rtol=1e-12)
