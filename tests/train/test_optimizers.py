"""The optimizers' short way around PyTorch's bookkeeping changes no bit of what they compute."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

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
