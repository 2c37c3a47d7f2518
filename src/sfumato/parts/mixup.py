"""Mixup: convex combinations of the rows of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def mixing_share(alpha: float, like: Tensor, rng: torch.Generator) -> Tensor:
    r"""() one draw of Beta(alpha, alpha), in the dtype and on the device of ``like``.

    G / (G + G') with G, G' ~ Gamma(alpha), drawn as logarithms of Gamma(alpha + 1) U^{1 / alpha}: for a small alpha
    both would round to zero.
    """
    more = torch.full((2,), alpha + 1, dtype=torch.float64, device=like.device)
    u = torch.rand(2, generator=rng, dtype=torch.float64, device=like.device)
    # torch.distributions takes no generator; this is the sampler below it, which does
    log_gamma = torch._standard_gamma(more, generator=rng).log() + torch.log1p(-u) / alpha
    return torch.sigmoid(log_gamma[0] - log_gamma[1]).to(like.dtype)


def shuffled(n: int, like: Tensor, rng: torch.Generator) -> Tensor:
    """(n,) a permutation, on the device of ``like``."""
    return torch.randperm(n, generator=rng, device=like.device)


def larger_share(alpha: float, like: Tensor, rng: torch.Generator) -> Tensor:
    """() max(m, 1 - m), m a draw of Beta(alpha, alpha): each mixed row stays nearer to its own half."""
    share = mixing_share(alpha, like, rng)
    return torch.maximum(share, 1 - share)


def mixed_with(x: Tensor, target: Tensor, alpha: float, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(x, target, j): rows m x_i + (1 - m) x_j and targets alike, m = max(b, 1 - b), b ~ Beta(alpha, alpha), and each
    row's partner j; row i has the larger part."""
    share, other = larger_share(alpha, x, rng), shuffled(len(x), x, rng)
    m = share.to(target.dtype)
    return share * x + (1 - share) * x[other], m * target + (1 - m) * target[other], other


def shuffled_within(chosen: Tensor, rng: torch.Generator) -> Tensor:
    """(n,) a permutation that takes the chosen rows (n,) to chosen ones and the others to others."""
    rest = (~chosen).to(torch.uint8)
    drawn = torch.randperm(len(chosen), generator=rng, device=chosen.device)
    out = torch.empty_like(drawn)
    out[torch.argsort(rest, stable=True)] = drawn[torch.argsort(rest[drawn], stable=True)]
    return out
