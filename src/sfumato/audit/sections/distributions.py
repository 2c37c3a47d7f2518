"""Label distributions: how spread they are, and whether they are more than single labels."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Data, Floats, Light, Measure, Section, counted, percent
from sfumato.parts.svg import bars, heat, histogram, number

_SHOWN = 20


def distributions(data: Data) -> Section:
    """Entropy per row as a number of classes, rows of one class, shares of zero, and which classes go together."""
    d = np.asarray(data.labels.shares, np.float64)
    safe = np.where(d > 0, d, 1.0)
    spread = np.exp(-(d * np.log(safe)).sum(axis=1))
    one_hot, even = d.max(axis=1) >= 1 - 1e-9, d.max(axis=1) - d.min(axis=1) <= 1e-9
    zero = float((d == 0).mean())
    mean, top = d.mean(axis=0), np.bincount(d.argmax(axis=1), minlength=data.k)
    from_mean = float((d * (np.log(safe) - np.log(np.where(mean > 0, mean, 1.0)))).sum(axis=1).mean())
    verdict = (
        f"A row is spread over {spread.mean():.2f} of {data.k} classes on average; {percent(float(one_hot.mean()))} of "
        "the rows have one class alone."
    )
    light: Light = "good"
    if one_hot.all():
        verdict += " These are single labels, not distributions."
        light = "look"
    elif from_mean < 1e-9:
        verdict += " All rows have the same distribution: there is nothing to learn."
        light = "act"
    elif even.any():
        verdict += f" {counted(int(even.sum()), 'row')} give every class the same share."
    never = np.flatnonzero(mean == 0)
    notes = [
        "Spread over: the exponential of the entropy, 1 where one class has all and K where all have the same.",
        f"Predicting the mean distribution for every row has divergence {number(from_mean)} on average: what any "
        "method must beat.",
    ]
    if zero:
        notes.append(
            f"{percent(zero)} of the shares are exactly 0, where a divergence from the truth to a prediction of 0 is "
            "infinite, and ratios such as Clark's and Canberra's count in full."
        )
    if never.size:
        notes.append("Without any share: " + ", ".join(data.names[c] for c in never[:_SHOWN]) + ".")
    shown = np.sort(np.argsort(-mean, kind="stable")[:_SHOWN])
    names = [data.names[c] for c in shown]
    with np.errstate(invalid="ignore", divide="ignore"):
        linked: Floats = np.nan_to_num(np.asarray(np.corrcoef(d.T)))
    return Section(
        "distributions",
        "Label distributions",
        verdict,
        False,
        ("classes that a row is spread over", f"{spread.mean():.2f} of {data.k}"),
        tuple(notes),
        (
            ("rows of one class alone", number(int(one_hot.sum()))),
            ("rows even over all classes", number(int(even.sum()))),
            ("shares of exactly 0", percent(zero)),
            ("mean divergence from the mean", number(from_mean)),
        ),
        (
            ("Mean share per class, in percent", bars(names, 100 * mean[shown], "Mean shares")),
            ("Rows by the number of classes they are spread over", histogram(spread, "Spread of rows")),
            (
                "Size of the correlation of shares over rows",
                heat(names, names, np.clip(np.abs(linked[np.ix_(shown, shown)]), 0, 1), "Correlation of shares"),
            ),
        ),
        None,
        {
            "names": list(data.names),
            "mean": mean.tolist(),
            "rows_by_largest_share": top.tolist(),
            "spread": {"mean": float(spread.mean()), "least": float(spread.min()), "most": float(spread.max())},
            "one_class_rows": int(one_hot.sum()),
            "even_rows": int(even.sum()),
            "zero_shares": zero,
            "divergence_from_mean": from_mean,
            "correlation": linked.tolist(),
            "never": never.tolist(),
        },
        light=light,
        measures=(Measure("rows of one class alone", float(one_hot.mean()), "lower"),),
    )
