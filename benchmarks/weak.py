"""The tables of docs/measurements/weak.md, from stores that ``sfumato bench run benchmarks/weak/*.toml`` filled.

    python benchmarks/weak.py doubts              # by the law that drew them: exclusions that cannot be uniform
    python benchmarks/weak.py truth FOLDER        # sets that bring their own labels, as tables of their true classes
    python benchmarks/weak.py page STORE [STORE ...] --csv docs/measurements/weak.csv --into docs/measurements/weak.md

Such a set meets the law ``given`` alone; its clean bound is a run of ``ce`` on the table that ``truth`` writes, with
the spec that it writes beside (same rows, same order, so the same split).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rows import write_rows

from sfumato import judge, labels, select
from sfumato.bench import plan, sets, spec
from sfumato.bench.cell import prepare
from sfumato.bench.measure import ORACLE, OWN
from sfumato.bench.results import Result, groups, has, results
from sfumato.bench.spec import LawEntry
from sfumato.bench.store import Store

HERE = Path(__file__).parent / "weak"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
KINDS = {"partial": "Candidate sets", "complementary": "Complementary labels", "pu": "Positive and unlabeled rows"}
NAIVE = {"partial": "average", "complementary": "average", "pu": "unlabeled-as-negative"}
LAWS = {
    "given": "labels of people",
    "uniform-complementary": "uniform",
    "biased-complementary(strength=strong)": "biased (strong)",
    "biased-complementary(noise=0.2, strength=strong)": "biased (strong), a fifth at random",
    "scar(labeled=0.3)": "labeled completely at random (.3)",
    "sar(labeled=0.3)": "labeled at random given the row (.3 on average)",
}
# the law that a method which is told the matrix believes in
MATRIX = {law: labels.BiasedComplementary for law in LAWS if law.startswith("biased-complementary")}
BY_LAW = "**the default, by the law**"
FIELDS = ("kind", "data", "law", "method", "seed", "draw", "last", "chosen", "epoch", "oracle_chosen", "cpu_seconds")
Rule = Callable[[Sequence[Result]], str]  # candidates -> the criterion that chooses among them


def truth(folder: Path) -> None:
    """The true classes of every set with labels of its own, and the spec of their clean bound."""
    folder.mkdir(parents=True, exist_ok=True)
    shared = ""
    for name in ("partial", "zero-votes"):
        told = spec.read(HERE / f"{name}.toml")
        settings = (HERE / f"{name}.toml").read_text(encoding="utf-8").partition("[train]")[2]
        shared = f"seeds = {len(told.seeds)}\ntest = {told.test}\nvalidation = {told.validation}\n\n[train]{settings}"
        tables = []
        for entry in told.datasets:
            held = sets.load(entry)
            columns = {f"x{j}": pa.array(held.x[:, j]) for j in range(held.x.shape[1])}
            pq.write_table(pa.table({**columns, "truth": held.y}), folder / f"{held.name}.parquet")
            tables.append(f'  {{ name = "{held.name}", table = "{held.name}.parquet", truth = "truth" }},')
        text = f'name = "weak-clean-{name}"\ndatasets = [\n' + "\n".join(tables)
        text += '\n]\nlaws = ["clean"]\nmethods = [{ name = "ce", kinds = ["exact"] }]\n' + shared
        (folder / f"clean-{name}.toml").write_text(text, encoding="utf-8")


def doubts() -> None:
    """How many cells of complementary labels fail the test of the uniform law that auto asks before it chooses."""
    cells = {}
    for name in ("complementary", "zero-votes"):
        for planned in plan.plan(spec.read(HERE / f"{name}.toml")):
            job = planned.job
            law = LawEntry(job["law"]["name"], dict(sorted(job["law"]["params"].items()))).label
            if job["kind"] == "complementary" and planned.skip is None:
                cells[law, job["dataset"]["name"], job["seed"]] = job
    found: dict[tuple[str, str], list[float]] = {}
    for (law, data, seed), job in cells.items():
        cell = prepare(job)
        tested = judge.uniformity(cell.X[: cell.train].flatten(1).numpy(), cell.observed, seed)
        assert tested is not None
        found.setdefault((law, data), []).append(tested.p)
    print(f"| law | set | p < {judge.LEVEL:g} | smallest p | largest p |\n|---|---|---|---|---|")
    for (law, data), p in found.items():
        few = sum(v < judge.LEVEL for v in p)
        print(f"| {LAWS[law]} | {data} | {few} of {len(p)} | {min(p):.1g} | {max(p):.1g} |")


def default(candidates: Sequence[Result]) -> str:
    """The default criterion of candidates: where some are told of the law it is asked of that law, and judged by it
    wherever all of them were.
    """
    one = candidates[0]
    name = select.default(one.kind, MATRIX.get(one.law) if any(r.told for r in candidates) else None)
    own = name + OWN
    return own if any(r.told for r in candidates) and all(has(r, own) for r in candidates) else name


def line(r: Result) -> dict[str, str]:
    """A run as the csv holds it: accuracy on test rows (an oracle) of the last epoch, and of the one that the default
    criterion chose on weak validation labels.
    """
    picked, best = r.criteria.get(default([r]), {}), r.criteria[ORACLE]
    told = (r.kind, r.dataset, r.law, r.method, r.seed, r.draw, f"{r.accuracy:.4f}")
    chosen = (f"{picked['oracle_test']:.4f}", picked["epoch"]) if picked else ("", "")
    values = (*told, *chosen, f"{best['oracle_test']:.4f}", f"{r.cpu_seconds:.2f}")
    return {name: str(value) for name, value in zip(FIELDS, values, strict=True)}


def shown(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds, in percent."""
    if not len(values):
        return ""
    v = 100 * np.asarray(values)
    return f"{v.mean():.1f} ± {v.std(ddof=1):.1f}" if len(v) > 1 else f"{v.mean():.1f}"


def early(r: Result, rule: str) -> float:
    """Test accuracy (an oracle) at the epoch that a criterion chose; the last one's where it was not measured."""
    return float(r.criteria[rule]["oracle_test"]) if rule in r.criteria else r.accuracy


def tables(runs: Sequence[Result], kind: str) -> list[str]:
    """A table per law: methods x sets, last epoch / chosen epoch; naive first, the clean bound last."""
    own = [r for r in runs if r.kind == kind and r.draw == 0]
    out = []
    for (law,), cell in groups(own, "law").items():
        data = sorted({r.dataset for r in cell})
        by = groups(cell, "method", "dataset")
        methods = sorted({r.method for r in cell})
        mean = {
            m: np.mean([np.mean([r.accuracy for r in by.get((m, d), [])] or [np.nan]) for d in data]) for m in methods
        }
        methods.sort(key=lambda m: (m != NAIVE[kind], np.isnan(mean[m]), -mean[m]))
        most = max(len(by[m, d]) for m, d in by)
        out += [f"**{KINDS[kind]}, {LAWS[law]}**, last epoch / epoch by the default, {most} seeds where not said", ""]
        out += ["| method | mean | " + " | ".join(data) + " | CPU s |", "|---" * (len(data) + 3) + "|"]
        for m in methods:
            cells = []
            for d in data:
                mine = by.get((m, d), [])
                text = (
                    f"{shown([r.accuracy for r in mine])} / {shown([early(r, default([r])) for r in mine])}"
                    if mine
                    else "-"
                )
                cells.append(text + (f" ({len(mine)})" if mine and len(mine) < most else ""))
            seconds = np.mean([r.cpu_seconds for r in cell if r.method == m])
            name = f"{m} (naive)" if m == NAIVE[kind] else m
            told = sorted({n for r in cell if r.method == m for n in r.told})
            name += f" (told the {', '.join(told)})" if told else ""
            middle = "" if np.isnan(mean[m]) else f"{100 * mean[m]:.1f}"
            out.append(f"| {name} | {middle} | " + " | ".join(cells) + f" | {seconds:.1f} |")
        clean = groups([r for r in runs if r.kind == "exact" and r.method == "ce"], "dataset")
        bound = [shown([r.accuracy for r in clean.get((d,), [])]) for d in data]
        out += ["| ce on true labels (an oracle) | | " + " | ".join(bound) + " | |", ""]
    return out


def against_naive(runs: Sequence[Result], kind: str) -> list[str]:
    """Each method minus the naive baseline on the same split, in points: over all cells, and the cells it loses."""
    own = [r for r in runs if r.kind == kind and r.draw == 0]
    naive = {(r.dataset, r.law, r.seed): r.accuracy for r in own if r.method == NAIVE[kind]}
    rows = []
    for (method,), mine in groups([r for r in own if r.method != NAIVE[kind]], "method").items():
        cells: dict[tuple[str, str], list[float]] = {}
        for r in mine:
            if (r.dataset, r.law, r.seed) in naive:
                gain = 100 * (r.accuracy - naive[r.dataset, r.law, r.seed])
                cells.setdefault((r.dataset, r.law), []).append(gain)
        gains = {cell: float(np.mean(values)) for cell, values in cells.items()}
        lost = [f"{d}, {LAWS[law]} ({g:+.1f})" for (d, law), g in sorted(gains.items(), key=lambda e: e[1]) if g <= 0]
        rows.append((float(np.mean(list(gains.values()))), method, len(gains), lost))
    out = [f"**{KINDS[kind]}: points above {NAIVE[kind]}**, mean over cells of the mean over seeds, last epoch", ""]
    out += ["| method | points | cells | cells where it is not above |", "|---|---|---|---|"]
    out += [f"| {m} | {gain:+.1f} | {n} | {'; '.join(lost)} |" for gain, m, n, lost in sorted(rows, reverse=True)]
    return [*out, ""]


def lost(able: Sequence[list[Result]], rule: Rule) -> tuple[list[float], list[float]]:
    """Points below the best candidate's last epoch: of the last epoch of the chosen one, and of the chosen epoch."""
    late, soon = [], []
    for c in able:
        best, name = max(r.accuracy for r in c), rule(c)
        plain = max(c, key=lambda r: (r.criteria[name]["last"], -r.draw)).accuracy
        stopped = early(max(c, key=lambda r: (r.criteria[name]["chosen"], -r.draw)), name)
        late.append(100 * (best - plain))
        soon.append(100 * (best - stopped))
    return late, soon


def scopes(runs: Sequence[Result]) -> dict[str, list[list[Result]]]:
    """What is chosen among: title -> candidates of each choice."""
    several = {(r.dataset, r.law, r.seed, r.method) for r in runs if r.draw}
    drawn = [r for r in runs if (r.dataset, r.law, r.seed, r.method) in several]
    told, untold = {r.law for r in runs if r.told}, [r for r in runs if not r.told]
    found = {
        "among the draws of a method": groups(drawn, "dataset", "law", "seed", "method"),
        "among methods and draws": groups(runs, "dataset", "law", "seed"),
    }
    if told:
        found["among methods that are told nothing, and draws"] = groups(untold, "dataset", "law", "seed")
    return {title: list(choices.values()) for title, choices in found.items() if choices}


def regret(runs: Sequence[Result], kind: str) -> list[str]:
    """What a choice by each criterion costs, law by law: last epoch / epoch chosen too; then over all choices."""
    own = [r for r in runs if r.kind == kind]
    laws = [law for law in LAWS if any(r.law == law for r in own)]
    known = [name for each in select.CRITERIA for name in (each, each + OWN) if any(has(r, name) for r in own)]
    rules: dict[str, Rule] = {BY_LAW: default, **{name: lambda _, name=name: name for name in known}}
    out = []
    for scope, choices in scopes(own).items():
        size = np.mean([len(c) for c in choices])
        out += [f"**{KINDS[kind]}: regret {scope}**, {len(choices)} choices, {size:.0f} candidates on average", ""]
        out += ["| criterion | " + " | ".join(LAWS[law] for law in laws) + " | all: mean | worst | choices |"]
        out += ["|---" * (len(laws) + 4) + "|"]
        rows = []
        for name, rule in rules.items():
            able = [c for c in choices if all(has(r, rule(c)) for r in c)]
            if not able:
                continue
            cells = []
            for law in laws:
                here = lost([c for c in able if c[0].law == law], rule)
                cells.append(f"{np.mean(here[0]):.1f} / {np.mean(here[1]):.1f}" if here[0] else "")
            every = lost(able, rule)
            said = f"{name} (clean validation labels)" if name == ORACLE else name
            figures = [f"{f(every[0]):.1f} / {f(every[1]):.1f}" for f in (np.mean, np.max)]
            rows.append((name == ORACLE, np.mean(every[0]), [said, *cells, *figures, str(len(able))]))
        out += ["| " + " | ".join(cells) + " |" for _, _, cells in sorted(rows, key=lambda e: e[:2])]
        gap = [(c[0].law, 100 * (max(r.accuracy for r in c) - np.mean([r.accuracy for r in c]))) for c in choices]
        means = [np.mean([v for of, v in gap if of == law]) for law in laws]
        figures = [*(f"{v:.1f}" for v in (*means, np.mean([v for _, v in gap]), max(v for _, v in gap))), str(len(gap))]
        out += ["| at random | " + " | ".join(figures) + " |", ""]
    return out


def page(stores: Sequence[str], out: Path, into: Path) -> None:
    done = [r for store in stores for r in results(Store(store))[0]]
    failed = [row for store in stores for row in results(Store(store))[1] if row["status"] == "failed"]
    write_rows(out, FIELDS, map(line, done))
    lines = []
    for kind in KINDS:
        lines += [f"### {KINDS[kind]}", "", *tables(done, kind), *against_naive(done, kind), *regret(done, kind)]
    lines += [
        f"{len(done)} runs, {len(failed)} failed; {sum(r.cpu_seconds for r in done) / 60:.0f} CPU minutes of training."
    ]
    head, rest = into.read_text(encoding="utf-8").split(BEGIN)
    into.write_text(f"{head}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="what", required=True)
    actions.add_parser("doubts")
    actions.add_parser("truth").add_argument("folder", type=Path)
    made = actions.add_parser("page")
    made.add_argument("stores", nargs="+")
    made.add_argument("--csv", type=Path, required=True)
    made.add_argument("--into", type=Path, required=True)
    told = parser.parse_args()
    if told.what == "doubts":
        doubts()
    elif told.what == "truth":
        truth(told.folder)
    else:
        page(told.stores, told.csv, told.into)


if __name__ == "__main__":
    main()
