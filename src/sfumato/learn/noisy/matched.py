"""Rows that count as clean: those of small loss and those of a sure label, and guesses on which two networks agree."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.parts.small_loss import class_small_loss_weights, small_loss_weights


def small_in_class(losses: Tensor, y: Tensor, n: int, k: int, rho: float, w: Tensor | None) -> Tensor:
    """(n,) the share of each row that is kept: of each class the smallest losses, rho / k of the weight of all n
    rows, and at least that of the heaviest."""
    total = torch.tensor(float(n), device=losses.device) if w is None else w.sum()
    least = losses.new_tensor(1.0) if w is None else w.amax()
    kept = class_small_loss_weights(losses, y, k, torch.maximum(rho * total / k, least), w)
    return kept if w is None else kept / torch.where(w > 0, w, torch.ones_like(w))


def sure_of_label(p: Tensor, said: Tensor, kept: Tensor, tau: float) -> Tensor:
    """(n,) the share of each row that is kept, all of it where p (n, K) gives the label ``said`` more than tau."""
    return torch.where((p * said).sum(1) > tau, torch.ones_like(kept), kept).to(p.dtype)


def matched(
    p: Tensor, peer: Tensor, own: Tensor, said: Tensor, guess: Tensor, w: Tensor | None, tau: float, enough: float
) -> tuple[Tensor, Tensor]:
    """((n,) the share of each row that is chosen, (n, K) its label): what is chosen already and, up to ``enough`` of
    the weight, surest first, rows of which p and ``peer`` (n, K) are both sure (> tau) of the same class, labelled by
    ``guess`` (n, K).

    Args: own (n,) in [0, 1] the share chosen already; said (n, K) its label; w (n,) or None for ones.
    """
    weight = torch.ones_like(own) if w is None else w
    sure = torch.minimum(p.amax(1), peer.amax(1)) > tau
    free = weight * (1 - own) * (sure & (p.argmax(1) == peer.argmax(1)))
    room = (enough * weight.sum() - (weight * own).sum()).clamp_min(0)
    share = (room / free.sum().clamp_min(torch.finfo(free.dtype).tiny)).clamp_max(1)
    more = small_loss_weights(-(p.amax(1) + peer.amax(1)), share, free) / torch.where(weight > 0, weight, 1.0)
    both = own + more
    label = torch.where((both > 0)[:, None], own[:, None] * said + more[:, None] * guess, said)
    return both, label / label.sum(1, keepdim=True)


def one_hot(y: Tensor, like: Tensor) -> Tensor:
    """(n, K) the classes y (n,) as rows of the dtype and width of ``like`` (n, K)."""
    return F.one_hot(y, like.shape[1]).to(like.dtype)
