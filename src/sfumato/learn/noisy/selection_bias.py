"""The bias of a selection: running means of the predictions on chosen rows and on the others, and what logits owe to
them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def even(k: int) -> Tensor:
    """(2, K) the means before any row was seen."""
    return torch.full((2, k), 1 / k)


def tilts(bank: Tensor, debias: float) -> Tensor:
    """(2, K) ``debias`` times the log of the running means."""
    return debias * bank.clamp_min(torch.finfo(bank.dtype).tiny).log()


def moved(old: Tensor, p: Tensor, weight: Tensor, momentum: float) -> Tensor:
    """(K,) the running mean of p (n, K) over rows of ``weight`` (n,); it stands where nothing has weight."""
    mass = weight.sum()
    now = (p * weight[:, None]).sum(0) / torch.where(mass > 0, mass, 1.0)
    return torch.where(mass > 0, momentum * old + (1 - momentum) * now, old)


def renewed(bank: Tensor, p: Tensor, chosen: Tensor, w: Tensor | None, momentum: float) -> Tensor:
    """(2, K) the running means after p (n, K) on rows of which the shares ``chosen`` (n,) were chosen, w (n,) or None
    for ones.
    """
    weight = torch.ones_like(chosen) if w is None else w
    shares = (chosen * weight, (1 - chosen) * weight)
    return torch.stack([moved(old, p, share, momentum) for old, share in zip(bank, shares, strict=True)])
