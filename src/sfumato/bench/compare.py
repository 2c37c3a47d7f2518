"""Paired differences between two stores, or two methods of one store, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sfumato.core.errors import ParameterError

from .apart import names
from .ranks import TIE
from .results import Result, board, groups, named, preferred, results
from .store import Store
from .truths import truth_of


@dataclass(frozen=True)
class Difference:
    """A minus B in points of the oracle on test rows, positive where A is better: where, how many pairs, mean, 95 % t
    interval (None for one pair).
    """

    where: str
    pairs: int
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Comparison:
    """A against B: ``overall`` takes the conditions (of stores: conditions and methods) as its units; wins, ties and
    losses of A count them, ties being differences that are rounding; unpaired, those that only one side has, or
    whose oracle is not defined.
    """

    a: str
    b: str
    overall: Difference
    each: tuple[Difference, ...]
    wins: int
    ties: int
    losses: int
    unpaired: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare(a: str, b: str, store: Store | None = None) -> Comparison:
    """Paired differences A - B.

    Args: a, b: two methods of ``store``, paired by data set, law and seed, each with the draw its kind's criterion
    chose; or, without ``store``, the folders of two stores, paired run by run. Errors: an unknown method, nothing to
    pair.
    """
    if store is None:
        tables = [Store(path).table().to_pylist() for path in (a, b)]
        # what tells settings apart in one store does so in the other
        both = [named(rows, found)[0] for rows, found in zip(tables, names(*tables), strict=True)]
        left, right = map(_each, both)
        return _paired(a, b, left, right, units=4)
    done = results(store)[0]
    known = sorted({r.method for r in done})
    for name in (a, b):
        if name not in known:
            raise ParameterError(
                f"a method {name!r} in {store.path}", f"one of {', '.join(known) or 'none: no run is done'}"
            )
    return _paired(a, b, _chosen(done, a), _chosen(done, b), units=3)


def _each(done: Sequence[Result]) -> dict[tuple[Any, ...], float]:
    """The oracle by place; NaN where two grids drew one draw differently, so that no run is its partner."""
    places = groups(done, "kind", "dataset", "law", "method", "seed", "draw")
    return {place: runs[0].accuracy if len(runs) == 1 else math.nan for place, runs in places.items()}


def _chosen(done: Sequence[Result], method: str) -> dict[tuple[Any, ...], float]:
    rules = {kind: board(done, kind).rule for kind in {r.kind for r in done}}
    out = {}
    own = (r for r in done if r.method == method)
    for place, runs in groups(own, "kind", "dataset", "law", "seed").items():
        able = [r for r in runs if math.isfinite(r.accuracy)]
        out[place] = preferred(able, rules[place[0]]).accuracy if able else math.nan
    return out


def _paired(
    a: str, b: str, left: dict[tuple[Any, ...], float], right: dict[tuple[Any, ...], float], units: int
) -> Comparison:
    shared = sorted(p for p in left.keys() & right.keys() if math.isfinite(left[p] - right[p]))
    if not shared:
        raise ParameterError(f"nothing to pair between {a} and {b}", "runs of the same conditions and seeds")
    cells: dict[tuple[Any, ...], list[float]] = {}
    for place in shared:
        cells.setdefault(place[:units], []).append(truth_of(place[0]).scale * (left[place] - right[place]))
    each = tuple(_difference(" / ".join(map(str, cell[1:])), values) for cell, values in cells.items())
    means = [d.mean for d in each]
    overall = _difference("overall", means if len(means) > 1 else next(iter(cells.values())))
    slack = [TIE * truth_of(cell[0]).scale for cell in cells]
    signs = [(m > s) - (m < -s) for m, s in zip(means, slack, strict=True)]
    unpaired = len(left.keys() | right.keys()) - len(shared)
    return Comparison(a, b, overall, each, signs.count(1), signs.count(0), signs.count(-1), unpaired)


def _difference(where: str, values: Sequence[float]) -> Difference:
    from scipy import stats

    v = np.asarray(values, np.float64)
    mean = float(v.mean())
    if len(v) < 2:
        return Difference(where, len(v), mean, None, None)
    half = float(stats.t.ppf(0.975, len(v) - 1)) * float(v.std(ddof=1)) / math.sqrt(len(v))
    return Difference(where, len(v), mean, mean - half, mean + half)
