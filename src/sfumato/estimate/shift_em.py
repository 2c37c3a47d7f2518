"""The class prior of the largest likelihood."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.estimate.interval import Floats, Ints
from sfumato.estimate.shift_base import ShiftedPrior

_FLOOR = 1e-300  # a row that every class of q forbids


def slopes(ratio: Floats, q: Floats) -> Floats:
    """(K,) derivatives of mean_i log sum_k r_ik q_k at q; their mean under q is one."""
    return np.asarray((1 / np.maximum(ratio @ q, _FLOOR)) @ ratio / len(ratio))


def likeliest(ratio: Floats, start: Floats, tolerance: float, steps: int) -> Floats:
    """(K,) by expectation maximization from ``start``, which lies inside the simplex."""
    q = start
    for _ in range(steps):
        slope = slopes(ratio, q)
        if slope.max() - 1 <= tolerance:
            break
        q = q * slope
        q = q / q.sum()
    return q


@method("em-prior", paper="saerens2002adjusting", also=("sld", "mlls"))
@dataclass
class PriorEM(ShiftedPrior):
    r"""The prior under which the unlabeled rows are likeliest, given calibrated posteriors.

    .. math:: \hat q = \arg\max_q \frac1m\sum_i \log\sum_k \frac{p_k(x_i)}{\pi_k} q_k, \quad
        q_k \leftarrow \frac1m\sum_i \frac{q_k\, p_k(x_i) / \pi_k}{\sum_l q_l\, p_l(x_i) / \pi_l}

    from the shares :math:`\pi` of the labeled rows. The objective is concave: expectation maximization finds the one
    maximum wherever it starts in the inside.

    Assumes label shift, P(x | y) the same in both samples, and posteriors that are calibrated on the labeled
    population; where they are not, see alexandari2020maximum.

    Args:
        tolerance: steps end where the mean log-likelihood can gain no more than this, > 0.
        steps: at most so many, at least 1.
        folds, repeats, level: as in ShiftedPrior.

    Shapes: (K,). Afterwards also ``gap``, the largest slope less one: the objective is concave, so that its mean can
    gain no more than that.
    """

    tolerance: float = 1e-9
    steps: int = 1000
    gap: float = field(init=False, repr=False, compare=False)

    def shares(self, y: Ints, source: Floats, target: Floats) -> Floats:
        if not self.tolerance > 0 or self.steps < 1:
            raise ParameterError(f"tolerance={self.tolerance}, steps={self.steps}", "both above 0")
        prior = np.bincount(y, minlength=target.shape[1]) / len(y)
        return likeliest(target / prior, prior, self.tolerance, self.steps)

    def from_probabilities(self, labels: ArrayLike, source: ArrayLike, target: ArrayLike, seed: int = 0) -> Floats:
        found = super().from_probabilities(labels, source, target, seed)
        prior = np.bincount(np.asarray(labels), minlength=len(found)) / len(np.asarray(labels))
        self.gap = float(slopes(np.asarray(target) / prior, found).max()) - 1
        return found
