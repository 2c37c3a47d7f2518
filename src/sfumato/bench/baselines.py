"""What to set methods against where labels suggest no class for a row: ``baseline:NAME`` in a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sfumato.core.errors import ParameterError
from sfumato.labels import Distribution
from sfumato.learn.objective import Objective
from sfumato.parts.losses import cross_entropy, mean

PREFIX = "baseline:"


@dataclass
class Favoured(Objective):
    """Each row is taken for the class that the law's signed rewrite favours there: rows of similar pairs for the larger
    class, rows of triplets for the one that their place makes likelier.
    """

    def risk(self, z: Tensor, s: Any, law: Any) -> Tensor:
        signed = law.rewrite(s, z.dtype)
        return mean(cross_entropy(z[signed.row], (signed.coef[:, 1] > signed.coef[:, 0]).long()), None)


class Constant(nn.Module):
    """The same output on every row."""

    def __init__(self, z: Tensor) -> None:
        super().__init__()
        self.register_buffer("z", z)

    def forward(self, x: Tensor) -> Tensor:
        return self.get_buffer("z").expand(len(x), -1)


@dataclass
class MeanDistribution(Objective):
    """The mean of the training distributions, whatever the row."""

    eats = Distribution
    predictor = Constant

    def solve(self, s: Distribution, x: Tensor) -> dict[str, Tensor]:
        return {"z": s.shares.mean(0, keepdim=True).clamp_min(1e-12).log().to(x)}


_FOUND: dict[str, tuple[type[Objective], tuple[str, ...]]] = {
    "favoured": (Favoured, ("pairs", "triplets", "similarities")),
    "mean": (MeanDistribution, ("distribution",)),
}


def kinds(name: str) -> tuple[str, ...]:
    """The kinds of labels that a baseline reads. Errors: an unknown name."""
    told = name.removeprefix(PREFIX)
    if told not in _FOUND:
        raise ParameterError(f"a baseline named {told!r}", f"one of {', '.join(_FOUND)}")
    return _FOUND[told][1]


def baseline(name: str) -> Objective:
    """A baseline by its name in a grid."""
    return _FOUND[name.removeprefix(PREFIX)][0]()
