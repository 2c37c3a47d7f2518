"""LLP-BP: the graph of near rows, pseudo-labels, rounds."""

from __future__ import annotations

import itertools

import pytest
import torch

from sfumato.checks.learning import small_set
from sfumato.core.errors import ParameterError
from sfumato.labels import SOFTMAX, Bags, Counts
from sfumato.learn.bags import llp_bp
from sfumato.learn.bags.llp_bp import LLPBP, blocks, decided, near_pairs
from sfumato.learn.bags.proportion import Proportion
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_near_rows_are_paired_once_with_their_similarity() -> None:
    x = torch.randn(40, 3, generator=gen())
    edges, near = near_pairs(x, 4, gen())
    assert bool((edges[0] < edges[1]).all()) and len(torch.unique(edges[0] * 40 + edges[1])) == edges.shape[1]
    unit = (x / x.norm(dim=1, keepdim=True)).double()
    cosine = unit @ unit.T - 2 * torch.eye(40)
    wanted = {tuple(sorted((i, int(j)))) for i in range(40) for j in cosine[i].topk(4).indices}
    assert {(int(a), int(b)) for a, b in edges.T} == wanted
    d = (x[edges[0]] - x[edges[1]]).double().norm(dim=1)
    assert torch.allclose(near, torch.exp(-d / d.median()))


def test_many_rows_look_for_neighbours_within_blocks_of_a_projection_tree(monkeypatch) -> None:
    monkeypatch.setattr(llp_bp, "BLOCK", 10)
    monkeypatch.setattr(llp_bp, "WHOLE", 20)
    x = torch.randn(35, 3, generator=gen())
    block = torch.empty(35, dtype=torch.long)
    leaves = blocks(x, gen(1))
    for number, rows in enumerate(leaves):
        block[rows] = number
    assert sorted(torch.cat(leaves).tolist()) == list(range(35)) and {len(rows) for rows in leaves} == {8, 9}
    edges, near = near_pairs(x, 2, gen(1))
    assert torch.equal(block[edges[0]], block[edges[1]]) and len(near) == edges.shape[1] >= 35
    assert near_pairs(torch.randn(1, 3), 5, gen())[0].shape == (2, 0)


def test_a_projection_tree_keeps_more_neighbours_than_chance(monkeypatch) -> None:
    monkeypatch.setattr(llp_bp, "BLOCK", 50)
    x = torch.randn(1600, 8, generator=gen())
    everywhere = {tuple(e) for e in near_pairs(x, 3, gen())[0].T.tolist()}
    monkeypatch.setattr(llp_bp, "WHOLE", 50)
    found = {tuple(e) for e in near_pairs(x, 3, gen())[0].T.tolist()}
    assert len(everywhere & found) / len(everywhere) > 5 * 50 / 1600


def test_classes_as_likely_share_a_decision() -> None:
    q = torch.tensor([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], dtype=torch.float64)
    assert decided(q).tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]


def test_the_risk_is_cross_entropy_to_pseudo_labels_and_the_proportion_loss() -> None:
    s = Bags.from_lists([[0, 1, 2], [3, 4]], counts=[1, 2])
    z, q = torch.randn(5, 2, dtype=torch.float64, generator=gen()), torch.rand(5, 2, dtype=torch.float64)
    w = torch.tensor([2.0, 1.0], dtype=torch.float64)
    per_row = torch.tensor([2.0, 2, 2, 1, 1], dtype=torch.float64)
    fit = -(per_row * (q * torch.log_softmax(z, 1)).sum(1)).sum() / per_row.sum()
    want = fit + 0.1 * Proportion().risk(z, s, w, SOFTMAX)
    assert float(LLPBP().risk(z, s, w, q, SOFTMAX)) == pytest.approx(float(want), rel=1e-12)


def breast(size: int) -> tuple[torch.Tensor, torch.Tensor, Bags]:
    X, y, _, _ = small_set(True)
    order = torch.randperm(len(y), generator=gen(5))
    return X[order], y[order], Bags.from_labels((torch.arange(len(y)) // size).tolist(), y[order].tolist())


def test_bags_of_one_are_their_labels_and_larger_ones_keep_their_counts() -> None:
    X, y, alone = breast(1)
    assert torch.equal(LLPBP(lam_bag=1e4).start(alone, X, gen()).argmax(1), y)
    overruled = LLPBP().start(alone, X, gen()).argmax(1) != y  # at 10 a count is soft: many near rows outvote it
    assert 0 < float(overruled.double().mean()) < 0.1
    X, y, bags = breast(8)
    kept = bags.gathered(LLPBP(lam_bag=1e4, hard=False).start(bags, X, gen()))
    assert torch.allclose(kept, bags.counts.double(), atol=1e-3)
    soft = LLPBP(hard=False).start(bags, X, gen())
    majority = max(float((y == 0).double().mean()), float((y == 1).double().mean()))
    assert float((soft.argmax(1) == y).double().mean()) > majority + 0.1


def test_each_round_begins_with_labels_from_the_features_learned_by_then() -> None:
    X, _, bags = breast(16)
    objective = LLPBP(rounds=3, iterations=10)
    run = Run(
        X,
        bags,
        objective,
        lambda member: build("mlp", (X.shape[1],), 2, member, (16,)),
        Config(epochs=6, batch_size=64),
        law=Counts(**Counts.read(bags)),
    )
    seen = [run.memory[0]["rows"].clone()]
    run.fit(on_epoch=lambda r: seen.append(r.memory[0]["rows"].clone()))
    assert torch.equal(seen[0], objective.start(bags, X, gen()).float())
    changed = [not torch.equal(a, b) for a, b in itertools.pairwise(seen)]
    assert changed == [False, True, False, True, False, False]


@pytest.mark.parametrize("wrong", [{"lam_bag": 0}, {"lam_near": -1}, {"neighbours": 0}, {"rounds": 0}, {"damping": 1}])
def test_bounds(wrong) -> None:
    with pytest.raises(ParameterError):
        LLPBP(**wrong)
