"""Which labels are likely wrong, and what they should probably be."""

from __future__ import annotations

import numpy as np

from sfumato.audit.detect import CONFIDENT, NEIGHBOURS, Detected, detect
from sfumato.audit.judge import Judged
from sfumato.audit.section import Data, Issues, Measure, Section, counted, percent
from sfumato.parts.svg import histogram, number
from sfumato.score.corrections import corrected
from sfumato.score.quality import label_quality

# Below this many, dropping marked rows lost accuracy in docs/measurements/detection.md. Set after a look at its true
# labels, an oracle.
_ROWS_PER_COLUMN = 10


def label_errors(data: Data, judged: Judged) -> Section:
    """Confident learning marks and ranks; of the other classes, the one that is most probable given features and label
    is suggested."""
    y, p, found = judged.y, judged.p, judged.found
    detected = detect(data, judged)
    rank, rows = detected.score, np.flatnonzero(detected.marked)
    rows = rows[np.argsort(-rank[rows], kind="stable")]
    instead = corrected(found, p, rows, differing=True)
    best, chance = instead.label, instead.probability
    given, suggested = [data.names[c] for c in y[rows]], [data.names[c] for c in best]
    issues = Issues(
        issue="label",
        row=judged.at[rows],
        score=rank[rows],
        given=given,
        suggested=suggested,
        probability=chance,
        given_probability=instead.given,
        found={name: by[rows] for name, by in detected.found.items()},
    )
    made = judged.sources
    notes = [
        _detector(judged),
        f"Judged by: {_source(data, judged)}. The suggested label weighs the prediction with how often its class is "
        "labelled as given here; both probabilities are that posterior's.",
    ]
    share = len(rows) / len(y)
    verdict = f"Likely wrong: {number(len(rows))} of {counted(len(y), 'label')} ({percent(share)})."
    if len(rows):
        verdict += (
            f" Start with row {data.rows[judged.at[rows[0]]]}: labelled {given[0]}, "
            f"it looks like {suggested[0]} (probability {chance[0]:.2f})."
        )
    urgent = bool(len(rows))
    if judged.echoed:
        verdict = "The labels are the predictions of the probabilities that were passed in, so nothing could be found."
        notes.append("Pass the labels as they were given, with probabilities of a model that did not see the row.")
        urgent = True
    elif not judged.informed:
        verdict = (
            f"The predictions repeat {percent(judged.agreement)} of the labels, no better than always saying the "
            "largest "
            f"class ({percent(judged.majority)}): the features say too little to judge single labels."
        )
        notes.append("The list below follows the same rules as ever, but do not act on it.")
    thin = len(y) < _ROWS_PER_COLUMN * data.x.shape[1]
    if len(rows) and thin:
        notes.append(
            f"Dropping the listed rows and training again is expected to hurt: there are only {len(y)} labelled rows "
            f"for {data.x.shape[1]} columns, so rows are worth more than right labels. Correct them one by one instead."
        )
    unfair = int((~judged.fair).sum())
    if unfair:
        notes.append(
            f"{counted(unfair, 'row')} of classes that no other fold holds (one member, or only copies of one). "
            "Their labels cannot be judged and are not listed."
        )
    others = len(np.asarray(data.labels.y)) - len(y)
    if others:
        notes.append(f"{counted(others, 'row')} without a label; not judged here.")
    low = 1 - label_quality(y, p, "self_confidence", quality=True).astype(np.float64)
    return Section(
        "label_errors",
        "Likely label errors",
        verdict,
        urgent and judged.informed,
        ("likely label errors", number(len(rows))),
        tuple(notes),
        (
            ("labels that the prediction repeats", percent(judged.agreement)),
            ("share of the largest class", percent(judged.majority)),
            *_who(detected),
        ),
        (
            (
                "One minus the probability of the given label, all labelled rows",
                histogram(low, "Label scores", span=(0.0, 1.0)),
            ),
        ),
        issues,
        {
            "marked": len(rows),
            "detector": detected.name,
            "neighbours": made.asked if made else 0,
            "trust": {"linear": made.trust[0], "neighbours": made.trust[1]} if made else None,
            "found_by": {name: int(by.sum()) for name, by in detected.found.items()},
            "found_by_all": int(np.logical_and.reduce(list(detected.found.values())).sum()),
            "listed_by": {name: int(by[rows].sum()) for name, by in detected.found.items()},
            "dropping_expected_to_hurt": bool(len(rows)) and thin,
            "judged": len(y),
            "not_judged_lonely_class": unfair,
            "unlabelled": others,
            "agreement": judged.agreement,
            "largest_class_share": judged.majority,
            "predictions_beat_largest_class": judged.informed,
            "labels_equal_predictions": judged.echoed,
            "out_of_fold": made is not None,
        },
        light=None if judged.informed else "unknown",
        measures=(Measure("likely label errors", share, "lower"),) if judged.informed else (),
    )


_NAMES = {
    CONFIDENT: "confident learning, from the linear model alone",
    NEIGHBOURS: "SimiFeat, from the labels of at most ten nearest rows",
}


def _detector(judged: Judged) -> str:
    """How rows are marked and ranked, and why so."""
    how = "Marked by confident learning (prune by noise rate), ranked by the margin. "
    if judged.sources is None:
        return how + "It reads the probabilities that were passed in and nothing else."
    return how + (
        "Pooling a linear model with the nearest rows' labels before confident learning is best on average, without "
        "training a network, in docs/measurements/detection-default.md, a choice by true labels (an oracle) that held "
        "on five of six sources of data sets left out of it in turn."
    )


def _source(data: Data, judged: Judged) -> str:
    """Where the probabilities come from."""
    made = judged.sources
    if made is None:
        return "the probabilities that were passed in"
    return (
        f"{data.folds}-fold linear model on the features, standardised on each fold's training rows; near-duplicates "
        f"share a fold; pooled with the labels of the {counted(made.asked, 'nearest row')}, near-duplicates left out, "
        "as powers of their probabilities. The powers, those that predict the given labels best, are "
        f"{made.trust[0]:.2f} and {made.trust[1]:.2f}"
    )


def _who(detected: Detected) -> list[tuple[str, str]]:
    """What each detector found by itself, how much of it is listed, and where they agree."""
    if len(detected.found) < 2:
        return []
    both = np.logical_and.reduce(list(detected.found.values()))
    alone = detected.marked & ~np.logical_or.reduce(list(detected.found.values()))
    lines = [*((f"found by {_NAMES[name]}", by) for name, by in detected.found.items()), ("found by both", both)]
    lines.append(("found by neither of them, but by what they say together", alone))
    return [
        (what, f"{counted(int(by.sum()), 'row')}, {number(int((by & detected.marked).sum()))} of them listed")
        for what, by in lines
    ]
