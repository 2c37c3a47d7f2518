"""Unlabeled rows taken as negatives: the naive baseline of positive-unlabeled learning."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import PU, SingleSample
from sfumato.learn.objective import Objective
from sfumato.parts.losses import mean_cross_entropy


@method(
    "unlabeled-as-negative",
    paper="elkan2008learning",
    claims=("identity",),
    also=("naive-pu",),
    waived={"learns": "it is the naive baseline itself"},
)
@dataclass
class UnlabeledAsNegative(Objective):
    r"""Cross entropy with every unlabeled row taken as a negative.

    R = - mean_i w_i log p_{s_i}(x_i),  s_i = 1 where labeled positive, else 0

    It learns P(labeled | x), which orders rows as P(+ | x) does but lies below it, so it calls too few rows positive.

    Args: none. Assumes: nothing, it is the baseline to beat; it is right only where every positive is labeled.
    Shapes: z (n, 2).
    """

    law = SingleSample

    def risk(self, z: Tensor, s: PU, w: Tensor | None) -> Tensor:
        return mean_cross_entropy(z, s.flag.long(), w)
