"""Dawid and Skene's model against its formulas written densely, and what any aggregation must hold."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch

from sfumato.aggregate import (
    ClusteredDS,
    DawidSkene,
    FastDawidSkene,
    Ibcc,
    MajorityVote,
    MultiCoin,
    OneCoin,
    SourcesWarning,
)
from sfumato.aggregate.em import log_shares
from sfumato.aggregate.kernel import Kernel
from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import Votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")


def crowd(n=60, sources=7, k=3, seed=0, share=0.7):
    """(dense votes (n, sources) with -1 where absent, truth)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    theta = rng.dirichlet(np.ones(k), (sources, k)) * 0.5 + 0.5 * np.eye(k)
    said = np.array([[rng.choice(k, p=theta[j, t]) for j in range(sources)] for t in y])
    return np.where(rng.random(said.shape) < share, said, -1), y


def dense(said, k, rounds, gold=None):
    """The same EM with arrays of the full size: (posterior, theta [source, true, said], log likelihoods)."""
    one = (said[:, :, None] == np.arange(k)).astype(float)
    heard = one.sum(1)
    p = np.where(heard.sum(1, keepdims=True) > 0, heard / np.maximum(heard.sum(1, keepdims=True), 1), 1 / k)
    history = []
    known = np.full(len(said), -1) if gold is None else gold
    p[known >= 0] = np.eye(k)[known[known >= 0]]
    for _ in range(rounds):
        theta = np.maximum(np.einsum("ik,ijl->jkl", p, one), 1e-10)
        theta /= theta.sum(2, keepdims=True)
        prior = np.maximum(p.mean(0), 1e-10)
        log = np.log(prior) + np.einsum("ijl,jkl->ik", one, np.log(theta))
        joint = np.exp(log)
        seen = np.log(joint.sum(1))
        seen[known >= 0] = log[known >= 0, known[known >= 0]]
        history.append(seen.sum())
        p = joint / joint.sum(1, keepdims=True)
        p[known >= 0] = np.eye(k)[known[known >= 0]]
    return p, theta, history


@pytest.mark.parametrize("rounds", [1, 7])
@pytest.mark.parametrize("gold", [False, True])
def test_it_is_the_dense_formula(rounds, gold):
    said, y = crowd()
    known = np.where(np.arange(60) < 10, y, -1) if gold else None
    votes = Votes.from_matrix(said, k=3, absent=True, gold=known)
    found = DawidSkene(iterations=rounds, tolerance=0).fit(votes)
    p, theta, history = dense(said, 3, rounds, known)
    np.testing.assert_allclose(found.posterior, p, atol=1e-12)
    np.testing.assert_allclose(found.confusion, theta, atol=1e-12)
    np.testing.assert_allclose(found.history, history, rtol=1e-12)


def test_the_likelihood_is_the_enumerated_one_and_never_falls():
    said, _ = crowd(n=12, sources=4, k=2)
    found = DawidSkene(iterations=30, tolerance=0).fit(Votes.from_matrix(said, k=2, absent=True))
    assert (np.diff(found.history) >= -1e-9).all()
    by_hand = 0.0
    for row in said:
        by_hand += np.log(
            sum(
                found.prior[t] * np.prod([found.confusion[j, t, s] for j, s in enumerate(row) if s >= 0])
                for t in (0, 1)
            )
        )
    assert found.history[-1] == pytest.approx(by_hand, rel=1e-12)


def test_the_truth_is_a_fixed_point_on_its_population():
    """All votes of three sources with their exact probabilities as weights: EM from the truth stays there."""
    rng = np.random.default_rng(1)
    prior, theta = np.array([0.3, 0.7]), rng.dirichlet(np.ones(2), (3, 2)) * 0.4 + 0.6 * np.eye(2)
    rows = np.array(list(itertools.product(range(2), repeat=3)))
    mass = np.array([[prior[t] * np.prod(theta[range(3), t, row]) for t in (0, 1)] for row in rows])
    item = np.repeat(np.arange(8), 3)
    votes = Votes.from_table(item, np.tile(np.arange(3), 8), rows.ravel(), weight=np.ones(24))
    kernel = Kernel(votes)
    weighted = mass.sum(1, keepdims=True) * (mass / mass.sum(1, keepdims=True))
    table, log_prior = DawidSkene().m_step(kernel.counts(weighted), weighted.sum(0), kernel)
    np.testing.assert_allclose(np.exp(table).transpose(0, 2, 1), theta, atol=1e-12)
    np.testing.assert_allclose(np.exp(log_prior), prior, atol=1e-12)
    posterior = np.empty((8, 2))
    kernel.sweep(table, log_prior, posterior, lambda p: p)
    np.testing.assert_allclose(posterior, mass / mass.sum(1, keepdims=True), atol=1e-12)


def test_new_votes_are_read_as_old_ones():
    said, _ = crowd()
    votes = Votes.from_matrix(said, k=3, absent=True)
    for model in (DawidSkene(), MajorityVote()):
        found = model.fit(votes)
        np.testing.assert_allclose(found.predict_proba(votes), found.posterior, atol=1e-12)
    with pytest.raises(ShapeError, match="as at fit"):
        found.predict_proba(Votes.from_matrix(said[:, :4], k=3, absent=True))


def test_orders_and_names_change_nothing():
    said, _ = crowd()
    item, source = np.nonzero(said >= 0)
    label = said[item, source]
    votes = Votes.from_table(item, source, label, n=60)
    base = DawidSkene().fit(votes)
    shuffled = np.random.default_rng(0).permutation(len(item))
    mixed = DawidSkene().fit(Votes.from_table(item[shuffled], source[shuffled], label[shuffled], n=60))
    np.testing.assert_array_equal(mixed.posterior, base.posterior)
    other = DawidSkene().fit(Votes.from_table(item, source, (label + 1) % 3, n=60))
    np.testing.assert_allclose(other.posterior[:, [1, 2, 0]], base.posterior, atol=1e-9)
    np.testing.assert_allclose(other.confusion[:, [1, 2, 0]][:, :, [1, 2, 0]], base.confusion, atol=1e-9)
    back = DawidSkene().fit(Votes.from_table(item, 6 - source, label, n=60))
    np.testing.assert_allclose(back.posterior, base.posterior, atol=1e-9)


def test_prior_votes_hold_and_zero_of_them_is_maximum_likelihood():
    said, _ = crowd()
    votes = Votes.from_matrix(said, k=3, absent=True)
    strong = DawidSkene(diagonal=4e6, elsewhere=1e6, classes=1.0).fit(votes)
    np.testing.assert_allclose(strong.confusion, np.full((7, 3, 3), 1 / 6) + np.eye(3) / 2, atol=1e-4)
    fair = DawidSkene(diagonal=2, elsewhere=1, classes=1, iterations=40, tolerance=0).fit(votes)
    assert (np.diff(fair.history) >= -1e-9).all()


def test_gold_of_every_item_gives_the_empirical_confusion():
    said, y = crowd()
    found = DawidSkene().fit(Votes.from_matrix(said, k=3, absent=True, gold=y))
    np.testing.assert_array_equal(found.posterior, np.eye(3)[y])
    for j in range(7):
        for t in range(3):
            seen = said[(y == t) & (said[:, j] >= 0), j]
            np.testing.assert_allclose(found.confusion[j, t], np.bincount(seen, minlength=3) / len(seen), atol=1e-10)


def test_of_a_class_that_a_source_never_met_it_is_level_over_what_it_says():
    """The likelihood says nothing there (0/0); what a source never says is not expected of it."""
    table = log_shares(np.array([[[3.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], np.zeros((3, 3))]))
    np.testing.assert_allclose(np.exp(table[0]), [[0.75, 0.5, 0.5], [0.25, 0.5, 0.5], [0, 0, 0]], atol=1e-10)
    np.testing.assert_allclose(np.exp(table[1]), 1 / 3, atol=1e-12)


@pytest.mark.parametrize("model", [DawidSkene, Ibcc, OneCoin, MultiCoin, FastDawidSkene, ClusteredDS])
def test_items_of_which_nothing_is_told_tell_nothing(model):
    """They once held the class prior back on its way: those that are added change no belief about the others."""
    said, _ = crowd(n=40)
    padded = np.concatenate([said, np.full((400, 7), -1)])
    a, b = (model(iterations=3, tolerance=0).fit(Votes.from_matrix(v, k=3, absent=True)) for v in (said, padded))
    np.testing.assert_allclose(b.posterior[:40], a.posterior, atol=1e-12)
    np.testing.assert_allclose(b.history, a.history, rtol=1e-12)
    known = np.r_[np.full(40, -1), np.zeros(400, int)]
    gold = model(iterations=3, tolerance=0).fit(Votes.from_matrix(padded, k=3, absent=True, gold=known))
    assert gold.prior[0] > 0.9 > a.prior[0]  # a known truth does tell


def test_a_thousand_votes_on_an_item_and_none_on_another():
    rng = np.random.default_rng(0)
    said = np.where(rng.random((3, 1000)) < 0.8, 1, 0)
    said[1] = 0
    said[2] = -1
    found = DawidSkene(diagonal=2, elsewhere=1).fit(Votes.from_matrix(said, k=2, absent=True))
    assert np.isfinite(found.posterior).all() and found.codes()[:2].tolist() == [1, 0]
    np.testing.assert_allclose(found.posterior[2], found.prior, atol=1e-12)
    assert found.n_votes.tolist() == [1000, 1000, 0]
    assert MajorityVote().fit(Votes.from_matrix(said, k=2, absent=True)).posterior[2].tolist() == [0.5, 0.5]


def test_a_source_that_always_inverts_is_of_use():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    noisy = np.where(rng.random((400, 4)) < 0.7, y[:, None], 1 - y[:, None])
    said = np.column_stack([noisy, 1 - y])
    votes = Votes.from_matrix(said)
    with pytest.warns(SourcesWarning, match="less often than chance"):
        found = DawidSkene().fit(votes)
    assert (found.codes() == y).mean() > 0.99 > (MajorityVote().fit(votes).codes() == y).mean()


def test_doubts_are_said():
    with pytest.warns(SourcesWarning, match="fewer than three"):
        MajorityVote().fit(Votes.from_matrix([[0, 1], [1, 1]]))
    with pytest.warns(SourcesWarning, match="2 groups that share no item"):
        MajorityVote().fit(Votes.from_matrix([[0, 1, 0, -1, -1], [-1, -1, -1, 1, 0]], absent=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MajorityVote().fit(Votes.from_matrix([[0, 0, 0], [1, 1, 1]]))


def test_onward():
    said, _ = crowd()
    found = DawidSkene().fit(Votes.from_matrix(said, k=3, absent=True, classes=("a", "b", "c")))
    sets = found.to_partial(0.9)
    inside = np.where(sets.mask.numpy(), found.posterior, 0)
    assert (inside.sum(1) >= 0.9 - 1e-9).all()
    smallest = np.where(sets.mask.numpy(), found.posterior, 2).min(1)
    several = sets.mask.sum(1).numpy() > 1
    assert (inside.sum(1)[several] - smallest[several] < 0.9).all()
    assert found.to_noisy().classes == ("a", "b", "c")
    labels, weight = found.to_weighted()
    assert torch.equal(labels.y, torch.from_numpy(found.posterior.argmax(1))) and (weight > 0.3).all()
    assert set(found.labels()) <= {"a", "b", "c"}


def test_bad_input():
    votes = Votes.from_matrix([[0, 1, 0]])
    with pytest.raises(ParameterError, match="iterations=0"):
        DawidSkene(iterations=0).fit(votes)
    with pytest.raises(ParameterError, match="diagonal=-1"):
        DawidSkene(diagonal=-1).fit(votes)
    with pytest.raises(ParameterError, match="votes of type ndarray"):
        DawidSkene().fit(np.zeros((2, 2)))
    with pytest.raises(LabelError, match="all abstentions"):
        DawidSkene().fit(Votes.from_matrix([[-1, -1]], k=2))
