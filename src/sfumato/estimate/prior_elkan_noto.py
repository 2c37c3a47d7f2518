"""The positive prior by Elkan and Noto's constant."""

from __future__ import annotations

from dataclasses import dataclass

from sfumato.core.card import method
from sfumato.estimate.interval import Floats
from sfumato.estimate.prior_base import FromScores, clipped
from sfumato.estimate.rows import Bools
from sfumato.parts.forest import forest_out_of_fold


@method(
    "elkan-noto-prior",
    paper="elkan2008learning",
    waived={"recovers": "a forest's probabilities do not level off at c: .11 too high on this world (.1 are allowed)"},
)
@dataclass
class PriorElkanNoto(FromScores):
    r"""The prior from the mean out-of-fold probability of being labelled, over the labelled positives.

    .. math:: \hat c = \frac{1}{n_p}\sum_{i : s_i = 1} P(s = 1 \mid x_i), \quad
              \hat\alpha = \frac{n_p}{n_u}\,\frac{1 - \hat c}{\hat c}

    where :math:`\alpha` is the share of positives among the unlabeled rows, clipped to [0, 1]. Assumes labelled
    positives are drawn like all positives, classes that do not overlap, and scores that are calibrated probabilities;
    overlap makes it too large, and so does every model whose probabilities do not level off at c. The probabilities are
    those of a forest of small leaves, whose largest come nearest to c; the models that rank better are smoother.

    Args:
        folds: for the out-of-fold probabilities, at least 2.
        repeats, level: as in Resampled.
    """

    def prepare(self, x: Floats, flag: Bools, seed: int) -> Floats:
        return forest_out_of_fold(x, flag, self.checked(len(x)), seed)

    def share(self, positive: Floats, unlabeled: Floats) -> float:
        c = max(float(positive.mean()), 1e-12)
        return clipped(len(positive) / len(unlabeled) * (1 - c) / c)
