"""Splits that should be alike: can they be told apart, do their labels differ, do copies straddle them?"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from sfumato.audit.judge import grouped_folds
from sfumato.audit.section import Bools, Data, Floats, Ints, Measure, Section, Seen, counted, percent
from sfumato.core.streams import numpy_rng
from sfumato.estimate.interval import bootstrap
from sfumato.parts.dependence import crossed, dependence
from sfumato.parts.linear import out_of_fold
from sfumato.score.near_duplicate import twins

APART = 0.8  # AUROC from which on splits are called different in kind; below, a difference is worth a look
LEVEL = 0.01  # of the permutation test on the labels
_ROWS = 20_000


def shift(data: Data, seen: Seen) -> Section | None:
    """A classifier two-sample test (lopezpaz2017revisiting) per split, the labels' shares, and near-duplicates across
    splits."""
    split, test = data.beside.split, data.beside.test
    if split is None and test is None:
        return None
    if split is None:
        assert test is not None
        x = np.concatenate([data.x, test.astype(data.x.dtype)])
        code = np.repeat([0, 1], [len(data.x), len(test)])
        names, group = ["these rows", "the test set"], twins(x, seed=data.seed).group
        y = None
    else:
        found, code = np.unique(split, return_inverse=True)
        x, names, group, code = data.x, [str(v) for v in found], data.twins.group, code.reshape(-1)
        y = data.said
    told = [_told(x, code == j, group, data) for j in range(len(names) if len(names) > 2 else 1)]
    straddle = _straddling(code, group)
    worst = max(told, key=lambda t: t["auroc"])
    which = names[told.index(worst)] if len(names) > 2 else " and ".join(names)
    apart = worst["low"] > 0.5
    verdict = f"{counted(len(names), 'split')}. " + (
        f"A linear model tells {which} {'from the rest' if len(names) > 2 else 'apart'}: AUROC {worst['auroc']:.3f} "
        f"(95% interval {worst['low']:.3f} to {worst['high']:.3f})."
        if apart
        else f"A linear model cannot tell the splits apart (AUROC at most {worst['auroc']:.3f}, 95% interval "
        f"{worst['low']:.3f} to {worst['high']:.3f})."
    )
    labels = None if y is None else _labels(y, code, len(names), data)
    if labels is not None and labels["p"] <= LEVEL:
        verdict += (
            f" The labels' shares differ by {percent(labels['total_variation'])} in total variation "
            f"(permutation test p = {labels['p']:.3g})."
        )
    if straddle:
        verdict += (
            f" {counted(straddle, 'row')} repeat a row of another split: results there look better than they are."
        )
    sizes = np.bincount(code)
    return Section(
        "shift",
        "Shift between splits",
        verdict,
        headline=(f"AUROC between splits ({worst['low']:.2f} to {worst['high']:.2f})", f"{worst['auroc']:.3f}"),
        notes=(
            "Half is chance and 1 is told apart in every case. The model is linear and sees each row out of fold, "
            "near-duplicates together: a difference that no linear model sees is not excluded. At most 20 000 rows.",
        ),
        facts=tuple((name, counted(int(size), "row")) for name, size in zip(names, sizes, strict=True)),
        summary={
            "names": names,
            "count": sizes.tolist(),
            "told_apart": told,
            "labels": labels,
            "rows_repeated_across": straddle,
        },
        light="act"
        if straddle or worst["low"] >= APART
        else "look"
        if apart or (labels is not None and labels["p"] <= LEVEL)
        else "good",
        measures=(
            Measure("AUROC between splits", worst["auroc"], "lower", worst["low"], worst["high"]),
            Measure("rows repeated across splits", float(straddle), "lower"),
        ),
    )


def auroc(score: Floats, positive: Bools) -> float:
    """The chance that a positive row scores above a negative one, ties counted half."""
    ones = int(positive.sum())
    rank = rankdata(score)[positive].sum()
    return float((rank - ones * (ones + 1) / 2) / (ones * (len(score) - ones)))


def _told(x: Floats, here: Bools, group: Ints, data: Data) -> dict[str, Any]:
    rows = np.arange(len(here))
    if len(rows) > _ROWS:
        rows = np.sort(numpy_rng(data.seed, "shift").choice(rows, _ROWS, replace=False))
    x, here = x[rows], here[rows]
    y = here.astype(np.int64)
    p = out_of_fold(x, y, 2, fold=grouped_folds(y, group[rows], min(data.folds, len(y)), data.seed))[:, 1]
    span = bootstrap(lambda r: auroc(p[r], here[r]), [np.flatnonzero(here), np.flatnonzero(~here)], seed=data.seed)
    return {"auroc": span.value, "low": span.low, "high": span.high, "level": span.level}


def _labels(y: Ints, code: Ints, n: int, data: Data) -> dict[str, Any]:
    """Each split's label shares, the largest total variation to all rows, and whether it is more than chance."""
    at = np.flatnonzero(y >= 0)
    counts = crossed(code[at], y[at], n, data.k).astype(np.float64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    distance = 0.5 * np.abs(share - counts.sum(axis=0) / counts.sum()).sum(axis=1)
    if len(at) > _ROWS:
        at = numpy_rng(data.seed, "shift-labels").choice(at, _ROWS, replace=False)
    link = dependence(y[at], code[at], data.k, n, seed=data.seed)
    return {"shares": share.tolist(), "total_variation": float(distance[counts.sum(axis=1) > 0].max()), "p": link.p}


def _straddling(code: Ints, group: Ints) -> int:
    """Rows whose near-duplicates are found in another split too."""
    at = np.flatnonzero(group >= 0)
    pairs = np.unique(np.stack([group[at], code[at]]), axis=1)[0]
    several = np.unique(pairs)[np.unique(pairs, return_counts=True)[1] > 1]
    return int(np.isin(group[at], several).sum())
