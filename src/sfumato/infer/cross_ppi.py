"""Cross-prediction-powered inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from sfumato.core.card import method

from .base import Surrogate
from .crossfit import crossfit, folds_of
from .given import table
from .result import Estimates
from .sample import sample


@method("cross-ppi", paper="zrnic2024cross", also=("cross-prediction",))
@dataclass
class CrossPPI(Surrogate):
    r"""PPI without a given model: K models learned from the labelled rows, each rectified on the fold it did not see.

    .. math:: \frac1N \sum_u \frac1K \sum_k m(f^{(k)}_i; \theta) +
              \frac1n \sum_k \sum_{i \in I_k} [m(y_i; \theta) - m(f^{(k)}_i; \theta)] = 0

    Where moments are linear in the outcome, unlabelled rows take the mean of the models; a quantile's are not, and are
    averaged over the models. The interval is that of PPI with out-of-fold predictions; it assumes models that are
    stable (a fold more or less hardly moves them), where the paper resamples the training. Assumes labelled and
    unlabelled rows from one population.

    Args:
        learner: "forest" (100 regression trees, leaves of 5), or a regressor with fit and predict; copied per fold.
        folds: K, at least 2.
        estimand, q, intercept, level, interval, bootstrap, seed: as in Surrogate; resamples keep the predictions.
    """

    learner: Any = "forest"
    folds: int = 10

    def fit(
        self,
        truth: ArrayLike,
        features: ArrayLike,
        X: ArrayLike | None = None,
        *,
        clusters: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ) -> Estimates:
        """The table of estimates.

        Args: truth (rows,), NaN where unlabelled; features (rows, p) that the models read; X (rows, d), fully known, of
        regressions; clusters, groups and names as in ``PPI.fit``.
        """
        was = self.given(truth, X, clusters, groups, names)
        x = table("X", was.design, len(was.truth))
        seen = table("features", features, len(was.truth))
        fold = folds_of(was.labelled, was.clusters, self.folds, self.seed, 0)
        each = crossfit(self.learner, seen, was.truth, was.labelled, fold, everywhere=True, seed=self.seed)
        s = sample(self.estimand, was, each.mean(1), x, self.intercept)
        return self.told(replace(s, each=each) if self.estimand == "quantile" else s)
