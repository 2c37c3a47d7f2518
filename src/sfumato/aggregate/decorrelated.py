"""Votes of sources that repeat each other count for less."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from sfumato.core.card import find, method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator
from sfumato.labels import Votes

from .correlations import Correlations, correlations, couples
from .em import log_shares
from .kernel import Floats, Kernel
from .reader import Reader
from .result import Aggregated, SourcesWarning, finish

STILL = 1e-3  # weights that move by less have settled
IMAGINED = 1.0  # of all sources' votes together, added to those of each


@dataclass
class Linked(Aggregated):
    """The result of the model on discounted votes, with the pairs of sources that repeat each other."""

    correlations: Correlations | None = None


@method("decorrelated", paper="dong2009integrating")
@dataclass
class Decorrelated(Aggregator):
    r"""An aggregation in which the votes of sources that agree beyond its own explanation are discounted.

    .. math:: w_{ij} = \frac{1}{1 + \sum_{b \in i} \rho_{jb}}

    is the weight of the vote of source j on item i, with b the other sources that spoke of it and :math:`\rho` the
    excess agreement of two sources (``aggregate.correlations``) where it is significant, zero elsewhere. So g copies of
    one source count as one. Weights and model are found in turn until no weight moves by .001; the first weights take
    all agreement beyond chance for dependence, lest a model that believes its copies explain them. The idea of a
    discount by dependence is the paper's; its likelihood of who copies whom is not used. Agreement that comes from
    items which are hard for all is discounted too. A help against copies, and no more: on simulated copies it wins
    back what they cost; on nine real sets it finds few links and moves the accuracy of its default by -0.5 to 0 points.
    Assumes that most sources are independent.

    Args:
        base: name of an aggregation that takes weighted votes.
        chance: of a false link among all pairs of independent sources, in (0, 1).
        rounds: of weights and model, at least 1.
    """

    base: str = "dawid-skene"
    chance: float = 0.01
    rounds: int = 20

    def fit(self, votes: Any) -> Linked:
        """The result of the base on votes with their last weights."""
        if not 0 < self.chance < 1 or self.rounds < 1:
            raise ParameterError(f"chance={self.chance}, rounds={self.rounds}", "in (0, 1), and at least 1")
        model: Any = find(self.base, role="aggregate").cls()
        kernel = Kernel(votes, getattr(model, "informative", False))
        found = correlations(kernel, None, None, self.chance)
        weight, settled = discounts(kernel, found), False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SourcesWarning)  # said once, of all votes
            for _ in range(self.rounds):
                inner = model.fit(weighted(kernel, weight))
                theta, scores, heavy = explained(inner, kernel, weight)
                found = correlations(heavy, theta, scores, self.chance)
                before, weight = weight, discounts(kernel, found)
                if settled := bool(np.abs(weight - before).max(initial=0) < STILL):
                    break
        return discounted(model, kernel.votes, found, settled)


def discounted(model: Any, votes: Votes, links: Correlations, settled: bool = True) -> Linked:
    """The result of a model on votes that are discounted by links which stand already."""
    kernel = Kernel(votes, getattr(model, "informative", False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SourcesWarning)  # said once, of all votes
        inner = model.fit(weighted(kernel, discounts(kernel, links)))
    told = {"confusion": inner.confusion, "prior": inner.prior, "history": inner.history}
    converged, read = settled and inner.converged, Discounted(inner, links)
    result = finish(kernel, inner.posterior, inner.table, converged=converged, read=read, **told)
    return Linked(**vars(result), correlations=links)


@dataclass
class Discounted(Reader):
    """New votes, discounted by the links that were found, read by the model."""

    inner: Aggregated
    links: Correlations

    def __call__(self, kernel: Kernel) -> Floats:
        return self.inner.predict_proba(weighted(kernel, discounts(kernel, self.links)))


def discounts(kernel: Kernel, links: Correlations) -> Floats:
    """(votes,) the weight of each vote that counts."""
    repeated = np.zeros(len(kernel.said))
    for left, right, _ in couples(kernel):
        excess = links.strength(kernel.source[left], kernel.source[right])
        repeated += np.bincount(left, excess, len(repeated)) + np.bincount(right, excess, len(repeated))
    return np.asarray(1 / (1 + repeated))


def weighted(kernel: Kernel, weight: Floats) -> Votes:
    """The votes that count, each with its weight times what it had."""
    own = weight if kernel.weight is None else weight * kernel.weight
    return replace(
        kernel.votes,
        offsets=torch.from_numpy(kernel.offsets),
        source=torch.from_numpy(kernel.source),
        said=torch.from_numpy(kernel.said),
        weight=torch.from_numpy(own),
    )


def explained(inner: Aggregated, kernel: Kernel, weight: Floats) -> tuple[Floats, Floats, Kernel]:
    """(theta, log beliefs, weighted votes): how the beliefs of any model read as confusions of independent sources."""
    heavy = Kernel(weighted(kernel, weight), kernel.informative)
    counts = kernel.counts(inner.posterior)
    shared = np.exp(log_shares(counts.sum(0, keepdims=True) + 1 / kernel.statements))
    theta = np.exp(log_shares(counts + IMAGINED * shared))
    prior = kernel.totals(inner.posterior)
    scores = heavy.scores(np.log(theta)) + np.log(np.maximum(prior / prior.sum(), 1e-12))
    if kernel.gold is not None:
        known = np.flatnonzero(kernel.gold >= 0)
        scores[known] = np.where(np.eye(kernel.k)[kernel.gold[known]] > 0, scores[known], -np.inf)
    return theta, scores, heavy
