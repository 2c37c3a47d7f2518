"""semi-lccn: the conditional of the sampler by enumeration, known truths that stay put, lccn without them, and a matrix
that a few known truths set right.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sfumato.core.errors import ParameterError
from sfumato.core.streams import rng
from sfumato.labels import ClassConditional, Noisy, PairFlip, SourceConfusion, Votes
from sfumato.learn.noisy.lccn import LCCN
from sfumato.learn.votes.semi_lccn import SemiLCCN, counts, informed, put
from sfumato.parts.losses import cross_entropy
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

# five items, two sources, three classes; the truths of items 1 and 4 are known, item 3 has neither vote nor truth
LINES = ((0, 0, 1), (0, 1, 0), (1, 0, 2), (2, 1, 2), (4, 1, 0))
GOLD = np.array([-1, 0, -1, -1, 2])
VOTES = Votes.from_table(*zip(*LINES, strict=True), n=5, classes=[0, 1, 2], gold={1: 0, 4: 2})
Z = np.random.default_rng(0).normal(size=(5, 3))
P = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
LATENT = (2, 0, 1, 1, 2)  # the classes drawn last


def by_hand(truth: tuple[int, ...]) -> np.ndarray[Any, Any]:
    table = np.zeros((2, 3, 3))
    for item, source, said in LINES:
        table[source, truth[item], said] += 1
    return table


def given(progress: float, s: Votes = VOTES, z: Any = None) -> dict[str, Any]:
    return {"s": s, "z": torch.tensor(Z) if z is None else z, "progress": progress, "rng": rng(0, "step")}


def test_the_known_truths_stand_and_count() -> None:
    np.testing.assert_array_equal(VOTES.gold, GOLD)
    started = SemiLCCN().start(VOTES)
    assert started[[1, 4]].tolist() == [0, 2]
    np.testing.assert_array_equal(SemiLCCN().stock(VOTES), by_hand(tuple(started.tolist())))
    assert informed(VOTES).tolist() == [1, 1, 1, 0, 1]


def test_draws_are_the_conditional_of_the_joint_given_what_is_known() -> None:
    alpha = 0.5
    bank = torch.tensor(by_hand(LATENT))
    # C is the predictive chance of one more vote: a ratio of the Dirichlet-multinomial evidences of the counts
    confusion = np.empty((2, 3, 3))
    for source, true, said in np.ndindex(2, 3, 3):

        def evidence(row: np.ndarray[Any, Any]) -> float:
            rising = sum(math.lgamma(alpha + c) - math.lgamma(alpha) for c in row)
            return math.lgamma(3 * alpha) - math.lgamma(3 * alpha + row.sum()) + rising

        row = by_hand(LATENT)[source, true]
        confusion[source, true, said] = math.exp(evidence(row + np.eye(3)[said]) - evidence(row))
    np.testing.assert_allclose(SemiLCCN(alpha).confusion(bank).numpy(), confusion, rtol=1e-12)
    # P(all truths, all votes | x, C) over every assignment that agrees with what is known
    wanted = np.zeros((5, 3))
    for truth in itertools.product(range(3), repeat=5):
        if all(g in (-1, t) for g, t in zip(GOLD, truth, strict=True)):
            chance = math.prod(P[i, t] for i, t in enumerate(truth))
            chance *= math.prod(confusion[source, truth[item], said] for item, source, said in LINES)
            wanted[np.arange(5), truth] += chance
    wanted /= wanted.sum(1, keepdims=True)
    got = SemiLCCN(alpha).posterior(torch.tensor(Z), VOTES, bank).numpy()
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert got[1].tolist() == [1, 0, 0]
    assert got[4].tolist() == [0, 0, 1]


def test_the_risk_is_cross_entropy_with_what_was_drawn_on_items_of_which_something_is_known() -> None:
    bank, rows = torch.tensor(by_hand(LATENT)), torch.tensor(LATENT)
    w = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0], dtype=torch.float64)
    method, values = SemiLCCN(), given(0.9)
    new = method.renew(**values, rows=rows, bank=bank)
    loss = cross_entropy(values["z"], new["rows"]) * torch.tensor([1.0, 1, 1, 0, 1])
    torch.testing.assert_close(method.risk(**values, w=w, bank=bank), (w * loss).sum() / 4.5, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(new["bank"], by_hand(tuple(new["rows"].tolist())))
    assert new["rows"][[1, 4]].tolist() == [0, 2]


def test_in_warm_up_known_truths_come_before_votes_and_predictions_are_counted() -> None:
    method, values, bank = SemiLCCN(), given(0.05), torch.tensor(by_hand(LATENT))
    target = torch.tensor([[0.5, 0.5, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]], dtype=torch.float64)
    wanted = cross_entropy(values["z"], target).sum() / 4
    torch.testing.assert_close(method.risk(**values, w=None, bank=bank), wanted, rtol=1e-12, atol=0)
    new = method.renew(**values, rows=torch.tensor(LATENT), bank=bank)
    assert torch.equal(new["rows"], put(torch.tensor(Z).argmax(1), VOTES))
    np.testing.assert_array_equal(new["bank"], by_hand(tuple(new["rows"].tolist())))


@pytest.mark.parametrize("progress", [0.05, 0.9])
def test_one_source_and_nothing_known_is_lccn(progress: float) -> None:
    generator = torch.Generator().manual_seed(0)
    y, z = torch.randint(4, (40,), generator=generator), torch.randn(40, 4, generator=generator, dtype=torch.float64)
    s, votes = Noisy(y, 4), Votes.from_matrix(y[:, None].numpy(), k=4)
    mine, plain = SemiLCCN(0.7), LCCN(0.7)
    rows, bank = plain.start(s), plain.stock(s, 4)
    assert torch.equal(mine.start(votes), rows)
    np.testing.assert_array_equal(mine.stock(votes)[0], bank)
    values = {"z": z, "progress": progress, "rng": rng(0, "step")}
    got = mine.risk(s=votes, w=None, bank=bank.double()[None], **values)
    torch.testing.assert_close(got, plain.risk(s=s, w=None, bank=bank, **values), rtol=1e-12, atol=0)
    new = mine.renew(s=votes, rows=rows, bank=bank.double()[None], **values)
    old = plain.renew(s=s, rows=rows, bank=bank, **values)
    assert torch.equal(new["rows"], old["rows"])
    np.testing.assert_array_equal(new["bank"][0], old["bank"])


def test_weights_of_votes_count_and_sets_of_classes_are_statements() -> None:
    soft = Votes.from_counts(np.array([[2.0, 0.5], [0, 1]]))
    assert counts(torch.tensor([1, 0]), soft).tolist() == [[[0, 1], [2, 0.5]]]
    sets = Votes.from_sets([0, 1], [0, 0], [["a", "b"], ["c"]], classes=["a", "b", "c"])
    assert counts(torch.tensor([1, 2]), sets).shape == (1, 3, 2)


def test_a_few_known_truths_set_the_matrix_right() -> None:
    x, y = load_digits(return_X_y=True)
    data, truth = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    law, generator = PairFlip(0.45), torch.Generator().manual_seed(0)
    s = law.sample(truth[:1200], 10, generator)
    looked = torch.randperm(1200, generator=generator)[:60]  # 5 %
    gold = torch.full((1200,), -1)
    gold[looked] = truth[looked]

    def run(labels: Any, method: Any, law: Any) -> Run:
        def network(member: int) -> torch.nn.Module:
            return build("mlp", (64,), 10, member, (200,))

        return Run(data[:1200], labels, method, network, Config(epochs=15, lr=3e-3), law=law).fit()

    votes = Votes.from_matrix(s.y[:, None].numpy(), k=10, gold=gold.numpy())
    mine, plain = run(votes, SemiLCCN(), SourceConfusion), run(s, LCCN(), ClassConditional)
    memory = mine.memory[0]
    assert torch.equal(memory["rows"][looked], truth[looked])
    assert torch.equal(memory["bank"], counts(memory["rows"], votes))
    real = law.matrix(10)
    found = (SemiLCCN().confusion(memory["bank"])[0], LCCN().transition(plain.memory[0]["bank"]))
    off = [float((t - real).abs().sum(1).mean()) for t in found]
    assert off[0] < off[1] / 2
    hits = [float((r.logits(data[1200:])[0].argmax(1) == truth[1200:]).double().mean()) for r in (mine, plain)]
    assert hits[0] > hits[1]


def test_bounds() -> None:
    for wrong in ({"alpha": 0.0}, {"warmup": 1.5}):
        with pytest.raises(ParameterError):
            SemiLCCN(**wrong)
