"""CPE: estimate the probabilities of complementary labels, then take the class whose row of Q lies nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core.card import method
from sfumato.labels import BiasedComplementary, Complementary, Softmax
from sfumato.labels.base import check_stochastic
from sfumato.labels.heads import log_softmax
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean_cross_entropy

from .forward import ComplementaryForward


@dataclass(frozen=True, eq=False)
class Decoding(Softmax):
    """p = softmax(z), and the matrix Q (K, K) that predictions are compared with; None while it is being learned."""

    transition: Tensor | None = None


def decoding(law: Any) -> Decoding:
    """The head that knows the law's matrix, where the law is known."""
    found = getattr(law, "transition", None)
    return Decoding(transition=found if isinstance(found, Tensor) else None)


def nearest_row(said: Tensor, transition: Tensor) -> Tensor:
    """(n, K) log softmax of minus the L1 distance of said (n, K) from each row of Q (K, K)."""
    return log_softmax(-torch.cdist(said, transition.to(said), p=1))


@method("cpe-i", paper="lin2023reduction")
@dataclass
class CPEIdentity(Objective):
    r"""Complementary probability estimates, direct: the network's softmax models the complementary label itself.

    R = - mean_i w_i log p_{c_i}(x_i);   class(x) = argmin_k || p(x) - Q_k ||_1

    The probabilities that are shown are softmax(- distance): only their order is the paper's.
    Args: none; the need is ``transition`` = Q (K, K), row-stochastic. Assumes: Q is right, and its rows lie apart; one
    complementary label per row. Shapes: z (n, K).
    """

    law = BiasedComplementary

    def risk(self, z: Tensor, s: Complementary, w: Tensor | None, law: BiasedComplementary) -> Tensor:
        return mean_cross_entropy(z, law.said(s), w)

    def head_for(self, law: Any) -> Decoding:
        return decoding(law)

    def decode(self, z: Tensor, head: Decoding) -> Tensor:
        return nearest_row(log_softmax(z).exp(), head.transition)  # type: ignore[arg-type]


@method("cpe-f", paper="lin2023reduction", claims=("calibrated",))
@dataclass
class CPEForward(ComplementaryForward):
    r"""Complementary probability estimates, forward: the estimate is p^T Q, decoded by the nearest row of Q.

    R = - mean_i w_i log (p(x_i)^T Q)_{c_i};   class(x) = argmin_k || p(x)^T Q - Q_k ||_1

    The risk is that of ``forward``; with uniform Q so is the predicted class. The probabilities that are shown are
    softmax(- distance): only their order is the paper's.
    Args: none; the need is ``transition`` = Q (K, K), row-stochastic. Assumes: as ``forward``. Shapes: z (n, K).
    """

    def head_for(self, law: Any) -> Decoding:
        return decoding(law)

    def decode(self, z: Tensor, head: Decoding) -> Tensor:
        p = log_softmax(z)
        if head.transition is None:
            return p
        return nearest_row(p.exp() @ head.transition.to(z), head.transition)


class RowsOfLogits(nn.Module):
    """Q = softmax of free logits, row by row, begun at a given matrix; its zeros stay."""

    open: Tensor

    def __init__(self, given: Tensor) -> None:
        super().__init__()
        self.register_buffer("open", given > 0)
        self.weight = nn.Parameter(torch.where(given > 0, given, torch.ones_like(given)).log())

    def forward(self) -> Tensor:
        return torch.softmax(self.weight.masked_fill(~self.open, -torch.inf), dim=1)


@method("cpe-t", paper="lin2023reduction")
@dataclass
class CPETransition(CPEForward):
    r"""Complementary probability estimates with a trained matrix: forward, where Q goes on learning.

    R = - mean_i w_i log (p(x_i)^T Q)_{c_i},  Q = softmax(v) row by row;   class(x) = argmin_k || p(x)^T Q - Q_k ||_1

    v starts at log Q and takes plain gradient steps at ``rate``; what is zero in Q stays zero. At rate 0 in the limit
    this is ``cpe-f``. Where a validation criterion is measured before Q is settled, p itself is read.
    Args: rate > 0, the learning rate of v (released: that of the network, by Adam); the need ``transition``, the matrix
    to start from. Assumes: a matrix not far from right; one complementary label per row. Shapes: z (n, K), Q (K, K).
    """

    learned = ("transition",)
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_number("rate", self.rate, 0, low_open=True)
        self.rates = {"transition": self.rate}  # type: ignore[misc]

    def learns(self, transition: Any) -> dict[str, nn.Module]:
        return {"transition": RowsOfLogits(check_stochastic("transition", transition))}
