"""A stack of linear heads equals separate runs on the same batches, to floating-point tolerance."""

import pytest
import torch

from sfumato.catalogue import method
from sfumato.core.errors import RefusedError, ShapeError
from sfumato.labels import MissingCompletely, Noisy, Semi, Symmetric, UniformSets
from sfumato.learn.families import Belief, MarginalLikelihood, SignedRisk
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build
from sfumato.train.stack import Head, Stack


def problem(n=300, d=12, k=4):
    g = torch.Generator().manual_seed(3)
    x = torch.randn(n, d, generator=g)
    return x, (x @ torch.randn(d, k, generator=g)).argmax(1), g


def alone(x, labels, head, law, config, w=None):
    own = Config(**{**config.as_dict(), "lr": head.lr, "weight_decay": head.weight_decay})
    run = Run(
        x,
        labels,
        head.objective,
        lambda m: build("linear", (x.shape[1],), labels.k, config.seed * 1009),
        own,
        law=law,
        w=w,
    )
    return run.fit().logits(x)[0]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_sweep_of_rates_equals_runs_in_turn(schedule):
    x, y, _ = problem()
    config, law = Config(epochs=4, batch_size=64, seed=5, schedule=schedule), Symmetric(0.2)
    heads = [Head(MarginalLikelihood(), lr, decay) for lr in (1e-3, 1e-2) for decay in (0.0, 1e-2)]
    stacked = Stack(x, Noisy(y, 4), heads, law, config).fit().logits(x)
    for head, z in zip(heads, stacked, strict=True):
        torch.testing.assert_close(z, alone(x, Noisy(y, 4), head, law, config), rtol=1e-4, atol=1e-5)


def test_different_methods_with_memory_share_the_batches():
    x, y, g = problem()
    law = UniformSets()
    labels, config = law.sample(y, 4, g), Config(epochs=3, batch_size=50)
    heads = [Head(MarginalLikelihood()), Head(Belief()), Head(SignedRisk(correction="abs")), Head(Belief(), 1e-2)]
    w = torch.rand(len(x), generator=g)
    stacked = Stack(x, labels, heads, law, config, w).fit().logits(x)
    for head, z in zip(heads, stacked, strict=True):
        torch.testing.assert_close(z, alone(x, labels, head, law, config, w), rtol=1e-4, atol=1e-5)


class TrainedRows(MarginalLikelihood):
    def start(self, n):
        return torch.nn.Parameter(torch.zeros(n))


def test_what_cannot_be_stacked_is_refused_by_name():
    x, y, _ = problem()
    with pytest.raises(RefusedError, match="peer"):
        Stack(x, Noisy(y, 4), [Head(method("co-teaching").cls())], Symmetric(0.2), Config())
    semi = MissingCompletely(0.5)
    with pytest.raises(RefusedError, match="TrainedRows in a stack: it trains its rows"):
        Stack(x, Noisy(y, 4), [Head(TrainedRows())], Symmetric(0.2), Config())
    with pytest.raises(RefusedError, match="mix of strata"):
        Stack(x, Semi(y, 4), [Head(method("pseudo-label").cls())], semi, Config())
    with pytest.raises(ShapeError, match="features"):
        Stack(x[:-1], Noisy(y, 4), [Head(MarginalLikelihood())], Symmetric(0.2), Config())
