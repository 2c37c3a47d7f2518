"""From the runs of a grid to the table that ``method="auto"`` reads: what auto.py and auto_kinds.py share.

Runs are read as ``sfumato.bench.results`` reads them: whatever the truth of a kind is, a larger score is better.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rows import write_rows

from sfumato import meta, select
from sfumato.bench.cell import ESTIMATORS, prepare
from sfumato.bench.ranks import TIE
from sfumato.bench.results import score
from sfumato.bench.truths import ORACLES, TRUTHS, Truth, truth_of
from sfumato.portfolio import (
    FORMAT,
    Rule,
    Table,
    best_rule,
    leave_one_set_out,
    nested,
    regret,
    to_dict,
)
from sfumato.train.checkpoint import write_atomic

NOUNS = {
    "class": "accuracy",
    "classes": "mean average precision",
    "shares": "Kullback-Leibler divergence",
    "value": "absolute error in standard deviations",
}
HEAD = (
    "| kind | choice | regret, points | over naive | worse % | by | worse by > 1 point % |",
    "|---|---|---|---|---|---|---|",
)
Cell = tuple[str, str, int]


def measure(truth: Truth) -> str:
    """What a score measures, in words."""
    return next(noun for name, noun in NOUNS.items() if TRUTHS[name] is truth)


def features(record: dict[str, Any]) -> dict[str, float]:
    """The meta-features of a cell, as auto would see them: its training rows, what the grid tells, and the estimates
    made from them.
    """
    job = json.loads(record["job"])
    cell = prepare(job)
    facts = {}
    for need in meta.FACTS.values():
        asked = (job["kind"], need) in ESTIMATORS or need in job["needs"]
        if asked and (found := cell.need(need, job["needs"])) is not None:
            facts[need] = found[0]
    return meta.describe(cell.observed, cell.X[: cell.train], facts)


def tables(records: Iterable[dict[str, Any]], kind: str, methods: Sequence[str], grid: str) -> dict[Rule, Table]:
    """A table per trust and per criterion that every finished run of the kind has, the kind's own first, so that it is
    taken where others are as good; cells where the first method failed are left out.
    """
    cells: dict[Cell, dict[str, dict[str, Any]]] = {}
    for r in sorted(records, key=lambda r: (r["dataset"], r["law"], r["seed"])):
        if r["kind"] == kind and r["method"] in methods:
            cells.setdefault((r["dataset"], r["law"], r["seed"]), {})[r["method"]] = r
    done = {c: {m: r for m, r in rs.items() if r["status"] == "done"} for c, rs in cells.items()}
    done = {c: rs for c, rs in done.items() if methods[0] in rs}
    told = [features(rs[methods[0]]) for rs in done.values()]
    names = tuple(name for name in meta.MEANING if all(name in one for one in told))
    criteria = [{m: json.loads(r["criteria"]) for m, r in rs.items()} for rs in done.values()]
    rules = [
        name
        for name in select.CRITERIA
        if name not in ORACLES
        and all(name in c and c[name]["last"] is not None for cs in criteria for c in cs.values())
    ]
    accuracy = [[score(rs[m]) if m in rs else np.nan for m in methods] for rs in done.values()]
    return {
        (rule, trust): Table(
            kind=kind,
            criterion=rule,
            trust=trust,
            methods=tuple(methods),
            features=names,
            sets=tuple(c[0] for c in done),
            laws=tuple(c[1] for c in done),
            seeds=tuple(c[2] for c in done),
            phi=np.array([[one[name] for name in names] for one in told]),
            accuracy=np.array(accuracy),
            value=np.array([[cs[m][rule]["last"] if m in cs else np.nan for m in methods] for cs in criteria]),
            expected={},
            measure=measure(truth_of(kind)),
            grid=grid,
        )
        for rule in sorted(rules, key=lambda rule: rule != select.default(kind))
        for trust in (0.0, 1.0)
    }


@dataclass(frozen=True, eq=False)
class Measured:
    """A kind as measured: a table per rule, what auto chose with each set left out, and by which rule."""

    kind: str
    held: dict[Rule, Table]
    chosen: NDArray[np.int64]
    by: list[Rule]

    @property
    def any(self) -> Table:
        """A table for its cells and accuracies, which all share."""
        return next(iter(self.held.values()))

    @property
    def naive(self) -> bool:
        """Whether the first method is a naive baseline."""
        return self.kind not in select.NO_BASELINE

    def expected(self) -> dict[str, float]:
        """The figures of the card."""
        lost, won = regret(self.any, self.chosen)
        worse = won < -TIE
        out = {
            "cells": len(lost),
            "sets": len(set(self.any.sets)),
            "methods": len(self.any.methods),
            "regret": lost.mean(),
            "spread": lost.std(ddof=1),
        }
        if self.naive:
            out |= {"gain": won.mean(), "worse": worse.mean(), "worse_by": -won[worse].mean() if worse.any() else 0.0}
        return {name: round(float(value), 4) for name, value in out.items()}

    def final(self) -> Table | None:
        """The table that is shipped; None where auto won nothing over the naive baseline on sets left out."""
        expected = self.expected()
        if expected.get("gain", 1) <= 0:
            return None
        return replace(self.held[best_rule(self.held)], expected=expected)


def measured(held: dict[Rule, Table]) -> Measured:
    """A kind with each set left out in turn."""
    return Measured(next(iter(held.values())).kind, held, *nested(held))


# ------------------------------------------------------------------ what auto stands beside


def by_hand(table: Table) -> NDArray[np.int64]:
    """What the hand-made list and the criterion of this table alone choose."""
    at = [table.methods.index(m) for m in select.SHORT_LIST[table.kind] if m in table.methods]
    value = np.where(np.isnan(table.value), -np.inf, table.value)[:, at]
    return np.asarray(at)[value.argmax(1)]


def fixed(table: Table) -> NDArray[np.int64]:
    """The one method of the largest mean accuracy on the other sets."""
    own, chosen = np.asarray(table.sets), np.zeros(len(table.sets), np.int64)
    filled = np.where(np.isnan(table.accuracy), np.nanmin(table.accuracy), table.accuracy)
    for name in dict.fromkeys(table.sets):
        chosen[own == name] = int(filled[own != name].mean(0).argmax())
    return chosen


@dataclass(frozen=True, eq=False)
class Row:
    """One way to choose, over cells: what it lost to the best, what it won over the first method, the sets."""

    name: str
    lost: NDArray[Any]
    won: NDArray[Any]
    sets: tuple[str, ...]

    @classmethod
    def of(cls, name: str, table: Table, chosen: NDArray[np.int64]) -> Row:
        """What some choices cost."""
        return cls(name, *regret(table, chosen), table.sets)

    @property
    def worse(self) -> NDArray[np.bool_]:
        """(C,) where it is below the first method."""
        return np.asarray(self.won < -TIE)

    def line(self, kind: str, naive: bool = True) -> str:
        """The row of a table; the error is that over sets."""
        own, worse = np.asarray(self.sets), self.worse
        each = np.array([self.lost[own == s].mean() for s in dict.fromkeys(self.sets)])
        error = each.std(ddof=1) / np.sqrt(len(each))
        by = f"{-100 * self.won[worse].mean():.1f}" if worse.any() else "-"
        against = (
            f"{100 * self.won.mean():+.2f}",
            f"{100 * worse.mean():.0f}",
            by,
            f"{100 * (self.won < -0.01).mean():.0f}",
        )
        cells = (kind, self.name, f"{100 * self.lost.mean():.2f} ± {100 * error:.2f}", *(against if naive else "----"))
        return f"| {' | '.join(cells)} |"


def rows(one: Measured, hand: str) -> list[Row]:
    """Auto and what it stands beside; ``hand`` says of the hand-made list what must be known."""
    t = one.any
    own = one.held[select.default(one.kind), 0.0]
    return [
        Row.of("**auto**, set left out", t, one.chosen),
        Row.of("one method, the best on the other sets", t, fixed(t)),
        Row.of(f"list by hand, {own.criterion}{hand}", own, by_hand(own)),
        Row.of("always the naive baseline" if one.naive else f"always {t.naive}", t, np.zeros(len(t.sets), np.int64)),
    ]


# ------------------------------------------------------------------ what is written


def provenance(records: Sequence[dict[str, Any]], command: str, **more: Any) -> dict[str, Any]:
    """Where the tables of a grid come from."""
    ids = sorted(r["run"] for r in records)
    return {
        "command": command,
        "grid": hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16],
        "runs": len(ids),
        "failed": sum(r["status"] != "done" for r in records),
        "sets": sorted({r["dataset"] for r in records}),
        **more,
        "cpu_minutes": round(sum(r["cpu_seconds"] or 0 for r in records) / 60, 1),
        "finished": max(r["finished"] for r in records)[:10],
        "code": sorted({f"{r['version']} {r['git']}" for r in records}),
        "torch": sorted({r["torch"] for r in records}),
    }


def write_tables(shipped: Iterable[Table], grid: str, source: Mapping[str, Any], path: Path) -> None:
    """The file that auto reads, one cell per line: the tables of this grid anew, those of other grids as they are."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"provenance": {}, "kinds": {}}
    kinds = {kind: told for kind, told in held["kinds"].items() if told["grid"] != grid}
    kinds |= {t.kind: to_dict(t) for t in shipped}
    sources = {**held["provenance"], grid: source}
    lines = []
    for kind, told in sorted(kinds.items()):
        cells = ",\n".join("   " + json.dumps(c, allow_nan=False) for c in told.pop("cells"))
        lines.append(f'  {json.dumps(kind)}: {json.dumps(told, allow_nan=False)[:-1]}, "cells": [\n{cells}]}}')
    of = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(one, allow_nan=False)}" for name, one in sorted(sources.items())
    )
    head = f'{{"format": {FORMAT},\n "provenance": {{\n{of}}},\n "kinds": {{\n'
    write_atomic(path, (head + ",\n".join(lines) + "}}\n").encode())


FIELDS = ("kind", "set", "law", "seed", "criterion", "trust", "chosen", "accuracy", "best", "best_accuracy", "naive")


def write_csv(every: Iterable[Measured], path: Path) -> None:
    """A line per cell: what auto chose with the cell's set left out, the best method and the first one."""
    lines = []
    for one in every:
        t = one.any
        best = np.nan_to_num(t.accuracy, nan=-np.inf).argmax(1)
        for i, (chosen, (rule, trust)) in enumerate(zip(one.chosen, one.by, strict=True)):
            got = [t.accuracy[i, chosen], t.accuracy[i, best[i]], t.accuracy[i, 0]]
            acc, top, naive = (f"{v:.4f}" for v in got)
            cell = (one.kind, t.sets[i], t.laws[i], t.seeds[i], rule, f"{trust:.0f}")
            lines.append((*cell, t.methods[chosen], acc, t.methods[best[i]], top, naive))
    write_rows(path, FIELDS, (dict(zip(FIELDS, line, strict=True)) for line in lines))


def criteria(every: Iterable[Measured]) -> list[str]:
    """The table of criteria: mean regret with the list learned from the other sets, and with no list."""
    out = [
        "| kind | criterion | trust 0 | trust 1 | all methods, no list | |",
        "|---|---|---|---|---|---|",
    ]
    for one in every:
        best = best_rule(one.held)
        for rule in dict.fromkeys(r for r, _ in one.held):
            cost = {
                t: 100 * regret(one.held[rule, t], leave_one_set_out(one.held[rule, t]))[0].mean() for t in (0.0, 1.0)
            }
            t = one.held[rule, 0.0]
            free = np.where(np.isnan(t.value), -np.inf, t.value).argmax(1)
            mark = f"taken, trust {best[1]:.0f}" if rule == best[0] else ""
            out.append(
                f"| {one.kind} | {rule} | {cost[0.0]:.2f} | {cost[1.0]:.2f} | "
                f"{100 * regret(t, free)[0].mean():.2f} | {mark} |"
            )
    return out


def write_page(text: str, path: Path, mark: str) -> None:
    """Replace what stands below the mark; the prose above it is written by hand."""
    prose = path.read_text(encoding="utf-8").split(mark)[0] if path.exists() else ""
    write_atomic(path, (prose + mark + "\n\n" + text).encode())
