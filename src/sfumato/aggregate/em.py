"""Expectation-maximisation over votes: one loop, of which each model gives its M-step."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator

from .kernel import Floats, Kernel
from .result import Aggregated, finish, softmax

FLOOR = 1e-10  # probabilities that a source never used


class Run(NamedTuple):
    """Where an EM run ended: posterior (n, latent), counts (sources, M, latent), table, log prior, objectives."""

    posterior: Floats
    counts: Floats
    table: Floats
    log_prior: Floats
    history: list[float]
    converged: bool


@dataclass
class EM(Aggregator):
    r"""Base of the models in which P(truth | votes) is prior times a product over votes.

    E: log P_ik = log pi_k + sum over votes of table[source, said, k] + constant; known truths stay. M: subclasses turn
    the mass that each statement met into the table and the prior. Stops where the observed log likelihood (plus what
    the model's prior adds) gains less than ``tolerance`` per vote.

    Args:
        iterations: at most, at least 1.
        tolerance: gain per vote below which it stops, at least 0.
    """

    iterations: int = 100
    tolerance: float = 1e-5
    informative = False

    @abstractmethod
    def m_step(self, counts: Floats, totals: Floats, kernel: Kernel) -> tuple[Floats, Floats]:
        """(table (sources, M, K) of log weights, log prior (K,)) from counts (sources, M, K) and totals (K,)."""

    def extra(self, step: tuple[Floats, Floats], table: Floats, log_prior: Floats, kernel: Kernel) -> float:
        """What the model's own prior adds to the objective, after an M-step on ``step`` (counts, totals)."""
        return 0.0

    def begin(self, kernel: Kernel) -> Floats:
        """(n, K) first beliefs: the share of each class among the votes."""
        return kernel.clamp(kernel.voted())

    def settle(self, belief: Floats) -> Floats:
        """What becomes of beliefs (some items, K) after an E-step."""
        return belief

    def fit(self, votes: Any) -> Aggregated:
        """Beliefs, confusion and quality from votes."""
        kernel = Kernel(votes, self.informative)
        return self.climb(kernel, self.begin(kernel))

    def update(self, result: Aggregated, votes: Any, **told: Any) -> Aggregated:
        """The result for the votes of ``result`` and new ones together, begun at the beliefs that its table and prior
        give on all of them; sources that are new are silent in that first reading, and are learned from then on.

        Promised: the objective starts where those parameters stand and never falls, and the end is a stationary point
        on all votes, as that of ``fit``; where both climb to one maximum they agree as far as ``tolerance`` lets them.
        """
        if type(self).fit is not EM.fit or result.log_prior is None or not result.product:
            return self.fit(result.votes.joined(votes), **told)  # several starts, or nothing to start from
        kernel = Kernel(result.votes.joined(votes), self.informative)
        if result.read is not None or kernel.statements != result.table.shape[1]:
            return self.climb(kernel, self.begin(kernel))
        table = np.zeros(kernel.shape)
        table[: len(result.table)] = result.table
        return self.climb(kernel, kernel.clamp(softmax(kernel.scores(table) + result.log_prior)))

    def climb(self, kernel: Kernel, beliefs: Floats) -> Aggregated:
        """The result of EM from first beliefs (n, K)."""
        found = self.run(kernel, beliefs)
        told = {"prior": np.exp(found.log_prior)} | self.facts(found, kernel)
        return finish(
            kernel,
            found.posterior,
            found.table,
            counts=found.counts,
            log_prior=found.log_prior,
            history=found.history,
            converged=found.converged,
            **told,
        )

    def run(self, kernel: Kernel, posterior: Floats) -> Run:
        """The loop, from first beliefs (n, latent), which it overwrites."""
        if self.iterations < 1 or not self.tolerance >= 0:
            raise ParameterError(
                f"iterations={self.iterations}, tolerance={self.tolerance}", "at least 1, and not negative"
            )
        counts, totals = kernel.counts(posterior), kernel.totals(posterior)
        settle = None if type(self).settle is EM.settle else self.settle
        history: list[float] = []
        while True:
            table, log_prior = self.m_step(counts, totals, kernel)
            added = self.extra((counts, totals), table, log_prior, kernel)
            del counts  # the sweep makes new ones of their size
            counts, totals, seen = kernel.sweep(table, log_prior, posterior, settle)
            history.append(seen + added)
            converged = len(history) > 1 and history[-1] - history[-2] < self.tolerance * kernel.mass
            if converged or len(history) == self.iterations:
                break
            del table  # as the M-step does
        return Run(posterior, counts, table, log_prior, history, converged)

    def facts(self, found: Run, kernel: Kernel) -> dict[str, Any]:
        """What the model itself says of sources; the counts have served, and lend their memory."""
        return {"confusion": np.exp(found.table, out=found.counts).transpose(0, 2, 1)}


def log_shares(counts: Floats) -> Floats:
    """(sources, M, K) log P(said | source, true) from counts of that shape. Statements that a source used at all count
    ``FLOOR`` more at least, so that a class it never met, of which the likelihood says nothing, leaves it level over
    them; a source without any is level over all.
    """
    used = counts.sum(2, keepdims=True) > 0
    held = np.maximum(counts, FLOOR)
    held *= used | ~used.any(1, keepdims=True)
    held /= held.sum(1, keepdims=True)
    return np.asarray(np.log(np.maximum(held, FLOOR**2, out=held), out=held))
