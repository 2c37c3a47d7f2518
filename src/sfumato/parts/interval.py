"""Intervals in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm


def wilson(share: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Any, Any]:
    r"""Ends of Wilson's score interval of a share of n draws (wilson1927probable), element by element, within [0, 1].

    With z the normal quantile of the level,
    :math:`(p + z^2 / 2n \pm z \sqrt{p(1-p)/n + z^2/4n^2}) / (1 + z^2/n)`.
    """
    p, n, z2 = np.asarray(share, np.float64), np.asarray(n, np.float64), norm.isf((1 - level) / 2) ** 2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    return (low, high) if low.ndim else (float(low), float(high))
