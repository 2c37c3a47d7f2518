"""How far sources agree, before anything is aggregated."""

from __future__ import annotations

from typing import Any

from sfumato.core.errors import LabelError
from sfumato.parts.agreement import alpha_of

from .kernel import Kernel


def krippendorff_alpha(votes: Any) -> float:
    r"""Krippendorff's alpha of votes for classes without an order (krippendorff2011computing).

    .. math:: \alpha = 1 - \frac{\text{observed disagreement}}{\text{disagreement of votes drawn at random from all}}

    Args: votes, of sources that name one class each; abstentions count as absent. 1 is full agreement, 0 what chance
    gives, NaN where no item has two votes or all votes name one class. Errors: votes for sets, weighted votes.
    """
    kernel = Kernel(votes, new=True)
    kernel.only_classes("krippendorff_alpha")
    if kernel.weight is not None:
        raise LabelError("weighted votes", "one vote per line", "leave out weight=")
    flat = kernel.shares().reshape(-1, kernel.k)
    return alpha_of(part @ flat for _, part in kernel.blocks())
