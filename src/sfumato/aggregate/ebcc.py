"""Classes of several kinds of items, on which sources err together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.streams import numpy_rng

from .em import EM
from .ibcc import divergence, expected_logs
from .kernel import Floats, Kernel, normalised
from .reader import Reader
from .result import Aggregated, finish


@method("ebcc", paper="li2019exploiting")
@dataclass
class Ebcc(EM):
    r"""Enhanced Bayesian classifier combination: each class is a mixture of subtypes, which makes sources err together.

    .. math:: \log \rho_{ikm} = E \log \tau_k + E \log \pi_{km} + \sum_j E \log v_{jkm}[l_{ij}] + \text{const}, \qquad
              P_{ik} = \textstyle\sum_m \rho_{ikm}

    with Dirichlet posteriors of :math:`\tau` (prior: the votes' totals), :math:`\pi_k` and :math:`v_{jkm}`. Mean-field
    variational Bayes from random subtypes; of several starts the one with the highest evidence lower bound is kept,
    whose bounds are the history. Confusion is the mean over the subtypes of a class. Assumes sources that err
    independently given class and subtype.

    Args:
        subtypes: per class, at least 1; 1 is ``ibcc`` with this prior of classes.
        restarts: at least 1.
        share: imagined items of a class, spread over its subtypes, above 0.
        diagonal, elsewhere: imagined right and wrong votes per source, subtype and class, above 0.
        seed: of the starts.
        iterations, tolerance: as in EM, of each start.
    """

    iterations: int = 500
    subtypes: int = 10
    restarts: int = 5
    share: float = 0.1
    diagonal: float = 4.0
    elsewhere: float = 1.0
    seed: int = 0

    def fit(self, votes: Any) -> Aggregated:
        """Beliefs of the best start."""
        if min(self.subtypes, self.restarts) < 1 or not min(self.share, self.diagonal, self.elsewhere) > 0:
            raise ParameterError(
                f"subtypes={self.subtypes}, restarts={self.restarts}, share={self.share}, diagonal={self.diagonal}, "
                f"elsewhere={self.elsewhere}",
                "whole numbers >= 1, and priors above 0",
            )
        kernel = Kernel(votes)
        runs = (self.run(kernel, self.starts(kernel, restart)) for restart in range(self.restarts))
        found = max(runs, key=lambda run: run.history[-1])
        deep = (kernel.sources, kernel.statements, kernel.k, self.subtypes)
        counts = found.counts.reshape(deep).sum(3)
        imagined = np.where(kernel.right(), self.diagonal, self.elsewhere)
        table, log_prior = found.table, found.log_prior

        return finish(
            kernel,
            found.posterior.reshape(kernel.n, kernel.k, -1).sum(2),
            table.reshape(deep).mean(3),
            counts=counts,
            confusion=normalised((counts + imagined).transpose(0, 2, 1)),
            prior=normalised(np.exp(log_prior).reshape(kernel.k, -1).sum(1)),
            read=Subtypes(table, log_prior),
            history=found.history,
            converged=found.converged,
        )

    def starts(self, kernel: Kernel, restart: int) -> Floats:
        """(n, K x subtypes) shares of the votes, split at random, alike in all classes."""
        split = numpy_rng(self.seed, "ebcc", restart).dirichlet(np.ones(self.subtypes), kernel.n)
        return np.asarray((self.begin(kernel)[:, :, None] * split[:, None, :]).reshape(kernel.n, -1))

    def m_step(self, counts: Floats, totals: Floats, kernel: Kernel) -> tuple[Floats, Floats]:
        kinds, classes = self._held(totals, kernel)
        log_prior = expected_logs(kinds, 1) + expected_logs(classes, 0)[:, None]
        return expected_logs(counts + self._imagined(kernel), 1), log_prior.ravel()

    def extra(self, step: tuple[Floats, Floats], table: Floats, log_prior: Floats, kernel: Kernel) -> float:
        kinds, classes = self._held(step[1], kernel)
        lost = divergence(step[0] + self._imagined(kernel), self._imagined(kernel), 1)
        lost += divergence(kinds, np.asarray(self.share / self.subtypes), 1)
        return -lost - divergence(classes, self._voted(kernel), 0)

    def _held(self, totals: Floats, kernel: Kernel) -> tuple[Floats, Floats]:
        """Dirichlet counts of the subtypes (K, subtypes), and of the classes (K,)."""
        by = totals.reshape(kernel.k, self.subtypes)
        return by + self.share / self.subtypes, by.sum(1) + self._voted(kernel)

    def _voted(self, kernel: Kernel) -> Floats:
        """(K,) the empirical prior: shares of votes, summed over items."""
        return np.asarray(self.begin(kernel).sum(0) + 1e-10)

    def _imagined(self, kernel: Kernel) -> Floats:
        return np.repeat(np.where(kernel.right(), self.diagonal, self.elsewhere), self.subtypes, axis=1)


@dataclass
class Subtypes(Reader):
    """One E-step over subtypes, summed by class."""

    table: Floats
    log_prior: Floats

    def __call__(self, kernel: Kernel) -> Floats:
        posterior = np.empty((kernel.n, self.table.shape[2]))
        kernel.sweep(self.table, self.log_prior, posterior, lambda belief: belief)
        return np.asarray(posterior.reshape(kernel.n, kernel.k, -1).sum(2))
