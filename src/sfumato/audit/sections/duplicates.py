"""Rows that lie almost on top of each other."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Data, Ints, Issues, Measure, Section, counted, percent
from sfumato.parts.svg import number


def duplicates(data: Data) -> Section:
    """Groups of equal and nearly equal rows, those with labels that contradict each other first."""
    found = data.twins
    rows = np.flatnonzero(found.group >= 0)
    groups = np.unique(found.group[rows])
    exact = int((found.distance[rows] == 0).sum())
    clash = _clashes(data, rows)
    ratio = found.distance[rows] / found.typical if found.typical > 0 else np.zeros(len(rows))
    score = (np.exp(-ratio) + np.isin(found.group[rows], clash)) / 2
    order = np.lexsort((rows, found.group[rows], -score))
    said = data.said
    issues = Issues(
        "near-duplicate",
        rows[order],
        score[order],
        given=None if said is None else [data.names[c] if c >= 0 else "" for c in said[rows[order]]],
        other_row=found.twin[rows[order]],
    )
    verdict = "No two rows are equal or nearly so."
    if len(rows):
        verdict = (
            f"Repeated: {counted(len(rows), 'row')} ({percent(len(rows) / len(data.x))}) in "
            f"{counted(len(groups), 'group')}, {number(exact)} of them exactly equal to another."
        )
    if clash.size:
        verdict += f" In {counted(len(clash), 'group')} the labels contradict each other."
    notes = [
        f"Two rows are near-duplicates within {number(found.radius)}, a tenth of the typical distance to a nearest "
        "row that "
        f"differs ({number(found.typical)}). Copies on both sides of a train/test split make results look better "
        "than they are."
    ]
    if said is None:
        notes.append("Contradictions are looked for only where each row has one label.")
    return Section(
        "duplicates",
        "Near-duplicates",
        verdict,
        bool(clash.size),
        ("rows that repeat another", number(len(rows))),
        tuple(notes),
        (),
        (),
        issues,
        {
            "rows": len(rows),
            "groups": len(groups),
            "exact_rows": exact,
            "radius": found.radius,
            "groups_with_contradicting_labels": len(clash) if said is not None else None,
        },
        light="act" if clash.size else "look" if len(rows) else "good",
        measures=(
            Measure("rows that repeat another", len(rows) / len(data.x), "lower"),
            Measure("groups of copies with contradicting labels", float(len(clash)), "lower"),
        ),
    )


def _clashes(data: Data, rows: Ints) -> Ints:
    """Groups whose labelled rows carry more than one label."""
    said = data.said
    if said is None:
        return np.empty(0, np.int64)
    rows = rows[said[rows] >= 0]
    pairs = np.unique(np.stack([data.twins.group[rows], said[rows]]), axis=1)
    group, number_of = np.unique(pairs[0], return_counts=True)
    return np.asarray(group[number_of > 1])
