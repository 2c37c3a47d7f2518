"""Votes as logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator

from .kernel import Kernel
from .result import Aggregated, finish, softmax


@method("softmax-vote", paper="uma2020case", waived={"adversaries": "its favourite is the vote's"})
@dataclass
class SoftmaxVote(Aggregator):
    r"""The softmax of the numbers of votes: every class keeps some belief, the less the more votes there are.

    .. math:: P_{ik} \propto \exp\Big(\frac1T \sum_j 1[l_{ij} = k]\Big)

    A statement of several classes is shared among them; an item without votes is level. The favourite is that of
    ``majority-vote``; as T falls to 0 only the favourites keep belief, as it grows all become level. One vote of one
    source reads as the same odds, :math:`e^{1/T}`, whoever spoke. Assumes what majority vote assumes.

    Args:
        temperature: T, above 0 and finite.
    """

    temperature: float = 1.0

    def fit(self, votes: Any) -> Aggregated:
        """Beliefs, and the sources' agreement with them."""
        if not 0 < self.temperature < np.inf:
            raise ParameterError(f"temperature={self.temperature}", "above 0 and finite")
        kernel = Kernel(votes)
        table = kernel.shares() / self.temperature
        posterior = kernel.clamp(softmax(kernel.scores(table)))
        return finish(kernel, posterior, table, log_prior=np.zeros(kernel.k))
