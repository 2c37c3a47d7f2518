"""Dawid and Skene's model: a confusion matrix per source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.core.card import method
from sfumato.core.errors import ParameterError

from .em import EM, FLOOR, log_shares
from .kernel import Floats, Kernel


@method("dawid-skene", paper="dawid1979maximum")
@dataclass
class DawidSkene(EM):
    r"""Maximum likelihood (or a posteriori) of one confusion matrix per source, by EM.

    .. math:: P_{ik} \propto \pi_k \prod_{j} \theta_j[k, l_{ij}], \qquad
              \theta_j[k, l] \propto c_j[k, l] + \beta_{kl}, \quad \pi_k \propto \textstyle\sum_i P_{ik} + \alpha

    with :math:`c_j[k, l]` the belief in class k over the items of which source j said l. Starts from the shares of the
    votes. Known truths (gold) are clamped. Silence is no vote. Assumes sources that err independently given the truth,
    and that most of them name several classes: of a rule for one class the likelihood learns nothing, as its only
    statement needs no truth, and on such rules the highest likelihood calls everything one class (``naive-bayes`` reads
    their silence, ``mace`` holds back, ``auto`` stays with the vote).

    Args:
        diagonal: :math:`\beta_{kk}`, imagined votes of each source for each class that are right, at least 0.
        elsewhere: :math:`\beta_{kl}`, imagined votes for each wrong class, at least 0.
        classes: :math:`\alpha`, imagined items of each class, at least 0.
        iterations, tolerance: as in EM.
    """

    diagonal: float = 0.0
    elsewhere: float = 0.0
    classes: float = 0.0

    def m_step(self, counts: Floats, totals: Floats, kernel: Kernel) -> tuple[Floats, Floats]:
        if min(self.diagonal, self.elsewhere, self.classes) < 0:
            raise ParameterError(
                f"diagonal={self.diagonal}, elsewhere={self.elsewhere}, classes={self.classes}", "not negative"
            )
        prior = (totals + self.classes) / (totals + self.classes).sum()
        imagined = self._imagined(kernel)
        return log_shares(counts + imagined if imagined.any() else counts), np.log(np.maximum(prior, FLOOR))

    def extra(self, step: tuple[Floats, Floats], table: Floats, log_prior: Floats, kernel: Kernel) -> float:
        imagined = self._imagined(kernel)
        told = (imagined * table).sum() if imagined.any() else 0.0
        return float(told + self.classes * log_prior.sum())

    def _imagined(self, kernel: Kernel) -> Floats:
        return np.where(kernel.right(), self.diagonal, self.elsewhere)
