"""Which labels are likely wrong: the detectors that the audit asks, how many rows are marked, and who found which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.audit.judge import Judged
from sfumato.audit.section import Bools, Data, Floats, Ints
from sfumato.parts.neighbours import Neighbourhood
from sfumato.score.ensemble import Ensemble
from sfumato.score.issues import mark
from sfumato.score.neighbour_labels import groups_apart
from sfumato.score.quality import label_quality
from sfumato.score.simifeat import SimiFeat

DETECTORS = CONFIDENT, NEIGHBOURS = ("confident-learning", "simifeat")


@dataclass(frozen=True)
class Detected:
    """Which of the labelled observations are ``marked`` (n,), the ``score`` (n,) that ranks them, and per detector
    asked the rows that it would mark by itself, ``found``; ``near`` neighbours were asked, 0 where none was."""

    marked: Bools
    score: Floats
    found: dict[str, Bools]
    near: int

    @property
    def name(self) -> str:
        """The detector in words."""
        return f"ensemble of {', '.join(self.found)}" if len(self.found) > 1 else next(iter(self.found))


def detect(data: Data, judged: Judged) -> Detected:
    """Confident learning and, where the features made the probabilities, the labels of the nearest rows.

    Best on average in docs/measurements/detection.md, a choice by true labels and so an oracle: on features alone the
    mean rank of the two; beside probabilities that were given, confident learning alone, since weaker features drag
    it down. Neighbours are Euclidean over the standardised columns, as for duplicates and outliers: a cosine cannot
    tell the rows of a single column apart. Near-duplicates are no neighbours of each other.

    Confident learning says how many labels of each class are wrong, the ranking says which: in every given class as
    many rows are marked as confident learning marks, those of highest score among the rows that one of the two would
    mark; ties go to the lowest row.
    """
    counted = mark(judged.found, judged.p, "prune_by_noise_rate") & judged.fair
    margin = label_quality(judged.y, judged.p, "normalized_margin").astype(np.float64)
    score: Floats = (counted + margin) / 2
    found: dict[str, Bools] = {CONFIDENT: np.asarray(counted)}
    if not judged.own:
        return Detected(counted, score, found, 0)
    group = data.twins.group[judged.at]
    near = SimiFeat(seed=data.seed)
    near.k = min(near.k, int(groups_apart(group).max()))
    whole = len(judged.at) == len(data.x)
    around, outvoted = near.judged(data.near if whole else Neighbourhood(data.x[judged.at]), judged.y, group)
    score = Ensemble().score({CONFIDENT: score, NEIGHBOURS: around})
    found[NEIGHBOURS] = outvoted & judged.fair
    return Detected(_highest(judged.y, score, counted, counted | found[NEIGHBOURS]), score, found, near.k)


def _highest(y: Ints, score: Floats, counted: Bools, eligible: Bools) -> Bools:
    """In every class as many eligible rows as it has counted ones, those of highest score."""
    number = np.bincount(y[counted], minlength=int(y.max()) + 1)
    rows = np.flatnonzero(eligible)
    rows = rows[np.lexsort((-score[rows], y[rows]))]
    size = np.bincount(y[rows], minlength=len(number))
    place = np.arange(len(rows)) - np.repeat(size.cumsum() - size, size)
    marked = np.zeros(len(y), bool)
    marked[rows[place < number[y[rows]]]] = True
    return marked
