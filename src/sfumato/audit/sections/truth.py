"""The true labels, where somebody has them: an oracle, against which the findings of this very audit are measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from sfumato.audit.section import Bools, Data, Ints, Measure, Section, Seen, counted, percent
from sfumato.estimate.interval import wilson
from sfumato.parts.dependence import crossed
from sfumato.parts.svg import heat, number

_SHOWN = 20


def truth(data: Data, seen: Seen) -> Section | None:
    """The true noise rate and confusions, and how many of the likely label errors are errors."""
    true, y = data.beside.truth, data.said
    if true is None or y is None:
        return None
    at = np.flatnonzero((y >= 0) & (true >= 0))
    if not len(at):
        return None
    wrong = np.zeros(len(y), bool)
    wrong[at] = y[at] != true[at]
    rate = float(wrong[at].mean())
    low, high = wilson(rate, len(at))
    counts = crossed(true[at], y[at], data.k, data.k)
    matrix = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    verdict = (
        f"Against the true labels (an oracle), {percent(rate)} of {counted(len(at), 'label')} are wrong "
        f"(95% interval {percent(low)} to {percent(high)})."
    )
    marked = None
    if seen.judged is not None:
        marked = _marked(seen.doubtful, wrong, true)
        verdict += (
            f" Of the likely errors {percent(marked['precision'])} are errors, and they are "
            f"{percent(marked['recall'])} of all errors."
            if marked["precision"] is not None and marked["recall"] is not None
            else ""
        )
    if seen.noise is not None:
        verdict += f" The estimated noise rate was {percent(seen.noise)}."
    most = np.sort(np.argsort(-(counts.sum(axis=0) + counts.sum(axis=1)), kind="stable")[:_SHOWN])
    names = [data.names[c] for c in most]
    return Section(
        "truth",
        "Ground truth (oracle)",
        verdict,
        headline=(f"wrong by the truth, an oracle ({percent(low)} to {percent(high)})", percent(rate)),
        notes=(
            "True labels were read for this module alone: no other number of this report, and no finding, used them.",
        ),
        facts=(("rows with a true label", number(len(at))), ("wrong labels", number(int(wrong.sum())))),
        figures=(
            (
                "P(labelled j | true i), counted on the true labels",
                heat(
                    names,
                    names,
                    matrix[np.ix_(most, most)],
                    "True transition matrix",
                    corner="true \u2193  labelled \u2192",
                ),
            ),
        ),
        summary={
            "oracle": True,
            "rows": len(at),
            "wrong": int(wrong.sum()),
            "noise_rate": {"value": rate, "low": low, "high": high, "level": 0.95},
            "estimated_noise_rate": seen.noise,
            "transition": matrix.tolist(),
            "label_errors": marked,
        },
        light="act" if low >= 0.05 else "look" if low >= 0.005 else "good",
        measures=(Measure("wrong labels by the truth (oracle)", rate, "lower", low, high),),
    )


def _marked(rows: Ints, wrong: Bools, true: Ints) -> dict[str, Any]:
    known = rows[true[rows] >= 0]
    hit, all_ = int(wrong[known].sum()), int(wrong.sum())
    return {
        "marked": len(known),
        "precision": hit / len(known) if len(known) else None,
        "recall": hit / all_ if all_ else None,
    }
