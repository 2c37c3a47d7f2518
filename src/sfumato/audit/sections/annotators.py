"""Where several people labelled each item: how far they agree, who stands apart, and where the given label differs."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Data, Floats, Ints, Issues, Measure, Section, Seen, counted, percent
from sfumato.estimate.interval import bootstrap
from sfumato.parts.agreement import alpha, vote_counts
from sfumato.parts.svg import bars, number

FIRM, TENTATIVE = 0.8, 0.667  # Krippendorff's customary levels of alpha
_SHOWN = 30


def annotators(data: Data, seen: Seen) -> Section | None:
    """Krippendorff's alpha with an interval over items, each annotator's agreement with the others, and the items on
    which votes and label part."""
    votes = data.beside.votes
    if votes is None:
        return None
    counts = vote_counts(votes, data.k)
    total = counts.sum(axis=1)
    many = np.flatnonzero(total > 1)
    agreed = int((counts[many].max(axis=1) == total[many]).sum())
    own, shared = _with_others(votes, counts)
    value = low = high = float("nan")
    if many.size and np.isfinite(alpha(counts)):
        span = bootstrap(lambda r: _alpha_or_one(counts[r]), [many], seed=data.seed, bounds=(-1.0, 1.0))
        value, low, high = alpha(counts), span.low, span.high
    issues = _parted(data, counts, total)
    known = bool(np.isfinite(value))
    m, held = votes.shape[1], int((votes >= 0).any(axis=0).sum())
    if known:
        verdict = (
            f"{counted(held, 'annotator')} agree with Krippendorff's alpha {value:.3f} (95% interval {low:.3f} to "
            f"{high:.3f}); {percent(agreed / len(many))} of the {counted(len(many), 'item')} with two votes or more "
            "are unanimous."
        )
    else:
        verdict = "Agreement cannot be told: no item has two votes, or all votes are for one class."
    if len(issues.row):
        verdict += f" The votes outvote the given label in {counted(len(issues.row), 'row')}."
    rated = np.flatnonzero(shared > 0)
    order = rated[np.argsort(own[rated], kind="stable")][:_SHOWN]
    notes = [
        "Alpha is 1 where all agree and 0 where votes are as if drawn at random; from 0.8 on it is customarily called "
        "reliable, from 0.667 on fit for tentative conclusions. An annotator's agreement is the share of the other "
        "votes on the same items that say the same."
    ]
    if len(rated) > _SHOWN:
        notes.append(f"The {_SHOWN} who agree least are shown; summary.json holds all {m}.")
    picture = (
        ()
        if not len(order)
        else (
            (
                "Agreement with the other votes on the same items, in percent",
                bars([f"annotator {j}" for j in order], 100 * own[order], "Agreement per annotator"),
            ),
        )
    )
    return Section(
        "annotators",
        "Annotator agreement",
        verdict,
        headline=(f"alpha ({low:.2f} to {high:.2f})", f"{value:.3f}") if known else None,
        notes=tuple(notes),
        facts=(
            ("votes", number(int(total.sum()))),
            ("items without a vote", number(int((total == 0).sum()))),
            ("items with one vote", number(int((total == 1).sum()))),
        ),
        figures=picture,
        issues=issues,
        summary={
            "annotators": held,
            "votes": int(total.sum()),
            "items_with_two": len(many),
            "unanimous": agreed,
            "alpha": {"value": value, "low": low, "high": high, "level": 0.95},
            "agreement": own.tolist(),
            "votes_per_annotator": (votes >= 0).sum(axis=0).tolist(),
            "outvoted": len(issues.row),
        },
        light="unknown" if not known else "good" if value >= FIRM else "look" if value >= TENTATIVE else "act",
        measures=(Measure("Krippendorff's alpha", value, "higher", low, high),) if known else (),
    )


def _alpha_or_one(counts: Ints) -> float:
    value = alpha(counts)
    return 1.0 if np.isnan(value) else value  # a resample with one class alone: nobody disagreed


def _with_others(votes: Ints, counts: Ints) -> tuple[Floats, Ints]:
    """Per annotator: share of the other votes on the same items that say the same (NaN: none), and their number."""
    total = counts.sum(axis=1)
    same, shared = np.zeros(votes.shape[1]), np.zeros(votes.shape[1], np.int64)
    for j, column in enumerate(votes.T):
        at = np.flatnonzero(column >= 0)
        same[j] = float((counts[at, column[at]] - 1).sum())
        shared[j] = int((total[at] - 1).sum())
    return np.where(shared > 0, same / np.maximum(shared, 1), np.nan), shared


def _parted(data: Data, counts: Ints, total: Ints) -> Issues:
    """Rows whose given label got fewer votes than another class, widest margin first."""
    y = data.said
    if y is None:
        return Issues("outvoted", np.empty(0, np.int64), np.empty(0), [], [], np.empty(0), np.empty(0))
    own = np.where(y >= 0, counts[np.arange(len(y)), np.maximum(y, 0)], 0)
    rows = np.flatnonzero((y >= 0) & (counts.max(axis=1) > own))
    best = counts[rows].argmax(axis=1)
    for_best, for_given = counts[rows, best] / total[rows], own[rows] / total[rows]
    order = np.argsort(-(for_best - for_given), kind="stable")
    rows, best, for_best, for_given = rows[order], best[order], for_best[order], for_given[order]
    return Issues(
        "outvoted",
        rows,
        for_best - for_given,
        [data.names[c] for c in y[rows]],
        [data.names[c] for c in best],
        for_best,
        for_given,
    )
