"""Several classes per row, some unknown: how many hold, what nobody said, and which come together."""

from __future__ import annotations

import numpy as np

from sfumato.audit.coverage import least_to_most
from sfumato.audit.section import Data, Light, Measure, Section, counted, percent
from sfumato.parts.svg import bars, heat, number

_SHOWN = 20


def multilabel(data: Data) -> Section:
    """Label cardinality, missing share, positives and negatives per class, co-occurrence."""
    yes, no = np.asarray(data.labels.positive), np.asarray(data.labels.negative)
    unknown = float(1 - (yes | no).mean())
    cardinality = yes.sum(axis=1)
    positives, negatives = yes.sum(axis=0), no.sum(axis=0)
    single = bool((cardinality <= 1).all() and not no.any())
    silent = int((~(yes | no).any(axis=1)).sum())
    verdict = (
        f"{cardinality.mean():.2f} of {data.k} classes are known to hold per row; of {percent(unknown)} of all entries "
        "nothing is known."
    )
    light: Light = "good"
    if single:
        verdict += " These are single positives: no class is ever said not to hold."
        light = "look"
    elif not no.any():
        verdict += " No class is ever said not to hold: what is not named may hold too."
        light = "look"
    elif unknown:
        light = "look"
    never = np.flatnonzero(positives == 0)
    if never.size:
        verdict += f" {counted(never.size, 'class')} never known to hold."
        light = "act"
    notes = [
        "Where nobody said no, taking the unknown for a no teaches that positives are rarer than they are; methods for "
        "missing labels weigh those entries less, or estimate them.",
        "Co-occurrence counts what is known to hold: with missing labels it lies below the truth.",
    ]
    if never.size:
        notes.append("Never known to hold: " + ", ".join(data.names[c] for c in never[:_SHOWN]) + ".")
    always = np.flatnonzero((positives > 0) & (negatives == 0))
    if no.any() and always.size:
        notes.append("Never said not to hold: " + ", ".join(data.names[c] for c in always[:_SHOWN]) + ".")
    present = positives[positives > 0]
    ratio = float(present.max() / present.min()) if present.size else None
    together = yes.T.astype(np.float64) @ yes / np.maximum(positives, 1)[:, None]
    shown = np.sort(np.argsort(-positives, kind="stable")[:_SHOWN])
    names = [data.names[c] for c in shown]
    if len(shown) < data.k:
        notes.append(f"The {len(shown)} classes of most positives are shown; summary.json holds all {data.k}.")
    return Section(
        "multi-label",
        "Several classes per row",
        verdict,
        False,
        ("entries of which nothing is known", percent(unknown)),
        tuple(notes),
        (
            (
                "classes that hold per row",
                f"{cardinality.mean():.2f} ({least_to_most(cardinality)})",
            ),
            ("density", percent(float(cardinality.mean() / data.k))),
            ("rows with no class known to hold", number(int((cardinality == 0).sum()))),
            ("rows of which nothing is known", number(silent)),
            ("different sets of classes", number(len(np.unique(yes, axis=0)))),
            *(() if ratio is None else (("most to fewest positives", f"{number(round(ratio, 1))} : 1"),)),
        ),
        (
            ("Rows per class known to hold", bars(names, positives[shown], "Positives per class")),
            (
                "P(column is known to hold | row is)",
                heat(names, names, np.clip(together[np.ix_(shown, shown)], 0, 1), "Co-occurrence"),
            ),
        ),
        None,
        {
            "names": list(data.names),
            "cardinality": float(cardinality.mean()),
            "rows_by_positives": np.bincount(cardinality, minlength=data.k + 1).tolist(),
            "unknown": unknown,
            "single_positive": single,
            "say_nothing": silent,
            "positives": positives.tolist(),
            "negatives": negatives.tolist(),
            "most_to_fewest": ratio,
            "never_positive": never.tolist(),
            "co_occurrence": together.tolist(),
        },
        light=light,
        measures=(Measure("entries of which nothing is known", unknown, "lower"),),
    )
