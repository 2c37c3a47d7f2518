"""Accuracies in closed form from triplets of sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from sfumato.core.card import method
from sfumato.core.errors import LabelError, ParameterError
from sfumato.core.roles import Aggregator

from .data_programming import fixed
from .kernel import Floats, Kernel, normalised
from .moments import second
from .reader import Reader
from .result import Aggregated, finish


@method("flyingsquid", paper="fu2020fast")
@dataclass
class FlyingSquid(Aggregator):
    r"""Triplets: three sources that are independent given the truth tell each other's accuracies, without iteration.

    .. math:: E[\lambda_j Y] = \sqrt{\left| \frac{E[\lambda_j \lambda_a] E[\lambda_j \lambda_b]}
              {E[\lambda_a \lambda_b]} \right|}, \qquad \lambda, Y \in \{-1, 1\}

    Moments are over items on which both speak, so sources need not share all items; of all triplets of a source, among
    the partners it meets most, the median counts; signs are positive. More than two classes: each against the rest,
    with posteriors brought to sum to one. Memory: (sources x classes)^2. Assumes sources better than chance,
    independent given the truth, with errors alike on both sides, and abstentions that say nothing.

    Args:
        partners: of each source, at most, at least 2.
        balance: (K,) class balance, positive; None: level.
    """

    partners: int = 50
    balance: tuple[float, ...] | None = None

    def fit(self, votes: Any) -> Aggregated:
        """Beliefs from accuracies in closed form."""
        if self.partners < 2:
            raise ParameterError(f"partners={self.partners}", "at least 2")
        kernel = Kernel(votes)
        kernel.only_classes("flyingsquid")
        k, prior = kernel.k, fixed(self.balance, kernel.k)
        pairs = second(kernel).reshape(kernel.sources, k, kernel.sources, k)
        both = pairs.sum((1, 3))
        np.fill_diagonal(both, 0)
        spoken = kernel.counts(np.ones((kernel.n, 1))).sum((1, 2))
        top = np.maximum(1 - 1 / np.maximum(spoken, 2), 0)
        right = np.empty((kernel.sources, k))
        for c in range(k if k > 2 else 1):
            sign = np.where(np.arange(k) == c, 1.0, -1.0)
            product = np.einsum("ambn,m,n->ab", pairs, sign, sign)
            right[:, c] = (1 + np.minimum(self._sizes(product, both), top)) / 2
        if k == 2:
            right[:, 1] = right[:, 0]
        table = np.where(np.eye(k) > 0, 1.0, -1.0) * logit(right)[:, None, :]
        log_prior = logit(prior)
        read = OneAgainstRest(table, log_prior)
        return finish(
            kernel, kernel.clamp(read(kernel)), table, prior=prior, log_prior=log_prior, read=read, product=True
        )

    def _sizes(self, product: Floats, both: Floats) -> Floats:
        """(sources,) medians over triplets; a source without one has the median of the others."""
        moment = np.where(both > 0, product / np.where(both > 0, both, 1), np.nan)
        found = np.full(len(both), np.nan)
        for j in range(len(both)):
            near = np.argsort(-both[j], kind="stable")[: self.partners]
            near = near[both[j, near] > 0]
            between = moment[np.ix_(near, near)]
            usable = np.triu(np.isfinite(between) & (between != 0), 1)
            if usable.any():
                outer = np.outer(moment[j, near], moment[j, near])
                found[j] = np.sqrt(np.median(np.abs(outer[usable] / between[usable])))
        if np.isnan(found).all():
            raise LabelError("no three sources of which each two share an item", "a triplet", "try DawidSkene")
        return np.where(np.isnan(found), np.nanmedian(found), found)


@dataclass
class OneAgainstRest(Reader):
    """Each class against the rest, brought to sum to one."""

    table: Floats
    log_prior: Floats

    def __call__(self, kernel: Kernel) -> Floats:
        return normalised(expit(kernel.scores(self.table) + self.log_prior))
