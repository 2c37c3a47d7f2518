"""Soft labels and their combinations: formulas, identities, and what zeros do."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from sfumato.aggregate import (
    Aggregated,
    DawidSkene,
    MajorityVote,
    SoftLabels,
    SoftmaxVote,
    Wawa,
    combine,
)
from sfumato.aggregate.combine_temperatures import temperatures
from sfumato.checks import check
from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import Votes
from tests.aggregate.crowds import crowd, votes

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(4), (3, 50))
W = np.array([0.5, 1.0, 2.5])


def js(p, q):
    m = (p + q) / 2
    terms = [np.where(a > 0, a * np.log(np.where(a > 0, a, 1) / np.where(a > 0, m, 1)), 0) for a in (p, q)]
    return (terms[0] + terms[1]).sum(-1) / 2


def test_mean_is_the_weighted_mean():
    assert np.allclose(combine(list(P)), P.mean(0), rtol=1e-14)
    assert np.allclose(combine(list(P), weights=W), (P * W[:, None, None]).sum(0) / 4, rtol=1e-14)


def test_conflation_is_the_normalised_product():
    product = P.prod(0)
    assert np.allclose(combine(list(P), "conflation"), product / product.sum(1, keepdims=True), rtol=1e-12)
    product = (P ** W[:, None, None]).prod(0)
    assert np.allclose(combine(list(P), "conflation", W), product / product.sum(1, keepdims=True), rtol=1e-12)
    level = np.full((50, 4), 0.25)
    assert np.allclose(combine([P[0], level], "conflation"), P[0], rtol=1e-12)


def test_conflation_of_members_that_exclude_every_class_is_the_limit_of_small_numbers():
    p = np.array([[[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]], [[0.0, 0.9, 0.1]]])
    small = np.where(p > 0, p, 1e-60)  # above the smallest float64 even to the third power
    product = small.prod(0)
    found = combine(list(p), "conflation")
    assert np.allclose(found, product / product.sum(1, keepdims=True), atol=1e-15)
    assert np.allclose(found, [[0, 0.9, 0.1]], atol=1e-15)
    split = combine([np.eye(2)[[0]], np.eye(2)[[1]]], "conflation")
    assert np.array_equal(split, [[0.5, 0.5]])


def test_the_centroid_is_the_least_sum_of_divergences():
    found = combine(list(P), "centroid", W)
    w = W / W.sum()
    # stationary on the simplex: sum_m w_m log(2 c_k / (c_k + p_mk)) is the same for every class
    slope = (w[:, None, None] * np.log(2 * found / (found + P))).sum(0)
    assert np.abs(slope - slope.mean(1, keepdims=True)).max() < 1e-10

    def total(z):
        return sum(w[m] * js(P[m, 0], softmax(np.append(z, 0))) for m in range(3))

    best = minimize(total, np.zeros(3), method="BFGS", options={"gtol": 1e-10})
    assert np.allclose(softmax(np.append(best.x, 0)), found[0], atol=1e-6)


def test_the_centroid_of_one_sided_members():
    assert np.allclose(combine([np.eye(3)[[0]], np.eye(3)[[1]]], "centroid"), [[0.5, 0.5, 0]], atol=1e-12)
    with_zero = combine([np.array([[1.0, 0, 0]]), np.array([[0.2, 0.8, 0]])], "centroid")
    assert with_zero[0, 2] == 0 and with_zero.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("how", ["mean", "centroid", "temperature", "hybrid"])
def test_equal_members_are_their_combination(how):
    found = combine([P[0]] * 3, how)
    if how in ("mean", "centroid"):
        assert np.allclose(found, P[0], atol=1e-12)
    else:  # they agree at any temperature: the ridge alone speaks, and the order of classes stays
        assert np.array_equal(np.argsort(found, 1), np.argsort(P[0], 1))


@pytest.mark.parametrize("how", ["mean", "conflation", "centroid", "temperature", "hybrid"])
def test_a_member_of_weight_zero_is_left_out_and_order_does_not_matter(how):
    assert np.allclose(combine(list(P), how, [1, 0, 1]), combine([P[0], P[2]], how), atol=1e-12)
    assert np.allclose(combine(list(P[::-1]), how, W[::-1]), combine(list(P), how, W), atol=1e-6)
    assert np.allclose(combine(list(P[:, :, ::-1]), how), combine(list(P), how)[:, ::-1], atol=1e-6)
    if how not in ("temperature", "hybrid"):  # temperatures are learned from all items together
        assert np.allclose(combine(list(P[:, :7]), how), combine(list(P), how)[:7], atol=1e-10)


def objective(t, p):
    q = softmax(np.maximum(np.log(p), -15) / t[:, None, None], axis=2)
    pairs = [(a, b) for a in range(len(p)) for b in range(a + 1, len(p))]
    return np.mean([js(q[a], q[b]).mean() for a, b in pairs]) + 1e-3 * (t**2).sum()


def test_temperatures_are_where_the_stated_objective_stands_still():
    sharp = np.stack([P[0], softmax(3 * np.log(P[0]) + 0.3 * RNG.normal(size=P[0].shape), 1), P[1]])
    t = temperatures(sharp)
    assert t.shape == (3,) and bool((t > 0).all())
    for m in range(3):
        step = 1e-4 * np.eye(3)[m]
        slope = (objective(t + step, sharp) - objective(t - step, sharp)) / 2e-4
        assert abs(slope) < 2e-5
    assert objective(t, sharp) < objective(np.full(3, 1.5), sharp)
    assert t[1] > t[0]  # the sharper copy is warmed more
    assert np.array_equal(temperatures(P[:1]), [1.0])


def test_softmax_votes_are_the_softmax_of_the_counts():
    said = np.array([[0, 0, 1], [1, 1, 1], [0, 2, 2]])
    counts = np.array([[2, 1, 0], [0, 3, 0], [1, 0, 2]])
    found = SoftmaxVote(temperature=0.7).fit(votes(said, 3))
    assert np.allclose(found.posterior, softmax(counts / 0.7, 1), rtol=1e-13)
    assert np.allclose(found.predict_proba(votes(said, 3)), found.posterior, rtol=1e-13)
    cold = SoftmaxVote(temperature=1e-3).fit(votes(said, 3)).posterior
    assert np.array_equal(cold, np.eye(3)[[0, 1, 2]])
    with pytest.raises(ParameterError, match="temperature"):
        SoftmaxVote(temperature=0).fit(votes(said, 3))


@pytest.mark.parametrize("how", ["mean", "conflation", "temperature", "centroid", "hybrid"])
def test_soft_labels_are_the_combination_of_their_members(how):
    said, _ = crowd(n=40)
    v = votes(said, 3)
    members = ("majority-vote", "wawa", "dawid-skene")
    parts = [model().fit(v) for model in (MajorityVote, Wawa, DawidSkene)]
    found = SoftLabels(how=how, members=members).fit(v)
    assert isinstance(found, Aggregated)
    assert np.allclose(found.posterior, combine(parts, how), atol=1e-12)
    assert np.allclose(found.predict_proba(v), found.posterior, atol=1e-4)  # one E-step after the fit's last
    assert found.to_distribution().shares.shape == (40, 3)


def test_gold_stays_in_a_combination():
    said, y = crowd(n=40)
    gold = np.where(np.arange(40) < 5, y, -1)
    v = Votes.from_matrix(said, k=3, absent=True, gold=gold)
    assert np.array_equal(SoftLabels(members=("majority-vote", "wawa")).fit(v).posterior[:5], np.eye(3)[y[:5]])


def test_a_loss_of_every_member_is_the_loss_of_their_mean():
    log_q = np.log(RNG.dirichlet(np.ones(4), 50))
    apart = np.mean([-(p * log_q).sum(1).mean() for p in P])
    assert apart == pytest.approx(-(combine(list(P)) * log_q).sum(1).mean(), rel=1e-13)


@pytest.mark.parametrize("method", [SoftmaxVote, SoftLabels])
def test_the_contract(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        check(method)


def test_wrong_uses_are_named():
    with pytest.raises(ParameterError, match="one of mean"):
        combine(list(P), "median")
    with pytest.raises(ShapeError, match="no posterior"):
        combine([])
    with pytest.raises(ShapeError, match="shapes"):
        combine([P[0], P[1, :3]])
    with pytest.raises(LabelError, match="no distributions"):
        combine([P[0], 2 * P[1]])
    with pytest.raises(ParameterError, match="weights"):
        combine(list(P), weights=[0, 0, 0])
    a = Votes.from_table([0, 1], ["u", "v"], ["x", "y"])
    b = Votes.from_table([0, 1], ["u", "v"], ["x", "z"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(ParameterError, match="classes"):
            combine([MajorityVote().fit(a), MajorityVote().fit(b)])
        with pytest.raises(ParameterError, match="how"):
            SoftLabels(how="median").fit(a)
        with pytest.raises(ParameterError, match="nonsense"):
            SoftLabels(members=("nonsense",)).fit(a)
