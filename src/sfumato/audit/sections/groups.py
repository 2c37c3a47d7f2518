"""Groups that the user named (hospitals, cameras, annotation batches): do they tell the label, or its errors?"""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Bools, Data, Ints, Measure, Section, Seen, counted, percent
from sfumato.estimate.interval import bootstrap, wilson
from sfumato.parts.dependence import crossed, dependence, entropy, mutual_information
from sfumato.parts.svg import bars

LEVEL, STRONG = 0.01, 0.1  # of the permutation test; share of the label's entropy from which on a group tells much
_SHOWN = 20
_TESTED = 20_000  # rows of the permutation test and the interval


def groups(data: Data, seen: Seen) -> Section | None:
    """Mutual information of group and label with an interval and a permutation test, and label quality per group."""
    given, y = data.beside.groups, data.said
    if given is None or y is None:
        return None
    at = np.flatnonzero(y >= 0)
    names, code = np.unique(given[at], return_inverse=True)
    g, y, n, words = code.reshape(-1), y[at], len(names), [str(v) for v in names]
    counts = crossed(y, g, data.k, n)
    rows = np.arange(len(at))
    if len(at) > _TESTED:
        rows = np.random.default_rng(data.seed).choice(rows, _TESTED, replace=False)
    link = dependence(y[rows], g[rows], data.k, n, seed=data.seed)
    whole = max(entropy(counts.sum(axis=1)), 1e-300)
    span = bootstrap(
        lambda r: mutual_information(crossed(y[r], g[r], data.k, n)) / whole, [np.arange(len(at))], seed=data.seed
    )
    held = counts.sum(axis=0)
    by_group = float(counts.max(axis=0).sum() / len(y))
    largest = float(counts.sum(axis=1).max() / len(y))
    alone = [words[j] for j in np.flatnonzero((counts > 0).sum(axis=0) == 1)]
    cell = int(counts[counts > 0].min())
    tied = link.p <= LEVEL
    verdict = (
        f"{counted(n, 'group')}. The group tells {percent(span.value)} of the label "
        f"({span.level:.0%} interval {percent(span.low)} to {percent(span.high)}; by chance {percent(link.chance)}, "
        f"permutation test p = {link.p:.3g}): "
        + (
            f"saying each group's largest class is right in {percent(by_group)}, the largest class of all in "
            f"{percent(largest)}."
            if tied
            else "no more than chance."
        )
    )
    wrong = np.zeros(len(at), bool)
    wrong[np.isin(at, seen.doubtful)] = True
    judged = seen.judged is not None
    rates, notes, errors = wrong[:0], [], None
    if judged:
        rates = np.bincount(g, weights=wrong, minlength=n) / held
        errors = _errors(wrong, g, n, rows, data.seed)
        worst = int(rates.argmax())
        low, high = wilson(rates[worst], held[worst])
        verdict += (
            f" Likely wrong labels are most frequent in {words[worst]}: {percent(float(rates[worst]))} "
            f"({percent(low)} to {percent(high)}) against {percent(float(wrong.mean()))} overall"
            + (f", which is more than chance (p = {errors:.3g})." if errors <= LEVEL else ", as chance allows.")
        )
        notes.append("The interval of the worst group does not cover that it was chosen as the worst.")
    if alone:
        notes.append(
            f"{counted(len(alone), 'group')} with a single class: {', '.join(alone[:10])}. There the group is the "
            "label."
        )
    notes.append(
        "A model can learn the group in place of the class: check it on each group, above all where a class is rare in "
        f"a group (the smallest cell that is not empty has {counted(cell, 'row')})."
    )
    order = np.argsort(-held, kind="stable")[:_SHOWN]
    part = np.bincount(g, weights=wrong, minlength=n)
    return Section(
        "groups",
        "Groups",
        verdict,
        headline=("of the label told by the group", percent(span.value)),
        notes=tuple(notes),
        facts=tuple(
            (
                words[j],
                f"{counted(int(held[j]), 'row')}"
                + (f", {percent(float(rates[j]))} likely wrong" if judged else "")
                + f", most often {data.names[int(counts[:, j].argmax())]}",
            )
            for j in order
        ),
        figures=(
            (
                "Rows per group, and in brackets how many have a label that is likely wrong",
                bars([words[j] for j in order], held[order], "Rows per group", part=part[order]),
            ),
        ),
        summary={
            "names": words,
            "count": held.tolist(),
            "label_by_group": counts.tolist(),
            "tells_of_label": {"value": span.value, "low": span.low, "high": span.high, "level": span.level},
            "by_chance": link.chance,
            "p": link.p,
            "accuracy_of_group_alone": by_group,
            "largest_class_share": largest,
            "likely_wrong_share": rates.tolist() if judged else None,
            "errors_differ_p": errors,
            "worst_group": words[int(rates.argmax())] if judged else None,
            "smallest_cell": cell,
        },
        light="act"
        if tied and span.low >= STRONG
        else "look"
        if tied or (errors is not None and errors <= LEVEL)
        else "good",
        measures=(
            Measure("label told by the group", span.value, "lower", span.low, span.high),
            *(() if not judged else (Measure("likely wrong in the worst group", float(rates.max()), "lower"),)),
        ),
    )


def _errors(wrong: Bools, g: Ints, n: int, rows: Ints, seed: int) -> float:
    """p of the permutation test that likely errors do not depend on the group."""
    return dependence(wrong[rows].astype(np.int64), g[rows], 2, n, seed=seed).p
