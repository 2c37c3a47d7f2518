"""Bags of which one value is known: how often each value occurs, and which rows it settles."""

from __future__ import annotations

import numpy as np
import torch

from sfumato.audit.coverage import coverage
from sfumato.audit.section import Data, Ints, Measure, Section, counted, percent
from sfumato.parts.svg import bars, histogram, number

_SHOWN = 40


def possible(data: Data, size: Ints, value: Ints) -> tuple[Ints, Ints]:
    """The least and the largest count of positives (m,) that gives each bag its value."""
    kinds, which = np.unique(np.stack([size, value]), axis=1, return_inverse=True)
    low, high = np.zeros(kinds.shape[1], np.int64), np.zeros(kinds.shape[1], np.int64)
    for i, (g, v) in enumerate(kinds.T.tolist()):
        count = torch.arange(g + 1)
        fits = np.flatnonzero(np.asarray(data.labels.rule(count, torch.full_like(count, g))) == v)
        low[i], high[i] = fits[0], fits[-1]
    which = which.reshape(-1)
    return low[which], high[which]


def bag_values(data: Data) -> Section:
    """Bags per value, the bounds that they set on the share of positives, and the rows of settled bags."""
    value, cover = np.asarray(data.labels.value), coverage(data)
    low, high = possible(data, cover.size, value)
    rows = int(cover.size.sum())
    none, every = high == 0, low == cover.size
    settled = int(cover.size[none | every].sum())
    least, most = float(low.sum() / rows), float(high.sum() / rows)
    found, times = np.unique(value, return_counts=True)
    positive = "positive" if data.labels.classes is None else data.names[1]
    verdict = (
        f"{counted(len(value), 'bag')} of {cover.spread} rows; the value settles {percent(settled / rows)} of their "
        f"rows. Between {percent(least)} and {percent(most)} of the rows are {positive}."
    )
    if len(found) == 1:
        verdict += f" Every bag has the value {found[0]}: nothing tells the classes apart."
    return Section(
        "bag-values",
        "Bags and their values",
        verdict,
        len(found) == 1,
        ("rows that a value settles", percent(settled / rows)),
        (
            "A bag is settled where its value leaves one class for all of its rows, such as a bag without any "
            "positive. The bounds are exact: no count of positives beyond them gives these values.",
        ),
        (
            (f"bags without any {positive}", number(int(none.sum()))),
            (f"bags of {positive} alone", number(int(every.sum()))),
            *cover.facts,
        ),
        (
            ("Bags by value", bars([str(v) for v in found[:_SHOWN]], times[:_SHOWN], "Bags by value")),
            ("Rows per bag", histogram(cover.size, "Bag sizes")),
        ),
        None,
        {
            "bags": len(value),
            **cover.summary,
            "values": {str(v): int(t) for v, t in zip(found, times, strict=True)},
            "settled_rows": settled,
            "positive_share": {"least": least, "most": most},
        },
        light=None if len(found) == 1 else "good" if settled else "look",
        measures=(Measure("rows that a value settles", settled / rows, "higher"),),
    )
