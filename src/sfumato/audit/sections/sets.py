"""Unlabeled sets: their sizes, what is known of their shares of positives, and how far these lie apart."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Data, Light, Measure, Section, counted
from sfumato.audit.sections.bags import mixing
from sfumato.parts.svg import bars, number

POOR = 10.0  # condition number of the shares from which on risks are rewritten at the price of much variance
_SHOWN = 40


def sets(data: Data) -> Section:
    """Rows per set, the shares of positives where known, and the condition of the matrix that mixes the classes."""
    held = data.labels
    size = np.bincount(np.asarray(held.index), minlength=held.m)
    positive = "positives" if held.classes is None else data.names[1]
    names = [str(v) for v in (range(held.m) if held.names is None else held.names)]
    theta = np.full(held.m, np.nan) if held.priors is None else np.asarray(held.priors, np.float64)
    known = np.flatnonzero(np.isfinite(theta))
    verdict = f"{counted(held.m, 'set')}; the share of {positive} is known in {number(len(known))}."
    rank, condition, gap = 0, None, None
    light: Light = "unknown"
    if len(known) > 1:
        rank, condition = mixing(np.stack([1 - theta[known], theta[known]], axis=1))
        gap = float(theta[known].max() - theta[known].min())
        if rank < 2:
            verdict += " The known shares are all the same: these sets cannot tell the classes apart."
            light = "act"
        else:
            verdict += f" They lie up to {gap:.3f} apart, with condition number {number(round(condition, 1))}."
            light = "look" if condition >= POOR or len(known) < held.m else "good"
    elif held.order:
        verdict += (
            f" The order of {counted(len(held.order), 'pair')} of sets is known, from which they can be estimated."
        )
        light = "look"
    else:
        verdict += " Nothing says which set has the larger share: the shares must be given or estimated first."
    shown = np.sort(np.argsort(-size, kind="stable")[:_SHOWN])
    with_share = np.array([c for c in shown if np.isfinite(theta[c])], np.int64)
    figures = [("Rows per set", bars([names[c] for c in shown], size[shown], "Rows per set"))]
    if len(with_share):
        what = f"Share of {positive} per set, in percent"
        figures.append((what, bars([names[c] for c in with_share], 100 * theta[with_share], "Shares of positives")))
    notes = [
        "The clean risk is recovered from the sets by inverting the matrix of their shares: sets of like shares "
        "make the inverse, and with it the variance of the risk, large. Pure sets have condition number 1."
    ]
    if len(shown) < held.m:
        notes.append(f"The {len(shown)} largest of {held.m} sets are shown; summary.json holds all.")
    return Section(
        "sets",
        "Unlabeled sets",
        verdict,
        False,
        None if condition is None else ("condition of the shares", number(round(condition, 1)) if rank > 1 else "none"),
        tuple(notes),
        (
            ("smallest and largest set", f"{number(int(size.min()))}, {number(int(size.max()))} rows"),
            ("sets of known share", f"{number(len(known))} of {number(held.m)}"),
            ("known orders", number(len(held.order))),
        ),
        tuple(figures),
        None,
        {
            "sets": held.m,
            "names": names,
            "size": size.tolist(),
            "share": theta.tolist(),
            "known": len(known),
            "orders": len(held.order),
            "largest_gap": gap,
            "condition": condition,
        },
        light=light,
        measures=() if gap is None else (Measure("largest gap between known shares", gap, "higher"),),
    )
