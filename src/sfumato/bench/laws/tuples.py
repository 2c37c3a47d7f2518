"""Pairs, comparisons and triplets of rows, drawn by what is true of them together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato import labels as kinds

from .entry import Drawn, Entry, drawn


def _of(law: Any, y: Tensor, rng: torch.Generator, *shares: float) -> Drawn:
    told = law(float((y == 1).double().mean()), torch.tensor(shares, dtype=torch.float64))
    return drawn(told, y, 2, rng)


def _pairs(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, similar: float, dissimilar: float) -> Drawn:
    """A share of similar pairs, one of dissimilar pairs, and single unlabeled rows for the rest."""
    return _of(kinds.DrawnPairs, y, rng, 1 - similar - dissimilar, similar, dissimilar)


def _comparisons(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, yes: float = 1.0) -> Drawn:
    """Pairs asked whether the first row is at least as positive; a share of the answers is yes."""
    return _of(kinds.DrawnComparisons, y, rng, 1 - yes, yes)


def _triplets(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, yes: float = 0.75) -> Drawn:
    """Triplets asked whether the first row is at least as close to the second as to the third."""
    return _of(kinds.DrawnTriplets, y, rng, 1 - yes, yes)


LAWS = {
    "pairs": Entry("pairs", _pairs, apart=True),
    "comparisons": Entry("comparisons", _comparisons, apart=True),
    "triplets": Entry("triplets", _triplets, apart=True),
}
