"""COMIC: recall missing labels, focus by how rare a class is, and go easy on noes of classes that occur together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import MultiLabel, SeenBySign
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean, softplus

from .asl import focused_no
from .pu_mlc import columns

RARE = 1e-6  # the smallest share of the commonest class's positives that a class is given


@method("comic", paper="zhang2023imperfect")
@dataclass
class Comic(Objective):
    r"""Correction and modification of a long tail of partly labeled classes, on one network.

    R = mean_i w_i sum_k M_ik + corrector sum_ik w_i C_ik / sum_ik w_i y_ik,
    M, C = v_k softplus(-z'_ik) on positives, v_k (1 - q_ik)^(3 + v_k) (-log q_ik) elsewhere,
    v_k = (1 - log(n_k / max n))^r,   q_ik = min(c_ik min(1 - p_ik + .05, 1), 1),  p = sigmoid(z')

    M, the modifier, takes the known positives, has r = 1/3, z' = z, and c = 1.2 where class k occurs together with a
    known positive of the row, else 1. C, the corrector, takes y, has r = 1/6, z' = z - margin on known positives and c
    = 1; y holds the known positives, and the unknown with p_ik above ``recall`` and above the mean p of its class in
    the batch. Focusing weights carry no gradient. n_k counts known positives of the data.

    The paper trains three networks on streams of reversed and balanced sampling and distils them (the released code
    leaves that loss out and sums their M and C); here is one network, without the balance part. Its corrector counts
    recalled labels in n_k; here they are left out. The modifier multiplies p of positives by 1 - s: under a logarithm
    without a focusing weight that moves no prediction, and is left out.

    Args: corrector >= 0; recall in (0, 1); margin >= 0. Assumes: positives missing at random, classes of very different
    frequency. Shapes: z (n, L).
    """

    law = SeenBySign
    corrector: float = 0.2
    recall: float = 0.7
    margin: float = 1.0

    def __post_init__(self) -> None:
        check_number("corrector", self.corrector, 0)
        check_number("recall", self.recall, 0, 1, low_open=True, high_open=True)
        check_number("margin", self.margin, 0)

    def stock(self, s: MultiLabel, w: Tensor | None) -> dict[str, Tensor]:
        y = s.positive.to(torch.float64)
        count = (y if w is None else y * w.to(y)[:, None]).sum(0)
        share = count / count.max().clamp_min(torch.finfo(y.dtype).tiny)
        return {"rarity": 1 - share.clamp_min(RARE).log(), "together": (y.T @ y > 0).to(y.dtype)}

    def risk(self, z: Tensor, s: MultiLabel, w: Tensor | None, bank: dict[str, Tensor]) -> Tensor:
        rarity = bank["rarity"].to(z.dtype)
        beside = (s.positive.to(z.dtype) @ bank["together"].to(z.dtype)) > 0
        modified = focal(z, s.positive, rarity ** (1 / 3), torch.where(beside, z.new_tensor(1.2), z.new_tensor(1.0)))
        lowered = z - self.margin * s.positive.to(z.dtype)
        y = s.positive | self.recalled(lowered, s, w)
        corrected = focal(lowered, y, rarity ** (1 / 6), torch.ones_like(z))
        weight = torch.ones_like(z[:, :1]) if w is None else w.to(z.dtype)[:, None]
        count = (weight * y).sum()
        per_positive = (weight * corrected).sum() / torch.where(count > 0, count, weight.sum().clamp_min(1e-30))
        return mean(modified.sum(1), w) + self.corrector * per_positive

    def recalled(self, z: Tensor, s: MultiLabel, w: Tensor | None) -> Tensor:
        """(n, L) the unknown classes that are taken to hold."""
        p = torch.sigmoid(z.detach())
        # rows that are alike are not above their mean, whatever rounding says
        average = (columns(torch.ones_like(s.unknown), w, z) * p).sum(0)
        return s.unknown & (z.detach() > math.log(self.recall / (1 - self.recall))) & (p > average + 1e-6)


def focal(z: Tensor, y: Tensor, v: Tensor, raised: Tensor) -> Tensor:
    """(n, L) v_k softplus(-z) on positives, v_k times the focused loss elsewhere."""
    return v * torch.where(y, softplus(-z), focused_no(z, 3 + v, 0.05, raised))
