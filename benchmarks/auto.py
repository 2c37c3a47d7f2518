"""The grid behind ``method="auto"``: six kinds of labels on small real tables, then the table that auto reads.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/auto.py

The real data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides). Runs that the store holds
already are not repeated. Only accuracies, criteria and meta-features of the labels are written into the package.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato import meta, select
from sfumato.bench import spec
from sfumato.bench.cell import ESTIMATORS, prepare
from sfumato.bench.measure import ORACLE
from sfumato.bench.plan import plan
from sfumato.bench.run import execute
from sfumato.bench.store import Store
from sfumato.portfolio import FILE, FORMAT, Rule, Table, best_rule, leave_one_set_out, nested, regret, to_dict
from sfumato.train.checkpoint import write_atomic

ROWS = 1500
TIE = 1e-9  # accuracies are shares of whole rows: smaller differences are rounding
MARK = "<!-- below: written by benchmarks/auto.py -->"
TRAIN = {"network": "mlp", "hidden": [100], "steps": 600, "batch_size": 64, "measures": 5}
TELLS = {
    "noisy": {"transition": "confident-joint", "noise_rate": "confident-noise-rate"},
    "pu": {"prior": "dedpul"},
}


def _sets(*names: str, **positive: list[int]) -> list[dict[str, Any]]:
    return [{"name": n, "rows": ROWS} | ({"positive": positive[n]} if n in positive else {}) for n in names]


MANY = ("digits", "letter", "trec6", "mnist")  # at least four classes
TABLES = ("digits", "wine", "breast_cancer", "letter", "phoneme", "trec6", "spambase")
EVEN, FIRST_HALF = [0, 2, 4, 6, 8], list(range(13))
# One grid per entry: kind, sets, laws. Every method whose needs the labels or an estimator supply takes part.
GRIDS: tuple[tuple[str, list[dict[str, Any]], list[Any]], ...] = (
    ("exact", _sets(*TABLES), ["clean"]),
    (
        "semi",
        _sets(*TABLES),
        [{"name": "missing-completely", "observed": 0.05}, {"name": "missing-completely", "observed": 0.2}],
    ),
    (
        "pu",
        _sets(
            *("breast_cancer", "spambase", "phoneme", "sms_spam", "digits", "letter"),
            digits=EVEN,
            letter=FIRST_HALF,
        ),
        [
            {"name": "case-control", "share": 0.2},
            {"name": "scar", "labeled": 0.3},
            {"name": "sar", "labeled": 0.3},
        ],
    ),
    (
        "partial",
        _sets("digits", "letter", "trec6", "wine", "lost", "msrcv2", "birdsong"),
        ["uniform-sets", {"name": "flip-sets", "flip": 0.1}, {"name": "flip-sets", "flip": 0.4}, "given"],
    ),
    (
        "complementary",
        _sets(*MANY),
        [
            "uniform-complementary",
            {"name": "uniform-complementary", "count": 3},
            {"name": "biased-complementary", "strength": "strong"},
            {"name": "biased-complementary", "strength": "strong", "noise": 0.2},
        ],
    ),
    ("complementary", _sets("wine"), ["uniform-complementary"]),
    (
        "noisy",
        _sets("digits", "wine", "breast_cancer", "letter", "phoneme", "trec6"),
        [
            {"name": "symmetric", "noise_rate": 0.05},
            {"name": "symmetric", "noise_rate": 0.4},
            {"name": "pair-flip", "noise_rate": 0.3},
            {"name": "instance-flips", "noise_rate": 0.3},
        ],
    ),
)
# As many as the time allowed; what is missing widens the errors of these kinds.
SEEDS = {"exact": 2, "semi": 2, "pu": 2, "partial": 2, "complementary": 1, "noisy": 1}
METHODS = {
    "exact": ("ce", "label-smoothing", "mixup", "regularised-ce"),
    "semi": ("supervised", "pseudo-label", "mean-teacher", "fixmatch", "softmatch"),
    "pu": ("unlabeled-as-negative", "elkan-noto", "upu", "nnpu", "imbalanced-nnpu", "vpu", "dist-pu"),
    "partial": ("average", "cc", "proden", "cavl", "lws", "abs-gce", "cr-dpll", "pop"),
    # forward is not among them: it needs a transition matrix, which nothing here estimates from complementary labels
    "complementary": ("average", "scl-nl", "scl-exp", "ure-nn", "ure-ga", "l-w", "mcl-exp", "mcl-log"),
    "noisy": (
        *("ce", "regularised-ce", "label-smoothing", "mixup", "gce", "nce-rce", "elr", "forward", "reweight"),
        *("co-teaching", "peer"),
    ),
}


def specs() -> Iterator[spec.Spec]:
    """The grids, small kinds first."""
    for number, (kind, datasets, laws) in enumerate(GRIDS):
        yield spec.parse(
            {
                "name": f"auto-{number}-{kind}",
                "datasets": datasets,
                "laws": laws,
                "methods": [{"name": name, "kinds": [kind]} for name in METHODS[kind]],
                "seeds": SEEDS[kind],
                "test": 0.3,
                "validation": 0.2,
                "train": TRAIN,
                "needs": TELLS.get(kind, {}),
            }
        )


def run(path: Path) -> list[dict[str, Any]]:
    """Do the runs that the store has not; the records of these grids alone, whatever else the store holds."""
    store = Store(path, create=True)
    planned: set[str] = set()
    for one in specs():
        runs = plan(one)
        planned |= {r.id for r in runs}
        print(one.name, execute(store, store.add(runs)), flush=True)
    return [r for r in store.table().to_pylist() if r["run"] in planned]


# ------------------------------------------------------------------ records -> tables


def features(record: dict[str, Any]) -> dict[str, float]:
    """The meta-features of a cell, as auto would see them: its training rows, and the estimates made from them."""
    job = json.loads(record["job"])
    cell = prepare(job)
    facts = {}
    for need in meta.FACTS.values():
        if (job["kind"], need) in ESTIMATORS and (found := cell.need(need, job["needs"])) is not None:
            facts[need] = found[0]
    return meta.describe(cell.observed, cell.X[: cell.train], facts)


def tables(records: list[dict[str, Any]], kind: str) -> dict[Rule, Table]:
    """A table per trust and per criterion that every finished run of the kind has; cells where the naive baseline
    failed are left out.
    """
    cells: dict[tuple[str, str, int], dict[str, dict[str, Any]]] = {}
    for r in sorted(records, key=lambda r: (r["dataset"], r["law"], r["seed"])):
        if r["kind"] == kind:
            cells.setdefault((r["dataset"], r["law"], r["seed"]), {})[r["method"]] = r
    methods = METHODS[kind]
    done = {c: {m: r for m, r in rs.items() if r["status"] == "done"} for c, rs in cells.items()}
    done = {c: rs for c, rs in done.items() if methods[0] in rs}
    told = [features(rs[methods[0]]) for rs in done.values()]
    names = tuple(name for name in meta.MEANING if all(name in one for one in told))
    criteria = [{m: json.loads(r["criteria"]) for m, r in rs.items()} for rs in done.values()]
    rules = [
        name
        for name in select.CRITERIA
        if name != ORACLE and all(name in c and c[name]["last"] is not None for cs in criteria for c in cs.values())
    ]
    accuracy = [[rs[m]["oracle_test_accuracy"] if m in rs else np.nan for m in methods] for rs in done.values()]
    return {
        (rule, trust): Table(
            kind=kind,
            criterion=rule,
            trust=trust,
            methods=methods,
            features=names,
            sets=tuple(c[0] for c in done),
            laws=tuple(c[1] for c in done),
            seeds=tuple(c[2] for c in done),
            phi=np.array([[one[name] for name in names] for one in told]),
            accuracy=np.array(accuracy),
            value=np.array([[cs[m][rule]["last"] if m in cs else np.nan for m in methods] for cs in criteria]),
            expected={},
        )
        for rule in rules
        for trust in (0.0, 1.0)
    }


# ------------------------------------------------------------------ what auto stands beside


def by_hand(table: Table) -> NDArray[np.int64]:
    """What the hand-made list and the criterion of this table alone choose."""
    at = [table.methods.index(m) for m in select.SHORT_LIST[table.kind]]
    value = np.where(np.isnan(table.value), -np.inf, table.value)[:, at]
    return np.asarray(at)[value.argmax(1)]


def fixed(table: Table) -> NDArray[np.int64]:
    """The one method of the largest mean accuracy on the other sets."""
    own, chosen = np.asarray(table.sets), np.zeros(len(table.sets), np.int64)
    for name in dict.fromkeys(table.sets):
        chosen[own == name] = int(np.nan_to_num(table.accuracy[own != name]).mean(0).argmax())
    return chosen


# ------------------------------------------------------------------ what is written


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
            "gain": won.mean(),
            "worse": worse.mean(),
            "worse_by": -won[worse].mean() if worse.any() else 0.0,
        }
        return {name: round(float(value), 4) for name, value in out.items()}

    def final(self) -> Table | None:
        """The table that is shipped; None where auto won nothing over the naive baseline on sets left out."""
        expected = self.expected()
        return replace(self.held[best_rule(self.held)], expected=expected) if expected["gain"] > 0 else None


def measured(records: list[dict[str, Any]]) -> list[Measured]:
    """Every kind, most cells first."""
    out = []
    for kind in METHODS:
        if any(r["kind"] == kind for r in records):
            held = tables(records, kind)
            out.append(Measured(kind, held, *nested(held)))
    return sorted(out, key=lambda m: -len(m.chosen))


def provenance(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Where the table comes from."""
    ids = sorted(r["run"] for r in records)
    return {
        "command": "python benchmarks/auto.py",
        "grid": hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16],
        "runs": len(ids),
        "failed": sum(r["status"] != "done" for r in records),
        "sets": sorted({r["dataset"] for r in records}),
        "rows": ROWS,
        "train": TRAIN,
        "cpu_minutes": round(sum(r["cpu_seconds"] or 0 for r in records) / 60, 1),
        "finished": max(r["finished"] for r in records)[:10],
        "code": sorted({f"{r['version']} {r['git']}" for r in records}),
        "torch": sorted({r["torch"] for r in records}),
    }


def write_portfolio(every: list[Measured], source: dict[str, Any], path: Path) -> None:
    """The file that auto reads, one cell per line."""
    kinds = []
    for one in sorted(every, key=lambda m: m.kind):
        if (table := one.final()) is not None:
            told = to_dict(table)
            cells = ",\n".join("   " + json.dumps(c, allow_nan=False) for c in told.pop("cells"))
            head = json.dumps(told, allow_nan=False)[:-1]
            kinds.append(f'  {json.dumps(one.kind)}: {head}, "cells": [\n{cells}]}}')
    head = f'{{"format": {FORMAT},\n "provenance": {json.dumps(source, allow_nan=False)},\n "kinds": {{\n'
    write_atomic(path, (head + ",\n".join(kinds) + "}}\n").encode())


FIELDS = ("kind", "set", "law", "seed", "criterion", "trust", "chosen", "accuracy", "best", "best_accuracy", "naive")


def write_csv(every: list[Measured], path: Path) -> None:
    """A line per cell: what auto chose with the cell's set left out, the best method and the naive baseline."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(FIELDS)
    for one in every:
        t = one.any
        best = np.nan_to_num(t.accuracy).argmax(1)
        for i, (chosen, (rule, trust)) in enumerate(zip(one.chosen, one.by, strict=True)):
            got = [t.accuracy[i, chosen], t.accuracy[i, best[i]], t.accuracy[i, 0]]
            acc, top, naive = (f"{v:.4f}" for v in got)
            cell = (one.kind, t.sets[i], t.laws[i], t.seeds[i], rule, f"{trust:.0f}")
            writer.writerow((*cell, t.methods[chosen], acc, t.methods[best[i]], top, naive))
    write_atomic(path, lines.getvalue().encode())


def _row(name: str, table: Table, chosen: NDArray[np.int64]) -> tuple[str, NDArray[Any], NDArray[Any], list[str]]:
    lost, won = regret(table, chosen)
    return name, lost, won, list(table.sets)


def _line(kind: str, name: str, lost: NDArray[Any], won: NDArray[Any], sets: list[str]) -> str:
    own = np.asarray(sets)
    each = np.array([lost[own == s].mean() for s in dict.fromkeys(sets)])
    error = each.std(ddof=1) / np.sqrt(len(each))
    worse = won < -TIE
    by = f"{-100 * won[worse].mean():.1f}" if worse.any() else "-"
    return (
        f"| {kind} | {name} | {100 * lost.mean():.2f} ± {100 * error:.2f} | {100 * won.mean():+.2f} | "
        f"{100 * worse.mean():.0f} | {by} | {100 * (won < -0.01).mean():.0f} |"
    )


def compared(one: Measured) -> list[tuple[str, NDArray[Any], NDArray[Any], list[str]]]:
    """Auto and what it stands beside."""
    t = one.any
    own = one.held[select.default(one.kind), 0.0]
    return [
        _row("**auto**, set left out", t, one.chosen),
        _row("one method, the best on the other sets", t, fixed(t)),
        _row(f"list by hand, {own.criterion} (an oracle shaped it)", own, by_hand(own)),
        _row("always the naive baseline", t, np.zeros(len(t.sets), np.int64)),
    ]


def epochs(records: list[dict[str, Any]], kinds: list[str]) -> list[str]:
    """What the epoch that a criterion chose, of the five measured, won over the last one."""
    out = ["| kind | criterion | over the last epoch, points | runs |", "|---|---|---|---|"]
    for kind in kinds:
        found = [json.loads(r["criteria"]) | {"": r} for r in records if r["kind"] == kind and r["status"] == "done"]
        for rule in select.CRITERIA:
            won = [c[rule]["oracle_test"] - c[""]["oracle_test_accuracy"] for c in found if rule in c]
            if won and rule != ORACLE:
                mark = " (the default)" if rule == select.default(kind) else ""
                out.append(f"| {kind} | {rule}{mark} | {100 * np.mean(won):+.2f} | {len(won)} |")
    return out


def page(every: list[Measured], source: dict[str, Any], records: list[dict[str, Any]]) -> str:
    """The tables of docs/measurements/auto.md."""
    head = (
        "| kind | choice | regret, points | over naive | worse % | by | worse by > 1 point % |",
        "|---|---|---|---|---|---|---|",
    )
    out = [
        f"{source['runs']} runs ({source['failed']} failed), {source['cpu_minutes']} CPU minutes of training; "
        f"grid {source['grid']}, "
        f"finished {source['finished']}, code {', '.join(source['code'])}.",
        "",
        "### Regret, each set left out",
        "",
        *head,
    ]
    rows = {one.kind: compared(one) for one in every}
    for one in every:
        label = f"{one.kind} ({len(one.chosen)} cells, {len(set(one.any.sets))} sets, {len(one.any.methods)} methods)"
        for i, (name, lost, won, sets) in enumerate(rows[one.kind]):
            out.append(_line(label if i == 0 else "", name, lost, won, sets))
    shipped = [one.kind for one in every if one.final() is not None]
    for i, (name, *_) in enumerate(next(iter(rows.values()))):
        parts = [rows[kind][i] for kind in shipped]
        lost, won = (np.concatenate([p[j] for p in parts]) for j in (1, 2))
        sets = [s for p in parts for s in p[3]]
        what = "list by hand, the kind's criterion (an oracle shaped it)" if name.startswith("list by hand") else name
        out.append(
            _line(f"**all of {', '.join(shipped)}** ({len(lost)} cells)" if i == 0 else "", what, lost, won, sets)
        )
    out += [
        "",
        "### Criteria",
        "",
        "Mean regret in points with the list learned from the other sets; trust 1 adds the past of near cells.",
        "",
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
    out += [
        "",
        "### Methods",
        "",
        "Mean accuracy over the cells of the kind, percent, and how often auto took it with the set left out.",
        "",
        "| kind | method | accuracy % | best in % of cells | taken by auto in % |",
        "|---|---|---|---|---|",
    ]
    for one in every:
        t = one.any
        best_of = np.nan_to_num(t.accuracy).argmax(1)
        for m in np.argsort(-np.nan_to_num(t.accuracy).mean(0)):
            out.append(
                f"| {one.kind} | {t.methods[m]} | {100 * np.nanmean(t.accuracy[:, m]):.1f} | "
                f"{100 * (best_of == m).mean():.0f} | {100 * (one.chosen == m).mean():.0f} |"
            )
    out += ["", "### Epochs", "", *epochs(records, [one.kind for one in every])]
    return "\n".join(out) + "\n"


def write_page(text: str, path: Path) -> None:
    """Replace what stands below the mark; the prose above it is written by hand."""
    prose = path.read_text(encoding="utf-8").split(MARK)[0] if path.exists() else "# Auto\n\n"
    write_atomic(path, (prose + MARK + "\n\n" + text).encode())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("bench-auto"), help="folder of the runs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    records = run(given.store)
    every, source = measured(records), provenance(records)
    root = Path(__file__).resolve().parents[1]
    write_portfolio(every, source, root / "src" / "sfumato" / "portfolio" / FILE)
    write_csv(every, root / "docs" / "measurements" / "auto.csv")
    write_page(page(every, source, records), root / "docs" / "measurements" / "auto.md")


if __name__ == "__main__":
    main()
