"""A temperature for each of several posteriors, so that they agree."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from .kernel import Floats

LEAST_LOG, START, RIDGE = -15.0, 1.5, 1e-3  # of the released code


def temperatures(p: Floats) -> Floats:
    r"""(M,) temperatures of posteriors p (M, n, K) that make them alike.

    .. math:: \min_T \frac{2}{M (M - 1)} \sum_{a < b} \operatorname{mean}_i JS(q_{ai}, q_{bi}) + 10^{-3} \sum_m T_m^2,
              \qquad q_m \propto p_m^{1 / T_m}

    from T = 1.5 by L-BFGS on log T with exact gradients; log p is at least -15. Without the ridge all could become
    level, and so alike. A single posterior has nothing to agree with, and stays as it is.
    """
    if len(p) == 1:
        return np.ones(1)
    u = np.maximum(np.log(np.maximum(p, np.finfo(float).tiny)), LEAST_LOG)
    pairs = len(p) * (len(p) - 1) / 2

    def loss(log_t: Floats) -> tuple[float, Floats]:
        t = np.exp(log_t)
        q = _softmax(u / t[:, None, None])
        log_q = np.log(np.maximum(q, np.finfo(float).tiny))
        slope, value = np.zeros_like(q), 0.0
        for a in range(len(q)):
            for b in range(a + 1, len(q)):
                middle = np.log(np.maximum((q[a] + q[b]) / 2, np.finfo(float).tiny))
                value += float((q[a] * (log_q[a] - middle) + q[b] * (log_q[b] - middle)).sum()) / 2
                slope[a] += (log_q[a] - middle) / 2  # d JS / d q, up to a constant that q's own sum takes away
                slope[b] += (log_q[b] - middle) / 2
        mean = (q * u).sum(2, keepdims=True)
        d_t = -(q * (u - mean) * slope).sum((1, 2)) / t**2
        scale = 1 / (pairs * u.shape[1])
        return value * scale + RIDGE * float((t**2).sum()), (d_t * scale + 2 * RIDGE * t) * t

    found = minimize(loss, np.full(len(p), np.log(START)), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return np.asarray(np.exp(found.x))


def cooled(p: Floats, t: Floats) -> Floats:
    """(M, n, K) posteriors at temperatures t (M,); log p is at least -15."""
    u = np.maximum(np.log(np.maximum(p, np.finfo(float).tiny)), LEAST_LOG)
    return _softmax(u / np.reshape(t, (-1, 1, 1)))


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))
