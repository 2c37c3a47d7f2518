"""The table of every further kind of labels: runs the packaged protocols at a small scale, and writes the page.

    OMP_NUM_THREADS=1 nice -n 15 python benchmarks/kinds.py run --store STORE [--grids bags sets ...] [--seeds 2]
    python benchmarks/kinds.py csv --store STORE --out docs/measurements/kinds.csv
    python benchmarks/kinds.py table --csv docs/measurements/kinds.csv --into docs/measurements/kinds.md

``run`` may be stopped at any time and goes on from there; kinds.toml holds the grids (kinds-long.csv holds its
``distribution-long``, from a store of its own). ``csv`` also writes the regret of choosing among bags' methods and
draws, beside the lines of the runs. Real data: the folder SFUMATO_REAL_DATA names.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from rows import read_rows, write_rows

from sfumato import select
from sfumato.bench.regret import regrets
from sfumato.bench.results import results
from sfumato.bench.run import run
from sfumato.bench.spec import LawEntry, Spec, parse
from sfumato.bench.store import Store
from sfumato.bench.truths import truth_of

FIELDS = ("kind", "law", "data", "method", "seed", "draw", "last", "chosen", "epoch", "cpu_seconds")
REGRET = ("choosing among", "by", "mean regret", "worst", "accuracy", "choices", "candidates")
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
# What each kind is set against: the naive reading of its labels.
NAIVE = {"pairs": "baseline:favoured", "triplets": "baseline:favoured", "similarities": "baseline:favoured"}
NAIVE |= {"multi-label": "an", "lower": "l1", "distribution": "baseline:mean"}
# The law whose labels are clean, and the method that is trained on them: the bound of every other law.
BOUNDS = {"targets": ("complete", "l1"), "distribution": ("shares", "sa-bfgs")}
BOUNDS |= {"multi-label": ("seen-by-sign(holds=1, holds_not=1)", "an")}
LONG = "distribution-long"  # runs where it is named, into a store of its own
TITLES = {
    "bags": "Bags with counts",
    "bag-values": "Bags that tell whether any row is positive",
    "sets": "Unlabeled sets",
    "pairs": "Similar and dissimilar pairs, unlabeled rows",
    "comparisons": "Pairwise comparisons",
    "triplets": "Triplets",
    "confidence": "Positive rows with confidences",
    "confidence-differences": "Differences of confidence",
    "similarities": "Confidences of similarity",
    "votes": "Votes beside features",
    "multi-label": "Several classes at once",
    "distribution": "Label distributions",
    "lower": "Targets that were seen too low",
}


def grids() -> dict[str, dict[str, Any]]:
    """The values of every grid: the preset, what holds for all, and its own."""
    told = tomllib.loads(Path(__file__).with_name("kinds.toml").read_text(encoding="utf-8"))
    out, every = {}, told.pop("all")
    for name, own in told.items():
        preset = files("sfumato.bench").joinpath("presets", f"{own.pop('preset', name)}.toml")
        values = tomllib.loads(preset.read_text(encoding="utf-8"))
        train = {**values["train"], **every["train"], **own.get("train", {})}
        del values["small"], train["epochs"]
        out[name] = {**values, **every, **own, "train": train, "name": f"kinds-{name}"}
    return out


def spec(name: str, seeds: int | None = None) -> Spec:
    """A grid, with fewer seeds where asked for."""
    values = grids()[name]
    return parse(values if seeds is None else {**values, "seeds": min(seeds, values["seeds"])})


def read(store: Store) -> list[dict[str, Any]]:
    """One line per finished run: its oracle on test rows at the last epoch, and at the one that the kind's criterion
    chose on held-out weak labels.
    """
    out = []
    for row in store.table().to_pylist():
        if row["status"] != "done":
            continue
        job, criteria, truth = json.loads(row["job"]), json.loads(row["criteria"]), truth_of(row["kind"])
        rule = select.default(row["kind"])
        picked = criteria.get(rule if rule in criteria else "agreement", {})
        last = row["oracle_test_accuracy"]
        last = truth.signed(json.loads(row["oracles"])[truth.measure]) if last is None else last
        chosen = picked.get("oracle_test")
        positive = "+".join(map(str, job["dataset"]["positive"]))
        out.append(
            {
                "kind": row["kind"],
                "law": LawEntry(job["law"]["name"], job["law"]["params"]).label,
                "data": row["dataset"] + (f" {positive}" if positive else ""),
                "method": row["method"],
                "seed": row["seed"],
                "draw": row["draw"],
                "last": f"{truth.shown(last):.3f}",
                "chosen": "" if chosen is None else f"{truth.shown(chosen):.3f}",
                "epoch": picked.get("epoch", ""),
                "cpu_seconds": f"{row['cpu_seconds'] + row['estimate_cpu_seconds']:.2f}",
            }
        )
    return sorted(out, key=lambda line: tuple(str(line[f]) for f in FIELDS[:6]))


def choosing(store: Store) -> Iterable[dict[str, Any]]:
    """What each criterion loses among bags' methods and draws, where draws were made."""
    own = [r for r in results(store)[0] if r.kind == "bags"]
    cells: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for r in own:
        cells[r.dataset, r.law, r.seed, r.method].add(r.draw)
    most = max(map(len, cells.values()), default=1)
    drawn = [r for r in own if len(cells[r.dataset, r.law, r.seed, r.method]) == most > 1]
    for r in regrets(drawn, "bags"):
        shown = (r.mean, r.worst, r.accuracy, r.candidates)
        mean, worst, accuracy, candidates = (f"{v:.2f}" for v in shown)
        values = (r.choice, r.rule, mean, worst, accuracy, r.choices, candidates)
        yield dict(zip(REGRET, values, strict=True))


class Table:
    """The lines of one kind and law: methods x sets, means and deviations over seeds."""

    def __init__(self, lines: list[dict[str, str]], every: list[dict[str, str]], kind: str, law: str) -> None:
        self.kind, self.truth = kind, truth_of(kind)
        own = [line for line in lines if line["kind"] == kind and line["law"] == law]
        self.data = sorted({line["data"] for line in own})
        self.found: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
        for line in own:
            self.found[line["method"], line["data"]].append(line)
        self.bound = self._bound(every, law)
        self.naive = NAIVE.get(kind, "naive")

    def _bound(self, every: list[dict[str, str]], law: str) -> dict[str, list[float]]:
        kind = "targets" if self.kind == "lower" else self.kind
        clean, method = BOUNDS.get(kind, ("clean", "ce"))
        return {
            d: [float(r["last"]) for r in every if (r["law"], r["method"], r["data"]) == (clean, method, d)]
            for d in self.data
            if clean != law
        }

    def mean(self, method: str, data: str, column: str = "last") -> float:
        values = [float(line[column]) for line in self.found[method, data] if line[column]]
        return float(np.mean(values)) if values else float("nan")

    def cell(self, method: str, data: str) -> str:
        parts = []
        for column in ("last", "chosen"):
            values = [float(line[column]) for line in self.found[method, data] if line[column]]
            parts.append(spread(values))
        return " / ".join(parts)

    def gain(self, method: str, data: str) -> float:
        """By how much a method is better than the naive baseline at the last epoch."""
        return self.truth.signed(self.mean(method, data)) - self.truth.signed(self.mean(self.naive, data))

    def overall(self, method: str) -> float:
        return float(np.mean([self.truth.signed(self.mean(method, d)) for d in self.data]))

    def markdown(self, law: str) -> list[str]:
        methods = sorted({m for m, _ in self.found}, key=lambda m: (-np.nan_to_num(self.overall(m), nan=-1e9), m))
        seeds = sorted({int(line["seed"]) for lines in self.found.values() for line in lines})
        out = [
            f"**{TITLES.get(self.kind, self.kind)}**, law `{law}`, {self.truth.title}, {len(seeds)} seeds at most",
            "",
        ]
        out.append("| method | " + " | ".join(self.data) + " | seeds | CPU s |")
        out.append("|---" * (len(self.data) + 3) + "|")
        if any(self.bound.values()):
            out.append("| *clean labels* | " + " | ".join(spread(self.bound.get(d, [])) for d in self.data) + " | | |")
        for m in methods:
            runs = [line for d in self.data for line in self.found[m, d]]
            name = f"*{m}*" if m == self.naive else m
            count = min(len(self.found[m, d]) for d in self.data)
            cells = [self.cell(m, d) for d in self.data]
            seconds = np.mean([float(line["cpu_seconds"]) for line in runs])
            out.append(f"| {name} | " + " | ".join(cells) + f" | {count} | {seconds:.1f} |")
        return [*out, "", self._losers(methods), ""]

    def _losers(self, methods: list[str]) -> str:
        told = []
        for m in methods:
            lost = [d for d in self.data if not self.gain(m, d) > 0]
            if m != self.naive and lost:
                told.append(f"`{m}` ({'all sets' if len(lost) == len(self.data) else ', '.join(lost)})")
        if not any(m == self.naive for m in methods):
            return ""
        return "Not above the naive baseline at the last epoch: " + ("; ".join(told) or "none") + "."


def spread(values: list[float]) -> str:
    """Mean +- standard deviation."""
    if not values:
        return ""
    return f"{np.mean(values):.1f}" + (f" +- {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")


def tables(lines: list[dict[str, str]], regret: list[dict[str, str]]) -> str:
    """Everything between the marks of the page."""
    first = [line for line in lines if line["draw"] == "0"]
    out: list[str] = []
    for kind in TITLES:
        for law in sorted({line["law"] for line in first if line["kind"] == kind}):
            if BOUNDS.get(kind, ("",))[0] != law or kind == "distribution":
                out += Table(first, first, kind, law).markdown(law)
    if regret:
        out += ["**Choosing among methods and draws for bags with counts**, points of oracle accuracy", ""]
        out += ["| " + " | ".join(REGRET) + " |", "|---" * len(REGRET) + "|"]
        out += ["| " + " | ".join(row[f] for f in REGRET) + " |" for row in regret]
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs, lines, page = (commands.add_parser(name) for name in ("run", "csv", "table"))
    runs.add_argument("--store", type=Path, required=True)
    runs.add_argument("--grids", nargs="+", choices=sorted(grids()), default=[g for g in grids() if g != LONG])
    runs.add_argument("--seeds", type=int, help="only so many")
    lines.add_argument("--store", type=Path, required=True)
    lines.add_argument("--out", type=Path, required=True)
    page.add_argument("--csv", type=Path, required=True)
    page.add_argument("--into", type=Path, required=True)
    told = parser.parse_args()
    if told.command == "run":
        for name in told.grids:
            print(name, run(spec(name, told.seeds), told.store), flush=True)
    elif told.command == "csv":
        store = Store(told.store)
        write_rows(told.out, FIELDS, read(store))
        write_rows(told.out.with_name(f"{told.out.stem}-regret.csv"), REGRET, choosing(store))
    else:
        beside = told.csv.with_name(f"{told.csv.stem}-regret.csv")
        body = tables(read_rows(told.csv), read_rows(beside))
        head, _, rest = told.into.read_text(encoding="utf-8").partition(BEGIN)
        told.into.write_text(f"{head}{BEGIN}\n\n{body}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
