"""Real targets, taken as true or as lower bounds: their spread, repeated values, and how many lie at the least one."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Data, Light, Measure, Section, counted, percent
from sfumato.estimate.interval import wilson
from sfumato.parts.svg import histogram, number

FAR = 5.0  # robust deviations from the median beyond which a target is called far out
HEAPED = 0.05  # share of the rows on one value from which on targets are called heaped
_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def targets(data: Data) -> Section:
    """Quantiles, values that many rows share, and, of lower bounds, how many show the least value of all."""
    v = np.asarray(data.labels.value, np.float64)
    quantiles = np.quantile(v, _SHARES)
    kinds, times = np.unique(v, return_counts=True)
    most = int(times.argmax())
    heap = float(times[most] / len(v))
    width = float(1.4826 * np.median(np.abs(v - quantiles[3])))
    far = int((np.abs(v - quantiles[3]) > FAR * width).sum()) if width > 0 else 0
    verdict = f"Targets from {number(v.min())} to {number(v.max())}, median {number(quantiles[3])}."
    light: Light = "good"
    floor = None
    notes = []
    if data.kind == "lower":
        share = float(times[0] / len(v))
        low, high = wilson(share, len(v))
        floor = {"value": share, "low": low, "high": high, "level": 0.95}
        verdict += f" {percent(share)} show the least value of all ({percent(low)} to {percent(high)})."
        notes.append(
            "Where an incomplete observation shows the least value, as the default law has it, that share is at least "
            "the share of incomplete ones. Where it shows something between, the targets alone do not tell how many "
            "are incomplete: the share must come from elsewhere."
        )
        light = "look"
    elif heap >= HEAPED and len(kinds) > 2:
        verdict += f" {percent(heap)} are exactly {number(kinds[most])}."
        notes.append("One value on many rows may be a limit of the instrument, a code for missing, or rounding.")
        light = "look"
    if len(kinds) == 1:
        verdict += " All targets are the same: there is nothing to learn."
        light = "act"
    if far:
        notes.append(
            f"{counted(far, 'target')} lie more than {FAR:.0f} robust deviations (1.4826 times the median distance) "
            "from the median: a squared loss would follow them."
        )
        light = "look" if light == "good" else light
    return Section(
        "targets",
        "Lower bounds of targets" if data.kind == "lower" else "Targets",
        verdict,
        False,
        ("median target", number(quantiles[3])),
        tuple(notes),
        (
            *((f"quantile {share:g}", number(q)) for share, q in zip(_SHARES[1:-1], quantiles[1:-1], strict=True)),
            ("different values", number(len(kinds))),
            ("commonest value", f"{number(kinds[most])} ({percent(heap)})"),
            ("far out", number(far)),
        ),
        (("Rows by target", histogram(v, "Targets")),),
        None,
        {
            "quantiles": {f"{share:g}": float(q) for share, q in zip(_SHARES, quantiles, strict=True)},
            "values": len(kinds),
            "commonest": {"value": float(kinds[most]), "share": heap},
            "far": far,
            "at_least_value": floor,
        },
        light=light,
        measures=(Measure("targets far out", far / len(v), "lower"),),
    )
