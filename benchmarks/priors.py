"""How far each estimate of a class prior is from the known one, on real tables with made selection of labels.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/priors.py run --out docs/measurements/priors.csv
    python benchmarks/priors.py table --out docs/measurements/priors.csv
    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/priors.py intervals --out docs/measurements/prior-intervals.csv
    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/priors.py scores --sets phoneme magic spambase

``run`` appends one line per finished estimate and skips those that the file holds already. ``intervals`` asks the two
nearest estimators for intervals, from the same scores. ``scores`` says what is at fault at c = .1: the scores, or what
is made of them, by scores from true labels and by a whole sample of positives (oracles). Real data at ../shared/data,
or where SFUMATO_REAL_DATA says.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_data import loader
from rows import append_rows, finished, read_rows
from sklearn.metrics import roc_auc_score

from sfumato.estimate import (
    PriorAlphaMax,
    PriorBBE,
    PriorDEDPUL,
    PriorElkanNoto,
    PriorKM2,
    PriorReCPE,
    PriorTIcE,
)
from sfumato.estimate.positive_scores import positive_scores
from sfumato.labels import PU
from sfumato.parts.forest import forest_out_of_fold
from sfumato.parts.linear import out_of_fold

FIELDS = ("data", "prior", "c", "seed", "rows", "labelled", "estimator", "estimate", "seconds")
SETS = ("spambase", "magic", "phoneme", "letter", "mammography")
PRIORS, FREQUENCIES, SEEDS, ROWS = (0.2, 0.4, 0.6), (0.1, 0.5), 2, 4000
FROM_SCORES: dict[str, Callable[[], Any]] = {
    "bbe": lambda: PriorBBE(repeats=0),
    "elkan-noto-prior": lambda: PriorElkanNoto(repeats=0),
    "dedpul": lambda: PriorDEDPUL(repeats=0),
    "alphamax": lambda: PriorAlphaMax(repeats=0),
}
OTHERS: dict[str, Callable[[], Any]] = {
    "tice": lambda: PriorTIcE(repeats=0),
    "km2": lambda: PriorKM2(repeats=0),
    "recpe (bbe)": lambda: PriorReCPE(base=PriorBBE(repeats=0)),
}
LINEAR, LABELLED = "bbe, linear scores", "the labelled share alone"


def table(name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features and which rows are positive."""
    known = loader()
    data = known.tabular(f"adbench_{name}" if name in ("spambase", "magic") else name)
    y = data["y"] < "N" if name == "letter" else data["y"] == (0 if name == "mammography" else 1)
    return np.asarray(data["x"], np.float64), np.asarray(y)


def rows_with(prior: float, y: NDArray[np.bool_], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers of at most so many rows, of which that share is positive."""
    pools = [rng.permutation(np.flatnonzero(y == wanted)) for wanted in (True, False)]
    n = int(min(most, len(pools[0]) / prior, len(pools[1]) / (1 - prior)))
    many = round(prior * n)
    return rng.permutation(np.concatenate([pools[0][:many], pools[1][: n - many]]))


def draw(
    name: str, prior: float, c: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows with that share of positives, flags (each positive labelled with probability c), and which are positive."""
    x, y = table(name)
    rng = np.random.default_rng([seed, round(100 * prior)])
    rows = rows_with(prior, y, ROWS, rng)
    positive = y[rows]
    return x[rows], positive & (rng.random(len(rows)) < c), positive


class Scores:
    """The scores that several estimators of one draw share, found when first asked for, and their CPU seconds."""

    def __init__(self, x: NDArray[np.float64], flag: NDArray[np.bool_], seed: int) -> None:
        self.given, self.held, self.seconds = (x, flag, 5, seed), np.empty(0), 0.0

    def __call__(self) -> NDArray[np.float64]:
        if not len(self.held):
            start = time.process_time()
            self.held = positive_scores(*self.given)
            self.seconds = time.process_time() - start
        return self.held


def measured(x: NDArray[np.float64], flag: NDArray[np.bool_], seed: int, name: str, scores: Scores) -> float:
    """One estimate of the share of positives among all rows."""
    if name == LABELLED:
        return float(flag.mean())
    if name == LINEAR:
        linear = out_of_fold(x, flag.astype(np.int64), 2, seed=seed)[:, 1].astype(np.float64)
        return float(PriorBBE(repeats=0).from_scores(flag, linear, seed, "single-sample"))
    if name in FROM_SCORES:
        return float(FROM_SCORES[name]().from_scores(flag, scores(), seed, "single-sample"))
    return float(OTHERS[name]().estimate(x, PU(flag, "single-sample"), seed))


def run(out: Path) -> None:
    """Few labels first; the estimators that share scores before the others."""
    done = finished(out, "data", "prior", "c", "seed", "estimator")
    for asked in ((LABELLED, LINEAR, *FROM_SCORES), OTHERS):
        for c, seed, name, prior in product(FREQUENCIES, range(SEEDS), SETS, PRIORS):
            x, flag, positive = draw(name, prior, c, seed)
            true, held = float(positive.mean()), Scores(x, flag, seed)
            for estimator in asked:
                key = (name, f"{true:.4f}", str(c), str(seed), estimator)
                if key in done:
                    continue
                if estimator in FROM_SCORES:
                    held()
                start = time.process_time()
                value = measured(x, flag, seed, estimator, held)
                seconds = time.process_time() - start + (held.seconds if estimator in FROM_SCORES else 0)
                row = (*key[:4], len(x), int(flag.sum()), estimator, f"{value:.4f}", f"{seconds:.2f}")
                append_rows(out, FIELDS, [dict(zip(FIELDS, row, strict=True))])
            print(name, prior, c, seed, file=sys.stderr, flush=True)


def show(out: Path) -> None:
    """Mean absolute error per set and label frequency, then overall, as markdown."""
    rows = read_rows(out)
    seen = {(r["data"], float(r["c"])) for r in rows}
    cells = [(name, c) for c in FREQUENCIES for name in SETS if (name, c) in seen]
    print("| estimator |", " | ".join(f"{name}, c = {c}" for name, c in cells), "| mean | worst | mean sign | CPU s |")
    print("|---" * (len(cells) + 5) + "|")
    for estimator in dict.fromkeys(r["estimator"] for r in rows):
        mine = [r for r in rows if r["estimator"] == estimator]
        off = {(r["data"], float(r["c"])): [] for r in mine}
        for r in mine:
            off[r["data"], float(r["c"])].append(float(r["estimate"]) - float(r["prior"]))
        every = np.concatenate([off.get(cell, []) for cell in cells])
        shown = [f"{np.abs(off[cell]).mean():.3f}" if cell in off else "" for cell in cells]
        last = (np.abs(every).mean(), np.abs(every).max(), every.mean(), max(float(r["seconds"]) for r in mine))
        print(f"| {estimator} |", " | ".join(shown), "| {:.3f} | {:.2f} | {:+.3f} | {:.1f} |".format(*last))


def intervals(out: Path) -> None:
    """How often intervals hold the true share: 100 resamples at 95 %, one forest of scores per draw, then markdown."""
    fields = ("data", "prior", "c", "estimator", "estimate", "low", "high", "seconds")
    done = finished(out, "data", "prior", "c")
    for name, prior, c in product(SETS, PRIORS, FREQUENCIES):
        x, flag, positive = draw(name, prior, c, 0)
        true = f"{positive.mean():.4f}"
        if (name, true, str(c)) in done:
            continue
        scores, rows = positive_scores(x, flag, 5, 0), []
        for told, estimator in (("bbe", PriorBBE(repeats=100)), ("dedpul", PriorDEDPUL(repeats=100))):
            start = time.process_time()
            value = estimator.from_scores(flag, scores, 0, "single-sample")
            span = (value, estimator.interval.low, estimator.interval.high, time.process_time() - start)
            rows.append(dict(zip(fields, (name, true, str(c), told, *(f"{v:.4f}" for v in span)), strict=True)))
        append_rows(out, fields, rows)
    held = read_rows(out)
    print(
        "| estimator | c | draws | holds the truth | mean width | truth below | truth above | CPU s |\n"
        + "|---" * 8
        + "|"
    )
    for told, c in product(("bbe", "dedpul"), FREQUENCIES):
        mine = [r for r in held if (r["estimator"], r["c"]) == (told, str(c))]
        true, low, high, seconds = (np.array([float(r[f]) for r in mine]) for f in ("prior", "low", "high", "seconds"))
        inside = ((low <= true) & (true <= high)).mean()
        shares = f"{inside:.2f} | {(high - low).mean():.3f} | {(true < low).mean():.2f} | {(true > high).mean():.2f}"
        print(f"| {told} | {c} | {len(mine)} | {shares} | {seconds.mean():.2f} |")


def scores(names: list[str]) -> None:
    """DEDPUL at c = .1 from its own scores, from scores learned on true labels, and then with every positive labelled:
    signed errors, and the area under the curve of the unlabeled rows.
    """
    print("| set | prior | seed | labelled | own scores | AUC | scores from true labels | AUC | and every positive |")
    print("|---" * 9 + "|")
    for name, prior, seed in product(names, PRIORS, range(SEEDS)):
        x, flag, positive = draw(name, prior, 0.1, seed)
        true, cells = float(positive.mean()), []
        for target, scored in ((flag, positive_scores), (positive, forest_out_of_fold)):
            s = scored(x, target, 5, seed)
            off = PriorDEDPUL(repeats=0).from_scores(flag, s, seed, "single-sample") - true
            cells += [f"{off:+.3f}", f"{roc_auc_score(positive[~flag], s[~flag]):.2f}"]
        whole = PriorDEDPUL(repeats=0).share(s[positive], s) - true
        print(
            f"| {name} | {true:.2f} | {seed} | {int(flag.sum())} |", " | ".join(cells), f"| {whole:+.3f} |", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="what", required=True)
    for name in ("run", "table", "intervals"):
        actions.add_parser(name).add_argument("--out", type=Path, required=True)
    actions.add_parser("scores").add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    told = parser.parse_args()
    if told.what == "scores":
        scores(told.sets)
    else:
        {"run": run, "table": show, "intervals": intervals}[told.what](told.out)


if __name__ == "__main__":
    main()
