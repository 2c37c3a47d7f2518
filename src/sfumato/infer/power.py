"""How many true labels an interval of a wanted width needs."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from sfumato.core.errors import ParameterError

from .given import Floats
from .result import Estimates


def expected_width(pilot: Estimates, labels: int, coefficient: str | None = None, gold: bool = False) -> float:
    r"""The width of the interval if ``labels`` of the pilot's rows had been labelled at random.

    With variances of one row's influence, true :math:`\sigma_y^2` and predicted :math:`\sigma_f^2`, and their
    covariance :math:`\sigma_{yf}`, the variance is
    :math:`\sigma_y^2/n - 2\lambda\sigma_{yf}/n + \lambda^2\sigma_f^2(1/n + 1/N)`, N = rows - n; pooled designs have
    :math:`[\sigma_y^2 + (M/n - 1)(\sigma_y^2 - 2\sigma_{yf} + \sigma_f^2)]/M`. ppi-plus-plus tunes lambda anew. With
    clusters the variance is multiplied by the pilot's own design effect, its clustered variance over that of
    independent rows: labels are then taken to fall on clusters as they did in the pilot. Degrees of freedom of a
    Student interval grow as the labels do.

    Args: pilot, a table of this room; labels from 2 to the pilot's rows - 2; coefficient, its name (the first where
    None); gold, for the true labels alone.
    """
    if not 2 <= labels <= pilot.rows - 2:
        raise ParameterError(f"labels={labels}", f"from 2 to {pilot.rows - 2}")
    return float(_widths(pilot, np.array([labels], float), coefficient, gold)[0])


def labels_needed(pilot: Estimates, width: float, coefficient: str | None = None, gold: bool = False) -> int:
    """The least number of true labels whose expected interval is no wider than ``width``.

    Args: as in ``expected_width``; the rows stay as many as the pilot's, and which are labelled changes.

    Errors: ParameterError where no number of labels within the rows is enough; it says how narrow they can get.
    """
    if not width > 0:
        raise ParameterError(f"width={width}", "a positive number")
    n = np.arange(2, pilot.rows - 1, dtype=float)
    widths = _widths(pilot, n, coefficient, gold)
    enough = np.flatnonzero(widths <= width)
    if not len(enough):
        raise ParameterError(
            f"width={width:.4g}, where {pilot.rows} rows reach {widths.min():.4g}", "a wider one", "gather more rows"
        )
    return int(n[enough[0]])


def _widths(pilot: Estimates, n: Floats, coefficient: str | None, gold: bool) -> Floats:
    name = pilot.names[0] if coefficient is None else coefficient
    if name not in pilot.names:
        raise ParameterError(f"coefficient {name!r}", f"one of {list(pilot.names)}")
    j = pilot.names.index(name)
    yy, ff, yf = pilot.pieces[:, j]
    M = float(pilot.rows)
    if gold:
        variance = yy / n
    elif pilot.pooled:
        variance = (yy + (M / n - 1) * max(yy - 2 * yf + ff, 0.0)) / M
    else:
        both = ff * (1 / n + 1 / (M - n))
        lam = np.full(len(n), pilot.lam[j if len(pilot.lam) > 1 else 0])
        if pilot.method == "ppi-plus-plus":
            lam = np.clip(np.divide(yf / n, both, out=np.zeros(len(n)), where=both > 0), 0, 1)
        variance = yy / n - 2 * lam * yf / n + lam**2 * both
    own = pilot.gold if gold and pilot.gold is not None else pilot
    variance = variance * own.effect[min(j, len(own.effect) - 1)]
    df = own.df[min(j, len(own.df) - 1)] * n / own.labelled
    return np.asarray(2 * student.isf((1 - pilot.level) / 2, df) * np.sqrt(np.maximum(variance, 0)))
