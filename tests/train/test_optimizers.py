"""The optimizers' short way around PyTorch's bookkeeping changes no bit of what they compute."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from sfumato.core.errors import ParameterError
from sfumato.train import optimizers
from sfumato.train.config import Config


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_step_is_that_of_pytorch(name: str) -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3), nn.Linear(3, 2))
    theirs = copy.deepcopy(ours)
    config = Config(optimizer=name, lr=0.01, weight_decay=0.1)
    mine, reference = optimizers.of_network(config, ours), optimizers.of_network(config, theirs)
    for number in range(6):
        x = torch.randn(11, 7)
        for net, optimizer in ((ours, mine), (theirs, reference)):
            optimizers.forget_gradients(optimizer)
            hidden = net[:3](x)
            # the last layer gets its first gradient late, as layers that wait for their stage do
            (hidden if number < 3 else net(x)).square().mean().backward()
        optimizers.advance(mine)
        reference.step()
        for group in mine.param_groups:
            group["lr"] /= 2
        for group in reference.param_groups:
            group["lr"] /= 2
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)
    assert str(mine.state_dict()) == str(reference.state_dict())


def test_sgd_starts_late_layers_at_rest() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    theirs = copy.deepcopy(ours)
    mine = optimizers.of_network(Config(optimizer="sgd", lr=0.01, weight_decay=0.1), ours)
    reference = torch.optim.SGD(theirs.parameters(), 0.01, momentum=0.9, weight_decay=0.1, foreach=False)
    for number in range(6):
        x = torch.randn(11, 7, dtype=torch.float64)
        for net, optimizer in ((ours, mine), (theirs, reference)):
            optimizers.forget_gradients(optimizer)
            net(x).square().mean().backward()
            if number < 3:
                net[2].weight.grad = net[2].bias.grad = None
        optimizers.advance(mine)  # PyTorch's own fused step ends in a TypeError where the late layer comes in
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-15)


def test_no_gradient_no_step() -> None:
    net = nn.Linear(3, 2)
    before = copy.deepcopy(net.state_dict())
    optimizer = optimizers.of_network(Config(), net)
    optimizers.advance(optimizer)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not optimizer.state


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_gradients_in_another_order_of_memory_reach_their_own_weights(name: str) -> None:
    torch.manual_seed(0)
    start = torch.randn(5, 7)
    slopes = (torch.randn(7, 5).t(), torch.randn(5, 1).expand(5, 7), torch.randn(5, 7))
    ours, theirs = nn.Linear(7, 5, bias=False), nn.Linear(7, 5, bias=False)
    for net in (ours, theirs):
        net.weight = nn.Parameter(start.clone())
    mine, reference = (optimizers.of_network(Config(optimizer=name, lr=0.01), net) for net in (ours, theirs))
    for slope in slopes:
        ours.weight.grad = optimizers.laid_out(slope, ours.weight)
        theirs.weight.grad = slope.contiguous()
        optimizers.advance(mine)
        optimizers.advance(reference)
    assert torch.equal(ours.weight, theirs.weight)


def test_a_weight_with_gaps_in_memory_is_stepped_on_alone() -> None:
    whole = torch.zeros(5, 8)
    net = nn.Linear(4, 5, bias=False)
    net.weight = nn.Parameter(whole[:, ::2])
    optimizer = optimizers.of_network(Config(lr=0.01), net)
    for _ in range(3):
        optimizers.forget_gradients(optimizer)
        net.weight.sum().backward()
        optimizers.advance(optimizer)
    torch.testing.assert_close(whole[:, ::2], torch.full((5, 4), -0.03))
    assert not whole[:, 1::2].any()


def test_a_network_without_weights_is_named() -> None:
    with pytest.raises(ParameterError, match="without weights"):
        optimizers.of_network(Config(), nn.ReLU())


def test_a_lazy_network_is_trained_as_the_one_that_it_becomes() -> None:
    torch.manual_seed(0)
    x, lazy = torch.randn(11, 7), nn.LazyLinear(2)
    optimizer = optimizers.of_network(Config(lr=0.01), lazy)
    lazy(x)
    plain = copy.deepcopy(lazy)
    reference = torch.optim.Adam(plain.parameters(), 0.01, weight_decay=Config().weight_decay, fused=True)
    for _ in range(3):
        for net in (lazy, plain):
            net.zero_grad()
            net(x).square().mean().backward()
        optimizers.advance(optimizer)
        reference.step()
    assert torch.equal(lazy.weight, plain.weight)
