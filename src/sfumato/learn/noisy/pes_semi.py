"""PES(semi): progressive early stopping, then MixMatch with the rows whose label the network disagrees with as
unlabeled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Noisy
from sfumato.parts.augment import weak
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import log_losses, mean, mean_cross_entropy
from sfumato.parts.mixmatch import mixed, sharpened, squared_gap
from sfumato.parts.schedule import line

from .pes import Layers, ProgressiveStopping, balance


@method(
    "pes-semi",
    paper="bai2021understanding",
    waived={
        "learns": "after two of 20 epochs of 16 steps the network knows too little to judge labels: accuracy .66, "
        "naive .75; in a run of 60 epochs .85, naive .52"
    },
)
@dataclass
class PESSemi(ProgressiveStopping):
    r"""PES(semi): all layers learn for a while, then the last one anew with the others fixed; from then on MixMatch on
    the split into rows whose label the network agrees with and others.

    R = mean_i w_i (- log p_{y_i}) through the two stages, then
    R = mean_{labeled} sum_k b_k q_k (- log p_k) + lam_u g(t) mean_{others} |p - q|^2 / K

    target q of a labeled row: onehot(y_i),  of another: sharpen(pbar_i), pbar the prediction averaged over two weak
    views, sharpen(p) ~ p^(1 / temperature);  z of rows mixed over both views, x = m x_a + (1 - m) x_b and targets
    alike, m = max(c, 1 - c), c ~ Beta(alpha, alpha), alpha_late from the middle of training on; a mixed row counts
    where its larger part stands. b_k = mean count of a class / count of class k among the labeled rows, at most 3; g
    rises from 0 at t = whole to 1 at t = whole + ramp, t the share of training done.

    The split is made anew after each epoch from the end of the second stage on; where it would leave nothing labeled,
    all rows are. "Anew" and the length of stages: as PES.

    Args: whole and last in [0, 1], the shares of training of the two stages (the paper: 20 and 5 of 300 epochs); ramp
    in [0, 1] (16 of 300); temperature > 0; alpha and alpha_late > 0; lam_u >= 0 (the paper 5 to 100 by noise and data).
    Assumes: as PES; weak views keep the class. Shapes: x (n, ...), rows (n,), bank (K,).
    """

    whole: float = 0.066
    last: float = 0.016
    ramp: float = 0.053
    temperature: float = 0.5
    alpha: float = 4.0
    alpha_late: float = 0.75
    lam_u: float = 5.0

    def __post_init__(self) -> None:
        for name in ("whole", "last", "ramp"):
            check_number(name, getattr(self, name), 0, 1)
        for name in ("temperature", "alpha", "alpha_late"):
            check_number(name, getattr(self, name), 0, low_open=True)
        check_number("lam_u", self.lam_u, 0)

    def stops(self) -> tuple[tuple[float, int], ...]:
        return ((self.whole, 0), (self.last, 1))

    def start(self, n: int) -> Tensor:
        return torch.ones(n)

    def stock(self, k: int) -> Tensor:
        return torch.ones(k)

    def epoch(
        self, z: Tensor, s: Noisy, w: Tensor | None, k: int, layers: Layers, progress: float, epochs: int
    ) -> dict[str, Any]:
        if progress < self.settled(layers, epochs):
            return {}
        agreed = (z.argmax(1) == s.y).to(z.dtype)
        kept = torch.where(agreed.sum() > 0, agreed, torch.ones_like(agreed))
        return {"rows": kept, "bank": balance(s.y, kept if w is None else kept * w, k, 3.0).to(z.dtype)}

    def targets(self, p: Tensor, s: Noisy, labeled: Tensor) -> Tensor:
        """(n, K) what the rows are trained towards; p (n, K) the mean prediction over the views."""
        return torch.where(labeled[:, None] > 0, F.one_hot(s.y, p.shape[1]).to(p), sharpened(p, self.temperature))

    def terms(
        self, z: Tensor, target: Tensor, labeled: Tensor, w: Tensor | None, bank: Tensor, progress: float
    ) -> Tensor:
        """R on mixed rows: z, target (m, K), labeled (m,) ones and zeros, w (m,), bank (K,)."""
        weight = torch.ones_like(labeled) if w is None else w
        fit = mean((bank.to(z.dtype) * target * log_losses(z)).sum(1), labeled * weight)
        grown = line(progress, self.whole, self.whole + self.ramp)
        return fit + self.lam_u * grown * squared_gap(torch.softmax(z, dim=1), target, (1 - labeled) * weight)

    def risk(
        self,
        x: Tensor,
        forward: Callable[[Tensor], Tensor],
        s: Noisy,
        w: Tensor | None,
        rows: Tensor,
        bank: Tensor,
        layers: Layers,
        progress: float,
        epochs: int,
        rng: torch.Generator,
    ) -> Tensor:
        if progress < self.settled(layers, epochs):
            return mean_cross_entropy(forward(x), s.y, w)
        views = torch.cat([weak(x, rng), weak(x, rng)])
        with torch.no_grad():
            p = torch.softmax(forward(views), dim=1).reshape(2, len(x), -1).mean(0)
        alpha = self.alpha if progress < 0.5 else self.alpha_late
        inputs, target = mixed(views, self.targets(p, s, rows).repeat(2, 1), alpha, rng)
        return self.terms(
            forward(inputs), target, rows.to(p.dtype).repeat(2), None if w is None else w.repeat(2), bank, progress
        )
