"""BoostLU: a map per class, its positive part amplified before pooling, and large losses left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import MultiLabel, OneVsRest
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean

from .large_loss import LargeLossRejection


@dataclass(frozen=True)
class ClassMaps(OneVsRest):
    """p_k = sigmoid(mean over places of b(z_k)), b(v) = alpha v where v > 0, else v; z (n, L, H, W), or (n, L) for one
    place.
    """

    alpha: float = 5.0

    def logits(self, z: Tensor) -> Tensor:
        """(n, L) the pooled logits."""
        boosted = torch.where(z > 0, self.alpha * z, z)
        return boosted if z.ndim == 2 else boosted.flatten(2).mean(2)

    def log_p(self, z: Tensor) -> Tensor:
        return F.logsigmoid(self.logits(z))


@method(
    "boost-lu",
    paper="kim2023bridging",
    waived={
        "learns": "it amplifies maps of pictures; on feature rows every class has one place and only scale changes: "
        "over six seeds it ranks at .770 mAP, assume-negative at .771"
    },
)
@dataclass
class BoostLU(LargeLossRejection):
    r"""Large-loss rejection on class maps whose positive values are amplified, as those of a fully labeled network are.

    R = R_ll-r(g),  g_ik = mean over places of b(z_ik),  b(v) = alpha v if v > 0 else v

    The network is one of the user's own that keeps its places: a factory (shape, width) whose output is (n, L, H, W).
    With alpha = 1 it is plain average pooling under ``ll-r``. Outputs (n, L) count as maps of one place.

    Args: alpha >= 1; share in [0, 1), as for ``ll-r``. Assumes: pictures; the network learns true noes first.
    Shapes: z (n, L, H, W) or (n, L).
    """

    alpha: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("alpha", self.alpha, 1)

    def head_for(self, law: Any) -> ClassMaps:
        return ClassMaps(alpha=self.alpha)

    def risk(  # type: ignore[override]
        self, z: Tensor, s: MultiLabel, w: Tensor | None, progress: float, head: ClassMaps
    ) -> Tensor:
        return mean(self.modified(head.logits(z), s, w, self.share * progress).sum(1), w)
