"""Skills from a robust rank-one fit to how far sources agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator

from .em import FLOOR
from .kernel import Floats, Kernel
from .moments import agreements
from .one_coin import spread
from .result import Aggregated, finish, softmax

Bools = NDArray[np.bool_]
UNTOLD = 0.5  # skill of all sources where no pair tells of it


@method("m-msr", paper="ma2020adversarial")
@dataclass
class MMSR(Aggregator):
    r"""Matrix mean-subsequence-reduced: skills that survive a few sources which answer as they like.

    .. math:: C_{jk} = \frac{K a_{jk} - 1}{K - 1} \approx s_j s_k, \qquad p_j = \frac{(K - 1) s_j + 1}{K}, \qquad
              w_j = \log \frac{(K - 1) p_j}{1 - p_j}

    with :math:`a_{jk}` the share of common items on which j and k agree. Each :math:`|s_j|` is the mean of
    :math:`|C_{jk}| / |s_k|` over the sources that j meets, without the F highest of those above the last value and the
    F lowest of those below it; signs are those of the leading eigenvector of C, most of the skill being positive. F is
    half the smallest number of sources that one meets, less one. Two sources that name one class each do not meet: they
    agree always or never, whatever they are worth; where nobody meets, all are alike. The posterior is that of one-coin
    sources. Memory: (sources x classes)^2. Assumes one accuracy per source, and that fewer than F neighbours of any
    source are adversaries.

    Args:
        iterations: at most, at least 1.
        tolerance: largest change of a skill at which it stops, at least 0.
    """

    iterations: int = 1000
    tolerance: float = 1e-9

    def fit(self, votes: Any) -> Aggregated:
        """Beliefs of the weighted vote."""
        if self.iterations < 1 or not self.tolerance >= 0:
            raise ParameterError(
                f"iterations={self.iterations}, tolerance={self.tolerance}", "at least 1, and not negative"
            )
        kernel = Kernel(votes)
        kernel.only_classes("m-msr")
        same, both = agreements(kernel)
        k = kernel.k
        single = (kernel.counts(np.ones((kernel.n, 1)))[:, :, 0] > 0).sum(1) < 2
        met = (both > 0) & ~(single[:, None] & single)
        like = np.where(met, (k * same / np.where(met, both, 1) - 1) / (k - 1), 0)
        size, converged = self._sizes(np.abs(like), met)
        leading = np.linalg.eigh(like)[1][:, -1]
        skill = np.where(leading < 0, -size, size)
        skill *= -1 if skill.sum() < 0 else 1
        edge = 1 / np.sqrt(kernel.n)
        skill = np.clip(skill, min(edge - 1 / (k - 1), 0), max(1 - edge, 0))
        table = spread((((k - 1) * skill + 1) / k)[:, None], kernel)
        log_prior = np.full(k, -np.log(k))
        posterior = kernel.clamp(softmax(kernel.scores(table) + log_prior))
        return finish(
            kernel,
            posterior,
            table,
            prior=np.exp(log_prior),
            log_prior=log_prior,
            converged=converged,
            confusion=np.exp(table).transpose(0, 2, 1),
        )

    def _sizes(self, like: Floats, met: Bools) -> tuple[Floats, bool]:
        """(sources,) sizes of skills, and whether they stand still."""
        many = met.sum(0)
        spare = max(int(many[many > 0].min() // 2) - 1, 0) if many.any() else 0
        left = np.full(len(like), np.sqrt(like[met].mean()) if many.any() else UNTOLD)
        right = left.copy()
        for _ in range(self.iterations):
            before = left, right
            right = self._trimmed(like / np.maximum(left, FLOOR)[:, None], met, right, spare)
            left = self._trimmed(like / np.maximum(right, FLOOR)[:, None], met, left, spare)
            if np.abs(np.outer(left - before[0], right)).max() + np.abs(right - before[1]).max() <= self.tolerance:
                break
        else:
            return np.sqrt(left * right), False
        return np.sqrt(left * right), True

    def _trimmed(self, ratio: Floats, met: Bools, last: Floats, spare: int) -> Floats:
        """Column means of the ratios that were met, less the outermost on either side of the last values."""
        order = np.sort(np.where(met, ratio, np.inf), axis=0)
        seen = met.sum(0)
        low = np.minimum(spare, (order < last).sum(0))
        high = seen - np.minimum(spare, ((order > last) & np.isfinite(order)).sum(0))
        at = np.arange(len(order))[:, None]
        kept = (at >= low) & (at < high)
        count = kept.sum(0)
        return np.where(count > 0, np.where(kept, order, 0).sum(0) / np.maximum(count, 1), last)
