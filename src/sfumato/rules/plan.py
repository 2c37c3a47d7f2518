"""What a budget buys: more labels, more raters per item, or better raters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import comb, floor

import numpy as np

from sfumato.core.errors import ParameterError
from sfumato.parts.escape import visible

MOST = 99  # raters per item that are counted exactly


@dataclass(frozen=True)
class Rater:
    """A kind of rater: accuracy in (1/K, 1], the chance of naming the true class, wrong ones alike; cost of one answer,
    positive.
    """

    name: str
    accuracy: float
    cost: float = 1.0


@dataclass(frozen=True)
class Design:
    """A way to spend: ``raters`` answers on each of ``items`` items by one kind of rater. right: chance that the
    majority is right; effective: clean labels that the items are worth; spent; error: expected, NaN without a curve.
    """

    rater: str
    raters: int
    items: int
    right: float
    effective: float
    spent: float
    error: float = float("nan")


@dataclass(frozen=True)
class Plan:
    """Designs within a budget, the most effective first; equal ones by what they cost."""

    budget: float
    designs: tuple[Design, ...]

    @property
    def best(self) -> Design:
        """The design worth most clean labels."""
        return self.designs[0]

    def to_dict(self) -> list[dict[str, object]]:
        """Plain JSON-ready lines."""
        return [dict(vars(d)) for d in self.designs]

    def __str__(self) -> str:
        wide = max(6, *(len(visible(d.rater)) for d in self.designs))
        head = f"{'rater':{wide}}  per item   items   right  clean labels   spent    error"
        lines = [
            f"{visible(d.rater):{wide}}  {d.raters:8d}{d.items:8d}{d.right:8.3f}{d.effective:14.1f}"
            f"{d.spent:8.6g}{d.error:9.3g}"
            for d in self.designs
        ]
        return "\n".join([head, *lines])


@cache
def majority_right(raters: int, accuracy: float, k: int = 2) -> float:
    r"""The chance that the most named class of independent answers is the true one, ties shared.

    .. math:: \sum_{a \ge 1} \sum_t \frac{1}{t + 1} \binom{K-1}{t} \frac{m!}{a!}\, p^a q^{m - a}\,
              [x^{m-a}] \Big(\frac{x^a}{a!}\Big)^t \Big(\sum_{j < a} \frac{x^j}{j!}\Big)^{K-1-t}, \qquad
              q = \frac{1 - p}{K - 1}

    over a right answers of m and t wrong classes that tie with them; for two classes and odd m the binomial tail
    (sheng2008get).

    Args: raters m from 1 to 99; accuracy p in [0, 1], wrong classes alike; k classes >= 2.
    """
    if not 1 <= raters <= MOST or not 0 <= accuracy <= 1 or k < 2:
        raise ParameterError(f"raters={raters}, accuracy={accuracy}, k={k}", f"1 to {MOST}, [0, 1], at least 2")
    log = np.cumsum(np.log(np.maximum(np.arange(raters + 1), 1)))  # of factorials
    total = 0.0
    wrong = (1 - accuracy) / (k - 1)
    for a in range(1, raters + 1):
        rest = raters - a
        below = np.exp(-log[: min(a, rest + 1)])  # of each class that does not tie
        scale = accuracy**a * wrong**rest * np.exp(log[raters] - log[a])
        series = np.zeros(rest + 1)
        for t in range(min(k - 1, rest // a) + 1):
            free = _coefficient(below, k - 1 - t, rest - a * t)
            series[t] = comb(k - 1, t) * np.exp(-t * log[a]) * free / (t + 1)
        total += scale * float(series.sum())
    return min(total, 1.0)


def _coefficient(series: np.ndarray[tuple[int], np.dtype[np.float64]], power: int, degree: int) -> float:
    """[x^degree] of a polynomial's power; squares of squares."""
    out, base = np.array([1.0]), np.asarray(series, float)
    while power:
        if power & 1:
            out = np.convolve(out, base)[: degree + 1]
        base = np.convolve(base, base)[: degree + 1]
        power >>= 1
    return float(out[degree]) if degree < len(out) else 0.0


def labels_worth(error: float, k: int = 2) -> float:
    r"""What one label with a uniform error is worth in clean labels: :math:`(1 - \frac{K}{K - 1} e)^2`.

    Flipped labels shrink every difference of class probabilities by :math:`1 - eK/(K - 1)`, for two classes 1 - 2e; to
    find it at the same confidence takes its inverse square as many: a sample of
    :math:`\frac{2}{\epsilon^2 (1 - 2e)^2} \ln \frac{2N}{\delta}` labels suffices for N hypotheses
    (angluin1988learning).

    Args: error e in [0, (K - 1) / K]; k classes >= 2.
    """
    if k < 2 or not 0 <= error <= (k - 1) / k + 1e-12:
        raise ParameterError(f"error={error}, k={k}", "from 0 to (k - 1) / k, at least 2 classes")
    return float((1 - error * k / (k - 1)) ** 2)


def plan(
    budget: float,
    raters: Sequence[Rater],
    *,
    k: int = 2,
    item_cost: float = 0.0,
    pool: int | None = None,
    most: int = 9,
    curve: tuple[float, float, float] | None = None,
) -> Plan:
    r"""Every design within a budget, by the clean labels it is worth: :math:`n\, (1 - \frac{K}{K-1} e_m)^2`.

    n is as many items as the budget pays at ``raters`` answers each, and :math:`1 - e_m` is ``majority_right``. Where
    items cost nothing and do not run out, one answer each is worth most; the pool and the cost of an item are what
    repeated answers are for. Assumes independent raters with uniform errors, plain majorities, and training on the
    majority label.

    Args: budget, positive; raters, kinds; k classes; item_cost of getting one item, not negative; pool of items, None:
    endless; most answers per item, 1 to 99; curve: (floor, scale, power) of expected error
    :math:`a + b n^{-c}` on n clean labels, scale and power positive.

    Errors: ParameterError where no design buys an item.
    """
    if not budget > 0 or not np.isfinite(budget) or not item_cost >= 0 or not 1 <= most <= MOST or not raters:
        raise ParameterError(
            f"budget={budget}, item_cost={item_cost}, most={most}, {len(raters)} kinds of raters",
            f"a positive budget, no negative cost, 1 to {MOST} answers, at least one kind",
        )
    if (pool is not None and pool < 1) or (curve is not None and not (curve[0] >= 0 < curve[1] and curve[2] > 0)):
        raise ParameterError(f"pool={pool}, curve={curve}", "at least one item, floor >= 0, scale > 0, power > 0")
    for r in raters:
        if not 1 / k < r.accuracy <= 1 or not r.cost > 0:
            raise ParameterError(f"{r}", f"an accuracy above 1/{k} (chance) and at most 1, a positive cost")
    found = []
    for r in raters:
        for m in range(1, most + 1):
            each = m * r.cost + item_cost
            items = floor(budget / each * (1 + 1e-12))
            items = items if pool is None else min(items, pool)
            if items < 1:
                continue
            right = majority_right(m, r.accuracy, k)
            effective = items * labels_worth(1 - right, k)
            error = float("nan") if curve is None else curve[0] + curve[1] * effective ** -curve[2]
            found.append(Design(r.name, m, items, right, effective, items * each, error))
    if not found:
        raise ParameterError(f"a budget of {budget:g}", "enough for one answer on one item")
    return Plan(budget, tuple(sorted(found, key=lambda d: (-d.effective, d.spent))))
