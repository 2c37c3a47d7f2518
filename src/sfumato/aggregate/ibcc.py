"""Dawid and Skene's model with distributions over its confusion matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, psi

from sfumato.core.card import method
from sfumato.core.errors import ParameterError

from .em import EM, Run
from .kernel import Floats, Kernel, normalised


def expected_logs(counts: Floats, axis: int) -> Floats:
    """E log p of a Dirichlet with these counts along an axis."""
    return np.asarray(psi(counts) - psi(counts.sum(axis, keepdims=True)))


def divergence(counts: Floats, prior: Floats, axis: int) -> float:
    """KL of Dirichlets with these counts from those of the prior, summed."""
    prior = np.broadcast_to(prior, counts.shape)
    found = gammaln(counts.sum(axis)).sum() - gammaln(prior.sum(axis)).sum() - (gammaln(counts) - gammaln(prior)).sum()
    return float(found + ((counts - prior) * expected_logs(counts, axis)).sum())


@method("ibcc", paper="kim2012bayesian")
@dataclass
class Ibcc(EM):
    r"""Independent Bayesian classifier combination, by variational Bayes.

    .. math:: \log P_{ik} = \psi(n_k + \alpha) + \sum_j \Big[ \psi(c_j[k, l_{ij}] + \beta_{k l_{ij}})
              - \psi\big(\textstyle\sum_l c_j[k, l] + \beta_{kl}\big) \Big] + \text{const}

    with :math:`n_k = \sum_i P_{ik}`. The history is the evidence lower bound, which never falls; confusion and prior
    are posterior means. A source with few votes stays near its prior. Assumes what Dawid and Skene's model assumes.

    Args:
        diagonal: :math:`\beta_{kk}`, imagined right votes per source and class, above 0.
        elsewhere: :math:`\beta_{kl}`, imagined votes for each wrong class, above 0.
        classes: :math:`\alpha`, imagined items of each class, above 0.
        iterations, tolerance: as in EM.
    """

    iterations: int = 500
    diagonal: float = 4.0
    elsewhere: float = 1.0
    classes: float = 1.0

    def m_step(self, counts: Floats, totals: Floats, kernel: Kernel) -> tuple[Floats, Floats]:
        if not min(self.diagonal, self.elsewhere, self.classes) > 0:
            raise ParameterError(
                f"diagonal={self.diagonal}, elsewhere={self.elsewhere}, classes={self.classes}", "above 0"
            )
        return expected_logs(counts + self._imagined(kernel), 1), expected_logs(totals + self.classes, 0)

    def extra(self, step: tuple[Floats, Floats], table: Floats, log_prior: Floats, kernel: Kernel) -> float:
        counts, totals = step
        lost = divergence(counts + self._imagined(kernel), self._imagined(kernel), 1)
        return -lost - divergence(totals + self.classes, np.asarray(self.classes), 0)

    def facts(self, found: Run, kernel: Kernel) -> dict[str, Any]:
        mean = normalised((found.counts + self._imagined(kernel)).transpose(0, 2, 1))
        return {"confusion": mean, "prior": normalised(kernel.totals(found.posterior) + self.classes)}

    def _imagined(self, kernel: Kernel) -> Floats:
        return np.where(kernel.right(), self.diagonal, self.elsewhere)
