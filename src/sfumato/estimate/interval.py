r"""Intervals by resampling rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import ParameterError
from sfumato.core.roles import Estimator
from sfumato.core.streams import numpy_rng
from sfumato.parts.interval import wilson as wilson

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

ROWS = 20_000


@dataclass(frozen=True)
class Interval:
    """``value`` with its ``low`` and ``high`` end at ``level``, from ``repeats`` resamples; ends are NaN without
    resamples."""

    value: Any
    low: Any
    high: Any
    level: float
    repeats: int


def bootstrap(
    statistic: Callable[[Ints], Any],
    strata: Sequence[Ints],
    *,
    repeats: int = 200,
    level: float = 0.95,
    seed: int = 0,
    bounds: tuple[float, float] = (0.0, 1.0),
    rows: int = ROWS,
) -> Interval:
    r"""Percentile interval of a statistic of rows, resampled with replacement within strata.

    Above ``rows`` rows each resample draws only m = ``rows`` of n, and its deviations are shrunk by :math:`\sqrt{m/n}`
    (the m-out-of-n bootstrap for root-n statistics, bickel1997resampling); at m = n this is the plain percentile
    interval. The interval tells what chance did to the rows at hand; probabilities that were computed before are held
    fixed.

    Args:
        statistic: rows -> number or array.
        strata: row numbers that are resampled apart from each other.
        repeats: resamples, at least 20, or 0 for none.
        level: coverage in (0, 1).
        seed: of the resamples.
        bounds: that the statistic cannot leave.
        rows: most rows of one resample.
    """
    if not (repeats == 0 or repeats >= 20) or not 0 < level < 1:
        raise ParameterError(f"repeats={repeats}, level={level}", "0 or at least 20 repeats, and a level inside (0, 1)")
    n = sum(len(s) for s in strata)
    share = min(1.0, rows / n)
    value = np.asarray(statistic(np.concatenate(strata)), np.float64)
    if repeats == 0:
        empty = np.full(value.shape, np.nan)
        return Interval(_plain(value), _plain(empty), _plain(empty), level, 0)
    drawn = []
    for repeat in range(repeats):
        rng = numpy_rng(seed, "bootstrap", repeat)
        picks = [s[rng.integers(0, len(s), max(1, round(share * len(s))))] for s in strata]
        drawn.append(np.asarray(statistic(np.concatenate(picks)), np.float64))
    off = np.quantile(np.stack(drawn) - value, [(1 - level) / 2, (1 + level) / 2], axis=0) * np.sqrt(share)
    low, high = np.clip(value + off, *bounds)
    return Interval(_plain(value), _plain(low), _plain(high), level, repeats)


def _plain(value: Any) -> Any:
    return value if np.ndim(value) else float(value)


@dataclass
class Resampled(Estimator):
    """Base of the estimators whose interval is a bootstrap over rows.

    Args:
        repeats: bootstrap resamples of rows for ``interval``, at least 20; 0 for none.
        level: coverage of the interval, in (0, 1).

    Afterwards: ``interval`` (value, low, high).
    """

    repeats: int = 200
    level: float = 0.95
    interval: Interval = field(init=False, repr=False, compare=False)

    def resampled(self, statistic: Callable[[Ints], Any], strata: Sequence[Ints], seed: int, **limits: Any) -> Interval:
        """The statistic of all rows with the interval that these fields ask for; limits as in ``bootstrap``."""
        return bootstrap(statistic, strata, repeats=self.repeats, level=self.level, seed=seed, **limits)
