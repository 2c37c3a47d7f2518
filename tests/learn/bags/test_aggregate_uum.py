"""Importances by enumeration; unbiased at the true posterior for any loss; the likelihood's gradient with the log."""

from __future__ import annotations

import itertools

import pytest
import torch

from sfumato.checks.session import drawn, evaluate, population, session
from sfumato.checks.world import world_of
from sfumato.labels import AnyPositive, Bags, BagValues, Counts, Majority, Parity
from sfumato.learn.bags.aggregate_uum import CountUUM, ValueUUM
from sfumato.learn.families import MarginalLikelihood
from sfumato.parts.losses import class_losses

LAWS = [(Counts, CountUUM), (AnyPositive, ValueUUM), (Parity, ValueUUM), (Majority, ValueUUM)]


def importances(p, told, observe):
    """(g, K) P(y_i = k | x_1..g, told), over every truth."""
    out = torch.zeros_like(p)
    for y in itertools.product(range(p.shape[1]), repeat=len(p)):
        if observe(y) == told:
            likely = torch.stack([p[i, k] for i, k in enumerate(y)]).prod()
            for i, k in enumerate(y):
                out[i, k] += likely
    return out / out.sum(1, keepdim=True)


@pytest.mark.parametrize("loss", ["log", "mae", "squared"])
def test_the_risk_is_the_sum_over_labels_by_importance(loss) -> None:
    z = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    p, losses = torch.softmax(z, 1), class_losses(loss)(z)
    s = Bags.from_lists([[0, 1, 2], [3, 4]], counts=[[2, 0, 1], [0, 1, 1]])
    law = Counts(torch.full((3,), 1 / 3), [0.0, 0.5, 0.5])

    def count(y):
        return [y.count(k) for k in range(3)]

    want = (importances(p[:3], [2, 0, 1], count) * losses[:3]).sum() + (
        importances(p[3:], [0, 1, 1], count) * losses[3:]
    ).sum()
    assert float(CountUUM(loss).risk(z, s, None, law)) == pytest.approx(float(want / 2), rel=1e-9)
    z = z[:, :2]
    p, losses = torch.softmax(z, 1), class_losses(loss)(z)
    v = BagValues.from_lists([[0, 1, 2], [3, 4]], [1, 0])
    want = (importances(p[:3], 1, lambda y: int(any(y))) * losses[:3]).sum() + losses[3:, 0].sum()
    got = ValueUUM(loss).risk(z, v, None, AnyPositive(0.5, [0.0, 0.5, 0.5]))
    assert float(got) == pytest.approx(float(want / 2), rel=1e-9)
    positive = p[:3, 1] / (1 - (1 - p[:3, 1]).prod())  # the closed form of the paper
    assert torch.allclose(importances(p[:3], 1, lambda y: int(any(y)))[:, 1], positive)


@pytest.mark.parametrize(("law", "method"), LAWS)
@pytest.mark.parametrize("loss", ["log", "mae", "gce", "squared"])
def test_at_the_true_posterior_the_expected_risk_is_the_clean_one(law, method, loss) -> None:
    world = world_of(law, 3)
    x, labels, weight = population(world)
    z = (world.joint / world.joint.sum(1, keepdim=True)).log()
    values, _ = evaluate(session(method(loss), world, labels, x, w=weight), None, z)
    clean = float((world.joint * class_losses(loss)(z)).sum())
    size = float((weight * labels.sizes()).sum())
    assert float(values[0]) == pytest.approx(size * clean, rel=1e-9)


@pytest.mark.parametrize(("law", "method"), LAWS)
def test_with_the_log_loss_its_gradient_is_that_of_the_likelihood(law, method) -> None:
    world = world_of(law, 4)
    x, labels = drawn(world, 30)
    z = 2 * torch.randn(4, world.k, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    got = evaluate(session(method(), world, labels, x), None, z)[1][0]
    want = evaluate(session(MarginalLikelihood(), world, labels, x), None, z)[1][0]
    assert torch.allclose(got, want, atol=1e-12)
    other = evaluate(session(method("mae"), world, labels, x), None, z)[1][0]
    assert not torch.allclose(other, want, atol=1e-3)


@pytest.mark.parametrize("spread", [0.1, 3.0, 30.0])
def test_fishers_identity_holds_bag_by_bag_under_weights_and_so_at_every_step(spread) -> None:
    """Bags of one to seven rows; steps of gradient descent with either risk stay on one path."""
    sizes, weights = [1, 7, 3, 2], torch.tensor([0.5, 2.0, 0.0, 3.0], dtype=torch.float64)
    at = [0, *itertools.accumulate(sizes)]
    s = Bags.from_lists([list(range(a, b)) for a, b in itertools.pairwise(at)], counts=[1, 4, 0, 1])
    law = Counts(torch.tensor([0.5, 0.5]), [0.25] * 4)
    start = spread * torch.randn(sum(sizes), 2, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    ends = []
    for objective in (CountUUM(), MarginalLikelihood()):
        z = start.clone()
        for _ in range(30):
            z.requires_grad_()
            (grad,) = torch.autograd.grad(objective.risk(z, s, weights, law), z)
            z = (z - 0.5 * grad).detach()
        ends.append(z)
    assert torch.allclose(*ends, rtol=1e-10, atol=1e-12) and not torch.allclose(ends[0], start, atol=0.01)
