"""What a choice by hidden votes knows of a candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CERTAIN = 2.0  # standard errors by which a model must beat the vote


@dataclass(frozen=True)
class Tried:
    """One candidate: mean log probability of the hidden votes, its lead on the vote's, their standard errors over
    items, and why it is out, if it is.
    """

    likelihood: float
    error: float
    lead: float
    lead_error: float
    failed: str = ""

    @property
    def sure(self) -> bool:
        """Whether it beats the vote."""
        return not self.failed and self.lead > CERTAIN * self.lead_error


def lead(found: Any, base: Any) -> Tried:
    """A candidate from its scores per item, or from why it has none, beside those of the vote."""
    if isinstance(found, str):
        return Tried(-np.inf, 0, -np.inf, 0, found)
    over, root = found - base, np.sqrt(len(base))
    return Tried(float(found.mean()), float(found.std() / root), float(over.mean()), float(over.std() / root))
