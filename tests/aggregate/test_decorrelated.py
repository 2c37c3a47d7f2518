"""Copies of a source: found by what is left of their agreement, and counted once."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import DawidSkene, Decorrelated, Linked, MajorityVote, SourcesWarning, Wawa
from sfumato.aggregate.correlations import correlations, couples
from sfumato.aggregate.decorrelated import discounts, weighted
from sfumato.aggregate.kernel import Kernel
from sfumato.core.errors import ParameterError
from sfumato.labels import Votes
from tests.aggregate.crowds import coins, crowd, votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")


def copied(copies: int, noise: float = 0.0, seed: int = 0, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ten independent sources of accuracy .7 and copies of the first, the ten alone, truth)."""
    said, y = coins([0.7] * 10, n=n, k=3, seed=seed, share=0.8)
    rng = np.random.default_rng(seed)
    more = np.repeat(said[:, :1], copies, 1)
    more = np.where((rng.random(more.shape) < noise) & (more >= 0), rng.integers(0, 3, more.shape), more)
    return np.column_stack([said, more]), said, y


def test_couples_are_all_pairs_of_votes_on_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = crowd(n=25)
    kernel = Kernel(votes(said, 3))
    item = kernel.item()
    wanted = {(a, b) for a in range(len(item)) for b in range(a + 1, len(item)) if item[a] == item[b]}
    for block in (1, 4, 1000):
        monkeypatch.setattr("sfumato.aggregate.correlations.BLOCK", block)
        monkeypatch.setattr("sfumato.aggregate.held.BLOCK", block)
        found = [(int(a), int(b)) for left, right, _ in couples(kernel) for a, b in zip(left, right, strict=True)]
        assert len(found) == len(wanted) and set(found) == wanted


def test_the_excess_is_its_formula() -> None:
    """Against loops over pairs, items and classes."""
    said, _ = crowd(n=60, sources=5, k=3, share=0.8)
    kernel = Kernel(votes(said, 3))
    rng = np.random.default_rng(0)
    theta = rng.dirichlet(np.ones(3), (5, 3)).transpose(0, 2, 1)  # [source, said, true]
    prior = np.log([0.5, 0.3, 0.2])
    found = correlations(kernel, theta, kernel.scores(np.log(theta)) + prior, 0.01)
    assert found.pairs.tolist() == [[a, b] for a in range(5) for b in range(a + 1, 5)]
    for (a, b), n, agreed, expected, excess, z in zip(
        found.pairs, found.items, found.agreement, found.expected, found.excess, found.z, strict=True
    ):
        both = [i for i in range(60) if said[i, a] >= 0 and said[i, b] >= 0]
        assert n == len(both)
        assert agreed == pytest.approx(np.mean(said[both, a] == said[both, b]), abs=1e-12)
        total = 0.0
        for i in both:
            rest = prior.copy()
            for j in set(range(5)) - {a, b}:
                if said[i, j] >= 0:
                    rest = rest + np.log(theta[j, said[i, j]])
            p = np.exp(rest) / np.exp(rest).sum()
            total += float(p @ (theta[a] * theta[b]).sum(0))
        e = total / len(both)
        assert expected == pytest.approx(e, abs=1e-12)
        assert excess == pytest.approx((agreed - e) / (1 - e), abs=1e-12)
        assert z == pytest.approx(np.sqrt(n) * (agreed - e) / np.sqrt(e * (1 - e)), abs=1e-9)


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_exact_copies_count_once_to_the_bit_of_the_weights(copies: int) -> None:
    said, alone, _ = copied(copies)
    found = Decorrelated().fit(votes(said, 3))
    assert isinstance(found, Linked) and found.correlations is not None and found.converged
    links = found.correlations
    group = {0, *range(10, 10 + copies)}
    linked = {tuple(p) for p in links.pairs[links.linked].tolist()}
    assert linked == {(a, b) for a in group for b in group if a < b}
    np.testing.assert_allclose(links.excess[links.linked], 1, atol=1e-12)
    np.testing.assert_allclose(found.posterior, DawidSkene().fit(votes(alone, 3)).posterior, atol=1e-3)
    weight = discounts(Kernel(votes(said, 3)), links)
    of_group = np.isin(Kernel(votes(said, 3)).source, list(group))
    np.testing.assert_allclose(weight[of_group], 1 / (copies + 1))
    np.testing.assert_array_equal(weight[~of_group], 1)


def test_weights_of_one_half_each_make_two_copies_one_source() -> None:
    """The documented effect of a second identical table: none, where its votes weigh half."""
    said, alone, _ = copied(1)
    kernel = Kernel(votes(said, 3))
    halves = weighted(kernel, np.where(np.isin(kernel.source, [0, 10]), 0.5, 1.0))
    a = DawidSkene(iterations=20, tolerance=0).fit(halves)
    b = DawidSkene(iterations=20, tolerance=0).fit(votes(alone, 3))
    np.testing.assert_allclose(a.posterior, b.posterior, atol=1e-9)
    np.testing.assert_allclose(a.confusion[10], b.confusion[0], atol=1e-9)


def test_what_copies_cost_is_won_back() -> None:
    """Four copies, one vote in five of them changed: Dawid and Skene's model follows them; the discount does not."""
    ours, base, alone = [], [], []
    for seed in range(3):
        said, ten, y = copied(4, 0.2, seed)
        ours.append((Decorrelated().fit(votes(said, 3)).codes() == y).mean())
        base.append((DawidSkene().fit(votes(said, 3)).codes() == y).mean())
        alone.append((DawidSkene().fit(votes(ten, 3)).codes() == y).mean())
    assert np.mean(base) < np.mean(alone) - 0.1
    assert np.mean(ours) > np.mean(alone) - 0.02


def test_independent_sources_are_left_alone() -> None:
    """Thirty crowds, 45 pairs each, chance .01 in all of one crowd: no more than three with a false link."""
    false = 0
    for seed in range(30):
        said, _ = coins([0.9, 0.8, 0.7, 0.65, 0.6, 0.85], n=150, k=2, seed=seed, share=0.7)
        table = votes(said, 2)
        found = Decorrelated().fit(table)
        assert isinstance(found, Linked) and found.correlations is not None
        if found.correlations.linked.any():
            false += 1
        else:
            np.testing.assert_allclose(found.posterior, DawidSkene().fit(table).posterior, atol=1e-9)
    assert false <= 3


def test_new_votes_are_discounted_too_and_other_models_may_be_below() -> None:
    said, _, y = copied(5)
    table = votes(said, 3)
    for base in ("dawid-skene", "wawa", "naive-bayes"):
        found = Decorrelated(base=base).fit(table)
        np.testing.assert_allclose(found.predict_proba(table), found.posterior, atol=1e-9)
    plain = Wawa().fit(table)
    assert (Decorrelated(base="wawa").fit(table).codes() == y).mean() > (plain.codes() == y).mean()


def test_gold_weights_and_doubts() -> None:
    said, _, y = copied(2)
    gold = np.where(np.arange(300) < 50, y, -1)
    found = Decorrelated().fit(Votes.from_matrix(said, k=3, absent=True, gold=gold))
    np.testing.assert_array_equal(found.posterior[:50], np.eye(3)[y[:50]])
    item, source = np.nonzero(said >= 0)
    heavy = Votes.from_table(item, source, said[item, source], weight=np.full(len(item), 2.0))
    assert Decorrelated().fit(heavy).posterior.shape == (300, 3)
    with pytest.warns(SourcesWarning, match="fewer than three") as caught:
        Decorrelated().fit(Votes.from_matrix([[0, 1], [1, 1]]))
    assert len(caught) == 1
    lonely = Votes.from_table([0, 1, 2], ["a", "b", "c"], [0, 1, 1])
    np.testing.assert_array_equal(
        Decorrelated(base="majority-vote").fit(lonely).posterior, MajorityVote().fit(lonely).posterior
    )
    with pytest.raises(ParameterError, match="chance=0"):
        Decorrelated(chance=0).fit(heavy)
