"""What nobody said is taken as a "no": the naive baseline of multi-label learning, smoothed, and with weaker noes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import MultiLabel, SeenBySign, SinglePositive
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean, softplus


def yes_no(z: Tensor, target: Tensor) -> Tensor:
    """(n, L) cross entropy of sigmoid(z) from targets in [0, 1]."""
    return target * softplus(-z) + (1 - target) * softplus(z)


@method(
    "an",
    paper="cole2021multilabel",
    claims=("identity",),
    also=("assume-negative",),
    waived={"learns": "it is the naive baseline itself"},
)
@dataclass
class AssumeNegative(Objective):
    r"""Cross entropy of every class with all that is unknown taken as negative.

    R = - mean_i w_i sum_k [ y_ik log p_ik + (1 - y_ik) log(1 - p_ik) ],  y_ik = 1 where class k is known to hold, p =
    sigmoid(z)

    It learns P(told to hold | x), which orders rows as P(holds | x) does where positives are told at random, but lies
    below it.

    Args: none. Assumes: nothing, it is the baseline to beat; it is right only where every positive is known.
    Shapes: z (n, L).
    """

    law: ClassVar[Any] = SeenBySign
    smoothing: ClassVar[float] = 0.0

    def no_weight(self, k: int) -> float:
        """The weight of every "no"."""
        return 1.0

    def risk(self, z: Tensor, s: MultiLabel, w: Tensor | None) -> Tensor:
        y = s.positive.to(z.dtype)
        target = (1 - self.smoothing) * y + self.smoothing / 2
        weight = y + self.no_weight(s.k) * (1 - y)
        return mean((weight * yes_no(z, target)).sum(1), w)


@method("an-ls", paper="cole2021multilabel")
@dataclass
class SmoothedAssumeNegative(AssumeNegative):
    r"""Assume negative, with smoothed labels.

    R = - mean_i w_i sum_k [ t_ik log p_ik + (1 - t_ik) log(1 - p_ik) ],  t_ik = (1 - smoothing) y_ik + smoothing / 2,
    y_ik = 1 where class k is known to hold

    Args: smoothing in [0, 1), 0 is ``an``. Assumes: as ``an``; a false "no" costs less. Shapes: z (n, L).
    """

    law = SinglePositive
    smoothing: float = 0.1  # type: ignore[misc]

    def __post_init__(self) -> None:
        check_number("smoothing", self.smoothing, 0, 1, high_open=True)


@method("wan", paper="cole2021multilabel")
@dataclass
class WeakAssumeNegative(AssumeNegative):
    r"""Assume negative, each "no" with the weight 1 / (L - 1).

    R = - mean_i w_i sum_k [ y_ik log p_ik + (1 - y_ik) / (L - 1) log(1 - p_ik) ],  y_ik = 1 where class k is known to
    hold

    Where one positive is told per row, all of its noes together weigh as much as it.

    Args: none. Assumes: one known positive per row. Shapes: z (n, L).
    """

    law = SinglePositive

    def no_weight(self, k: int) -> float:
        return 1 / (k - 1)
