"""Belief propagation, against the sum over all labels of all rows."""

from __future__ import annotations

import itertools

import pytest
import torch

from sfumato.parts import belief_propagation as bp
from sfumato.parts.count_messages import from_counts

T = torch.tensor


def by_enumeration(edges, coupling, offsets, counts, weight) -> torch.Tensor:
    n, k = int(offsets[-1]), counts.shape[1]
    y = T(list(itertools.product(range(k), repeat=n)))
    energy = (coupling * (y[:, edges[0]] != y[:, edges[1]])).sum(1)
    told = (1,) if k == 2 else range(k)
    for b in range(len(counts)):
        inside = y[:, int(offsets[b]) : int(offsets[b + 1])]
        for j in told:
            energy = energy + weight * ((inside == j).sum(1) - counts[b, j]).double() ** 2
    p = torch.softmax(-energy.double(), 0)
    return torch.stack([(p[:, None] * (y == j)).sum(0) for j in range(k)], 1)


EDGES, COUPLING = T([[0, 4], [3, 5]]), T([0.7, 2.0], dtype=torch.float64)
OFFSETS = T([0, 3, 5, 6])


@pytest.mark.parametrize("weight", [0.3, 10.0])
def test_exact_on_a_tree(weight) -> None:
    """Rows 0-2, 3-4 and 5 are bags; two edges tie the bags to one tree."""
    counts = T([[1, 2], [1, 1], [1, 0]])
    got = bp.marginals(EDGES, COUPLING, OFFSETS, counts, weight, iterations=500, tolerance=1e-14)
    assert torch.allclose(got, by_enumeration(EDGES, COUPLING, OFFSETS, counts, weight), atol=1e-9)


def test_three_classes_on_a_chain_of_single_rows_is_exact() -> None:
    edges, coupling = T([[0, 1, 2], [1, 2, 3]]), T([0.5, 1.0, 2.0], dtype=torch.float64)
    offsets, counts = torch.arange(5), T([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]])
    got = bp.marginals(edges, coupling, offsets, counts, 0.4, iterations=500, tolerance=1e-14)
    assert torch.allclose(got, by_enumeration(edges, coupling, offsets, counts, 0.4), atol=1e-9)


def test_loops_are_near_and_sure_bags_are_exact() -> None:
    """A graph of cycles, weakly tied: loopy, so near the truth and not at it; a bag of one class leaves no doubt."""
    edges = T([[0, 1, 0, 2, 4], [1, 2, 2, 4, 6]])
    coupling = torch.full((5,), 0.3, dtype=torch.float64)
    offsets, counts = T([0, 4, 8, 10]), T([[2, 2], [3, 1], [2, 0]])
    got = bp.marginals(edges, coupling, offsets, counts, 10.0)
    want = by_enumeration(edges, coupling, offsets, counts, 10.0)
    assert float((got - want).abs().max()) < 0.03
    assert torch.allclose(got[8:, 0], torch.ones(2, dtype=torch.float64), atol=1e-3)


def test_many_classes_without_edges_have_their_shares() -> None:
    """Rows that nothing tells apart: each class as often as it is in the bag, and one that is not there never."""
    none = torch.zeros(2, 0, dtype=torch.long)
    got = bp.marginals(none, torch.zeros(0), T([0, 3, 5]), T([[1, 1, 1], [1, 1, 0]]), 10.0, iterations=500)
    want = T([[1 / 3] * 3] * 3 + [[0.5, 0.5, 0]] * 2, dtype=torch.float64)
    assert torch.allclose(got, want, atol=1e-3)


def test_many_classes_with_edges_are_nearer_than_shares_alone() -> None:
    """A factor per class and bag makes cycles, so with edges it is only near; the shares are told anyway."""
    edges, coupling = T([[0, 3], [3, 5]]), T([1.0, 1.5], dtype=torch.float64)
    offsets, counts = T([0, 3, 6]), T([[1, 1, 1], [2, 1, 0]])
    want = by_enumeration(edges, coupling, offsets, counts, 1.0)
    got = bp.marginals(edges, coupling, offsets, counts, 1.0)
    shares = (counts / 3).double().repeat_interleave(3, 0)
    assert torch.allclose(got.sum(1), torch.ones(6, dtype=torch.float64))
    assert float((got - want).abs().mean()) < 0.5 * float((shares - want).abs().mean())


def test_a_bag_of_thousands_keeps_its_count() -> None:
    n = 3000
    h = torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    belief = bp.marginals(
        torch.zeros(2, 0, dtype=torch.long), torch.zeros(0), T([0, n]), T([[n - 700, 700]]), 10.0, 3, 0
    )
    assert torch.allclose(belief[:, 1], torch.full((n,), 700 / n, dtype=torch.float64), atol=1e-6)
    message = from_counts(h, T([0, n]), T([700]), 10.0)
    assert float(torch.sigmoid(h + message).sum()) == pytest.approx(700, abs=0.5)


@pytest.mark.parametrize("k", [2, 3])
def test_messages_renewed_in_slices_are_those_at_once(monkeypatch, k) -> None:
    edges = T([[0, 0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]])
    coupling = torch.linspace(0, 3, 7, dtype=torch.float64)
    counts = T([[1, 3], [4, 0]]) if k == 2 else T([[1, 1, 2], [0, 4, 0]])
    want = bp.marginals(edges, coupling, T([0, 4, 8]), counts, 2.0)
    monkeypatch.setattr(bp, "EDGES", 2)
    assert torch.equal(bp.marginals(edges, coupling, T([0, 4, 8]), counts, 2.0), want)


@pytest.mark.parametrize("k", [2, 5])
def test_what_crosses_an_edge_is_the_sum_over_the_neighbours_labels(k) -> None:
    told = torch.randn(4, k - 1, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    coupling = T([0.0, 0.3, 5.0, 800.0], dtype=torch.float64)
    whole = torch.cat([torch.zeros(4, 1, dtype=torch.float64), told], 1)
    apart = coupling[:, None, None] * (1 - torch.eye(k, dtype=torch.float64))
    said = torch.logsumexp(whole[:, None, :] - apart, 2)
    assert torch.allclose(bp.agree(told, coupling), said[:, 1:] - said[:, :1], atol=1e-12)
