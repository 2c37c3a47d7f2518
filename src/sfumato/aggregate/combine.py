"""Several posteriors of the same items -> one: mean, conflation, temperatures, the Jensen-Shannon centroid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.errors import DivergedError, LabelError, ParameterError, ShapeError

from .combine_temperatures import cooled, temperatures
from .kernel import Floats
from .result import Aggregated

COMBINERS = ("mean", "conflation", "temperature", "centroid", "hybrid")
ROUNDS, STILL = 10_000, 1e-12  # of the centroid: rounds at most, and a change below which it stands


def combine(
    posteriors: Sequence[ArrayLike | Aggregated], how: str = "mean", weights: ArrayLike | None = None
) -> Floats:
    r"""One distribution per item from the distributions :math:`p_1 \dots p_M` of several aggregations.

    - ``mean``: :math:`\sum_m \bar w_m p_m`, with :math:`\bar w = w / \sum w`;
    - ``conflation``: :math:`\prod_m p_m^{w_m}`, normalised; where every class has a factor of zero, the limit of
      raising all zeros to the same small number: the classes with the fewest zeros stay (hill2011conflations);
    - ``temperature``: the mean of :math:`p_m^{1/T_m}`, normalised, with the temperatures that bring the members
      together (``temperatures``);
    - ``centroid``: :math:`\arg\min_c \sum_m \bar w_m JS(p_m, c)` (nielsen2020generalization);
    - ``hybrid``: temperatures, then the centroid (wright2022aggregating names the five).

    Args:
        posteriors: at least one; results of ``sf.aggregate``, or arrays (n, K) of rows >= 0 that sum to one; all of
            the same items and classes in one order.
        how: one of the five.
        weights: (M,) of the members, at least 0 and not all 0; None for 1 each. A member of weight 0 is left out.

    Returns:
        (n, K) rows that sum to one.

    Raises:
        ParameterError: an unknown name, wrong weights, results whose classes or items have other names. ShapeError,
        LabelError: arrays of other shapes, or rows that are no distributions.
    """
    if how not in COMBINERS:
        raise ParameterError(f"how={how!r}", f"one of {', '.join(COMBINERS)}")
    p = _stacked(posteriors)
    w = np.ones(len(p)) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (len(p),) or not (w >= 0).all() or not 0 < w.sum() < np.inf:
        raise ParameterError(f"weights {w.tolist()}", f"{len(p)} numbers >= 0, one of them above 0")
    p, w = p[w > 0], w[w > 0]
    if how in ("temperature", "hybrid"):
        p = cooled(p, temperatures(p))
    if how == "conflation":
        return conflation(p, w)
    return centroid(p, w / w.sum()) if how in ("centroid", "hybrid") else np.tensordot(w / w.sum(), p, 1)


def conflation(p: Floats, w: Floats) -> Floats:
    """(n, K) normalised products of p (M, n, K) to the powers w (M,); zeros as in ``combine``."""
    zeros = np.tensordot(w, (p == 0).astype(float), 1)
    log = np.tensordot(w, np.log(np.where(p > 0, p, 1.0)), 1)
    left = zeros <= zeros.min(1, keepdims=True) + 1e-9 * w.sum()
    log = np.where(left, log, -np.inf)
    product = np.exp(log - log.max(1, keepdims=True))
    return np.asarray(product / product.sum(1, keepdims=True))


def centroid(p: Floats, w: Floats) -> Floats:
    r"""(n, K) distributions c of least :math:`\sum_m w_m JS(p_m, c)`, p (M, n, K), w (M,) of sum one.

    From the mean, :math:`c_k \leftarrow \prod_m (c_k + p_{mk})^{w_m}`, normalised: the concave-convex step, after which
    the sum is never larger. It is convex in c, so that the point where the step stands still is the least.
    """
    c = np.tensordot(w, p, 1)
    for _ in range(ROUNDS):
        middle = c + p
        with np.errstate(divide="ignore"):
            log = np.tensordot(w, np.log(middle), 1)
        new = np.exp(log - log.max(1, keepdims=True))
        new /= new.sum(1, keepdims=True)
        moved = float(np.abs(new - c).max(initial=0))
        c = new
        if moved <= STILL:
            return np.asarray(c)
    raise DivergedError(
        f"the Jensen-Shannon centroid still moves by {moved:.1g} after {ROUNDS} steps", "posteriors it settles on"
    )


def _stacked(posteriors: Sequence[ArrayLike | Aggregated]) -> Floats:
    """(M, n, K) of what came through the door."""
    results = [one for one in posteriors if isinstance(one, Aggregated)]
    for what in ("classes", "items"):
        names = [getattr(one, what) for one in results if getattr(one, what) is not None]
        if any(other != names[0] for other in names[1:]):
            raise ParameterError(f"results whose {what} differ", f"the same {what} in one order")
    tables = [np.asarray(one.posterior if isinstance(one, Aggregated) else one, np.float64) for one in posteriors]
    if not tables:
        raise ShapeError("no posterior", "at least one (n, K)")
    for table in tables:
        if table.ndim != 2 or table.shape != tables[0].shape or table.shape[1] < 2 or not len(table):
            raise ShapeError(f"posteriors of shapes {[t.shape for t in tables][:10]}", "one (n, K), K at least 2")
        if not ((table >= 0).all() and np.allclose(table.sum(1), 1, atol=1e-6)):
            raise LabelError("posterior rows that are no distributions", "rows >= 0 that sum to one")
    return np.stack(tables)
