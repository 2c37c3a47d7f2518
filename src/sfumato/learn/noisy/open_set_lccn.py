"""Open-set LCCN: one more true class, for rows that are of none of the given ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.labels.heads import log_softmax
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import cross_entropy, mean

from .lccn import counts, drawn, with_prior


@dataclass(frozen=True)
class OneMore:
    """softmax over z (n, K + 1), the last column for none of the classes; log_p is of the K, given that it is one of
    them.
    """

    layer: ClassVar[type[nn.Linear]] = nn.Linear
    name: str = "one-more"

    def width(self, k: int) -> int:
        return k + 1

    def log_p(self, z: Tensor) -> Tensor:
        return log_softmax(z[:, :-1])


@method("open-set-lccn", paper="yao2023latent")
@dataclass
class OpenSetLCCN(Objective):
    r"""Latent class-conditional noise where some rows are of no class: their true class is the (K + 1)-th.

    R = mean_i w_i (- log softmax(z_i)_{t_i}),  t_i ~ P(t | x_i, y_i) proportional to softmax(z_i)_t T[t, y_i],
    T[t, j] = (C[t, j] + alpha) / sum_j' (C[t, j'] + alpha),  t = 1..K+1,  j = 1..K

    C counts the pairs (t, y) of all rows. As in LCCN the loss is cross entropy with the given labels in warm-up, while
    C counts predictions. From there to ``settle`` the classes are drawn with T[t, j] = (1 - smoothing) 1[t = j] +
    smoothing / K for t <= K and T[K + 1, j] = 1 / K: a row of no class may be given any label. After that T is taken
    from C. (The released code for Clothing1M has the matrices and draws, pretrains by cross entropy, holds the smoothed
    matrix for 20,000 steps and then one given from outside.) Prediction is among the K classes; what is of none of them
    is told by the last column of z, see ``of_none``.

    Args: alpha > 0, the prior's count per entry; smoothing in (0, 1), the code's .05; warmup and settle in [0, 1],
    shares of training, warmup <= settle. Assumes: as LCCN, and rows of no class that look unlike all classes. Shapes: z
    (n, K + 1), rows (n,) the drawn classes, bank (K + 1, K) the counts [true, given].
    """

    law = ClassConditional
    alpha: float = 1.0
    smoothing: float = 0.05
    warmup: float = 0.2
    settle: float = 0.4

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0, low_open=True)
        check_number("smoothing", self.smoothing, 0, 1, low_open=True, high_open=True)
        check_number("settle", self.settle, 0, 1)
        check_number("warmup", self.warmup, 0, self.settle)

    def head_for(self, law: Any) -> OneMore:
        return OneMore()

    def start(self, s: Noisy) -> Tensor:
        return s.y.clone()

    def stock(self, s: Noisy, k: int) -> Tensor:
        return counts(s.y, s.y, k, more=1)

    def transition(self, bank: Tensor, progress: float) -> Tensor:
        """(K + 1, K) the matrix that draws use."""
        if progress >= self.settle:
            return with_prior(bank, self.alpha)
        k = bank.shape[1]
        own = torch.eye(k + 1, k, dtype=torch.float64, device=bank.device)
        own[k] = 1 / k
        return (1 - self.smoothing) * own + self.smoothing / k

    @staticmethod
    def of_none(z: Tensor) -> Tensor:
        """(n,) P(none of the classes | x)."""
        return torch.softmax(z, dim=1)[:, -1]

    def risk(
        self, z: Tensor, s: Noisy, w: Tensor | None, bank: Tensor, progress: float, rng: torch.Generator
    ) -> Tensor:
        target = s.y if progress < self.warmup else drawn(z, s, self.transition(bank, progress), rng)
        return mean(cross_entropy(z, target), w)

    def renew(
        self, z: Tensor, s: Noisy, rows: Tensor, bank: Tensor, progress: float, rng: torch.Generator
    ) -> dict[str, Tensor]:
        new = z.argmax(1) if progress < self.warmup else drawn(z, s, self.transition(bank, progress), rng)
        k = bank.shape[1]
        return {"rows": new, "bank": bank - counts(rows, s.y, k, more=1) + counts(new, s.y, k, more=1)}
