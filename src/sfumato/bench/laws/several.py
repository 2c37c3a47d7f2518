"""Several classes may hold at once, and not all of them are told."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato import labels as kinds

from .entry import Drawn, Entry, drawn


def _single(x: Tensor, y: Tensor, k: int, rng: torch.Generator) -> Drawn:
    """One of the classes that hold is told, nothing else."""
    return drawn(kinds.SinglePositive(), y, k, rng, prior=y.double().mean(0))


def _seen(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, holds: float, holds_not: float = 0.0) -> Drawn:
    """Each class is told on its own, with one chance where it holds and another where it does not."""
    law = kinds.SeenBySign(torch.tensor([holds_not, holds], dtype=torch.float64))
    return drawn(law, y, k, rng, prior=y.double().mean(0))


LAWS = {
    "single-positive": Entry("multi-label", _single, "classes"),
    "seen-by-sign": Entry("multi-label", _seen, "classes"),
}
