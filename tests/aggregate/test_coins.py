"""Models with fewer parameters than a matrix per source, hard decisions, and communities."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import ClusteredDS, DawidSkene, FastDawidSkene, MultiCoin, OneCoin
from sfumato.core.errors import ParameterError
from tests.aggregate.crowds import coins, crowd, one_hot, votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")


def dense(said, k, rounds, tie):
    """EM with arrays of the full size whose confusion matrices (sources, true, said) pass through ``tie``."""
    one = one_hot(said, k)
    p = one.sum(1) / np.maximum(one.sum((1, 2)), 1)[:, None]
    p[one.sum((1, 2)) == 0] = 1 / k
    for _ in range(rounds):
        theta = tie(np.einsum("ik,ijl->jkl", p, one))
        log = np.log(p.mean(0)) + np.einsum("ijl,jkl->ik", one, np.log(theta))
        p = np.exp(log) / np.exp(log).sum(1, keepdims=True)
    return p, theta


def even(rate, k):
    """(sources, K, K) with that diagonal and even errors."""
    return np.where(np.eye(k) > 0, rate[:, :, None], (1 - rate[:, :, None]) / (k - 1))


def test_one_coin_ties_the_diagonal():
    said, _ = crowd()

    def tie(c):
        rate = np.einsum("jkk->j", c) / c.sum((1, 2))
        return even(np.repeat(rate[:, None], 3, 1), 3)

    p, theta = dense(said, 3, 6, tie)
    found = OneCoin(iterations=6, tolerance=0).fit(votes(said))
    np.testing.assert_allclose(found.posterior, p, atol=1e-12)
    np.testing.assert_allclose(found.confusion, theta, atol=1e-12)


def test_multi_coin_frees_the_diagonal():
    said, _ = crowd()
    p, theta = dense(said, 3, 6, lambda c: even(np.einsum("jkk->jk", c) / c.sum(2), 3))
    found = MultiCoin(iterations=6, tolerance=0).fit(votes(said))
    np.testing.assert_allclose(found.posterior, p, atol=1e-12)
    np.testing.assert_allclose(found.confusion, theta, atol=1e-12)


def test_multi_coin_of_two_classes_is_dawid_and_skenes():
    said, _ = crowd(k=2)
    a, b = (m(iterations=9, tolerance=0).fit(votes(said)) for m in (MultiCoin, DawidSkene))
    np.testing.assert_allclose(a.posterior, b.posterior, atol=1e-9)


@pytest.mark.parametrize("model", [OneCoin, MultiCoin, FastDawidSkene])
def test_the_objective_never_falls(model):
    for seed in range(4):
        said, _ = crowd(seed=seed, n=40)
        found = model(iterations=25, tolerance=0).fit(votes(said))
        assert (np.diff(found.history) >= -1e-9).all()


def test_fast_is_classification_em():
    said, _ = crowd(n=80)
    one = one_hot(said, 3)
    p = one.sum(1)
    for _ in range(12):
        hard = (p >= p.max(1, keepdims=True) - 1e-9).astype(float)
        hard /= hard.sum(1, keepdims=True)
        theta = np.einsum("ik,ijl->jkl", hard, one)
        theta = np.maximum(theta, 1e-10)
        theta /= theta.sum(2, keepdims=True)
        p = np.log(hard.mean(0)) + np.einsum("ijl,jkl->ik", one, np.log(theta))
    found = FastDawidSkene(iterations=12, tolerance=0).fit(votes(said))
    np.testing.assert_array_equal(found.codes(), p.argmax(1))
    np.testing.assert_allclose(found.confusion, theta, atol=1e-12)
    np.testing.assert_allclose(found.predict_proba(votes(said)), found.posterior, atol=1e-12)


def test_the_hybrid_begins_softly():
    """With a switch of 0 the soft stage runs until the prior stands still: it starts hard from where that ended."""
    said, _ = crowd(n=80, seed=2)
    soft = DawidSkene(iterations=60, tolerance=0).fit(votes(said))
    found = FastDawidSkene(switch=0.0, iterations=60).fit(votes(said))
    late = FastDawidSkene(switch=1.0, iterations=60).fit(votes(said))
    assert (found.codes() == soft.codes()).mean() >= (late.codes() == soft.codes()).mean()
    one = one_hot(said, 3)
    hard = np.eye(3)[found.codes()]
    theta = np.einsum("ik,ijl->jkl", hard, one)
    np.testing.assert_allclose(found.confusion, theta / theta.sum(2, keepdims=True), atol=1e-10)


def test_communities_help_sources_with_few_votes():
    said, y = coins([0.9] * 20 + [0.55] * 20, n=300, k=3, share=0.08, seed=4)
    grouped = (ClusteredDS().fit(votes(said, 3)).codes() == y).mean()
    assert grouped > (DawidSkene().fit(votes(said, 3)).codes() == y).mean()


def test_one_community_of_no_strength_is_dawid_and_skenes():
    said, _ = crowd(seed=6)
    a = ClusteredDS(communities=1, strength=1e-12, iterations=8, tolerance=0).fit(votes(said))
    b = DawidSkene(iterations=8, tolerance=0).fit(votes(said))
    n = min(len(a.history), len(b.history))
    np.testing.assert_allclose(a.history[:n], b.history[:n], rtol=1e-6)


def test_bad_parameters():
    with pytest.raises(ParameterError, match="communities=0"):
        ClusteredDS(communities=0).fit(votes(np.array([[0, 1, 0]])))
    with pytest.raises(ParameterError, match="switch=-1"):
        FastDawidSkene(switch=-1).fit(votes(np.array([[0, 1, 0]])))
