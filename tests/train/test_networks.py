"""Networks by name, module or factory; weights are a function of the seed; BatchNorm can be held still."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sfumato.core.errors import ParameterError, ShapeError
from sfumato.train.networks import MLP, Linear, ResNet, build, draws, dropping, last_linear, still


def _weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize(
    ("name", "shape"), [("linear", (5,)), ("mlp", (5,)), ("mlp", (1, 4, 4)), ("resnet", (1, 8, 8))]
)
def test_weights_are_a_function_of_the_seed(name: str, shape: tuple[int, ...]) -> None:
    before = torch.get_rng_state()
    one, same, other = build(name, shape, 3, 1), build(name, shape, 3, 1), build(name, shape, 3, 2)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(_weights(one), _weights(same)) and not torch.equal(_weights(one), _weights(other))
    assert one(torch.zeros(4, *shape)).shape == (4, 3)


def test_factories_take_as_much_as_they_want() -> None:
    assert isinstance(build(lambda: nn.Linear(5, 3), (5,), 3, 0), nn.Linear)
    assert build(lambda shape: nn.Linear(shape[0], 3), (5,), 3, 0).in_features == 5
    assert build(lambda shape, width: nn.Linear(shape[0], width), (5,), 4, 0).out_features == 4


def test_a_module_is_copied() -> None:
    own = nn.Linear(5, 3)
    built = build(own, (5,), 3, 0)
    assert built is not own and torch.equal(_weights(built), _weights(own))


@pytest.mark.parametrize(
    ("network", "shape", "error", "match"),
    [
        ("cnn", (5,), ParameterError, "linear.*mlp.*resnet"),
        (3, (5,), ParameterError, "network 3"),
        ("resnet", (5,), ShapeError, "images"),
        (lambda: "no module", (5,), ParameterError, "str"),
    ],
)
def test_a_wrong_network_is_named(network: Any, shape: tuple[int, ...], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        build(network, shape, 3, 0)


def test_features_are_the_input_of_the_last_linear_layer() -> None:
    net = MLP(5, 3, (7, 6))
    assert last_linear(net) is net.head and net.head.in_features == 6
    with pytest.raises(ParameterError, match="nn.Linear"):
        last_linear(nn.ReLU())


def test_still_holds_the_statistics_and_puts_everything_back() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).train()
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm1d)
    net(torch.randn(8, 4))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    x = torch.randn(8, 4) + 3
    with still(net):
        z = net(x)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert torch.allclose(z.mean(0), norm.bias, atol=1e-5)  # the batch's own statistics are used
    with pytest.raises(RuntimeError, match="inside"), still(net):
        raise RuntimeError("inside")
    assert norm.track_running_stats and norm.running_mean is not None
    net(x)
    assert not torch.equal(before["1.running_mean"], norm.running_mean)


class Noisy(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.dropout(x, 0.5, self.training))


def shaken_by_a_hook() -> nn.Module:
    net = nn.Linear(4, 3)
    net.register_forward_pre_hook(lambda _, args: (nn.functional.dropout(args[0]),))
    return net


def shaken_by_a_forward_of_its_own() -> nn.Module:
    net = nn.Linear(4, 3)
    old = net.forward
    net.forward = lambda x: old(nn.functional.dropout(x))  # type: ignore[method-assign]
    return net


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (Linear(4, 3), False),
        (MLP(4, 3, (5,)), False),
        (ResNet(1, 3), False),
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU()), False),
        (MLP(4, 3, (5,), 0.1), True),
        (nn.Sequential(nn.Linear(4, 3), nn.Dropout()), True),
        (nn.Sequential(Noisy(4, 3)), True),  # a layer derived from a quiet one is not known to be quiet
        (nn.RReLU(), True),
        (shaken_by_a_hook(), True),
        (shaken_by_a_forward_of_its_own(), True),
    ],
)
def test_only_networks_known_to_draw_nothing_count_as_quiet(net: nn.Module, expected: bool) -> None:
    assert draws(net) is expected


def test_layers_that_drop_are_found_and_those_that_do_not_are_not_taken_for_them() -> None:
    assert isinstance(dropping(MLP(4, 3, (5,), 0.1)), nn.Dropout)
    assert dropping(nn.Sequential(nn.LSTM(4, 3, 2, dropout=0.5))) is not None
    quiet = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.0), nn.GroupNorm(1, 3), nn.MultiheadAttention(4, 2))
    assert dropping(quiet) is None and draws(quiet)
