"""Prediction-powered inference, plain and power-tuned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from sfumato.core.card import method

from .base import Surrogate
from .result import Estimates
from .sample import sample


@dataclass
class TwoSamples(Surrogate):
    """Base of PPI and PPI++: a labelled and an unlabelled sample of one population, predictions of a given model."""

    @abstractmethod
    def use(self) -> tuple[bool, str]:
        """Whether predictions are averaged over all rows, and how lambda is tuned: "", "overall" or "element"."""

    def fit(
        self,
        truth: ArrayLike,
        predicted: ArrayLike | None = None,
        X: ArrayLike | None = None,
        *,
        X_predicted: ArrayLike | None = None,
        clusters: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ) -> Estimates:
        """The table of estimates.

        Args: truth (rows,), NaN where unlabelled; predicted (rows,) for every row, the labelled included; X (rows, d)
        of regressions; where covariates are what is predicted, X has NaN in unlabelled rows and X_predicted is full;
        clusters (rows,) whose rows depend on each other; groups (rows,) that get a fixed effect each; names of X's
        columns.
        """
        was = self.given(truth, X, clusters, groups, names, predicted, X_predicted)
        pooled, tune = self.use()
        return self.told(sample(self.estimand, was, *was.stand_ins(), self.intercept, pooled=pooled), tune)


@method("ppi", paper="angelopoulos2023prediction", also=("prediction-powered-inference",))
@dataclass
class PPI(TwoSamples):
    r"""Prediction-powered inference: the statistic of the predictions, rectified by their error on labelled rows.

    .. math:: \frac1N \sum_{u} m(f_i; \theta) + \frac1n \sum_{l} [m(y_i; \theta) - m(f_i; \theta)] = 0

    with :math:`m = x(\mu(x^T\theta) - y)` (mean: x = 1), and for a quantile :math:`m = 1[y \le \theta] - q`. Intervals
    are normal, with the sandwich of the two samples (quantile: the values that the moment's test does not reject).
    Assumes labelled and unlabelled rows drawn from one population, and predictions of a model that saw none of
    the labels; they may be biased in any way.

    Args:
        pooled: average the predictions over all rows instead of the unlabelled ones; the rows are then one sample
            labelled by chance, as in DSL.
        estimand, q, intercept, level, interval, bootstrap, seed: as in Surrogate.
    """

    pooled: bool = False

    def use(self) -> tuple[bool, str]:
        return self.pooled, ""


@method("ppi-plus-plus", paper="angelopoulos2023ppipp", also=("power-tuned-ppi",))
@dataclass
class PPIPlusPlus(TwoSamples):
    r"""PPI with the share lambda of the predictions that makes the variance least, between 0 (classical) and 1 (PPI).

    .. math:: \frac\lambda N \sum_{u} m(f_i) + \frac1n \sum_{l} [m(y_i) - \lambda m(f_i)] = 0, \qquad
              \lambda^* = \frac{tr\,H^{-1}\,Cov(m(y), m(f))_{sym}\,H^{-1}/n}
                               {tr\,H^{-1}\,[Cov_l(m(f))/n + Cov_u(m(f))/N]\,H^{-1}}

    clipped to [0, 1], with H and the covariances at the estimate from true labels alone. Assumes what PPI assumes.

    Args:
        elementwise: a lambda for each coefficient; each is read off its own solution. Equal for the mean.
        estimand, q, intercept, level, interval, bootstrap, seed: as in Surrogate; lambda stays as it is over resamples.
    """

    elementwise: bool = False

    def use(self) -> tuple[bool, str]:
        return False, "element" if self.elementwise else "overall"
