"""CAL: a sieve relabels the rows, and a second network learns with the covariance of labels and losses taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.held_losses import held_log_losses
from sfumato.parts.losses import mean, mean_cross_entropy
from sfumato.parts.schedule import line

LEAST = 1e-5  # bounds what the terms that are taken away can earn


def shares(codes: Tensor, k: int, w: Tensor | None) -> Tensor:
    """(k,) the shares of the codes 0..k-1 in float64."""
    weight = torch.ones(len(codes), dtype=torch.float64, device=codes.device) if w is None else w.to(torch.float64)
    total = torch.zeros(k, dtype=torch.float64, device=codes.device).index_add(0, codes, weight)
    return total / weight.sum().clamp_min(torch.finfo(torch.float64).tiny)


@method(
    "cal",
    paper="zhu2021second",
    also=("covariance-assisted-learning",),
    waived={
        "learns": "its second network has twelve epochs of sixteen steps from a fresh start: accuracy .71, naive .75; "
        "in a run of 60 epochs .85, naive .52"
    },
)
@dataclass
class CAL(Objective):
    r"""Covariance-assisted learning: the confidence-regularised loss, then the same on a fresh network less the
    covariance, within each class, of the label and the loss.

    Up to t = split:  R = mean_i w_i [ l_{y_i} - first a(t / split) sum_k rho_k l_k ],  rho_k ~ sqrt(pi_k)
    sieve:  d_i = y_i where - log(p_{i, y_i} + 1e-8) + (1 / K) sum_k log(p_ik + 1e-8) < threshold,  else argmax p_i
    after:  R = mean_i w_i [ l_{y_i} - second a(u) sum_k pi_k l_k ]
            - sum_c P(d = c) mean_{i: d_i = c} sum_k (1[y_i = k] - T_ck) l_k,  T_ck = P(y = k | d = c)

    l_k = - log p_k for the label; where a loss is taken away - log(p_k + 1e-5). pi are the shares of the labels, t the
    share of training done, u that of the second part, a(u) rises from 0 at begin to 1 at full. The sieve is asked after
    each epoch of the first part; the last answer holds. P(d = c) and T are counted from d and y: nothing is known. Over
    all rows the last two lines come to mean_i sum_k T_{d_i k} l_k: what is left is noise that depends on the class
    alone.

    Args: split in [0, 1], the first part's share (the paper: 65 of 165 epochs); first and second >= 0; 0 <= begin <=
    full <= 1, shares of a part (10 and 40 of 100 epochs); threshold. Assumes: the sieve is right more often than the
    labels. Shapes: z (n, K), rows (n,) d, bank pi (K,), share (K,), transition (K, K).
    """

    law = ClassConditional
    split: float = 0.4
    first: float = 2.0
    second: float = 1.0
    begin: float = 0.1
    full: float = 0.4
    threshold: float = -8.0

    def __post_init__(self) -> None:
        check_number("split", self.split, 0, 1)
        check_number("first", self.first, 0)
        check_number("second", self.second, 0)
        check_number("full", self.full, 0, 1)
        check_number("begin", self.begin, 0, self.full)

    def start(self, s: Noisy) -> Tensor:
        return s.y.clone()

    def stock(self, s: Noisy, w: Tensor | None, k: int) -> dict[str, Tensor]:
        return {"pi": shares(s.y, k, w), **self.counted(s.y, s, w, k)}

    def counted(self, distilled: Tensor, s: Noisy, w: Tensor | None, k: int) -> dict[str, Tensor]:
        """The shares of the distilled classes, and of the labels within each."""
        joint = shares(distilled * k + s.y, k * k, w).reshape(k, k)
        share = joint.sum(1)
        return {"share": share, "transition": joint / share.clamp_min(torch.finfo(share.dtype).tiny)[:, None]}

    def afresh(self, layers: tuple[tuple[str, ...], ...], progress: float) -> tuple[tuple[str, ...], ...]:
        return () if progress < self.split or self.split == 0 else (tuple(name for layer in layers for name in layer),)

    def epoch(self, z: Tensor, s: Noisy, w: Tensor | None, k: int, progress: float) -> dict[str, Any]:
        if progress > self.split:
            return {}
        losses = held_log_losses(z)
        trusted = losses.gather(1, s.y[:, None]).squeeze(1) - losses.mean(1) < self.threshold
        distilled = torch.where(trusted, s.y, z.argmax(1))
        found = self.counted(distilled, s, w, k)
        return {"rows": distilled, "bank": {name: value.to(z.dtype) for name, value in found.items()}}

    def covariance(self, z: Tensor, s: Noisy, w: Tensor | None, rows: Tensor, bank: dict[str, Tensor]) -> Tensor:
        """The sum over the classes that is taken away."""
        k = z.shape[1]
        off = F.one_hot(s.y, k) - bank["transition"][rows]
        each = (off.to(z.dtype) * held_log_losses(z, LEAST)).sum(1)
        weight = torch.ones_like(each) if w is None else w
        total, mass = each.new_zeros(k).index_add(0, rows, each * weight), each.new_zeros(k).index_add(0, rows, weight)
        return (bank["share"].to(z.dtype) * total / torch.where(mass > 0, mass, torch.ones_like(mass))).sum()

    def risk(
        self, z: Tensor, s: Noisy, w: Tensor | None, rows: Tensor, bank: dict[str, Tensor], progress: float
    ) -> Tensor:
        fit, away = mean_cross_entropy(z, s.y, w), held_log_losses(z, LEAST)
        pi = bank["pi"].to(z.dtype)
        if progress < self.split:
            grown = self.first * line(progress / self.split, self.begin, self.full)
            root = pi.sqrt() / pi.sqrt().sum()
            return fit - grown * mean((away * root).sum(1), w)
        grown = self.second * line((progress - self.split) / (1 - self.split), self.begin, self.full)
        return fit - grown * mean((away * pi).sum(1), w) - self.covariance(z, s, w, rows, bank)
