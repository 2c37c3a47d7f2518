"""What the estimators of a positive prior share: which rows speak, what chance did, and the sampling scheme."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.errors import ParameterError, ShapeError
from sfumato.core.roles import Estimator
from sfumato.estimate.interval import Floats, Interval, Ints, Resampled
from sfumato.estimate.positive_scores import positive_scores
from sfumato.estimate.rows import Bools, positive_unlabeled, prior_of


def clipped(share: float) -> float:
    """A share, between 0 and 1."""
    return float(min(1.0, max(0.0, share)))


@dataclass
class PriorEstimator(Estimator):
    r"""Base of the estimators of P(positive) from positive-unlabeled rows.

    Subclasses find :math:`\alpha`, the share of positives among the unlabeled rows; the labelled ones are counted back
    in where the labels were drawn from one sample. Afterwards: ``interval`` (value, low, high).
    """

    interval: Interval = field(init=False, repr=False, compare=False)
    kind = "pu"
    need = "prior"

    @abstractmethod
    def unlabeled_share(self, x: Floats, flag: Bools, seed: int) -> Interval:
        """The share of positives among the rows without a flag, from features (n, d) and flags (n,)."""

    def estimate(self, X: ArrayLike, labels: Any, seed: int = 0) -> float:
        """P(positive) from features (n, d) and positive-unlabeled labels."""
        x, flag, scheme = positive_unlabeled(X, labels)
        return self.told(self.unlabeled_share(x, flag, seed), flag, scheme)

    def told(self, found: Interval, flag: Bools, scheme: str) -> float:
        """The prior under a sampling scheme, after its interval is kept."""
        value, low, high = (prior_of(each, flag, scheme) for each in (found.value, found.low, found.high))
        self.interval = Interval(value, low, high, found.level, found.repeats)
        return value


@dataclass
class FromValues(PriorEstimator, Resampled):
    """Base of those that prepare one value per row once, and compare the values of the two samples.

    Args:
        repeats, level: as in Resampled.
    """

    @abstractmethod
    def prepare(self, x: Floats, flag: Bools, seed: int) -> Floats:
        """(n, ...) what is compared, per row."""

    @abstractmethod
    def share(self, positive: Floats, unlabeled: Floats) -> float:
        """The share of positives among the unlabeled, from the values of both samples."""

    def unlabeled_share(self, x: Floats, flag: Bools, seed: int) -> Interval:
        return self.compared(self.prepare(x, flag, seed), flag, seed)

    def compared(self, values: Floats, flag: Bools, seed: int) -> Interval:
        """The share from prepared values, with its interval."""

        def statistic(rows: Ints) -> float:
            mine = flag[rows]
            return self.share(values[rows][mine], values[rows][~mine])

        return self.resampled(statistic, [np.flatnonzero(flag), np.flatnonzero(~flag)], seed)


@dataclass
class FromScores(FromValues):
    """Base of those that compare out-of-fold scores, higher = more positive.

    The scores come from forests of random trees and a linear head, whichever parts labelled from unlabeled rows best
    out of fold (``positive_scores``): a choice that no true label is asked for.

    Args:
        folds: for the out-of-fold scores, at least 2.
        repeats, level: as in Resampled. Scores are held fixed.
    """

    folds: int = 5

    def prepare(self, x: Floats, flag: Bools, seed: int) -> Floats:
        return positive_scores(x, flag, self.checked(len(x)), seed)

    def checked(self, n: int) -> int:
        """The folds, where n rows can be dealt into as many."""
        if not 2 <= self.folds <= n:
            raise ParameterError(f"folds={self.folds} of {n} rows", "from 2 to the number of rows")
        return self.folds

    def from_scores(self, flag: ArrayLike, scores: ArrayLike, seed: int = 0, scheme: str = "case-control") -> float:
        """P(positive) from flags (n,) and out-of-sample scores (n,), higher = more positive."""
        f, s = np.asarray(flag), np.asarray(scores, np.float64)
        if f.dtype != bool or f.ndim != 1 or f.shape != s.shape or not np.isfinite(s).all():
            raise ShapeError(f"flags {f.shape} of {f.dtype} and scores {s.shape}", "(n,) booleans and finite scores")
        return self.told(self.compared(s, f, seed), f, scheme)
