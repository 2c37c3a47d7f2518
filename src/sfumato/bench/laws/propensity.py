"""A chance per row that follows its features."""

from __future__ import annotations

import torch
from torch import Tensor


def propensity(x: Tensor, labeled: float, rng: torch.Generator) -> Tensor:
    """(n,) e(x) = 2 labeled sigmoid(3 u), u a random direction of the standardised features; its mean is about
    labeled.
    """
    x = x.double().flatten(1)
    x = (x - x.mean(0)) / x.std(0, unbiased=False).clamp_min(1e-12)
    u = x @ torch.randn(x.shape[1], generator=rng, dtype=torch.float64)
    u = (u - u.median()) / u.std().clamp_min(1e-12)
    return (2 * labeled * torch.sigmoid(3 * u)).clamp(1e-3, 1)
