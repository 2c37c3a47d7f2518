"""The soft labels of several aggregations together."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfumato.core.card import find, method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator

from .combine import COMBINERS, combine
from .combine_temperatures import cooled, temperatures
from .kernel import Floats, Kernel
from .reader import Reader
from .result import Aggregated, SourcesWarning, finish

MEMBERS = ("majority-vote", "softmax-vote", "dawid-skene", "glad", "mace", "wawa", "zero-based-skill")


@method("soft-labels", paper="wright2022aggregating", also=("aggregated-soft-labels",))
@dataclass
class SoftLabels(Aggregator):
    r"""Soft labels of several aggregations of the same votes, combined.

    .. math:: P_i = C(P_i^{(1)}, \dots, P_i^{(M)}), \qquad \text{mean:}\quad P_i = \frac1M \sum_m P_i^{(m)}

    The seven members of the study, each at its own defaults: shares of votes, their softmax, Dawid and Skene, GLAD,
    MACE, Wawa, zero-based skill. Their mean is what the study proposes: no member is known to be best beforehand. C is
    any of the five of ``combine``; temperatures are learned once and kept for new votes, on which each member first
    says what it would. Assumes what the members assume, each in its part.

    Args:
        how: mean, conflation, temperature, centroid or hybrid.
        members: names of aggregations, at least one.
    """

    how: str = "mean"
    members: tuple[str, ...] = MEMBERS

    def fit(self, votes: Any) -> Aggregated:
        """The combination of the members' posteriors."""
        if self.how not in COMBINERS or not self.members:
            raise ParameterError(
                f"how={self.how!r}, members={self.members!r}", f"one of {', '.join(COMBINERS)}, and names"
            )
        kernel = Kernel(votes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SourcesWarning)  # said once, of the whole
            found = [find(name, role="aggregate").cls().fit(votes) for name in self.members]
        rule = {"temperature": "mean", "hybrid": "centroid"}.get(self.how, self.how)
        t = temperatures(np.stack([one.posterior for one in found])) if rule != self.how else None

        read = Together(found, rule, t)
        posterior = kernel.clamp(read.of([one.posterior for one in found]))
        return finish(kernel, posterior, kernel.shares(), product=False, read=read)


@dataclass
class Together(Reader):
    """What the members say of new votes, combined by the rule and the temperatures that were found."""

    members: list[Aggregated]
    rule: str
    temperatures: Floats | None

    def of(self, tables: list[Floats]) -> Floats:
        """(n, K) one table from those of the members."""
        t = self.temperatures
        return combine(tables if t is None else list(cooled(np.stack(tables), t)), self.rule)

    def __call__(self, kernel: Kernel) -> Floats:
        return self.of([one.predict_proba(kernel.votes) for one in self.members])
