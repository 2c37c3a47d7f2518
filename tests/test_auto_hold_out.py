"""The part that method="auto" chooses by: a fifth, which shares no row with the rest where that can be had."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sfumato as sf
from sfumato.core.streams import rng
from sfumato.estimators.hold_out import hold_out, together
from sfumato.labels import PU, Bags, Comparisons, Noisy

N = 60
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)


@pytest.mark.parametrize("n", [2, 3, 7, 100])
def test_where_no_row_is_shared_the_first_fifth_of_the_order_is_held_out(n):
    order = torch.randperm(n, generator=rng(5, "auto"))
    train, held, why = hold_out(together(Noisy(torch.zeros(n, dtype=torch.long), 2), n), 5)
    assert torch.equal(held, order[: max(1, n // 5)].sort().values) and why == ""
    assert torch.equal(train, order[max(1, n // 5) :].sort().values)


def test_groups_stay_whole_and_each_is_held_out_as_often_as_its_size_says():
    group = np.repeat(np.arange(30), [1, 2, 3] * 10)
    times = np.zeros(len(group))
    for seed in range(300):
        train, held, why = hold_out(group, seed)
        assert not why and not set(group[train]) & set(group[held])
        assert sorted([*train.tolist(), *held.tolist()]) == list(range(60)) and 12 <= len(held) <= 14
        times[held] += 1
    share = times / 300
    assert abs(share[group % 3 == 0].mean() - share[group % 3 == 2].mean()) < 0.05  # 3 standard errors


def test_who_shares_a_row():
    assert len(set(together(Comparisons.from_lists([(0, 1), (2, 3), (1, 4), (5, 6)]), 7).tolist())) == 3
    pointed = PU(torch.tensor([True, False, False]), pointer=torch.tensor([2, 0, 2]))
    a, b, c = together(pointed, 3)
    assert a == c != b
    assert len(set(together(Bags.from_labels(np.arange(N) // 6, np.arange(N) % 2), N).tolist())) == 10


def test_a_group_that_is_too_large_is_cut_and_the_card_says_so():
    chain = Comparisons.from_lists([(i, i + 1) for i in range(N - 1)])
    clf = sf.Classifier(network="linear", epochs=1, needs={"prior": 0.5}).fit(X, chain)
    assert any(r.startswith(f"{N - 1} of {N - 1} observations hang together") for r in clf.choice_.remarks)
    apart = Comparisons.from_lists([(i, i + 1) for i in range(0, N, 2)])
    assert clf.fit(X, apart).choice_.remarks == ()


def test_rows_that_observations_point_at_are_not_on_both_sides(monkeypatch):
    seen = []

    def watched(group, seed):
        seen.append(group)
        return hold_out(group, seed)

    monkeypatch.setattr("sfumato.estimators.auto.hold_out", watched)
    at = torch.arange(N) // 2
    sf.Classifier(network="linear", epochs=1, needs={"prior": 0.5}).fit(X, PU(at % 3 == 0, pointer=at))
    assert (seen[0] == at.numpy()).all()


def test_weights_are_said_to_be_for_training_alone():
    noisy = Noisy(torch.from_numpy((X[:, 0] > 0).astype(np.int64)), 2)
    clf = sf.Classifier(network="linear", epochs=1).fit(X, noisy, sample_weight=np.linspace(0.1, 1, N))
    assert "every held-out observation counts alike" in clf.choice_.remarks[0]
    assert clf.fit(X, noisy).choice_.remarks == ()
