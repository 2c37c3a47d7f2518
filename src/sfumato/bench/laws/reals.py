"""Real targets: as they are, or some of them seen too low."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato import labels as kinds

from .entry import Drawn, Entry, drawn


def _complete(x: Tensor, y: Tensor, k: int, rng: torch.Generator) -> Drawn:
    return drawn(kinds.Complete(), y, k, rng)


def _incomplete(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, observed: float) -> Drawn:
    """A share of the values is true; the others are seen as the least of all."""
    return drawn(kinds.Incomplete(observed), y, k, rng)


LAWS = {"complete": Entry("targets", _complete, "value"), "incomplete": Entry("lower", _incomplete, "value")}
