r"""The one moment engine: :math:`\sum_i b_i m_i^{true} + \lambda c_i m_i^{pred} = 0` solved, its sandwich variance, and
the lambda that makes it least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from sfumato.core.errors import DivergedError
from sfumato.core.streams import numpy_rng

from .given import Floats, Ints
from .quantile import quantile
from .sample import Sample

STEPS, HALVINGS = 50, 30


@dataclass(frozen=True)
class Fit:
    """theta (d,), influence of each row on it (rows, d), interval ends that are not theta -+ z se, or None; variances
    per coordinate of one row's true moment, of the predicted one, and what they share (for power analysis)."""

    theta: Floats
    influence: Floats
    ends: Floats | None
    pieces: Floats


def gradients(family: str, x: Floats, y: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """(rows, d) moments x (mu(x theta) - y) and (rows,) slopes mu'(x theta)."""
    eta = x @ theta
    if family == "logistic":
        mu = expit(eta)
        slope = mu * (1 - mu)
    elif family == "poisson":
        mu = slope = np.exp(np.minimum(eta, 500.0))
    else:
        mu, slope = eta, np.ones(len(eta))
    return x * (mu - y)[:, None], slope


def solve(family: str, s: Sample, lam: float, start: Floats | None = None) -> tuple[Floats, Floats]:
    """theta (d,) and the inverse Jacobian (d, d), by Newton steps that are halved until the moments shrink.

    Errors: DivergedError where the moments have no root that can be found (collinear columns, separated classes).
    """
    a = lam * s.c
    theta = np.zeros(s.x_true.shape[1]) if start is None else start.copy()

    def moments(at: Floats) -> tuple[Floats, Floats]:
        g_p, w_p = gradients(family, s.x_pred, s.y_pred, at)
        g_t, w_t = gradients(family, s.x_true, s.y_true, at)
        slope = s.x_pred.T @ (s.x_pred * (a * w_p)[:, None]) + s.x_true.T @ (s.x_true * (s.b * w_t)[:, None])
        return a @ g_p + s.b @ g_t, slope

    with np.errstate(all="ignore"):
        value, slope = moments(theta)
        for _ in range(STEPS):
            size = np.sqrt(np.abs(np.diag(slope))) + 1e-300
            if not np.isfinite(slope).all() or np.linalg.cond(slope / np.outer(size, size)) > 1e12:
                break
            step = np.linalg.solve(slope, value)
            for halving in range(HALVINGS):
                to = theta - step / 2**halving
                new, new_slope = moments(to)
                if np.linalg.norm(new / size) <= np.linalg.norm(value / size):
                    break
            else:  # no step shrinks them: rounding is reached, or there is no root this way
                if np.abs(step).max() <= 1e-6 * (1 + np.abs(theta).max()):
                    return theta, np.asarray(np.linalg.inv(slope), np.float64)
                break
            theta, value, slope = to, new, new_slope
            if np.abs(step).max() <= 1e-10 * (1 + np.abs(theta).max()):
                return theta, np.asarray(np.linalg.inv(slope), np.float64)
    raise DivergedError(
        f"the {family} moments have no root that Newton's steps reach",
        "columns that are not collinear, and classes that X does not separate",
        "drop columns, or label more rows",
    )


def units(influence: Floats, s: Sample) -> Floats:
    """(rows or clusters, d) influences whose squares add up to the variance: centred within strata, summed within
    clusters, n/(n-1) corrected.
    """
    off = influence.copy()
    for stratum in np.unique(s.strata):
        mine = s.strata == stratum
        off[mine] -= off[mine].mean(0)
        if s.clusters is None:
            off[mine] *= np.sqrt(mine.sum() / (mine.sum() - 1))
    if s.clusters is not None:
        sums = np.zeros((int(s.clusters.max()) + 1, off.shape[1]))
        np.add.at(sums, s.clusters, off)
        off = sums * np.sqrt(len(sums) / max(len(sums) - 1, 1))
    return off


def covariance(influence: Floats, s: Sample) -> Floats:
    """(d, d) of the sum of influences."""
    off = units(influence, s)
    return np.asarray(off.T @ off)


def freedom(influence: Floats, s: Sample) -> Floats:
    r"""(d,) degrees of freedom of the variances, :math:`2 V^2 / \widehat{Var}(V)` with V the sum of the squares u^2 of
    independent influences (satterthwaite1946approximate); n for n normal ones of one stratum, fewer for long tails.
    """
    square = units(influence, s) ** 2
    strata = s.strata if s.clusters is None else np.zeros(len(square), np.int64)
    doubt = np.zeros(square.shape[1])
    for stratum in np.unique(strata):
        mine = square[strata == stratum]
        doubt += len(mine) * mine.var(0)
    return np.asarray(np.divide(2 * square.sum(0) ** 2, doubt, out=np.full(len(doubt), np.inf), where=doubt > 0))


def apart(family: str, s: Sample, theta: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    """Influences of the true and of the predicted moments, the latter as at lambda = 1."""
    true = gradients(family, s.x_true, s.y_true, theta)[0] @ inverse.T
    pred = gradients(family, s.x_pred, s.y_pred, theta)[0] @ inverse.T
    return s.b[:, None] * true, s.c[:, None] * pred


def tuned(family: str, s: Sample, q: float) -> Floats:
    r"""(d + 1,) lambda of least variance: overall (trace of the covariance), then per coordinate; clipped to [0, 1].

    .. math:: \lambda^* = -\frac{tr\,\Omega_{bc}}{tr\,\Omega_{cc}}

    with the covariances of the two influences at the estimate from true labels alone.
    """
    if family == "quantile":
        true, pred = quantile(s, 0.0, q, 1.0).apart
    else:
        true, pred = apart(family, s, *solve(family, s, 0.0))
    d = true.shape[1]
    both = covariance(np.hstack([true, pred]), s)
    shared, own = -np.diag(both[:d, d:]), np.diag(both[d:, d:])
    k = len(s.names)
    shared, own = np.append(shared[:k].sum(), shared), np.append(own[:k].sum(), own)
    return np.clip(np.divide(shared, own, out=np.zeros(d + 1), where=own > 0), 0, 1)


def fit(family: str, s: Sample, lam: Floats, q: float, z: float, start: Floats | None = None) -> Fit:
    """The estimate at lambda: one number (1,), or one per coordinate, each then read off its own solution."""
    if family == "quantile":
        found = quantile(s, float(lam[0]), q, z)
        true, pred = found.apart
        return Fit(found.theta, true + float(lam[0]) * pred, found.ends, pieces(s, true, pred))
    solved = [solve(family, s, float(one), start) for one in lam]
    influences = [apart(family, s, *one) for one in solved]
    if len(lam) == 1:
        (theta, _), (true, pred) = solved[0], influences[0]
        return Fit(theta, true + lam[0] * pred, None, pieces(s, true, pred))
    theta = np.array([one[0][i] for i, one in enumerate(solved)])
    true, pred = (np.stack([one[part][:, i] for i, one in enumerate(influences)], 1) for part in (0, 1))
    return Fit(theta, true + lam * pred, None, pieces(s, true, pred))


def pieces(s: Sample, true: Floats, pred: Floats) -> Floats:
    """(3, d) variances of one row's true and predicted influence, and their covariance, over the labelled rows."""
    r = s.labelled
    w = s.b[r] / s.b[r].sum()
    t = true[r] / s.b[r][:, None]
    p = np.divide(pred[r], s.c[r][:, None], out=np.zeros_like(t), where=s.c[r][:, None] != 0)
    t, p = t - w @ t, p - w @ p
    return np.stack([w @ t**2, w @ p**2, w @ (t * p)])


def bootstrap(family: str, s: Sample, lam: Floats, q: float, start: Floats, repeats: int, seed: int) -> Floats:
    """(repeats, d) estimates from rows (or clusters) drawn with replacement within strata; lambda stays."""
    unit: Ints = np.arange(len(s.b)) if s.clusters is None else s.clusters
    drawn: list[Any] = []
    for repeat in range(repeats):
        rng = numpy_rng(seed, "infer-bootstrap", repeat)
        counts = np.zeros(len(s.b))
        if s.clusters is None:
            for stratum in np.unique(s.strata):
                mine = np.flatnonzero(s.strata == stratum)
                counts[mine] = np.bincount(rng.integers(0, len(mine), len(mine)), minlength=len(mine))
        else:
            size = int(unit.max()) + 1
            counts = np.bincount(rng.integers(0, size, size), minlength=size)[unit].astype(float)
            for stratum in np.unique(s.strata):  # clusters differ in size: the weights of a stratum keep their sum
                mine = s.strata == stratum
                counts[mine] *= mine.sum() / max(counts[mine].sum(), 1)
        again = replace(s, b=s.b * counts, c=s.c * counts)
        if family == "quantile":
            drawn.append(quantile(again, float(lam[0]), q, 1.0).theta)
        else:
            found = [solve(family, again, float(one), start)[0] for one in lam]
            drawn.append(found[0] if len(lam) == 1 else np.array([theta[i] for i, theta in enumerate(found)]))
    return np.stack(drawn)
