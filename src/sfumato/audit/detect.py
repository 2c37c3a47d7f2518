"""Which labels are likely wrong: confident learning on the judge's probabilities, and what each source would find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.audit.judge import Judged
from sfumato.audit.section import Bools, Data, Floats
from sfumato.parts.confident import confident
from sfumato.score.issues import mark
from sfumato.score.quality import label_quality
from sfumato.score.simifeat import SimiFeat

DETECTORS = CONFIDENT, NEIGHBOURS = ("confident-learning", "simifeat")


@dataclass(frozen=True)
class Detected:
    """Which of the labelled observations are ``marked`` (n,), the ``score`` (n,) that ranks them, and the rows that
    each source would mark by itself, ``found``; ``name``, the detector in words."""

    marked: Bools
    score: Floats
    found: dict[str, Bools]
    name: str


def detect(data: Data, judged: Judged) -> Detected:
    """Confident learning: the marked rows first, then by the normalized margin.

    Where the probabilities were made here, on features alone, they are pooled from a linear head and the labels of the
    nearest rows; told beside are the rows that confident learning would mark on the head alone, and those that the
    labels of the ten nearest rows outvote (SimiFeat). The pool is best on average in
    docs/measurements/detection-default.md, a choice by true labels and so an oracle over sets; its exponents are not
    chosen so. Beside probabilities that were given, confident learning reads these alone.
    """
    marked = np.asarray(mark(judged.found, judged.p, "prune_by_noise_rate") & judged.fair)
    score = (marked + label_quality(judged.y, judged.p, "normalized_margin").astype(np.float64)) / 2
    made = judged.sources
    if made is None:
        return Detected(marked, score, {CONFIDENT: marked}, CONFIDENT)
    alone = mark(confident(judged.y, made.head), made.head, "prune_by_noise_rate")
    vote = SimiFeat(seed=data.seed)
    vote.k = min(vote.k, made.asked)
    outvoted = vote.judged(made.near, judged.y, data.twins.group[judged.at])[1]
    found = {CONFIDENT: np.asarray(alone & judged.fair), NEIGHBOURS: outvoted & judged.fair}
    return Detected(marked, score, found, f"{CONFIDENT} on pooled probabilities of a linear head and neighbours")
