"""What the methods of this room share: the settings, and the way from a sample to a table with gold only beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from sfumato.core.errors import DivergedError, ParameterError, RefusedError
from sfumato.core.roles import Inference

from . import engine
from .given import Floats, Given, given
from .result import Estimates
from .sample import Sample

ESTIMANDS = ("mean", "quantile", "linear", "logistic", "poisson")


@dataclass
class Surrogate(Inference):
    """Base of the methods: what is estimated, and how its interval is made.

    Args:
        estimand: mean, quantile, linear, logistic or poisson (regression coefficients).
        q: the quantile's level, in (0, 1).
        intercept: a first column of ones, in regressions.
        level: coverage of the interval, in (0, 1).
        interval: "normal", or "student": quantiles of Student's law with as many degrees of freedom as the standard
            error is worth (Satterthwaite's, of the squared influences), for few labels or rare values. It widens
            intervals; it does not move them, as skewness would ask. Not with a bootstrap.
        bootstrap: resamples for standard errors and percentile intervals, at least 20; 0 for the normal ones
            (quantile: the inverted test).
        seed: of resamples and folds.
    """

    estimand: str = "mean"
    q: float = 0.5
    intercept: bool = True
    level: float = 0.95
    interval: str = "normal"
    bootstrap: int = 0
    seed: int = 0

    def checked(self) -> None:
        """The settings, within their bounds."""
        if self.estimand not in ESTIMANDS:
            raise ParameterError(f"estimand={self.estimand!r}", f"one of {ESTIMANDS}")
        if not 0 < self.q < 1 or not 0 < self.level < 1:
            raise ParameterError(f"q={self.q}, level={self.level}", "both inside (0, 1)")
        if self.bootstrap != 0 and self.bootstrap < 20:
            raise ParameterError(f"bootstrap={self.bootstrap}", "0 or at least 20")
        if self.interval not in ("normal", "student"):
            raise ParameterError(f"interval={self.interval!r}", "normal or student")
        if self.interval == "student" and self.bootstrap:
            raise ParameterError("interval='student' with a bootstrap", "one of the two")

    def given(
        self,
        truth: ArrayLike,
        X: ArrayLike | None,
        clusters: ArrayLike | None,
        groups: ArrayLike | None,
        names: Sequence[str] | None,
        predicted: ArrayLike | None = None,
        X_predicted: ArrayLike | None = None,
    ) -> Given:
        """What every ``fit`` is passed, checked once, as are the settings."""
        self.checked()
        return given(self.estimand, truth, X, clusters, groups, names, predicted, X_predicted)

    def told(self, s: Sample, tune: str = "", *, beside: bool = True) -> Estimates:
        """The table of a sample: lambda 1, or tuned "overall" or per "element"; ``beside``: with gold only."""
        if self.estimand == "quantile" and s.clusters is not None and not self.bootstrap:
            raise RefusedError("a quantile of clustered rows", "no clusters, or a bootstrap", "set bootstrap=1000")
        lam = np.ones(1)
        if tune:
            best = engine.tuned(self.estimand, s, self.q)
            lam = best[1:] if tune == "element" else best[:1]
        try:
            gold = self._table(s, np.zeros(1), None) if beside else None
        except DivergedError:
            gold = None
        return self._table(s, lam, gold)

    def _table(self, s: Sample, lam: Floats, gold: Estimates | None) -> Estimates:
        z = np.full(k := len(s.names), norm.isf((1 - self.level) / 2))
        df = np.full(k, np.inf)
        found = engine.fit(self.estimand, s, lam, self.q, float(z[0]))
        if self.interval == "student":
            df = engine.freedom(found.influence, s)[:k]
            z = student.isf((1 - self.level) / 2, df)
            if found.ends is not None:  # of the inverted test, at the new level
                found = engine.fit(self.estimand, s, lam, self.q, float(z[0]))
        cov = engine.covariance(found.influence, s)[:k, :k]
        effect = np.ones(k)
        if s.clusters is not None:
            alone = np.diag(engine.covariance(found.influence, replace(s, clusters=None)))[:k]
            effect = np.divide(np.diag(cov), alone, out=effect, where=alone > 0)
        theta, ends = found.theta[:k], found.ends
        if self.bootstrap:
            drawn = engine.bootstrap(self.estimand, s, lam, self.q, found.theta, self.bootstrap, self.seed)[:, :k]
            cov = np.atleast_2d(np.cov(drawn.T))
            ends = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2], axis=0)
        error = np.sqrt(np.diag(cov))
        if ends is None:
            ends = np.stack([theta - z * error, theta + z * error])
        elif self.estimand == "quantile" and not self.bootstrap:
            error = (ends[1] - ends[0]) / (2 * z)
            cov = np.diag(error**2)
        weights = s.b[s.labelled]
        return Estimates(
            self.card.name if gold is not None or lam.any() else "gold only",  # type: ignore[attr-defined]
            self.estimand,
            s.names,
            theta,
            error,
            ends[0],
            ends[1],
            cov,
            self.level,
            lam,
            int(s.labelled.sum()),
            len(s.b),
            float(weights.max() / weights.mean()),
            gold,
            found.pieces[:, :k],
            s.pooled,
            effect,
            df,
        )
