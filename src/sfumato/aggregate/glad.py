"""Sources of different skill on items of different ease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator

from .data_programming import fixed
from .kernel import Floats, Ints, Kernel, normalised
from .one_coin import spread
from .result import Aggregated, finish, softmax

FAR = 700.0  # exponents beyond which a float64 overflows


@method("glad", paper="whitehill2009whose")
@dataclass
class Glad(Aggregator):
    r"""Generative model of labels, abilities and difficulties: able sources err less, on easy items all do.

    .. math:: P(l_{ij} = z_i) = \sigma(\alpha_j e^{b_i}), \qquad
              P(l_{ij} = l \mid z_i \ne l) = \frac{1 - \sigma(\alpha_j e^{b_i})}{K - 1}, \qquad
              \alpha_j, b_i \sim N(1, 1)

    EM; the M-step maximises over abilities and eases together by L-BFGS with exact gradients. The history is the
    observed log likelihood plus the log density of abilities and eases. New votes are read at the prior's mean ease, 1
    (or at ``ease``), as that of new items is not known. The class balance stays as given. Assumes, as DawidSkene does,
    that most sources name several classes.

    Args:
        iterations: of EM, at least 1.
        inner: iterations of each M-step, at least 1.
        tolerance: gain per vote below which EM stops, at least 0.
        ease: of all items, fixed, in place of one each; 0 makes it the one-coin model with a prior.
        spread: standard deviation of both priors, above 0.
        balance: (K,) class balance, positive; None: level.
    """

    iterations: int = 100
    inner: int = 25
    tolerance: float = 1e-5
    ease: float | None = None
    spread: float = 1.0
    balance: tuple[float, ...] | None = None

    def fit(self, votes: Any) -> Aggregated:
        """Beliefs, with abilities as the accuracy of each source."""
        if min(self.iterations, self.inner) < 1 or not self.tolerance >= 0 or not self.spread > 0:
            raise ParameterError(
                f"iterations={self.iterations}, inner={self.inner}, tolerance={self.tolerance}, spread={self.spread}",
                "whole numbers >= 1, not negative, and above 0",
            )
        kernel = Kernel(votes)
        kernel.only_classes("glad")
        item, source, said = kernel.item(), kernel.column // kernel.k, kernel.column % kernel.k
        weight = np.ones(len(item)) if kernel.weight is None else kernel.weight
        at = item * kernel.k + said
        posterior = kernel.clamp(normalised(kernel.heard()))
        ability: Floats = np.ones(kernel.sources)
        ease: Floats = np.full(kernel.n, 1.0 if self.ease is None else self.ease)
        log_prior = np.log(fixed(self.balance, kernel.k))
        history: list[float] = []
        converged = False
        while len(history) < self.iterations and not converged:
            right = posterior.ravel()[at]
            ability, ease = self._m_step(right, weight, item, source, ability, ease)
            x = ability[source] * np.exp(ease[item])
            wrong = log_expit(-x) - np.log(kernel.k - 1)
            heard = np.bincount(at, weight * (log_expit(x) - wrong), minlength=posterior.size)
            scores = np.asarray(heard, float).reshape(posterior.shape) + log_prior
            scores += np.bincount(item, weight * wrong, minlength=kernel.n)[:, None]
            posterior = kernel.clamp(softmax(scores))
            held = posterior > 0
            seen = float((posterior[held] * (scores[held] - np.log(posterior[held]))).sum())
            history.append(seen - self._penalty(ability, ease))
            converged = len(history) > 1 and history[-1] - history[-2] < self.tolerance * kernel.mass
        return finish(
            kernel,
            posterior,
            spread(expit(ability * np.exp(1.0 if self.ease is None else self.ease))[:, None], kernel),
            prior=np.exp(log_prior),
            log_prior=log_prior,
            history=history,
            converged=converged,
        )

    def _penalty(self, ability: Floats, ease: Floats) -> float:
        both = ((ability - 1) ** 2).sum() + (((ease - 1) ** 2).sum() if self.ease is None else 0)
        return float(both / (2 * self.spread**2))

    def _m_step(
        self, right: Floats, weight: Floats, item: Ints, source: Ints, ability: Floats, ease: Floats
    ) -> tuple[Floats, Floats]:
        """Abilities and eases that maximise the expected log likelihood, of which one evaluation costs O(votes)."""
        many = len(ability)

        def loss(flat: Floats) -> tuple[float, Floats]:
            a, b = flat[:many], (flat[many:] if self.ease is None else ease)
            gain = np.exp(np.minimum(b, FAR))[item]
            x = a[source] * gain
            value = -(weight * (right * log_expit(x) + (1 - right) * log_expit(-x))).sum() + self._penalty(a, b)
            slope = weight * (expit(x) - right)
            slopes = [np.bincount(source, slope * gain, minlength=many) + (a - 1) / self.spread**2]
            if self.ease is None:
                slopes.append(np.bincount(item, slope * x, minlength=len(b)) + (b - 1) / self.spread**2)
            return float(value), np.concatenate(slopes)

        start = ability if self.ease is not None else np.concatenate([ability, ease])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": self.inner}).x
        return found[:many], (ease if self.ease is not None else found[many:])
