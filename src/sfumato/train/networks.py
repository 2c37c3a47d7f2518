"""Networks by name: linear, mlp, a residual mlp, a small resnet; or any module or factory of the user's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core.errors import ParameterError, ShapeError
from sfumato.core.streams import key

from .residual import Residual


class Linear(nn.Module):
    """z = W x + b on flattened rows."""

    def __init__(self, d: int, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(d, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """Fully connected layers with ReLU; sizes are the hidden widths, dropout in [0, 1) after each."""

    def __init__(self, d: int, width: int, sizes: Sequence[int] = (500,), dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for size in sizes:
            layers += [nn.Linear(d, size), nn.ReLU(inplace=True)] + ([nn.Dropout(dropout)] if dropout else [])
            d = size
        self.body, self.head = nn.Sequential(*layers), nn.Linear(d, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x.flatten(1)))  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.one, self.norm1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.two, self.norm2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        self.short = nn.Conv2d(a, b, 1, stride, bias=False) if stride != 1 or a != b else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm1(self.one(x)))
        return torch.relu(self.norm2(self.two(h)) + self.short(x))


class ResNet(nn.Module):
    """A small residual network for images (n, c, h, w): three stages of ``depth`` blocks, widths w, 2w, 4w, global
    average pooling.
    """

    def __init__(self, channels: int, width: int, base: int = 16, depth: int = 1) -> None:
        super().__init__()
        stages: list[nn.Module] = [nn.Conv2d(channels, base, 3, 1, 1, bias=False), nn.BatchNorm2d(base), nn.ReLU()]
        a = base
        for stage in range(3):
            for block in range(depth):
                b = base * 2**stage
                stages.append(_Block(a, b, 2 if stage and not block else 1))
                a = b
        self.body, self.head = nn.Sequential(*stages), nn.Linear(a, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))  # type: ignore[no-any-return]


Factory = Callable[..., nn.Module]
NAMES = ("linear", "mlp", "residual", "resnet")


def build(
    network: Any,
    shape: tuple[int, ...],
    width: int,
    seed: int,
    hidden: Sequence[int] = (500,),
    dropout: float = 0.0,
    layer: type[nn.Linear] = nn.Linear,
) -> nn.Module:
    """A fresh network for rows of ``shape`` with ``width`` outputs, its weights a function of the seed.

    network: a name, a module (deep-copied), or a factory called with as many of (shape, width) as it takes; layer: the
    head's own kind of last layer, which takes the place of the network's last nn.Linear. The global generator is left
    as found.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(key(seed, "network"))
        net = _made(network, shape, width, hidden, dropout)
        return net if layer is nn.Linear else _ending_in(net, layer, width)


def _ending_in(net: nn.Module, layer: type[nn.Linear], width: int) -> nn.Module:
    """The network with its last nn.Linear replaced."""
    last = last_linear(net)
    made = layer(last.in_features, width).to(last.weight)
    name = next(name for name, module in net.named_modules() if module is last)
    if not name:
        return made
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, made)
    return net


def _made(network: Any, shape: tuple[int, ...], width: int, hidden: Sequence[int], dropout: float) -> nn.Module:
    flat = 1
    for size in shape:
        flat *= size
    if isinstance(network, nn.Module):
        return copy.deepcopy(network)
    if callable(network):
        taken = len(inspect.signature(network).parameters)
        built = network(*(shape, width)[: min(taken, 2)])
        if not isinstance(built, nn.Module):
            raise ParameterError(f"a network factory that returned {type(built).__name__}", "a torch.nn.Module")
        return built
    if network == "linear":
        return Linear(flat, width)
    if network == "mlp":
        return MLP(flat, width, hidden, dropout)
    if network == "residual":
        return Residual(flat, width)
    if network == "resnet":
        if len(shape) != 3:
            raise ShapeError(
                f"rows of shape {shape} for a resnet",
                "images (n, channels, height, width)",
                "use network='mlp' for tables",
            )
        return ResNet(shape[0], width)
    raise ParameterError(
        f"network {network!r}", f"one of {NAMES}, a torch.nn.Module, or a factory (shape, width) -> module"
    )


QUIET = (nn.Linear, nn.ReLU, nn.Sequential, nn.Identity, nn.Conv2d, nn.BatchNorm2d, Linear, MLP, ResNet, _Block)


def draws(net: nn.Module) -> bool:
    """Whether a pass through the network may draw random numbers; anything not known here, hooks too, is taken to."""
    return any(
        type(module) not in QUIET or module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
        for module in net.modules()
    )


def dropping(net: nn.Module) -> nn.Module | None:
    """The first of PyTorch's layers in the network that drops or shakes units at random while it trains, or None."""
    for module in net.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p:
            return module
        if isinstance(module, (nn.MultiheadAttention, nn.RNNBase)) and module.dropout:
            return module
        if isinstance(module, nn.RReLU):
            return module
    return None


def last_linear(net: nn.Module) -> nn.Linear:
    """The layer whose input counts as the features: the last nn.Linear."""
    found = [m for m in net.modules() if isinstance(m, nn.Linear)]
    if not found:
        raise ParameterError(
            "a network without an nn.Linear",
            "one that ends in a linear layer",
            "features are the input of the last one",
        )
    return found[-1]


_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@contextmanager
def still(net: nn.Module) -> Iterator[None]:
    """BatchNorm layers use the batch's statistics but keep their running ones as they were."""
    norms = [m for m in net.modules() if isinstance(m, _NORMS)]
    for m in norms:
        m.track_running_stats = False
    saved = [(m.running_mean, m.running_var) for m in norms]
    for m in norms:
        m.running_mean = m.running_var = None
    try:
        yield
    finally:
        for m, (mean, var) in zip(norms, saved, strict=True):
            m.running_mean, m.running_var, m.track_running_stats = mean, var, True
