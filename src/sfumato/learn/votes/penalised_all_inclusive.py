"""The all-inclusive rule with a price on classes that raters never name together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.labels import Votes
from sfumato.parts.losses import mean

from .all_inclusive import AllInclusive


@method(
    "penalised-all-inclusive",
    paper="chou2025revisiting",
    waived={
        "learns": "it learns what sources say, and here most of them are often wrong: the majority is right more often"
    },
)
@dataclass
class PenalisedAllInclusive(AllInclusive):
    r"""The all-inclusive rule plus the expected price of predicting a class beside those that were named.

    R = mean_i w_i [sum_k q_ik (- log p_k(x_i)) + penalty sum_j sum_z q_ij C_jz p_z(x_i)],  C_jz = 1 - n_jz / n_j

    with q the shares of votes, n_j the training items on which somebody names j, and n_jz those on which somebody names
    each of j and z: what is named together is free, and so is the class itself; what never is costs 1. With penalty 0
    it is ``all-inclusive``; where no item has votes for two classes the second term is 1 - p_y of the class y named.
    The paper's own map from counts to penalties, and its place in the loss, could not be read: this is the reading in
    which unlikely combinations cost. The penalty draws predictions away from the shares; nothing is claimed of their
    calibration.

    Args: penalty at least 0. Assumes: as the rule itself; co-occurrence on the training items is that of all. Shapes:
    z (n, K).
    """

    penalty: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.penalty < float("inf"):
            raise ParameterError(f"penalty={self.penalty}", "at least 0 and finite")

    def stock(self, s: Votes, w: Tensor | None) -> Tensor:
        """(K, K) prices C, of the whole."""
        named = (s.shares() > 0).double()
        together = named.T @ (named if w is None else named * w.to(named)[:, None])
        alone = together.diagonal()[:, None]
        met = alone > 0
        return torch.where(met, 1 - together / torch.where(met, alone, torch.ones_like(alone)), 0)

    def risk(self, z: Tensor, s: Votes, w: Tensor | None, bank: Tensor) -> Tensor:  # type: ignore[override]
        plain = super().risk(z, s, w)
        shares = s.shares().to(z)
        heard = (shares.sum(1) > 0).to(z.dtype)
        price = ((shares @ bank.to(z)) * torch.softmax(z, 1)).sum(1)
        return plain + self.penalty * mean(price, heard if w is None else heard * w)
