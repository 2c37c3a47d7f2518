"""Quantiles: the rectified distribution function and the values that its test does not reject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .given import Floats
from .sample import Sample


@dataclass(frozen=True)
class Quantile:
    """theta (1,), ends (2, 1) of the interval, influences (rows, 1) of the true and predicted moments."""

    theta: Floats
    ends: Floats
    apart: tuple[Floats, Floats]


def quantile(s: Sample, lam: float, q: float, z: float) -> Quantile:
    r"""The q quantile by inverting the rectified distribution function.

    .. math:: F(\theta) = \sum_i b_i 1[y_i \le \theta] + \lambda c_i \frac1K \sum_k 1[f_{ik} \le \theta]

    with K = 1 prediction per row, or those of K models. The point is the first value with F >= q; the interval holds
    all :math:`\theta` with :math:`|F(\theta) - q| \le z\,se(F(\theta))`, and everything between the least and the
    largest of them, since F need not rise everywhere. Influences are scaled so that their standard error is a half
    interval over z.
    """
    total = s.b.sum() + lam * s.c.sum()  # 1, but for chances whose inverse weights do not add up to the rows
    b, a = s.b / total, lam * s.c / total
    each = s.y_pred[:, None] if s.each is None else np.sort(s.each, 1)
    k = each.shape[1]
    order = np.arange(1, 2 * k, 2) / k  # the square of a mean of K sorted steps rises by (2j - 1) / K^2 at the j-th
    grid = np.unique(np.concatenate([s.y_true[s.labelled], each.ravel()]))

    def sums(at: Floats, value: Floats) -> Floats:
        """(grid,) sum of value over rows with at <= the grid's value."""
        return np.cumsum(np.bincount(np.searchsorted(grid, at), weights=value, minlength=len(grid)))

    F, variance = np.zeros(len(grid)), np.zeros(len(grid))
    true = np.where(s.labelled, s.y_true, s.y_pred)
    for stratum in np.unique(s.strata):
        mine = s.strata == stratum
        y, f, b_, a_ = true[mine], each[mine].ravel(), b[mine], a[mine]
        part = np.repeat(a_ / k, k)  # of each model's step
        mean = sums(y, b_) + sums(f, part)
        # one row's moment is b (1[y <= t] - q) + a (1[f <= t] - q); its square, summed over rows
        pull = q * (a_ + b_)
        square = sums(y, b_ * (b_ - 2 * pull)) + sums(f, part * (np.outer(a_, order).ravel() - 2 * np.repeat(pull, k)))
        square += 2 * sums(np.maximum(np.repeat(y, k), f), part * np.repeat(b_, k))
        n = mine.sum()
        variance += (square + (pull**2).sum() - (mean - pull.sum()) ** 2 / n) * n / (n - 1)
        F += mean
    variance = np.maximum(variance, 0)
    reached = np.flatnonzero(q - 1e-12 <= F)
    at = int(reached[0]) if len(reached) else len(grid) - 1
    kept = np.flatnonzero(np.abs(F - q) <= z * np.sqrt(variance))
    low, high = (min(int(kept[0]), at), max(int(kept[-1]), at)) if len(kept) else (at, at)
    # F is flat from one value to the next, so the last accepted step reaches up to the value after it
    ends = np.array([[grid[low]], [grid[min(high + 1, len(grid) - 1)]]])
    theta = np.array([grid[at]])
    spread = float(np.sqrt(variance[at]))
    scale = float(ends[1, 0] - ends[0, 0]) / (2 * z * spread) if spread > 0 else 0.0
    m_true = b * ((true <= theta[0]) - q) * scale
    m_pred = s.c / total * ((each <= theta[0]).mean(1) - q) * scale
    return Quantile(theta, ends, (m_true[:, None], m_pred[:, None]))
