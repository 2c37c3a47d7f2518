"""Design-based supervised learning."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from sfumato.core.card import method
from sfumato.core.errors import NeedError, ParameterError

from .base import Surrogate
from .crossfit import crossfit, folds_of
from .given import Floats, Given, Ints, column, table
from .result import Estimates
from .sample import sample


class DesignWarning(UserWarning):
    """The stated chances of being labelled do not fit the number of labelled rows."""


@method("dsl", paper="egami2023using", also=("design-based-supervised-learning",))
@dataclass
class DSL(Surrogate):
    r"""Design-based supervised learning: surrogate moments, corrected by known chances of being labelled.

    .. math:: \sum_i m_i(g) + \frac{R_i}{\pi_i} [m_i(true) - m_i(g)] = 0, \qquad V = J^{-1} \Omega J^{-T}

    R = 1 where the true label is known, pi the probability with which the design labels the row, g what a model of the
    labelled rows makes of surrogates and covariates, fitted without the row's fold. The outcome, covariates or both
    may be what is predicted. Several splits s are combined as b = median b_s and
    :math:`V = median_s [V_s + (b_s - b)(b_s - b)^T]`. Valid under any bias of the surrogate if pi is right.
    Omega is summed within clusters. Not tuned: lambda is 1.

    Args:
        learner: of g: "forest" (100 regression trees, leaves of 5), a regressor with fit and predict, or None: the
            predictions stand as given.
        folds: of the cross-fitting, at least 2.
        splits: repeated cross-fittings, at least 1; one is enough without a learner.
        estimand, q, intercept, level, interval, bootstrap, seed: as in Surrogate; resamples keep the predictions, and
            intervals of several splits are estimate -+ quantile times standard error.
    """

    learner: Any = "forest"
    folds: int = 5
    splits: int = 10

    def fit(
        self,
        truth: ArrayLike,
        predicted: ArrayLike | None = None,
        X: ArrayLike | None = None,
        *,
        X_predicted: ArrayLike | None = None,
        features: ArrayLike | None = None,
        chance: ArrayLike | None = None,
        clusters: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ) -> Estimates:
        """The table of estimates.

        Args: truth, predicted, X, X_predicted, clusters, groups, names as in ``PPI.fit``; features (rows, p): more that
        the learner may read, beside predictions and known columns; chance (rows,) or one number: the design's
        probability of labelling a row, in (0, 1]; None stands for a simple random sample, n / rows.
        """
        was = self.given(truth, X, clusters, groups, names, predicted, X_predicted)
        pi = _chances(chance, was)
        more = None if features is None else table("features", features, len(was.truth))
        tables = []
        for split in range(1 if self.learner is None else self.splits):
            if self.learner is None:
                y_g, x_g = was.stand_ins()
            else:
                fold = folds_of(was.labelled, was.clusters, self.folds, self.seed, split)
                y_g, x_g = self._learned(was, more, fold)
            s = sample(self.estimand, was, y_g, x_g, self.intercept, chance=pi)
            tables.append(self.told(s, beside=split == 0))
        return tables[0] if len(tables) == 1 else combined(tables)

    def checked(self) -> None:
        super().checked()
        if self.splits < 1:
            raise ParameterError(f"splits={self.splits}", "at least 1")

    def _learned(self, was: Given, more: Floats | None, fold: Ints) -> tuple[Floats, Floats]:
        """Outcome and design as the learner predicts them, where they are not known of every row."""
        known = np.column_stack([was.truth, was.design])
        missing = np.isnan(known).any(0)
        seen_by_all = known[:, ~missing]
        told = [seen_by_all[:, np.ptp(seen_by_all, axis=0) > 0]]
        parts = (was.predicted, was.design_predicted, more)
        told += [part if part.ndim == 2 else part[:, None] for part in parts if part is not None]
        seen = np.hstack(told)
        if seen.shape[1] == 0:
            raise NeedError("nothing that the learner can read", "predictions or features", "pass predicted=")
        for j in np.flatnonzero(missing):
            known[:, j] = crossfit(
                self.learner, seen, known[:, j], was.labelled, fold, everywhere=False, seed=self.seed
            )
        return known[:, 0], known[:, 1:]


def combined(tables: Sequence[Estimates]) -> Estimates:
    """One table of several splits: medians of estimates, and of variances plus squared deviations from them."""
    middle = np.median([t.estimate for t in tables], 0)
    off = [t.estimate - middle for t in tables]
    cov = np.median([t.covariance + np.outer(d, d) for t, d in zip(tables, off, strict=True)], 0)
    error = np.sqrt(np.diag(cov))
    size, basis = np.linalg.eigh((cov + cov.T) / 2)  # a median of matrices need not be one of a covariance
    if size.min() < 0:
        cov = (basis * np.maximum(size, 0)) @ basis.T
    pieces, effect, df = (np.median([getattr(t, what) for t in tables], 0) for what in ("pieces", "effect", "df"))
    z = student.isf((1 - tables[0].level) / 2, df)
    return replace(
        tables[0],
        estimate=middle,
        std_error=error,
        low=middle - z * error,
        high=middle + z * error,
        covariance=cov,
        pieces=pieces,
        effect=effect,
        df=df,
    )


def _chances(chance: ArrayLike | None, was: Given) -> Floats:
    r = was.labelled
    if chance is None:
        return np.full(len(r), r.mean())
    pi = np.full(len(r), float(chance)) if np.ndim(chance) == 0 else column("chance", chance, len(r))  # type: ignore[arg-type]
    if not ((pi > 0) & (pi <= 1)).all():
        raise ParameterError("chances outside (0, 1]", "a positive probability for every row", "leave such rows out")
    if (~r & (pi == 1)).any():
        raise ParameterError("unlabelled rows with chance 1", "those rows to be labelled")
    spread = float(np.sqrt((pi * (1 - pi)).sum()))
    if abs(r.sum() - pi.sum()) > 4 * spread + 1:
        warnings.warn(
            f"{int(r.sum())} rows are labelled where the chances promise {pi.sum():.1f}: the design may be another",
            DesignWarning,
            stacklevel=3,
        )
    return pi
