"""Confidences: how they spread, how many are at an end, and the prior that they imply."""

from __future__ import annotations

from typing import Any

import numpy as np

from sfumato.audit.coverage import coverage
from sfumato.audit.section import Data, Floats, Light, Measure, Section, percent
from sfumato.audit.sections.tuples import prior_of
from sfumato.estimate.interval import bootstrap
from sfumato.parts.svg import histogram, number

HEAVY = 0.1  # effective share of rows below which a few small confidences carry the risk


def confidence(data: Data) -> Section:
    """P(positive | x) of positive rows: the weights 1 / r that they give, and the prior 1 / mean(1 / r)."""
    r = np.asarray(data.labels.value, np.float64)
    span = bootstrap(lambda rows: 1 / np.mean(1 / r[rows]), [np.arange(len(r))], seed=data.seed)
    weight = 1 / r
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    below = float((r < 0.5).mean())
    heavy = effective < HEAVY * len(r)
    verdict = (
        f"{number(len(r))} positive rows of mean confidence {r.mean():.3f}; they imply a prior of "
        f"{percent(span.value)} ({span.level:.0%} interval {percent(span.low)} to {percent(span.high)})."
    )
    if heavy:
        verdict += f" Their weights count as much as {number(round(effective, 1))} rows: a few small ones decide."
    whole, note = _ends(r, "confidences")
    return Section(
        "confidence",
        "Confidences",
        verdict,
        False,
        (f"implied prior ({percent(span.low)} to {percent(span.high)})", percent(span.value)),
        (
            "Over positive rows the mean of 1 / r is 1 / P(positive), if the confidences are the posterior that they "
            "are meant to be: one that is known to be otherwise shows that they are not calibrated. The risk divides "
            "by r, so the smallest confidences weigh most.",
            *note,
        ),
        (
            ("confidences of exactly 1", percent(float((r == 1).mean()))),
            ("positive rows below one half", percent(below)),
            ("smallest confidence", number(float(r.min()))),
            ("effective rows", f"{number(round(effective, 1))} of {number(len(r))}"),
        ),
        (("Rows by confidence", histogram(r, "Confidences", span=(0.0, 1.0))),),
        None,
        {
            "rows": len(r),
            "mean": float(r.mean()),
            "least": float(r.min()),
            "at_one": int((r == 1).sum()),
            "below_half": below,
            "effective_rows": effective,
            "implied_prior": {"value": span.value, "low": span.low, "high": span.high, "level": span.level},
            "one_value": whole,
        },
        light="act" if whole else "look" if heavy else "good",
        measures=(Measure("effective share of the rows", effective / len(r), "higher"),),
    )


def pair_confidence(data: Data) -> Section:
    """Numbers about two rows: P(positive | x') - P(positive | x), or P(same class | x, x')."""
    v, cover = np.asarray(data.labels.value, np.float64), coverage(data)
    differs = data.kind == "confidence-differences"
    mean = bootstrap(
        lambda rows: v[rows].mean(), [np.arange(len(v))], seed=data.seed, bounds=(-1.0 if differs else 0.0, 1.0)
    )
    whole, note = _ends(v, "numbers")
    about = f"{mean.value:.3f} ({mean.level:.0%} interval {mean.low:.3f} to {mean.high:.3f})"
    verdict = f"{number(len(v))} pairs with mean {about}."
    light: Light = "act" if whole else "good"
    summary: dict[str, Any] = {"pairs": len(v), **cover.summary, "one_value": whole}
    summary["mean"] = {"value": mean.value, "low": mean.low, "high": mean.high, "level": mean.level}
    facts: list[tuple[str, str]] = []
    if differs:
        size = np.abs(v)
        summary |= {
            "at_ends": int((size == 1).sum()),
            "at_zero": int((size == 0).sum()),
            "mean_size": float(size.mean()),
        }
        facts += [
            ("mean size of a difference", f"{size.mean():.3f}"),
            ("pairs that say which row is positive", percent(float((size == 1).mean()))),
            ("pairs without a difference", percent(float((size == 0).mean()))),
        ]
        if mean.low > 0 or mean.high < 0:
            verdict += (
                " Rows drawn alike differ by 0 on average: the second rows of these pairs are not like the first."
            )
            light = "look" if light == "good" else light
    else:
        priors = [prior_of(1 - float(s), 2.0) for s in (mean.value, mean.high)]
        summary |= {"at_zero": int((v == 0).sum()), "at_one": int((v == 1).sum()), "implied_prior": priors[0]}
        text = (
            "none: less alike than any prior gives" if priors[0] is None else f"{priors[0]:.3f} or {1 - priors[0]:.3f}"
        )
        facts += [
            ("pairs surely of one class", percent(float((v == 1).mean()))),
            ("pairs surely of two", percent(float((v == 0).mean()))),
            ("priors that the mean allows", text),
        ]
        if priors[1] is None:
            verdict += " Rows drawn at random are more alike than that under any prior."
            light = "look" if light == "good" else light
    return Section(
        "pair-confidence",
        "Confidence differences" if differs else "Similarities",
        verdict,
        False,
        ("mean", f"{mean.value:.3f}"),
        (
            "The mean over pairs of rows drawn at random is 0 for differences and pi^2 + (1 - pi)^2 for similarities.",
            *note,
        ),
        (*facts, *cover.facts),
        (("Pairs by number", histogram(v, "Pairs", span=(-1.0 if differs else 0.0, 1.0))),),
        None,
        summary,
        light=light,
    )


def _ends(v: Floats, what: str) -> tuple[bool, tuple[str, ...]]:
    """Whether all are one number, and a note on what is told in few digits."""
    kinds = len(np.unique(v))
    if kinds == 1:
        return True, (f"All {what} are one number: they tell no row from another.",)
    coarse = kinds <= 20 and len(v) > 10 * kinds
    return False, (f"The {what} take {kinds} values alone, as if told on a scale.",) if coarse else ()
