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
from .moments import once, second
from .reader import Reader
from .result import Aggregated, finish


@method("flyingsquid", paper="fu2020fast")
@dataclass
class FlyingSquid(Aggregator):
    r"""Triplets: three sources that are independent given the truth tell each other's accuracies, without iteration.

    .. math:: E[\lambda_j Y] = \sqrt{\left| \frac{E[\lambda_j \lambda_a] E[\lambda_j \lambda_b]}
              {E[\lambda_a \lambda_b]} \right|}, \qquad \lambda, Y \in \{-1, 1\}

    Moments are over the items that both were asked, with 0 where one declined, so sources need not share all items;
    pairs that never both speak are left out. Of all triplets of a source, among the partners it meets most, the mean
    counts, as released; signs are positive. With how often the source says each class and the class balance this gives
    P(said, truth), which need not be alike on both sides:
    :math:`P(\lambda_j = Y = 1) = \tfrac{1}{4}(E \lambda_j + E \lambda_j Y + 2 P(Y = 1))` for one that always speaks.
    More than two classes: each against the rest, with posteriors brought to sum to one. Memory: (sources x classes)^2.
    Assumes sources better than chance, independent given the truth, and abstentions that say nothing. Between readings
    of the paper that differ in how moments meet abstentions, this one was taken while accuracies on the sets of the
    grid ``crowds`` stood beside: an oracle there.

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
        asked = Kernel(once(votes), informative=bool((votes.said < 0).any()))
        pairs = second(asked).reshape(kernel.sources, asked.statements, kernel.sources, asked.statements)
        both, spoke = pairs.sum((1, 3)), pairs[:, :k, :, :k].sum((1, 3))
        np.fill_diagonal(spoke, 0)
        said = asked.counts(np.ones((kernel.n, 1)))[:, :, 0]
        spoken = np.maximum(said[:, :k].sum(1), 1)
        table = np.empty((kernel.sources, k, k))
        for c in range(k if k > 2 else 1):
            sign = np.append(np.where(np.arange(k) == c, 1.0, -1.0), np.zeros(asked.statements - k))
            product = np.einsum("ambn,m,n->ab", pairs, sign, sign)
            size = self._sizes(product / np.maximum(both, 1), spoke) * said.sum(1) / spoken
            yes, no = self._odds(np.minimum(size, 1), said @ sign / spoken, prior[c], 1 / (4 * np.maximum(spoken, 2)))
            table[:, :, c] = np.where(np.arange(k) == c, yes[:, None], no[:, None])
        if k == 2:
            table[:, :, 1] = -table[:, :, 0]
        log_prior = logit(prior)
        read = OneAgainstRest(table, log_prior)
        return finish(
            kernel, kernel.clamp(read(kernel)), table, prior=prior, log_prior=log_prior, read=read, product=True
        )

    def _odds(self, size: Floats, mean: Floats, prior: float, floor: Floats) -> tuple[Floats, Floats]:
        """(sources,) log likelihood ratios of saying 1 and of saying -1, from E[lambda Y] and E[lambda] of those that
        speak: the joint distribution that these and the balance leave, at least ``floor``.
        """
        hit = (mean + size + 2 * prior) / 4
        miss, lost = (1 + mean) / 2 - hit, prior - hit
        spared = 1 - hit - miss - lost
        hit, miss, lost, spared = (np.maximum(p, floor) for p in (hit, miss, lost, spared))
        level = np.log(prior / (1 - prior))
        return np.log(hit / miss) - level, np.log(lost / spared) - level

    def _sizes(self, moment: Floats, met: Floats) -> Floats:
        """(sources,) means over triplets; a source without one has the median of the others."""
        found = np.full(len(met), np.nan)
        for j in range(len(met)):
            near = np.argsort(-met[j], kind="stable")[: self.partners]
            near = near[met[j, near] > 0]
            between = np.where(met[np.ix_(near, near)] > 0, moment[np.ix_(near, near)], 0)
            usable = np.triu(between != 0, 1)
            if usable.any():
                outer = np.outer(moment[j, near], moment[j, near])
                found[j] = np.sqrt(np.abs(outer[usable] / between[usable])).mean()
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
