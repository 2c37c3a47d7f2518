"""The class prior by counting what a classifier says: the naive baseline."""

from __future__ import annotations

from dataclasses import dataclass

from sfumato.core.card import method
from sfumato.estimate.interval import Floats, Ints
from sfumato.estimate.shift_base import ShiftedPrior, said


@method("classify-and-count", paper="forman2008quantifying")
@dataclass
class ClassifyAndCount(ShiftedPrior):
    r"""The shares of the predicted classes.

    .. math:: \hat q_k = \frac1m\sum_i 1[\arg\max_l p_l(x_i) = k], \quad\text{soft: } \frac1m\sum_i p_k(x_i)

    What somebody would do who knows no better. It is pulled towards the prior of the labeled rows wherever the
    classifier errs; it is right where the classifier never does.

    Args:
        soft: average the probabilities (probabilistic classify and count) instead of counting classes.
        folds, repeats, level: as in ShiftedPrior.

    Shapes: (K,).
    """

    soft: bool = False

    def shares(self, y: Ints, source: Floats, target: Floats) -> Floats:
        found: Floats = said(target, self.soft).mean(axis=0)
        return found
