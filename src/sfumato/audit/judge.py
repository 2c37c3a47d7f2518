"""The judge of single labels: out-of-sample probabilities, and what may be concluded from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.audit.section import Bools, Data, Floats, Ints
from sfumato.core.errors import ShapeError
from sfumato.parts.confident import Confident, confident
from sfumato.parts.linear import out_of_fold, stratified_folds
from sfumato.parts.neighbours import Neighbourhood
from sfumato.parts.opinion_pool import logarithmic_pool
from sfumato.score.neighbour_labels import groups_apart, neighbour_shares

_NEIGHBOURS = 20  # better than ten on average in docs/measurements/detection-default.md, by true labels


@dataclass(frozen=True)
class Sources:
    """What the judge's own probabilities are pooled of: those of the linear ``head`` (n, K), the labels of the
    ``asked`` nearest rows in the search ``near``, and the exponents ``trust`` of the two."""

    head: Floats
    near: Neighbourhood
    asked: int
    trust: tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """The labelled observations ``at``, their labels ``y`` and probabilities ``p``, counted confidently in ``found``.

    ``fair`` is false where a row's class has no member outside its own fold, so that nothing can be said of its label.
    ``sources`` tells what the probabilities were made of, None where the user passed them in. ``agreement`` is the
    share of labels that the prediction repeats, ``majority`` that of the largest class.
    """

    at: Ints
    y: Ints
    p: Floats
    found: Confident
    fair: Bools
    sources: Sources | None
    agreement: float
    majority: float

    @property
    def echoed(self) -> bool:
        """Whether the labels are nothing but the predictions of probabilities that the user passed in."""
        return self.found.agree and self.sources is None

    @property
    def informed(self) -> bool:
        """Whether the predictions beat the largest class by more than chance (two standard errors)."""
        error = np.sqrt(max(self.agreement * (1 - self.agreement), 1e-12) / len(self.y))
        return bool(self.agreement > self.majority + 2 * error)


def judge(data: Data) -> Judged:
    """Probabilities for every labelled observation: the user's, or pooled from a linear head that never saw the row and
    the labels of its nearest rows, each trusted as far as it predicts the given labels (``logarithmic_pool``).

    Near-duplicates share a fold and are no neighbours, so that no row is judged by its own twin. Neighbours are
    Euclidean over the standardised columns, as for duplicates and outliers: a cosine cannot tell the rows of a single
    column apart.
    """
    said = np.asarray(data.labels.y)
    at = np.flatnonzero(said >= 0)
    y = said[at].astype(np.int64)
    fair, sources = np.ones(len(at), bool), None
    if data.probabilities is not None:
        p = data.probabilities if len(at) == len(said) else data.probabilities[at]
        if p.ndim != 2 or p.shape[1] != data.k:
            raise ShapeError(f"probabilities of shape {p.shape}", f"({len(said)}, {data.k}), one column per class")
    else:
        group = data.twins.group[at]
        fold = grouped_folds(y, group, min(data.folds, len(at)), data.seed)
        head = out_of_fold(data.x[at], y, data.k, fold=fold)
        near = data.near if len(at) == len(said) else data.among(at)
        asked = min(_NEIGHBOURS, near.room, int(groups_apart(group).max()))
        p, trust = logarithmic_pool(y, [head, neighbour_shares(near, y, data.k, asked, group)])
        sources = Sources(head, near, asked, (float(trust[0]), float(trust[1])))
        held = np.zeros((data.k, int(fold.max()) + 1), bool)
        held[y, fold] = True
        fair = held.sum(axis=1)[y] > 1
    found = confident(y, p)
    agreement = float((p.argmax(axis=1) == y).mean())
    majority = float(found.count.max() / len(y))
    return Judged(at, y, p, found, fair, sources, agreement, majority)


def grouped_folds(y: Ints, group: Ints, folds: int, seed: int) -> Ints:
    """Stratified folds (n,) that keep the rows of a group together; ``group`` is negative for rows on their own."""
    lead, place = np.unique(groups_apart(group), return_index=True, return_inverse=True)[1:]
    if len(lead) < 2:
        raise ShapeError("only one labelled row that differs from the others", "at least two to hold one out")
    return stratified_folds(y[lead], min(folds, len(lead)), seed)[place]
