"""Bayesian weighted average of votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator

from .kernel import Floats, Kernel, normalised
from .reader import Reader
from .result import Aggregated, finish


@method("bwa", paper="li2019truth")
@dataclass
class Bwa(Aggregator):
    r"""Bayesian weighted average: each class is a number per item, and votes are its Gaussian measurements.

    .. math:: z_{ik} = \frac{\lambda \mu_k + \sum_j v_{jk} 1[l_{ij} = k]}{\lambda + \sum_j v_{jk}}, \qquad
              v_{jk} = \frac{a + n_j}{b_k + \sum_{i \in j} (1[l_{ij} = k] - z_{ik})^2}, \qquad
              \mu_k = \operatorname{mean}_i z_{ik}

    with sums over votes, :math:`b_k` so that a source without votes has a times the inverse mean variance of the
    votes' shares (times :math:`4 (1 - 1/K)`). Repeated until z stands still; the posterior is z, normalised. Linear in
    the votes. Assumes many votes per item, and sources whose errors differ in rate only.

    Args:
        strength: a, imagined votes of each source, above 0.
        pull: :math:`\lambda`, of the class's mean on each item, above 0.
        iterations: at most, at least 1.
        tolerance: largest change of z at which it stops, at least 0.
    """

    strength: float = 15.0
    pull: float = 1.0
    iterations: int = 500
    tolerance: float = 1e-6

    def fit(self, votes: Any) -> Aggregated:
        """Weighted averages."""
        if self.iterations < 1 or not min(self.strength, self.pull) > 0 or not self.tolerance >= 0:
            raise ParameterError(
                f"iterations={self.iterations}, strength={self.strength}, pull={self.pull}, tolerance={self.tolerance}",
                "at least 1, above 0, above 0, not negative",
            )
        kernel = Kernel(votes)
        kernel.only_classes("bwa")
        z = kernel.clamp(normalised(kernel.heard()))
        mass = kernel.counts(np.ones((kernel.n, 1)))[:, :, 0]
        spoken = mass.sum(1, keepdims=True)
        per_item = kernel.scores(np.ones((kernel.sources, kernel.statements, 1)))
        scatter = (per_item * z * (1 - z)).sum(0) / kernel.mass * 4 * (1 - 1 / kernel.k)
        scatter = np.maximum(scatter, 1e-10) * self.strength
        eye = np.eye(kernel.k)
        converged = False
        for _ in range(self.iterations):
            square = kernel.counts(z**2).sum(1)
            cross = np.einsum("jkk->jk", kernel.counts(z))
            precision = (self.strength + spoken) / (scatter + np.maximum(square - 2 * cross + mass, 0))
            mean = z.mean(0)
            before, z = z, kernel.clamp(average(kernel, precision, mean, self.pull))
            if converged := bool(np.abs(z - before).max() <= self.tolerance):
                break
        table = precision[:, None, :] * eye
        return finish(
            kernel,
            normalised(z),
            table,
            prior=normalised(mean),
            product=False,
            read=Averages(precision, mean, self.pull),
            converged=converged,
        )


def average(kernel: Kernel, precision: Floats, mean: Floats, pull: float) -> Floats:
    """(n, K) means of the votes by the precision (sources, K) of each, and of ``mean`` (K,) by ``pull``."""
    said = kernel.scores(precision[:, None, :] * np.eye(kernel.k))
    all_ = kernel.scores(np.repeat(precision[:, None, :], kernel.k, axis=1))
    return np.asarray((pull * mean + said) / (pull + all_))


@dataclass
class Averages(Reader):
    """Averages of new votes by the precisions that were found."""

    precision: Floats
    mean: Floats
    pull: float

    def __call__(self, kernel: Kernel) -> Floats:
        return normalised(average(kernel, self.precision, self.mean, self.pull))
