"""The further kinds of labels: a short list learned from the grid of kinds.py, beside the list made by hand.

    python benchmarks/auto_kinds.py --store STORE --into docs/measurements/auto-kinds.md

Nothing is trained here. The runs are those of ``python benchmarks/kinds.py run --store STORE``; the real data must lie
where they did, since the meta-features are read off the labels of each cell. Writes the tables of these kinds into the
file that auto reads (those of auto.py stay), auto-kinds.csv, and the page below its mark.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from kinds import BOUNDS, grids, spec
from short_lists import (
    HEAD,
    Measured,
    Row,
    by_hand,
    criteria,
    measured,
    provenance,
    rows,
    tables,
    write_csv,
    write_page,
    write_tables,
)

from sfumato import portfolio, select
from sfumato.bench import baselines
from sfumato.bench.cell import prepare
from sfumato.bench.perform import objective_of
from sfumato.bench.plan import plan
from sfumato.bench.spec import LawEntry
from sfumato.bench.store import Store
from sfumato.train import needs as givers

GRID = "kinds"
MARK = "<!-- below: written by benchmarks/auto_kinds.py -->"
# Of pairs and triplets the likelihood does not say which class is which: no classifier, but for its turned form.
BLIND = {("pairs", "marginal-likelihood"), ("triplets", "marginal-likelihood")}


def records(store: Store) -> list[dict[str, Any]]:
    """The runs of laws whose labels are not the truth itself, of methods that auto could take, the first draw alone;
    of grids as kinds.toml has them now, whatever else the store holds.
    """
    out, planned = [], {run.id for name in grids() for run in plan(spec(name))}
    for row in store.table().to_pylist():
        if row["run"] not in planned:
            continue
        job = json.loads(row["job"])
        law = LawEntry(job["law"]["name"], job["law"]["params"]).label
        skip = (
            row["draw"] or row["method"].startswith(baselines.PREFIX) or law == BOUNDS.get(row["kind"], ("clean",))[0]
        )
        if not skip and (row["kind"], row["method"]) not in BLIND and len(select.SHORT_LIST.get(row["kind"], ())) > 1:
            out.append(row)
    return out


def asked(record: dict[str, Any]) -> frozenset[str]:
    """The facts that a run's method wants and the labels do not tell."""
    job = json.loads(record["job"])
    cell, objective = prepare(job), objective_of(job)
    law = objective.law_for(cell.observed)
    return frozenset(
        givers.required(objective, law) - givers.left_to_training(objective) - set(law.read(cell.observed))
    )


def methods(found: Iterable[dict[str, Any]], kind: str) -> list[str]:
    """The methods of a kind that auto may take, the first of the hand-made list first: those that ran beside it, and
    ask for no fact that the hand-made list does not ask for.
    """
    hand = select.SHORT_LIST[kind]
    cells: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = defaultdict(dict)
    for r in found:
        if r["kind"] == kind and r["status"] == "done":
            cells[r["dataset"], r["law"], r["seed"]][r["method"]] = r
    beside = {m: r for rs in cells.values() if hand[0] in rs for m, r in rs.items()}
    known = frozenset[str]().union(*(asked(beside[m]) for m in hand if m in beside))
    return [m for m in (*hand, *sorted(set(beside) - set(hand))) if m in beside and asked(beside[m]) <= known]


def as_good(learned: Row, hand: Row, naive: bool) -> bool:
    """The rule, fixed before any figure was seen: on sets left out no larger a mean regret than the list by hand, and
    no larger a share of cells below the naive baseline.
    """
    return bool(learned.lost.mean() <= hand.lost.mean() and (not naive or learned.worse.mean() <= hand.worse.mean()))


def page(every: list[tuple[Measured, bool]], source: dict[str, Any]) -> str:
    """The tables of docs/measurements/auto-kinds.md."""
    out = [
        f"{source['runs']} runs ({source['failed']} failed), {source['cpu_minutes']} CPU minutes of training; grid "
        f"{source['grid']}, finished {source['finished']}.",
        "",
        "### Regret, each set left out",
        "",
        *HEAD,
    ]
    for one, ships in every:
        size = f"{len(one.chosen)} cells, {len(set(one.any.sets))} sets, {len(one.any.methods)} methods"
        label = f"{one.kind} ({size}; {one.any.measure}); {'**learned**' if ships else 'by hand'}"
        out += [row.line(label if i == 0 else "", one.naive) for i, row in enumerate(rows(one, ""))]
    out += ["", "### Criteria", "", "Mean regret with the list learned from the other sets, in the units above.", ""]
    out += [*criteria([one for one, _ in every]), "", "### Taken", ""]
    out += ["| kind | with each set left out, auto took | the list by hand took |", "|---|---|---|"]
    for one, _ in every:
        hand = Counter(one.any.methods[m] for m in by_hand(one.held[select.default(one.kind), 0.0]))
        out.append(f"| {one.kind} | {told(Counter(one.any.methods[m] for m in one.chosen))} | {told(hand)} |")
    return "\n".join(out) + "\n"


def told(counts: Counter[str]) -> str:
    """Methods and how often."""
    return ", ".join(f"{m} {n}" for m, n in counts.most_common())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = records(Store(given.store))
    every, used = [], []
    for kind in sorted({r["kind"] for r in found}):
        names = methods(found, kind)
        if len(names) < 2 or select.SHORT_LIST[kind][0] != names[0]:
            continue
        one = measured(tables(found, kind, names, GRID))
        auto, _, hand, _ = rows(one, "")
        every.append((one, as_good(auto, hand, one.naive) and one.final() is not None))
        used += [r for r in found if r["kind"] == kind and r["method"] in names]
    source = provenance(used, "python benchmarks/auto_kinds.py --store STORE --into docs/measurements/auto-kinds.md")
    finals = [table for one, ships in every if ships and (table := one.final()) is not None]
    root = Path(__file__).resolve().parents[1]
    write_tables(finals, GRID, source, root / "src" / "sfumato" / "portfolio" / portfolio.FILE)
    write_csv([one for one, _ in every], given.into.with_suffix(".csv"))
    write_page(page(every, source), given.into, MARK)


if __name__ == "__main__":
    main()
