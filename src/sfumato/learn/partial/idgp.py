"""IDGP: one head learns the truth, another how wrong classes join the set; each explains the set to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Partial, UniformSets
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.candidates import inside, shares, softmax_inside, telling
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.schedule import line

from .two_heads import TwoHeads


def bernoulli(v: Tensor, b: Tensor) -> Tensor:
    """(n,) - sum_j b_j log g_j + (1 - b_j) log(1 - g_j), g = sigmoid(v)."""
    return -(b * F.logsigmoid(v) + (1 - b) * F.logsigmoid(-v)).sum(1)


@method("idgp", paper="qiao2023decompositional")
@dataclass
class IDGP(Objective):
    r"""Decompositional generation: the truth is categorical given x, p, and every wrong class joins the set by a
    Bernoulli draw given x, g; both are fitted to what the other makes of the set.

    R = mean_i w_i (F_i + G_i)
    F = CE(q, p) + CE(u, p) + lam_t KL(q || p),   u_j ~ [j in S] (1 - g'_j) / g'_j, without gradient
    G = B(b, g) + B(S, g) - sum_j r_j log(1 - g_j) + lam_t sum_j b_j log(b_j / g_j),   r ~ [j in S] p_j, likewise
    q <- [j in S] p_j, normalised, and b <- [j in S] g_j after each step; 1 / |S| and S at first

    g' = g but 1 - g at argmax q; B(b, g) = - sum_j b_j log g_j + (1 - b_j) log(1 - g_j). lam_t rises linearly to 1 over
    the first ``ramp`` of training. Up to t = warm, R = CE(q, p) + B(b, g). The paper has two networks; here g is a
    second head with a hidden layer, which reads the features and sends them no gradient, so that p learns as there.

    Args: warm and ramp in [0, 1], shares of training (released: 10 epochs, and a fifth). Assumes: the truth is in the
    set; wrong classes join independently given x. A row whose set holds every class has loss 0. Shapes: z (n, 2K); rows
    q and b (n, K).
    """

    law = UniformSets
    warm: float = 0.1
    ramp: float = 0.2

    def __post_init__(self) -> None:
        for name in ("warm", "ramp"):
            check_number(name, getattr(self, name), 0, 1)

    def head_for(self, law: Any) -> TwoHeads:
        return TwoHeads()

    def start(self, s: Partial) -> dict[str, Tensor]:
        dtype = torch.get_default_dtype()
        return {"q": shares(s.mask, dtype), "b": s.mask.to(dtype)}

    def risk(self, z: Tensor, s: Partial, w: Tensor | None, rows: dict[str, Tensor], progress: float) -> Tensor:
        f, v = z.chunk(2, dim=1)
        q, b = rows["q"], rows["b"]
        alone = cross_entropy(f, q) + bernoulli(v, b)
        if progress < self.warm:
            return mean(alone * telling(s.mask), w)
        believed = F.one_hot(inside(q, s.mask).argmax(1), s.k).bool()
        log_odds = -torch.where(believed, -v, v).detach()  # of g': log((1 - g') / g')
        explained = cross_entropy(f, torch.softmax(inside(log_odds, s.mask), dim=1))
        truth = -(softmax_inside(f.detach(), s.mask) * F.logsigmoid(-v)).sum(1)
        near = cross_entropy(f, q) + torch.xlogy(q, q).sum(1) + (torch.xlogy(b, b) - b * F.logsigmoid(v)).sum(1)
        whole = alone + explained + truth + bernoulli(v, s.mask.to(v.dtype)) + line(progress, 0.0, self.ramp) * near
        return mean(whole * telling(s.mask), w)

    def renew(self, z: Tensor, s: Partial) -> dict[str, dict[str, Tensor]]:
        f, v = z.chunk(2, dim=1)
        return {"rows": {"q": softmax_inside(f, s.mask), "b": torch.sigmoid(v) * s.mask}}
