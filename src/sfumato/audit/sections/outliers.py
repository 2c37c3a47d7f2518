"""Rows far from all others."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Data, Issues, Measure, Section, counted, percent
from sfumato.parts.svg import histogram, number
from sfumato.score.neighbour_distance import NeighbourDistance

_SPREADS = 5.0  # robust standard deviations of the log distance


def outliers(data: Data) -> Section:
    """Mean distance to the ten nearest rows; outlying on the scale of its logarithm."""
    distance = NeighbourDistance(seed=data.seed)
    score = distance.among(data.near)
    apart = score > 0
    logs = np.log(score[apart])
    middle = float(np.median(logs)) if logs.size else 0.0
    sigma = 1.4826 * float(np.median(np.abs(logs - middle))) if logs.size else 0.0
    bar = float(np.exp(middle + _SPREADS * sigma))
    # Where at least half of the rows are equally far there is no scale to be outlying on.
    rows = np.flatnonzero(score > bar) if sigma > 0 else np.empty(0, np.int64)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    said = data.said
    given = None if said is None else [data.names[c] if c >= 0 else "" for c in said[rows]]
    verdict = "No row lies far from all others."
    if len(rows):
        verdict = f"Far from all others: {counted(len(rows), 'row')} ({percent(len(rows) / len(score))})."
    if sigma == 0:
        verdict = "Outliers cannot be told: most rows are equally far from their neighbours."
    notes = [
        f"A row counts as an outlier when its mean distance to its {min(distance.k, len(score) - 1)} nearest rows "
        "exceeds "
        f"{number(bar)} times the median row's, {_SPREADS:.0f} robust standard deviations of the logarithm above "
        "the median."
    ]
    if data.near.among is not None:
        notes.append(f"With this many rows, neighbours are sought in a random sample of {number(data.near.room + 1)}.")
    return Section(
        "outliers",
        "Outliers",
        verdict,
        False,
        ("outliers", number(len(rows))),
        tuple(notes),
        (),
        (
            (
                "Mean distance to the nearest rows, median row = 1",
                histogram(score, "Distances", mark=bar if sigma > 0 else None),
            ),
        ),
        Issues("outlier", rows, score[rows], given=given),
        {"rows": len(rows), "bar": bar if sigma > 0 else None, "k": distance.k},
        light="unknown" if sigma == 0 else "look" if len(rows) else "good",
        measures=(Measure("outliers", len(rows) / len(score), "lower"),),
    )
