"""Votes laid out for aggregation: blocks change nothing, and nothing of the size of the votes is made beside them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sfumato.aggregate import DawidSkene, NaiveBayes
from sfumato.aggregate import held as layout
from sfumato.aggregate import kernel as products
from sfumato.aggregate.kernel import Kernel
from sfumato.labels import Votes
from tests.aggregate.crowds import crowd, one_hot


def test_offsets_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for block in (1, 2, 5, 100):
        monkeypatch.setattr(layout, "BLOCK", block)
        for _ in range(20):
            offsets = np.r_[0, np.cumsum(rng.integers(0, 4, 9) * rng.integers(0, 2, 9))]
            spoke = rng.random(offsets[-1]) < 0.6
            np.testing.assert_array_equal(layout._left(spoke, offsets), np.r_[0, np.cumsum(spoke)][offsets])


@pytest.mark.parametrize("informative", [False, True])
def test_the_two_products_by_hand(informative: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "BLOCK", 7)
    monkeypatch.setattr(products, "BLOCK", 7)
    said, _ = crowd(n=30, k=3)
    said[4] = -1
    kernel = Kernel(Votes.from_matrix(said, k=3), informative)
    one = one_hot(np.where(said < 0, 3, said), 4)[:, :, : kernel.statements]
    table = np.random.default_rng(0).normal(size=kernel.shape)
    np.testing.assert_allclose(kernel.scores(table), np.einsum("ijl,jlk->ik", one, table), atol=1e-12)
    beliefs = np.random.default_rng(1).dirichlet(np.ones(3), 30)
    np.testing.assert_allclose(kernel.counts(beliefs), np.einsum("ijl,ik->jlk", one, beliefs), atol=1e-12)
    told = one.any((1, 2))
    np.testing.assert_allclose(kernel.totals(beliefs), beliefs[told].sum(0), atol=1e-12)
    heard = one_hot(said, 3).sum(1)
    level = np.where(heard.sum(1, keepdims=True) > 0, heard / np.maximum(heard.sum(1, keepdims=True), 1), 1 / 3)
    np.testing.assert_allclose(kernel.voted(), level, atol=1e-15)
    place, source, code = kernel.item(), kernel.column // kernel.statements, kernel.column % kernel.statements
    np.testing.assert_array_equal(one[place, source, code], 1)
    assert len(place) == one.sum()


@pytest.mark.parametrize("model", [DawidSkene(tolerance=0, iterations=6), NaiveBayes(tolerance=0, iterations=6)])
def test_blocks_change_nothing(model: DawidSkene, monkeypatch: pytest.MonkeyPatch) -> None:
    votes = Votes.from_matrix(crowd(n=80)[0], k=3)
    whole = model.fit(votes)
    monkeypatch.setattr(layout, "BLOCK", 11)
    monkeypatch.setattr(products, "BLOCK", 11)
    parts = model.fit(votes)
    np.testing.assert_allclose(parts.posterior, whole.posterior, atol=1e-12)
    np.testing.assert_allclose(parts.history, whole.history, rtol=1e-12)
    assert parts.agreement == pytest.approx(whole.agreement, abs=1e-12)
    np.testing.assert_array_equal(parts.majority, whole.majority)


def test_beside_the_votes_there_is_a_posterior_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the votes as one 32 bit column would be 1.6 MB here, a second posterior 1.28 MB."""
    monkeypatch.setattr(layout, "BLOCK", 1 << 12)
    monkeypatch.setattr(products, "BLOCK", 1 << 12)
    rng = np.random.default_rng(0)
    votes = Votes.from_table(
        np.repeat(np.arange(80_000), 5), np.tile(np.arange(5), 80_000), rng.integers(0, 2, 400_000)
    )
    model = DawidSkene(iterations=2, tolerance=0)
    tracemalloc.start()
    found = model.fit(votes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.posterior.nbytes == 1_280_000
    assert peak < found.posterior.nbytes + 2**20
