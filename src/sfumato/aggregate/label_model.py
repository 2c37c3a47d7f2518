"""Accuracies of labeling functions by matrix completion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize

from sfumato.core.card import method
from sfumato.core.errors import DivergedError, ParameterError
from sfumato.core.roles import Aggregator

from .data_programming import fixed
from .kernel import Floats, Kernel
from .moments import once, second
from .result import Aggregated, finish, softmax

RATE, MOMENTUM = 0.01, 0.9  # of the released descent
MOST = 500  # steps of L-BFGS
MIDDLE = 0.5  # the released start is multiplied by a random number in (0, 1); this is its mean


@method("label-model", paper="ratner2019training")
@dataclass
class LabelModel(Aggregator):
    r"""Matrix completion: conditional probabilities of statements that explain how often functions agree.

    .. math:: \min_\mu \big\| (O - \mu \Pi \mu^\top)_{\text{off}} \big\|^2 + \big\| \mu \pi - \operatorname{diag} O
              \big\|^2, \qquad \mu_{(j, l), k} = P(\lambda_j = l \mid Y = k), \quad \Pi = \operatorname{diag}(\pi)

    with O the shares of items on which two statements stand together, without the blocks of a function with itself.
    As released: a hundred steps of gradient descent with momentum from a start that trusts every function alike, then
    clipped to [floor, 1 - floor]; classes are brought in the order in which functions say most of what they mean. That
    it stops early is part of the method: where the balance is not the given one, the minimum itself is far from the
    truth. Silence says nothing unless asked for: :math:`P(\text{silent} \mid k) = 1 - \sum_l \mu_{(j, l), k}`. A source
    that says several things of an item stands in O with their weighted mean, which has the same expectation.
    Memory: (functions x classes)^2. Assumes at least three functions, independent given the truth, and a known class
    balance.

    Args:
        precision: of all functions at the start, in (0, 1].
        balance: (K,) class balance, positive; None: level.
        iterations: steps of descent, at least 1; None: the minimum, by L-BFGS.
        silence: abstentions are read too.
    """

    precision: float = 0.7
    balance: tuple[float, ...] | None = None
    iterations: int | None = 100
    silence: bool = False

    def fit(self, votes: Any) -> Aggregated:
        """Beliefs by the completed matrix."""
        if not 0 < self.precision <= 1 or (self.iterations is not None and self.iterations < 1):
            raise ParameterError(f"precision={self.precision}, iterations={self.iterations}", "in (0, 1], at least 1")
        heard = Kernel(votes)
        heard.only_classes("label-model")
        prior = fixed(self.balance, heard.k)
        mu, loss = self.complete(heard, prior)
        kernel = Kernel(votes, informative=True) if self.silence else heard
        share = mu.reshape(kernel.sources, kernel.k, kernel.k)
        if self.silence:
            share = np.concatenate([share, np.maximum(1 - share.sum(1, keepdims=True), self._floor(kernel.n))], 1)
        table, log_prior = np.log(share), np.log(prior)
        posterior = kernel.clamp(softmax(kernel.scores(table) + log_prior))
        return finish(kernel, posterior, table, prior=prior, log_prior=log_prior, history=[-loss])

    def _floor(self, n: int) -> float:
        """The least probability of a statement, as in the released code."""
        return float(min(0.01, 10.0 ** -np.ceil(np.log10(n))))

    def complete(self, kernel: Kernel, prior: Floats) -> tuple[Floats, float]:
        """(mu (sources x K, K), loss) at the end of the descent."""
        k, side = kernel.k, kernel.sources * kernel.k
        found = second(kernel)
        within = np.einsum("jmjn->", found.reshape(kernel.sources, k, kernel.sources, k))
        if abs(within - len(kernel.column)) > 0.5 or kernel.weight is not None:
            kernel = Kernel(once(kernel.votes))
            found = second(kernel)
        found /= kernel.n
        alone = kernel.counts(np.ones((kernel.n, 1))).ravel() / kernel.n
        source = np.arange(side) // k
        for j in range(kernel.sources):
            found[j * k : (j + 1) * k, j * k : (j + 1) * k] = 0

        def loss(flat: Floats) -> tuple[float, Floats]:
            mu = flat.reshape(side, k)
            apart = (mu * prior) @ mu.T - found
            apart[source[:, None] == source] = 0
            single = mu @ prior - alone
            slope = 4 * (apart @ mu) * prior + 2 * single[:, None] * prior
            return float((apart**2).sum() + (single**2).sum()), slope.ravel()

        floor = self._floor(kernel.n)
        trusted = np.minimum(self.precision * alone[:, None] / prior, 1)
        end = (MIDDLE * np.where(np.tile(np.eye(k), (kernel.sources, 1)) > 0, trusted, 0)).ravel()
        speed = np.zeros(end.shape)
        with np.errstate(over="ignore", invalid="ignore"):  # said below, by name
            for _ in range(self.iterations or 0):
                speed = MOMENTUM * speed + loss(end)[1]
                end = end - RATE * speed
        if not np.isfinite(end).all():
            raise DivergedError(
                f"the descent of label-model on {kernel.sources} sources, whose steps grew without end",
                "fewer sources that agree, since their number sets the slope",
                "pass iterations=None for the minimum itself",
            )
        if self.iterations is None:
            bounds = [(floor, 1 - floor)] * end.size
            end = minimize(loss, end, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MOST}).x
        mu = np.clip(end, floor, 1 - floor).reshape(side, k)
        said = mu.reshape(kernel.sources, k, k).sum(0)
        order = linear_sum_assignment(np.where(np.isclose(prior[:, None], prior), -said, kernel.sources))[1]
        return mu[:, order], loss(mu.ravel())[0]
