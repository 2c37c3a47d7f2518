"""Methods that read how sources agree: each recovers its parameters from exact moments."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sfumato.aggregate import MMSR, FlyingSquid, LabelModel, MajorityVote, SourcesWarning, SpectralDS
from sfumato.aggregate.kernel import Kernel
from sfumato.aggregate.moments import agreements
from sfumato.core.errors import DivergedError, LabelError, ParameterError
from sfumato.labels import Votes
from tests.aggregate.crowds import coins, crowd, one_hot, replicated, votes

quiet = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")
THETA = [[[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.4, 0.6]], [[0.7, 0.3], [0.1, 0.9]]]
COINS = [[[p, 1 - p], [1 - p, p]] for p in (0.9, 0.8, 0.7)]


@quiet
def test_agreements_are_counted():
    said, _ = crowd()
    same, both = agreements(Kernel(votes(said)))
    for a in range(7):
        for b in range(7):
            met = (said[:, a] >= 0) & (said[:, b] >= 0)
            assert both[a, b] == (met.sum() if a != b else 0)
            assert same[a, b] == ((said[met, a] == said[met, b]).sum() if a != b else 0)


@quiet
def test_spectral_moments_give_the_truth_on_its_population():
    prior = [0.4, 0.6]
    said, _ = replicated(prior, THETA, 10_000)
    share, found = SpectralDS().moments(Kernel(votes(said)))
    np.testing.assert_allclose(found, prior, atol=1e-8)
    np.testing.assert_allclose(share.transpose(0, 2, 1), THETA, atol=1e-8)


@quiet
def test_spectral_moments_of_three_classes():
    theta = [0.1 * np.ones((3, 3)) + 0.7 * np.eye(3), [[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6]]]
    theta.append([[0.8, 0.1, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
    said, _ = replicated([0.5, 0.2, 0.3], theta, 10_000)
    share, found = SpectralDS().moments(Kernel(votes(said)))
    np.testing.assert_allclose(found, [0.5, 0.2, 0.3], atol=1e-7)
    np.testing.assert_allclose(share.transpose(0, 2, 1), theta, atol=1e-7)


@quiet
def test_spectral_says_where_moments_fail():
    with pytest.warns(SourcesWarning, match="starting from the vote"):
        found = SpectralDS().fit(votes(np.array([[0, 1], [1, 1], [0, 0]])))
    assert np.isfinite(found.posterior).all()


@quiet
def test_triplets_give_the_accuracies_on_the_population():
    said, _ = replicated([0.5, 0.5], COINS, 10_000)
    found = FlyingSquid().fit(votes(said))
    np.testing.assert_allclose(1 / (1 + np.exp(-found.table[:, 0, 0])), [0.9, 0.8, 0.7], atol=1e-9)
    joint = 0.5 * np.prod(
        [np.where(np.arange(2) == said[:, j, None], p, 1 - p) for j, p in enumerate((0.9, 0.8, 0.7))], axis=0
    )
    np.testing.assert_allclose(found.posterior, joint / joint.sum(1, keepdims=True), atol=1e-9)


@quiet
def test_triplets_and_marginals_give_both_sides_of_a_source():
    """One source that errs more often on one class, among two that do not: the joint distribution is the truth's."""
    theta = np.array([[[0.95, 0.05], [0.35, 0.65]], *COINS[1:]])
    said, _ = replicated([0.5, 0.5], theta, 10_000)
    found = FlyingSquid().fit(votes(said))
    ratio = np.log(theta[:, 0] / theta[:, 1])  # log P(said | 0) / P(said | 1)
    np.testing.assert_allclose(found.table[:, :, 0], ratio, atol=1e-9)
    np.testing.assert_allclose(found.table[:, :, 1], -ratio, atol=1e-9)


@quiet
def test_triplets_take_silence_for_nothing():
    """A source that declines half the items, whatever they are, has the accuracies of one that does not."""
    said, _ = replicated([0.5, 0.5], COINS, 10_000)
    half = np.concatenate([said, np.column_stack([np.full(len(said), -1), said[:, 1:]])])
    a, b = FlyingSquid().fit(Votes.from_matrix(half, k=2)), FlyingSquid().fit(votes(said))
    np.testing.assert_allclose(a.table, b.table, atol=1e-9)


@quiet
def test_a_source_that_repeats_itself_is_heard_once_by_the_triplets():
    said, _ = crowd(share=1.0)
    item, source = np.nonzero(said >= 0)
    often = np.where(item == 0, 50, 1)
    loud = Votes.from_table(
        *(np.repeat(v, often) for v in (item, source, said[item, source])), n=60, classes=range(3), duplicates="all"
    )
    np.testing.assert_allclose(FlyingSquid().fit(loud).table, FlyingSquid().fit(votes(said)).table, atol=1e-9)


@quiet
def test_pairs_that_never_meet_break_no_triplet():
    """flyingsquid divides by the moment of every pair."""
    said, y = coins([0.9, 0.85, 0.8, 0.75, 0.7], n=2000, seed=3)
    half = np.arange(2000) < 1000
    said[half, 0], said[~half, 1] = -1, -1
    found = FlyingSquid().fit(votes(said))
    rates = 1 / (1 + np.exp(-found.table[:, 0, 0]))
    np.testing.assert_allclose(rates, [0.9, 0.85, 0.8, 0.75, 0.7], atol=0.05)
    assert (found.codes() == y).mean() > 0.9
    with pytest.raises(LabelError, match="no three sources"):
        FlyingSquid().fit(votes(np.array([[0, 1, -1], [1, -1, 0]])))


@quiet
def test_m_msr_gives_the_skills_on_the_population_and_beside_adversaries():
    said, _ = replicated([0.5, 0.5], COINS, 10_000)
    found = MMSR().fit(votes(said))
    np.testing.assert_allclose(np.exp(found.table[:, 0, 0]), [0.9, 0.8, 0.7], atol=1e-6)
    rng = np.random.default_rng(0)
    said, y = coins([0.85] * 9, n=3000, k=3, seed=1)
    together = rng.integers(0, 3, 3000)  # two that copy one wild answer
    joined = np.column_stack([said, together, together])
    rates = np.exp(MMSR().fit(votes(joined)).table[:, 0, 0])
    np.testing.assert_allclose(rates[:9], 0.85, atol=0.03)
    assert rates[9:].max() < 0.6


@quiet
def test_m_msr_turns_liars_round():
    said, y = coins([0.85] * 6 + [0.1] * 2, n=800)
    assert (MMSR().fit(votes(said)).codes() == y).mean() > 0.97


@quiet
def test_m_msr_asks_no_pair_of_sources_of_one_class():
    """Such two always agree or never do, whatever they are worth: read as skill, half of them are liars."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1000)
    own = np.arange(6) % 2
    fires = rng.random((1000, 6)) < np.where(y[:, None] == own, 0.5, 0.15)
    said = np.where(fires, own, -1)
    found, vote = (model.fit(Votes.from_matrix(said)) for model in (MMSR(), MajorityVote()))
    ours, votes_ = (np.sign(np.round(r.posterior[:, 0] - 0.5, 9)) for r in (found, vote))
    np.testing.assert_array_equal(ours, votes_)


@quiet
def test_memory_follows_votes_and_not_items_times_sources():
    """crowd-kit's M-MSR holds sources x items."""
    rng = np.random.default_rng(0)
    n, sources = 60_000, 400
    item = np.repeat(np.arange(n), 3)
    source = (rng.integers(0, sources, n)[:, None] + np.array([0, 1, 2])).ravel() % sources
    table = Votes.from_table(item, source, rng.integers(0, 2, 3 * n), n=n, classes=[0, 1])
    tracemalloc.start()
    MMSR(iterations=3).fit(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * sources * 8 / 3


@quiet
def test_the_label_model_completes_the_population():
    said, _ = replicated([0.5, 0.5], COINS, 10_000)
    found = LabelModel(balance=(0.5, 0.5), iterations=None).fit(votes(said))
    np.testing.assert_allclose(np.exp(found.table).transpose(0, 2, 1), COINS, atol=2e-3)
    assert found.history[-1] == pytest.approx(0, abs=1e-7)


@quiet
def test_the_label_model_reads_silence():
    """A rule for one class that is silent elsewhere: its silence speaks for the other class."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 4000)
    rate = np.array([[0.05, 0.6], [0.05, 0.6], [0.6, 0.05], [0.6, 0.05]])  # P(fires | y)
    fires = rng.random((4000, 4)) < rate[:, :].T[y]
    said = np.where(fires, np.array([1, 1, 0, 0]), -1)
    found = LabelModel(iterations=None, silence=True).fit(Votes.from_matrix(said))
    silent = ~fires[:, :2].any(1) & ~fires[:, 2:].any(1)
    one_silent = ~fires[:, :2].any(1) & fires[:, 2:].any(1)
    assert (found.codes()[one_silent] == 0).all() and found.informative
    np.testing.assert_allclose(found.posterior[silent], 0.5, atol=0.1)
    fired = np.exp(found.table)[np.arange(4), [1, 1, 0, 0]]  # P(fires | y)
    np.testing.assert_allclose(fired, rate, atol=0.04)


@quiet
def test_the_label_models_slope_is_that_of_its_loss():
    """Started elsewhere it ends no higher than where it began, and the same votes give the same bits."""
    said, _ = crowd(n=200, sources=6, k=3)
    a, b = (LabelModel(precision=p, iterations=None).fit(votes(said)).history[-1] for p in (0.6, 0.9))
    one = one_hot(said, 3).reshape(200, -1)
    whole = one.T @ one / 200
    level = np.repeat(np.diag(whole)[:, None], 3, 1)
    off = whole - level @ level.T / 3
    off[np.arange(18)[:, None] // 3 == np.arange(18) // 3] = 0
    assert min(a, b) > -(off**2).sum()


def test_a_source_that_says_two_things_stands_in_the_label_model_with_their_mean():
    """Off-diagonal moments and shares are those of loops over items; what was said twice alike is said once."""
    said, _ = crowd(n=40, sources=4, share=0.8)
    item, source = np.nonzero(said >= 0)
    label = said[item, source]
    more = np.concatenate([item, item[:30]]), np.concatenate([source, source[:30]])
    for other in (label[:30], (label[:30] + 1) % 3):
        table = Votes.from_table(*more, np.concatenate([label, other]), n=40, classes=range(3), duplicates="all")
        mean = np.zeros((40, 12))
        np.add.at(mean, (more[0], more[1] * 3 + np.concatenate([label, other])), 1.0)
        share = mean.reshape(40, 4, 3)
        mean = (share / np.maximum(share.sum(2, keepdims=True), 1)).reshape(40, 12)
        off = (mean.T @ mean / 40) * (np.arange(12)[:, None] // 3 != np.arange(12) // 3)
        found = LabelModel(iterations=50).fit(table)
        mu = np.exp(found.table).reshape(12, 3)
        apart = (mu @ mu.T / 3) * (np.arange(12)[:, None] // 3 != np.arange(12) // 3)
        by_hand = ((apart - off) ** 2).sum() + ((mu.mean(1) - mean.mean(0)) ** 2).sum()
        assert found.history[-1] == pytest.approx(-by_hand, rel=1e-9)
    alike = Votes.from_table(*more, np.concatenate([label, label[:30]]), n=40, classes=range(3), duplicates="all")
    np.testing.assert_allclose(LabelModel().fit(alike).table, LabelModel().fit(votes(said)).table, atol=1e-12)


def test_too_many_pairs_are_refused_before_memory_is_asked_for():
    item = np.repeat(np.arange(3000), 3)
    table = Votes.from_table(item, np.arange(9000), np.zeros(9000, int), classes=[0, 1])
    with pytest.raises(LabelError, match="9000 sources"):
        MMSR().fit(table)


@pytest.mark.parametrize(
    "bad", [MMSR(iterations=0), FlyingSquid(partners=1), LabelModel(precision=0), LabelModel(balance=(1.0,))]
)
def test_bad_parameters(bad):
    with pytest.raises(ParameterError):
        bad.fit(votes(np.array([[0, 1, 0]])))


def test_a_descent_that_grows_without_end_is_said_by_name():
    rng = np.random.default_rng(0)
    y = (rng.random(200) < 0.1).astype(int)
    said = np.where(rng.random((200, 80)) < 0.05, 1 - y[:, None], y[:, None])
    votes = Votes.from_matrix(said)
    with pytest.raises(DivergedError, match="80 sources"):
        LabelModel(balance=(0.9, 0.1)).fit(votes)
    assert (LabelModel(balance=(0.9, 0.1), iterations=None).fit(votes).labels() == y).mean() > 0.99
