"""What the estimators of a shifted class prior share: probabilities of both samples from one classifier, an interval.

Labeled rows are a sample of one population, unlabeled rows of another, in which classes look the same and are of other
sizes: P(x | y) stays, P(y) shifts.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.errors import LabelError, ShapeError
from sfumato.estimate.interval import Floats, Ints, Resampled
from sfumato.estimate.transition_base import NotIdentifiableWarning, checked
from sfumato.parts.linear import as_features, fit_linear, out_of_fold

PENALTY = 1.0  # of both fits, so that the probabilities of labeled and of unlabeled rows are those of one model


@dataclass
class ShiftedPrior(Resampled):
    r"""Base of the estimators of the class prior of the unlabeled rows, from labeled rows with another one.

    Args:
        repeats, level: as in Resampled. Labeled rows are resampled class by class; the probabilities are held fixed.
        folds: for the out-of-fold probabilities of the labeled rows, at least 2.

    Afterwards: ``interval`` (value, low, high: (K,) each), ``doubts`` (why the prior may not be identified, a tuple of
    sentences; each was also a NotIdentifiableWarning).
    """

    folds: int = 5
    doubts: tuple[str, ...] = field(init=False, repr=False, compare=False)
    kind = "semi"
    need = "prior"

    def estimate(self, X: ArrayLike, labels: Any, seed: int = 0) -> Floats:
        """The prior (K,) of the rows without a label, from features (n, d) and partly missing labels: a Semi container
        or class numbers (n,), negative = missing. A linear head gives the probabilities.
        """
        x = as_features(X)
        y = np.asarray(getattr(labels, "y", labels))
        if y.shape != (len(x),) or y.dtype.kind not in "iu":
            raise ShapeError(f"labels of shape {y.shape} and type {y.dtype} for {len(x)} rows", f"({len(x)},) numbers")
        k, has = int(getattr(labels, "k", y.max() + 1)), y >= 0
        if has.all() or not has.any():
            raise LabelError(f"{int(has.sum())} labeled rows of {len(y)}", "some with a label and some without")
        own = out_of_fold(x[has], y[has], k, folds=self.folds, seed=seed, l2=PENALTY)
        head = fit_linear(x[has], y[has], k, l2=PENALTY)
        return self.from_probabilities(y[has], own, head.probabilities(x[~has]), seed)

    def from_probabilities(self, labels: ArrayLike, source: ArrayLike, target: ArrayLike, seed: int = 0) -> Floats:
        """The prior (K,) from true labels (n,), out-of-sample probabilities (n, K) of these rows, and probabilities
        (m, K) of the rows whose prior is asked for, from the same classifier.
        """
        y, p = checked(labels, source)
        t = checked(np.zeros(len(np.asarray(target)), np.int64), target)[1]
        if t.shape[1] != p.shape[1]:
            raise ShapeError(f"probabilities of {p.shape[1]} and of {t.shape[1]} classes", "the same classes")
        p, t = np.asarray(p, np.float64), np.asarray(t, np.float64)
        counts = np.bincount(y, minlength=p.shape[1])
        if not counts.all():
            raise LabelError(
                f"no labeled row of the classes {np.flatnonzero(counts == 0).tolist()}",
                "labeled rows of every class",
                "leave such classes out: the shift cannot be told from labels that are not there",
            )
        self.doubts = tuple(self.doubt(y, p))
        for each in self.doubts:
            warnings.warn(f"{type(self).__name__}: {each}", NotIdentifiableWarning, stacklevel=2)
        n = len(y)

        def statistic(rows: Ints) -> Floats:
            mine = rows[rows < n]
            return self.shares(y[mine], p[mine], t[rows[rows >= n] - n])

        strata = [*(np.flatnonzero(y == c) for c in range(p.shape[1])), n + np.arange(len(t))]
        self.interval = self.resampled(statistic, strata, seed)
        return np.asarray(self.interval.value, np.float64)

    @abstractmethod
    def shares(self, y: Ints, source: Floats, target: Floats) -> Floats:
        """(K,) the prior from labels (n,), their probabilities (n, K) and those of the target (m, K)."""

    def doubt(self, y: Ints, source: Floats) -> list[str]:
        """Why the prior may not be identified."""
        return []


def said(p: Floats, soft: bool) -> Floats:
    """(n, K) what a classifier says of each row: its probabilities, or one for the likeliest class."""
    return p if soft else np.eye(p.shape[1])[p.argmax(axis=1)]
