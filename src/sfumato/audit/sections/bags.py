"""Bags with known counts of classes: how they spread, and whether the classes of rows can be told from them."""

from __future__ import annotations

import numpy as np

from sfumato.audit.coverage import coverage
from sfumato.audit.section import Data, Floats, Ints, Light, Measure, Section, counted, percent
from sfumato.parts.dependence import entropy
from sfumato.parts.svg import bars, histogram, number

POOR = 30.0  # condition number from which on errors of the proportions are much enlarged
APART = 1e-6  # smallest to largest singular value, below which bags mix the classes alike
_SHOWN = 40


def mixing(shares: Floats) -> tuple[int, float]:
    """(rank, condition number) of a matrix of samples' class shares (m, K); infinite where the rank is below K."""
    values = np.linalg.svd(shares, compute_uv=False)
    rank = int((values > APART * values[0]).sum())
    whole = rank == shares.shape[1]
    return rank, float(values[0] / values[-1]) if whole else float("inf")


def overdispersion(counts: Ints) -> float | None:
    r"""How much more bags differ than random draws of rows would: Pearson's statistic over its degrees of freedom.

    :math:`\sum_{bk} (c_{bk} - g_b \pi_k)^2 / (g_b \pi_k) / ((m - 1)(K' - 1))`, over the K' classes that occur; None for
    one bag or class. About 1 where bags are filled at random.
    """
    held = counts[:, counts.sum(axis=0) > 0].astype(np.float64)
    if len(held) < 2 or held.shape[1] < 2:
        return None
    expected = held.sum(axis=1, keepdims=True) * held.sum(axis=0) / held.sum()
    return float(((held - expected) ** 2 / expected).sum() / ((len(held) - 1) * (held.shape[1] - 1)))


def bags(data: Data) -> Section:
    """Sizes and proportions of bags, their rank and condition, and what they leave open."""
    counts, cover = np.asarray(data.labels.counts), coverage(data)
    shares = counts / cover.size[:, None]
    total = counts.sum(axis=0)
    rank, condition = mixing(shares)
    missing = total == 0
    pure = int((counts.max(axis=1) == cover.size).sum())
    left = float(np.average([entropy(c) for c in counts], weights=cover.size)) / np.log(2)
    spread = shares.std(axis=0)
    beyond = overdispersion(counts)
    verdict = (
        f"{counted(len(counts), 'bag')} of {cover.spread} rows; {percent(pure / len(counts))} hold one class alone."
    )
    if rank < data.k:
        lost = counted(int(missing.sum()), "class") + " never occurs; " if missing.any() else ""
        verdict += f" {lost}The proportions have rank {rank} of {data.k}: bag means cannot tell the classes apart."
    else:
        verdict += f" The proportions have full rank, with condition number {number(round(condition, 1))}."
    notes = [
        "A loss that averages over bags recovers the class means by inverting the matrix of proportions: the condition "
        "number says how much errors grow on the way (1 is best, the worst are bags that all look alike). An exact "
        "likelihood may learn from bags of one proportion too, but slowly.",
        "Left open: the entropy of the label of a row drawn from its bag, 0 bits where bags are pure.",
    ]
    if beyond is not None:
        notes.append(
            f"Bags differ {number(round(beyond, 2))} times as much as bags filled at random (Pearson's statistic over "
            "its degrees of freedom): near 1, larger bags bring little that smaller ones do not."
        )
    shown = np.sort(np.argsort(-total, kind="stable")[:_SHOWN])
    light: Light = "act" if rank < data.k else "look" if condition >= POOR else "good"
    return Section(
        "bags",
        "Bags and proportions",
        verdict,
        False,
        ("condition of the proportions", number(round(condition, 1)) if rank == data.k else f"rank {rank} of {data.k}"),
        tuple(notes),
        (
            ("bags of one class", f"{number(pure)} ({percent(pure / len(counts))})"),
            ("left open per row", f"{left:.2f} bits"),
            ("largest spread of a proportion", f"{spread.max():.3f} ({data.names[int(spread.argmax())]})"),
            *cover.facts,
        ),
        (
            (
                "Rows per class, counted over the bags",
                bars([data.names[c] for c in shown], total[shown], "Rows per class"),
            ),
            ("Rows per bag", histogram(cover.size, "Bag sizes")),
        ),
        None,
        {
            "bags": len(counts),
            **cover.summary,
            "names": list(data.names),
            "count": total.tolist(),
            "proportion_spread": spread.tolist(),
            "rank": rank,
            "condition": condition,
            "pure": pure,
            "left_open_bits": left,
            "overdispersion": beyond,
        },
        light=light,
        measures=(Measure("bits left open per row", left, "lower"),),
    )
