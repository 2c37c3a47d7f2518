"""What the methods built on MixMatch share: sharpened guesses, rows mixed with their targets, and the two losses."""

from __future__ import annotations

import torch
from torch import Tensor

from .losses import mean
from .mixup import mixed_with


def sharpened(p: Tensor, temperature: float) -> Tensor:
    """(n, K) p^(1 / temperature), each row over its sum."""
    high = (p / p.amax(1, keepdim=True)) ** (1 / temperature)
    return high / high.sum(1, keepdim=True)


def mixed(x: Tensor, target: Tensor, alpha: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """(x, target) of rows m x_a + (1 - m) x_b, m = max(b, 1 - b), b ~ Beta(alpha, alpha); row a has the larger part."""
    return mixed_with(x, target, alpha, rng)[:2]


def squared_gap(p: Tensor, target: Tensor, w: Tensor) -> Tensor:
    """() the weighted mean of |p - target|^2 / K; zero where nothing has weight."""
    return mean(((p - target) ** 2).mean(1), w)
