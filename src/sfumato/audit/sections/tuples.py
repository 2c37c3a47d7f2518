"""Answers about two or three rows (similar, at least as positive, closer): what they say of the prior, and whether they
contradict each other."""

from __future__ import annotations

import numpy as np

from sfumato.audit.contradictions import contradictions
from sfumato.audit.coverage import coverage
from sfumato.audit.section import Data, Measure, Section, counted, percent
from sfumato.estimate.interval import wilson
from sfumato.parts.svg import bars, number


def tuples(data: Data) -> Section:
    """Counts per answer, the priors that their share allows, and the rows whose answers contradict each other."""
    form, cover = np.asarray(data.labels.form), coverage(data)
    names = [f.name for f in data.labels.forms]
    count = np.bincount(form, minlength=len(names))
    asked = np.array([f.arity > 1 for f in data.labels.forms])
    # Of independent rows, dissimilar / less / not closer have chance q = 2 pi (1 - pi), pi (1 - pi), pi (1 - pi).
    no, times = (2, 2.0) if data.kind == "pairs" else (0, 1.0)
    total = int(count[asked].sum())
    verdict = f"{number(total)} answers: " + ", ".join(
        f"{number(int(count[i]))} {names[i]}" for i in np.flatnonzero(asked)
    )
    verdict += "." if asked.all() else f", beside {number(int(count[~asked].sum()))} unlabeled rows."
    found = None if data.kind == "triplets" else contradictions(data.kind, form, cover)
    odd = np.empty(0, np.int64) if found is None else np.flatnonzero(found.rows)
    if len(odd):
        verdict += f" In {counted(len(odd), 'row')} the answers contradict each other."
    notes = [
        "Where the rows of a tuple are drawn at random, the share of each answer follows from the prior: the two "
        "priors given here are those that it allows (answers cannot tell which class is which). Where tuples were "
        "chosen by their answer, they say nothing of the prior.",
        {
            "pairs": "A contradiction: no split of the rows in two classes gives all of these answers.",
            "comparisons": "A contradiction: a row that the answers force to be positive and negative.",
        }.get(data.kind, "Contradictions among triplets are not looked for."),
    ]
    facts = [] if found is None else [("rows tied together into", f"{number(found.tied)} groups")]
    implied, impossible = None, False
    if total and (count[asked] > 0).all():
        share = float(count[no] / total)
        ends = wilson(share, total)
        priors = [prior_of(v, times) for v in (share, *ends)]
        implied = {"share": share, "low": ends[0], "high": ends[1], "level": 0.95, "prior": priors[0]}
        p = priors[0]
        facts.append((f"share of {names[no]}", f"{percent(share)} ({percent(ends[0])} to {percent(ends[1])})"))
        facts.append(
            (
                "priors that it allows",
                f"{p:.3f} or {1 - p:.3f}"
                if p is not None
                else "none: more than any prior gives"
                if priors[1] is None
                else "none; within the interval up to one half",
            )
        )
        impossible = priors[1] is None
        if impossible:
            verdict += f" More are {names[no]} than any prior gives to rows drawn at random."
    return Section(
        "tuples",
        {"pairs": "Pairs", "comparisons": "Comparisons"}.get(data.kind, "Triplets"),
        verdict,
        bool(len(odd)),
        None if found is None else ("rows whose answers contradict", number(len(odd))),
        tuple(notes),
        (*facts, *cover.facts),
        (("Observations by answer", bars(names, count, "Observations by answer")),),
        None,
        {
            "answers": dict(zip(names, count.tolist(), strict=True)),
            **cover.summary,
            "implied_prior": implied,
            "tied_groups": None if found is None else found.tied,
            "contradicting_rows": None if found is None else data.rows[odd].tolist(),
        },
        light="act" if len(odd) else "look" if impossible else "good",
        measures=() if found is None else (Measure("rows whose answers contradict", len(odd) / len(data.x), "lower"),),
    )


def prior_of(share: float, times: float) -> float | None:
    """The smaller prior pi with times pi (1 - pi) = share; None where there is none."""
    inside = 1 - 4 * share / times
    return None if inside < 0 else float((1 - np.sqrt(inside)) / 2)
