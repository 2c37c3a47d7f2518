"""Layers drawn anew, layers that stand still, and gradients that a method changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sfumato.core.errors import ParameterError
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.learn.plus import Plus
from sfumato.parts.losses import cross_entropy, mean
from sfumato.train.config import Config
from sfumato.train.layers import chain
from sfumato.train.loop import Run
from sfumato.train.networks import MLP, Linear, ResNet, build

Layers = tuple[tuple[str, ...], ...]
X = torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
S = Noisy(torch.arange(24) % 3, 3)


@dataclass
class Plain(Objective):
    law = ClassConditional

    def risk(self, z: Tensor, s: Noisy, w: Tensor | None) -> Tensor:
        return mean(cross_entropy(z, s.y), w)


@dataclass
class Head(Plain):
    """From the middle of training on the last layer learns alone, from a fresh start."""

    def afresh(self, layers: Layers, progress: float) -> Layers:
        return (layers[-1],) if progress >= 0.5 else ()

    def gradient(self, gradients: dict[str, Tensor], layers: Layers, progress: float) -> dict[str, Tensor]:
        return gradients if progress < 0.5 else {name: gradients[name] for name in layers[-1]}


@dataclass
class Halved(Plain):
    def gradient(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: g / 2 for name, g in gradients.items()}


@dataclass
class Crossed(Plain):
    """The plain gradients in an order of memory that is not their weights'."""

    def gradient(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: g.t().contiguous().t() for name, g in gradients.items()}


@dataclass
class AllAtOnce(Plain):
    """Two drawings that are due at the same step, the first one."""

    def afresh(self, layers: Layers) -> Layers:
        return (layers[0], layers[-1])


def make(objective: Objective, net: Callable[[int], nn.Module] | None = None, **settings: Any) -> Run:
    given = {"epochs": 4, "batch_size": 8, "lr": 0.05, "weight_decay": 0.1, **settings}
    return Run(
        X, S, objective, net or (lambda m: build("mlp", (4,), 3, m, (8,))), Config(**given), law=ClassConditional
    )


def weights(run: Run) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in run.nets[0].named_parameters()}


def test_layers_in_order_norms_with_the_layer_before() -> None:
    assert chain(Linear(4, 3)) == (("head.weight", "head.bias"),)
    assert chain(MLP(4, 3, (5, 6))) == tuple((f"{n}.weight", f"{n}.bias") for n in ("body.0", "body.2", "head"))
    net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Sequential(nn.ReLU(), nn.Linear(5, 3)))
    assert chain(net) == (("0.weight", "0.bias", "1.weight", "1.bias"), ("2.1.weight", "2.1.bias"))
    blocks = chain(ResNet(1, 3))
    assert [layer[0] for layer in blocks] == [
        "body.0.weight",
        *(f"body.{i}.one.weight" for i in (3, 4, 5)),
        "head.weight",
    ]
    assert sorted(name for layer in blocks for name in layer) == sorted(n for n, _ in ResNet(1, 3).named_parameters())
    assert chain(nn.Linear(2, 2)) == (("weight", "bias"),)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_what_is_left_out_stands_still_and_the_rest_learns_as_alone(optimizer: str) -> None:
    run = make(Head(), optimizer=optimizer)
    run.fit(stop_after=6)
    before = weights(run)
    run.fit(stop_after=1)
    after = weights(run)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("body"))
    assert all(not torch.equal(before[name], after[name]) for name in before if name.startswith("head"))
    run.fit()
    assert torch.equal(before["body.0.weight"], weights(run)["body.0.weight"])


def test_a_fresh_layer_has_new_weights_of_its_own_stream_and_an_empty_optimiser() -> None:
    run = make(Head())
    first = weights(run)["head.weight"]
    run.fit(stop_after=7)
    steps = {name: int(run.optimizers[0].state[p]["step"]) for name, p in run.nets[0].named_parameters()}
    assert steps == {"body.0.weight": 6, "body.0.bias": 6, "head.weight": 1, "head.bias": 1}
    torch.manual_seed(5)
    again = make(Head()).fit(stop_after=7)
    assert torch.equal(weights(run)["head.weight"], weights(again)["head.weight"])
    bound = 1 / 8**0.5 + 0.05  # the constructor's range and one step of Adam
    assert float(weights(run)["head.weight"].abs().max()) < bound
    assert not torch.allclose(weights(run)["head.weight"], first, atol=0.1)


def test_stopped_before_at_and_after_the_drawing_it_resumes_with_the_same_bits(tmp_path: Path) -> None:
    whole = make(Head()).fit().state()
    for stop in (5, 6, 7):
        make(Head()).fit(stop_after=stop, save=tmp_path / f"{stop}")
        resumed = make(Head())
        resumed.fit(save=tmp_path / f"{stop}")
        assert all(torch.equal(value, resumed.state()[name]) for name, value in whole.items())


def test_drawings_that_are_due_together_are_all_done_once() -> None:
    plain, both = make(Plain()), make(AllAtOnce())
    start = weights(both)
    plain.fit(stop_after=1)
    both.fit(stop_after=1)
    moved = weights(both)
    assert all(float((moved[name] - start[name]).abs().max()) > 0.1 for name in ("body.0.weight", "head.weight"))
    assert all(int(state["step"]) == 1 for state in both.optimizers[0].state.values())
    both.fit(stop_after=1)
    assert all(int(state["step"]) == 2 for state in both.optimizers[0].state.values())


def test_the_optimiser_steps_on_what_the_hook_returns() -> None:
    one, two = (
        make(Halved(), optimizer="sgd", weight_decay=0.0),
        make(Plain(), optimizer="sgd", weight_decay=0.0, lr=0.025),
    )
    for name, value in weights(one.fit(stop_after=5)).items():
        torch.testing.assert_close(value, weights(two.fit(stop_after=5) if name == "body.0.weight" else two)[name])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_order_of_memory_of_what_the_hook_returns_says_nothing(optimizer: str) -> None:
    one, two = (make(objective, optimizer=optimizer).fit() for objective in (Crossed(), Plain()))
    assert all(torch.equal(value, weights(two)[name]) for name, value in weights(one).items())


def test_batch_norm_begins_anew_with_its_layer() -> None:
    def net(_: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.BatchNorm1d(3))

    run = make(Head(), net)
    run.fit(stop_after=7)
    norm = run.nets[0][3]  # type: ignore[index]
    assert int(norm.num_batches_tracked) == 1


def test_a_module_that_cannot_be_drawn_anew_is_named() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 3))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weight

    with pytest.raises(ParameterError, match=r"Head draws layer .* anew, a Bare"):
        make(Head(), lambda _: Bare()).fit()


def test_two_objectives_cannot_both_steer_the_layers() -> None:
    with pytest.raises(ParameterError, match="two objectives with a hook afresh"):
        make(Plus(Head(), Head())).fit()
    run = make(Plus(Plain(), Halved(), 0.0)).fit(stop_after=1)
    assert run.step == 1
