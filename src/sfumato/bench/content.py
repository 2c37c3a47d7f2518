"""What a report says, before it is put into a form: per kind of labels its tables, figures and notes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfumato.parts.svg import heat

from .figures import critical_difference, scatter
from .front import front
from .ranks import level, ranks
from .regret import regrets, stopping
from .results import Board, Result, board, read
from .store import Store
from .truths import MEASURES

NAMES = {"pu": "Positive-unlabeled", "semi": "Partly missing", "votes": "Voted", "bags": "Bagged"}
NAMES |= {"confidence": "Positive-confidence", "targets": "Complete real", "lower": "Incomplete real"}


@dataclass(frozen=True)
class Table:
    """Columns and rows of texts and numbers; None shows as a blank."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A picture: name, for a file; caption; svg."""

    name: str
    caption: str
    svg: str


@dataclass
class Section:
    """One part of a report."""

    title: str
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def content(store: Store, table: pa.Table | None = None) -> list[Section]:
    """The sections: the state of the grid, then one per kind of labels.

    Args: table, that of the store, where it was read already.
    """
    table = store.table() if table is None else table
    done, failed = read(table.to_pylist())
    out = [_state(store, table, done, failed)]
    for kind in sorted({r.kind for r in done} | {row["kind"] for row in failed}):
        out.append(_kind(done, failed, kind))
    return out


def _state(store: Store, table: pa.Table, done: Sequence[Result], failed: Sequence[dict[str, Any]]) -> Section:
    counts = store.counts()
    section = Section("Runs")
    section.tables.append(Table("Runs by state", ("state", "runs"), tuple(counts.items())))
    if failed:
        seen: dict[tuple[str, str], int] = {}
        for row in failed:
            seen[row["method"], row["error"]] = seen.get((row["method"], row["error"]), 0) + 1
        section.tables.append(Table("Failures", ("method", "error", "runs"), tuple((*k, n) for k, n in seen.items())))
    if skipped := store.skipped():
        section.tables.append(Table("Skipped", ("reason", "runs"), tuple(skipped)))
    if len(table):
        where = {
            (v, g, m) for v, g, m in zip(*(table[c].to_pylist() for c in ("version", "git", "machine")), strict=True)
        }
        section.tables.append(Table("Made by", ("version", "commit", "machine"), tuple(sorted(where, key=str))))
        section.notes += _mixed(table.select(["kind", "version", "git"]).to_pylist())
    finished, counted = set(table.filter(pc.equal(table["status"], "done"))["run"].to_pylist()), {r.run for r in done}
    if again := len(finished - counted):
        section.notes.append(f"{again} finished runs repeat others at the same settings and are left out.")
    section.notes.append(
        "Every accuracy or other oracle is measured on true test labels; none was used to train or to choose."
    )
    return section


def _mixed(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What must be known where runs of several states of the code stand in one store."""
    states: dict[str, Counter[str]] = {}
    for row in rows:
        state = str(row["version"]) if row["git"] is None else f"{row['version']} {row['git']}"
        states.setdefault(row["kind"], Counter())[state] += 1
    told = [
        f"{kind} ({', '.join(f'{n} by {state}' for state, n in own.most_common())})"
        for kind, own in sorted(states.items())
        if len(own) > 1
    ]
    out = []
    if len({state for own in states.values() for state in own}) > 1:
        out.append("These runs were made by more than one state of the code.")
    if told:
        out.append("Runs that one table compares were made by several: " + "; ".join(told) + ".")
    return out


def _kind(done: Sequence[Result], failed: Sequence[dict[str, Any]], kind: str) -> Section:
    b = board(done, kind, failed)
    section = Section(f"{NAMES.get(kind, kind.capitalize())} labels")
    if judges := sorted({r.judge for r in done if r.kind == kind and r.judge}):
        section.notes.append(
            f"Weak criteria assume this law of the labels: {'; '.join(judges)}. Those marked (own law) assume the law "
            "that drew the labels; a fact of it that comes from 'law' is the simulation's own truth, an oracle."
        )
    elif b.conditions:
        section.notes.append(
            "An aggregation looks at the votes on all items at once and is measured on those whose truth is known; "
            "items that it finds equally likely to be of several classes count by their share."
        )
    section.notes += _notes(b)
    section.tables.append(leaderboard(b, failed))
    if b.conditions:
        section.tables.append(_by_condition(b))
    if (other := _oracles(done, b)) is not None:
        section.tables.append(other)
    _figures(section, b)
    if rows := regrets(done, kind):
        columns = ("choosing among", "by", "mean regret", "worst", b.truth.title, "choices", "candidates")
        values = tuple((r.choice, r.rule, r.mean, r.worst, r.accuracy, r.choices, r.candidates) for r in rows)
        section.tables.append(Table(f"Selection regret: best minus chosen, points of {b.truth.title}", columns, values))
    if stops := stopping(done, kind):
        title = f"Choosing the epoch: points of {b.truth.title} won against the last epoch"
        section.tables.append(Table(title, ("by", "mean gain", "runs"), tuple((s.rule, s.gain, s.runs) for s in stops)))
    return section


def _notes(b: Board) -> list[str]:
    notes = []
    if b.rule is not None:
        notes.append(
            f"Of several draws the one with the best {b.rule} on weak validation labels counts, at the last epoch; "
            "where that could not be measured, the defaults. It is judged by the law that drew the labels where that "
            "is known."
        )
    left = [f"{m} ({b.seeds[i].sum()} of {b.wanted.sum()})" for i, m in enumerate(b.methods) if i not in b.whole]
    if left and b.conditions:
        notes.append(f"Not ranked, for want of results that others have, by condition and seed: {', '.join(left)}.")
    if b.empty:
        notes.append(f"No run has a result in: {'; '.join(' / '.join(c) for c in b.empty)}.")
    if b.undefined:
        told = ", ".join(f"{n} of {m}" for m, n in b.undefined.items())
        notes.append(f"Runs whose oracle on test rows is not defined count as no result: {told}.")
    for said, facts in (
        ("Told the truth of the simulation about these facts, an oracle", b.told),
        ("Draws chosen by a criterion that knows the truth of the simulation about these facts, an oracle", b.chosen),
    ):
        if names := [f"{m} ({', '.join(n)})" for m, n in facts.items() if n]:
            notes.append(f"{said}: {'; '.join(names)}.")
    return notes


def _mean(values: Any) -> float | None:
    """The mean of what is there."""
    found = values[~np.isnan(values)]
    return float(found.mean()) if len(found) else None


def _ranked(b: Board) -> dict[int, float]:
    """The mean rank of every method that is ranked, by its position."""
    return dict(zip(b.whole, ranks(b.accuracy[b.whole]).mean.tolist(), strict=True)) if b.whole else {}


def _order(b: Board) -> list[int]:
    """Positions of the methods, best mean rank first, those that are not ranked last."""
    mean, means = _ranked(b), [_mean(row) for row in b.accuracy]
    worst = [math.inf if m is None else -m for m in means]
    return sorted(range(len(b.methods)), key=lambda i: (mean.get(i, math.inf), worst[i]))


def leaderboard(b: Board, failed: Sequence[dict[str, Any]] = ()) -> Table:
    """Mean rank, mean accuracy, mean CPU seconds of training and of estimators, results and failures per method, best
    first; unranked methods last.
    """
    mean = _ranked(b)
    lost = [row["method"] for row in failed if row["kind"] == b.kind]
    rows = []
    for i in _order(b):
        m, score = b.methods[i], _mean(b.accuracy[i])
        rows.append(
            (
                m + ("*" if b.told[m] or b.chosen[m] else ""),
                mean.get(i),
                None if score is None else b.truth.shown(score),
                _mean(b.cpu[i]),
                _mean(b.estimating[i]),
                int((b.seeds[i] > 0).sum()),
                int(b.seeds[i].sum()),
                lost.count(m),
            )
        )
    costs, counts = ("CPU s per run", "CPU s of estimators"), ("conditions", "conditions x seeds", "failed runs")
    columns = ("method", "mean rank", b.truth.title, *costs, *counts)
    return Table(f"Leaderboard over {len(b.conditions)} conditions", columns, tuple(rows))


def _by_condition(b: Board) -> Table:
    def cell(i: int, j: int) -> Any:
        if np.isnan(b.accuracy[i, j]):
            return None
        text = f"{b.truth.shown(b.accuracy[i, j]):.1f}"
        if not np.isnan(b.spread[i, j]):
            text += f" ± {b.truth.scale * b.spread[i, j]:.1f}"
        return text if b.seeds[i, j] == b.wanted[j] else f"{text} ({b.seeds[i, j]} of {b.wanted[j]} seeds)"

    rows = tuple((b.methods[i], *(cell(i, j) for j in range(len(b.conditions)))) for i in _order(b))
    columns = ("method", *(f"{j} {dataset} / {law}" for j, (dataset, law) in enumerate(b.conditions, 1)))
    title = b.truth.title[:1].upper() + b.truth.title[1:]
    return Table(f"{title}, mean and standard deviation over seeds", columns, rows)


def _oracles(done: Sequence[Result], b: Board) -> Table | None:
    """Other measures on true test labels, each the mean over all runs of a method."""
    own = [r for r in done if r.kind == b.kind]
    names = [n for n in MEASURES if any(r.oracles.get(n) is not None for r in own)]
    if not names:
        return None

    def mean(method: str, name: str) -> float | None:
        found = [v for r in own if r.method == method and (v := r.oracles.get(name)) is not None]
        return float(np.mean(found)) if found else None

    rows = tuple((b.methods[i], *(mean(b.methods[i], n) for n in names)) for i in _order(b))
    return Table("Oracles at the last epoch, mean over all runs", ("method", *names), rows)


def _figures(section: Section, b: Board) -> None:
    ranked = [i for i in _order(b) if i in b.whole]
    if not ranked:
        return
    names, values = [b.methods[i] for i in ranked], b.accuracy[ranked]
    found = ranks(values)
    if found.difference is not None and found.p is not None:
        caption = (
            f"Mean ranks over {found.n} conditions; Friedman chi2 = {found.chi2:.1f}, p = {found.p:.2g}; bars join "
            "what Nemenyi's test does not tell apart at level .05"
        )
        section.figures.append(
            Figure(f"{b.kind}-ranks", caption, critical_difference(names, found, "Critical differences"))
        )
    else:
        section.notes.append("No critical-difference diagram: it wants three methods and two conditions, not all tied.")
    if not b.truth.higher:
        return  # the pictures below show shares
    conditions = [f"{j} {dataset}" for j, (dataset, _) in enumerate(b.conditions, 1)]
    section.figures.append(
        Figure(
            f"{b.kind}-accuracy", "Oracle accuracy by method and condition", heat(names, conditions, values, "Accuracy")
        )
    )
    cost, mean = (b.cpu + b.estimating)[ranked].mean(1), level(values.mean(1))
    picture = scatter(names, cost, mean, front(cost, mean), "Cost and accuracy")
    section.figures.append(
        Figure(
            f"{b.kind}-cost",
            "Mean oracle accuracy against CPU seconds per run, estimators included; the line is the front",
            picture,
        )
    )
