"""The class prior from a classifier's confusions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.core.card import method
from sfumato.estimate.interval import Floats, Ints
from sfumato.estimate.shift_base import ShiftedPrior, said
from sfumato.estimate.transition_base import CONDITION


def confusion(y: Ints, told: Floats) -> Floats:
    """M[i, j] = P(said i | true j) from labels (n,), every class among them, and what was said (n, K)."""
    mass = np.zeros((told.shape[1], told.shape[1]))
    np.add.at(mass, y, told)
    return np.asarray((mass / np.bincount(y, minlength=len(mass))[:, None]).T)


@method("bbse", paper="lipton2018detecting", also=("adjusted-count",))
@dataclass
class PriorBBSE(ShiftedPrior):
    r"""Black box shift estimation: the prior under which the classifier would say what it says.

    .. math:: M \hat q = \mu, \quad M_{ij} = P(\hat y = i \mid y = j), \quad \mu_i = P_{\text{target}}(\hat y = i)

    solved for :math:`\hat q`; negative shares are set to zero and the rest is scaled to sum to one. In weights this is
    :math:`C w = \mu` with :math:`C = M \operatorname{diag}(\pi)`, :math:`w = q / \pi`. The classifier need not be
    calibrated. With counted classes it is also known as adjusted count (forman2008quantifying).

    Assumes label shift, P(x | y) the same in both samples, and an M that can be inverted. Where the classifier never
    says some class, M is not, and the shares are those of the smallest norm: even ones where nothing is told at all.

    Args:
        soft: probabilities in M and mu instead of likeliest classes; for two classes of less variance.
        folds, repeats, level: as in ShiftedPrior.

    Shapes: (K,).
    """

    soft: bool = False

    def shares(self, y: Ints, source: Floats, target: Floats) -> Floats:
        m = confusion(y, said(source, self.soft))
        found = np.maximum(np.linalg.lstsq(m, said(target, self.soft).mean(axis=0))[0], 0)
        if not found.any():  # the target is said to hold only what is never said of labeled rows: nothing is told
            found = np.ones(len(m))
        return np.asarray(found / found.sum())

    def doubt(self, y: Ints, source: Floats) -> list[str]:
        condition = float(np.linalg.cond(confusion(y, said(source, self.soft))))
        return [] if condition <= CONDITION else [f"the confusions have condition number {condition:.3g}"]
