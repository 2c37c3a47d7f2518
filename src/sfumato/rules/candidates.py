"""Small models on every subset of columns, each judged on labels that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import ParameterError
from sfumato.core.streams import numpy_rng
from sfumato.labels.votes import ABSTAIN
from sfumato.parts.linear import stratified_folds

from .functions import Floats, Ints, LabelingFunction, Told, speak
from .heuristics import KINDS, Logistics, Neighbours, Stumps

POOL = 1000  # rows at most on which coverage is measured
BETAS = tuple(np.linspace(0.25, 0.45, 10).tolist())  # as in the released code of roberts2022autows


@dataclass(frozen=True, eq=False)
class Candidates:
    """Models on subsets of columns (c, q), each with its best cut: cut and f1 (c,); held (c, l) what each says of the
    labelled rows, fitted without them; pool (c, rows) what it says of rows without labels.
    """

    subsets: Ints
    models: Stumps | Logistics | Neighbours
    cut: Floats
    f1: Floats
    held: Ints
    pool: Ints

    def function(self, j: int) -> LabelingFunction:
        """Candidate j by itself."""
        columns = tuple(int(c) for c in self.subsets[j])
        kind = next(name for name, cls in KINDS.items() if isinstance(self.models, cls))
        name = f"{kind} of " + ", ".join(f"x{c}" for c in columns)
        if isinstance(self.models, Stumps):
            below, above = (self._says(side[j], self.cut[j]) for side in (self.models.below, self.models.above))
            name = f"x{columns[0]} <= {self.models.threshold[j]:.4g}: {below}, else {above}"
        return LabelingFunction(name, columns, self.models[[j]], float(self.cut[j]))

    @staticmethod
    def _says(belief: Floats, cut: float) -> str:
        said = int(speak(belief[None], cut)[0])
        return "abstain" if said == ABSTAIN else str(said)


def check(heuristic: str, cardinality: int, subsets: int, folds: int, betas: tuple[float, ...]) -> None:
    """Errors in what a maker was asked for."""
    if heuristic not in KINDS:
        raise ParameterError(f"heuristic={heuristic!r}", f"one of {tuple(KINDS)}")
    if cardinality not in KINDS[heuristic].columns:
        raise ParameterError(f"cardinality={cardinality} with {heuristic}", f"one of {KINDS[heuristic].columns}")
    if subsets < 1 or folds < 2:
        raise ParameterError(f"subsets={subsets}, folds={folds}", "at least 1 and 2")
    if not betas or not all(0 <= beta < 1 for beta in betas):
        raise ParameterError(f"betas={betas}", "at least one, each in [0, 1)")


def columns_of(d: int, cardinality: int, most: int, seed: int) -> Ints:
    """(c, q) every subset of so many of d columns; where there are more than ``most``, that many drawn at random."""
    if cardinality > d:
        raise ParameterError(f"cardinality={cardinality} with {d} columns", f"at most {d}")
    if comb(d, cardinality) <= most:
        return np.array(list(combinations(range(d), cardinality)))
    draw, found = numpy_rng(seed, "subsets"), dict[tuple[int, ...], None]()
    while len(found) < most:
        found[tuple(sorted(draw.choice(d, cardinality, replace=False).tolist()))] = None
    return np.array(list(found))


def pool_of(told: Told, seed: int) -> Ints:
    """Rows without a label, at most ``POOL`` of them, drawn at random; all rows where each has a label."""
    free = np.setdiff1d(np.arange(len(told.x)), told.rows)
    free = free if len(free) else np.arange(len(told.x))
    return np.sort(numpy_rng(seed, "pool").permutation(free)[:POOL])


def candidates(
    told: Told, kind: str, subsets: Ints, fold: Ints, active: NDArray[np.bool_], betas: tuple[float, ...], pool: Ints
) -> Candidates:
    r"""Fitted on the ``active`` labelled rows; a row's own fold is left out when it is spoken of.

    The cut is :math:`1/K + \beta`, with the beta of highest weighted F1 over all labelled rows (the lowest on ties).
    """
    cls: Any = KINDS[kind]
    z = np.moveaxis(told.x[told.rows][:, subsets], 1, 0)  # (c, l, q)
    whole = cls.fit(z[:, active], told.y[active], told.k)
    belief = np.empty((len(subsets), len(told.rows), told.k))
    belief[:, ~active] = whole.probabilities(z[:, ~active])
    for f in np.unique(fold[active]):
        out, rest = active & (fold == f), active & (fold != f)
        part = cls.fit(z[:, rest], told.y[rest], told.k) if rest.any() else whole
        belief[:, out] = part.probabilities(z[:, out])
    cuts = np.minimum(1 / told.k + np.asarray(betas), 1.0)
    said = [speak(belief, cut) for cut in cuts]
    f1 = np.stack([weighted_f1(s, told.y, told.k) for s in said])
    best = f1.argmax(0)
    each = np.arange(len(subsets))
    free = whole.probabilities(np.moveaxis(told.x[pool][:, subsets], 1, 0))
    cut = cuts[best]
    return Candidates(subsets, whole, cut, f1[best, each], np.stack(said)[best, each], speak(free, cut[:, None]))


def weighted_f1(said: Ints, y: Ints, k: int) -> Floats:
    r"""(c,) :math:`\sum_k \frac{n_k}{n} \frac{2\, tp_k}{s_k + n_k}` of statements (c, n), :math:`s_k` said and
    :math:`n_k` true; an abstention is a miss.
    """
    total = np.zeros(len(said))
    for c in range(k):
        true = y == c
        hit, spoke = ((said == c) & true).sum(1), (said == c).sum(1)
        if true.any():
            total += true.mean() * 2 * hit / (spoke + true.sum())
    return total


def folds_of(told: Told, folds: int, seed: int) -> Ints:
    """The fold of each labelled row, classes spread evenly."""
    return stratified_folds(told.y, min(folds, len(told.y)), seed)
