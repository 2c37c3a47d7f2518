"""Cross entropy: the naive baseline of every kind that names one class per row."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Clean, Exact
from sfumato.learn.objective import Objective
from sfumato.parts.losses import mean_cross_entropy


@method("ce", paper="goodfellow2016deep", claims=("identity", "unbiased", "calibrated"), also=("cross-entropy",))
@dataclass
class CrossEntropy(Objective):
    r"""Cross entropy, taking the given label as true.

    R = - mean_i w_i log p_{y_i}(x_i)

    Args: none. Assumes: labels are exact; on noisy labels it is the baseline to beat. Shapes: z (n, K).
    """

    law = Clean

    def risk(self, z: Tensor, s: Exact, w: Tensor | None) -> Tensor:
        return mean_cross_entropy(z, s.y, w)
