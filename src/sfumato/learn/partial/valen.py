"""VALEN: a Dirichlet over label distributions, inferred from x, whose draws explain x, its set and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.core.card import method
from sfumato.labels import Partial, UniformSets
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_count, check_number
from sfumato.parts.candidates import shares, softmax_inside, telling
from sfumato.parts.dirichlet import drawn, from_even
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.neighbours import nearest

from .decoder import Decoder, decoded
from .two_heads import TwoHeads

FLOOR = 0.01  # of concentrations, as released


def links(near: Tensor, own: Tensor, dtype: torch.dtype) -> Tensor:
    """(n, n) 1 / (neighbours + 1) for a row of the batch itself and for those of its neighbours (n, neighbours) that
    are in the batch, 0 elsewhere; ``own`` (n,) are the rows' numbers."""
    same = own[:, None] == own[None, :]
    return ((near[:, :, None] == own[None, None, :]).any(1) | same).to(dtype) / (near.shape[1] + 1)


@method("valen", paper="xu2021instance", also=("variational-label-enhancement",))
@dataclass
class VALEN(Objective):
    r"""Variational label enhancement: an encoder infers a Dirichlet over the label distributions of each row; its draw
    d is what the classifier p learns from, and a decoder explains x, the set and the nearest rows by it.

    R = mean_i w_i [ CE(t_i, p_i) + gamma CE(o_i, softmax e_i) + beta KL(Dir(a_i) || Dir(1))
        + scale (|x_i - D(d_i)|^2 / dim x + BCE(S_i, sigmoid d_i)) + mean_j (A_ij - softmax_j sigmoid(d_i . d_j))^2 ],
    d_i ~ Dir([j in S] softmax(e_i)_j / sum_S softmax(e_i) + .01),   a = exp(e / 4) in [.01, 30]
    t <- trust [j in S] d_j, normalised, + (1 - trust) o;   o <- [j in S] p_j, normalised, after each step

    e: a second head with a hidden layer, which reads the features and sends them no gradient, in place of the second
    network of the released code; during the warm-up, up to t = warm, both heads learn alone, R = CE(o, p) + CE(o, e)
    (there the second starts as a copy of the first). A: the graph of the ``neighbours`` nearest rows of X and the row
    itself, rows sum to one, seen within the batch (released: a dense n x n matrix; after the warm-up, on benchmarks, of
    features). D is learned beside the network, one hidden layer of 128 units; the target t has a draw of its own.

    Args: gamma, beta, scale >= 0 (released commands: gamma 5 to 20, beta .01 or .1; PLENCH: both 1); trust in [0, 1];
    neighbours >= 1; warm in [0, 1], a share of training (released: 10 epochs of 500); rate > 0, the learning rate of D
    (plain gradient steps). Assumes: the truth is in the set; near rows have like distributions; rows in memory. A row
    whose set holds every class has loss 0. Shapes: z (n, 2K); rows o and t (n, K), near (n, neighbours), own (n,).
    """

    law = UniformSets
    learned = ("beside",)
    gamma: float = 10.0
    beta: float = 0.1
    scale: float = 0.01
    trust: float = 1.0
    neighbours: int = 3
    warm: float = 0.05
    rate: float = 0.1

    def __post_init__(self) -> None:
        for name in ("gamma", "beta", "scale"):
            check_number(name, getattr(self, name), 0)
        for name in ("trust", "warm"):
            check_number(name, getattr(self, name), 0, 1)
        check_count("neighbours", self.neighbours)
        check_number("rate", self.rate, 0, low_open=True)
        self.rates = {"beside": self.rate}  # type: ignore[misc]

    def head_for(self, law: Any) -> TwoHeads:
        return TwoHeads()

    def learns(self, k: int, x: Tensor, rng: torch.Generator) -> dict[str, nn.Module]:
        return {"beside": Decoder(k, x[0].numel(), rng)}

    def start(self, s: Partial, x: Tensor, n: int) -> dict[str, Tensor]:
        believed, own = shares(s.mask, torch.get_default_dtype()), torch.arange(n, device=s.mask.device)
        near = own[:, None]  # a row alone has no other
        if n > 1:
            found = nearest(x.flatten(1).double().cpu().numpy(), min(self.neighbours, n - 1))[1]
            near = torch.from_numpy(found).to(own)
        return {"o": believed, "t": believed.clone(), "near": near, "own": own}

    def draw(self, e: Tensor, s: Partial, rng: torch.Generator) -> Tensor:
        """(n, K) a label distribution from the encoder's Dirichlet on the set."""
        return drawn(softmax_inside(e, s.mask) + FLOOR, rng)

    def explained(
        self, d: Tensor, x: Tensor, s: Partial, rows: dict[str, Tensor], beside: tuple[Tensor, ...]
    ) -> Tensor:
        """(n,) how badly the draws tell x, the sets and which rows are near."""
        of_x = ((x.flatten(1).to(d.dtype) - decoded(d, beside)) ** 2).mean(1)
        of_set = F.binary_cross_entropy_with_logits(d, s.mask.to(d.dtype), reduction="none").mean(1)
        told = torch.softmax(torch.sigmoid(d @ d.T), dim=1)
        of_graph = ((links(rows["near"], rows["own"], d.dtype) - told) ** 2).mean(1)
        return self.scale * (of_x + of_set) + of_graph

    def risk(
        self,
        z: Tensor,
        x: Tensor,
        s: Partial,
        w: Tensor | None,
        rows: dict[str, Tensor],
        beside: tuple[Tensor, ...],
        progress: float,
        rng: torch.Generator,
    ) -> Tensor:
        f, e = z.chunk(2, dim=1)
        believed, tells = rows["o"].to(z.dtype), telling(s.mask)
        if progress < self.warm:
            return mean((cross_entropy(f, believed) + cross_entropy(e, believed)) * tells, w)
        fit = cross_entropy(f, rows["t"].to(z.dtype)) + self.gamma * cross_entropy(e, believed)
        spread = from_even((e / 4).clamp_max(5.0).exp().clamp(FLOOR, 30.0))  # no exponential that overflows
        told = self.explained(self.draw(e, s, rng), x, s, rows, beside)
        return mean((fit + self.beta * spread + told) * tells, w)

    def renew(
        self, z: Tensor, s: Partial, rows: dict[str, Tensor], progress: float, rng: torch.Generator
    ) -> dict[str, dict[str, Tensor]]:
        f, e = z.chunk(2, dim=1)
        believed = softmax_inside(f, s.mask)
        if progress < self.warm:
            return {"rows": {"o": believed, "t": believed}}
        d = self.draw(e, s, rng) * s.mask
        d = d / d.sum(1, keepdim=True).clamp_min(torch.finfo(d.dtype).tiny)
        return {"rows": {"o": believed, "t": self.trust * d + (1 - self.trust) * rows["o"].to(d.dtype)}}
