"""Label distributions: as they are, biased, or hardened to one class."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato import labels as kinds
from sfumato.core.errors import ParameterError

from .entry import Drawn, Entry


def _true(x: Tensor, y: Tensor, k: int, rng: torch.Generator) -> Drawn:
    return Drawn(kinds.Distribution(y, k), {}, kinds.Hardened)


def _mixed(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, share: float) -> Drawn:
    """Every distribution is mixed with ``share`` of one that is drawn uniformly and the same for all rows."""
    bias = -torch.log(torch.rand(k, generator=rng, dtype=torch.float64).clamp_min(1e-12))
    law = kinds.BiasedDistribution.mixture(bias / bias.sum(), share)
    seen = kinds.Distribution(y, k).seen_through(law.transition)
    return Drawn(seen, {"transition": law.transition}, kinds.BiasedDistribution)


def _squared(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, power: float = 2.0) -> Drawn:
    """Shares to a power, made to sum to one: people name the strongest class too strongly. No law knows it."""
    if power <= 0:
        raise ParameterError(f"sharpened-shares: power = {power!r}", "a number above 0")
    sharp = y.double() ** power
    return Drawn(kinds.Distribution(sharp / sharp.sum(1, keepdim=True), k))


def _one(x: Tensor, y: Tensor, k: int, rng: torch.Generator) -> Drawn:
    """One class drawn from the shares of each row."""
    hard = kinds.Distribution(y, k).hardened(rng)
    return Drawn(kinds.Distribution(torch.nn.functional.one_hot(hard.y, k).double(), k), {}, kinds.Hardened)


LAWS = {
    "shares": Entry("distribution", _true, "shares"),
    "biased-shares": Entry("distribution", _mixed, "shares"),
    "sharpened-shares": Entry("distribution", _squared, "shares"),
    "hardened-shares": Entry("distribution", _one, "shares"),
}
