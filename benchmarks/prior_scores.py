"""Which scores a class prior is estimated from, on data that docs/measurements/priors.md does not measure it on.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/prior_scores.py --out docs/measurements/prior-scores.csv

Appends a line per set, share, seed and model, and prints what each model, and each choice among some of them by the
area under the curve of labelled against unlabeled rows, would have given. One in ten positives is labelled.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from priors import rows_with
from real_data import loader
from rows import append_rows, finished, read_rows
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from sfumato.estimate import PriorBBE, PriorDEDPUL
from sfumato.parts.forest import folds_of_copies, forest_out_of_fold
from sfumato.parts.linear import out_of_fold

FIELDS = ("data", "prior", "seed", "model", "auc", "dedpul", "bbe")
SETS = ("adult", "abalone", "digits, odd", "digits, five of ten", "made")
PRIORS, SEEDS, ROWS, FREQUENCY, LEVELS = (0.2, 0.4, 0.6), 2, 2000, 0.1, 12
LEAVES = (3, 10, 30)
CHOICES = (("leaves of 3", "linear"), ("leaves of 10", "linear"), ("leaves of 3", "leaves of 30", "linear"))
CHOICES += (("leaves of 3", "leaves of 10", "leaves of 30", "linear"),)
Floats, Bools = NDArray[np.float64], NDArray[np.bool_]


def numbers(rows: list[list[str]], columns: int) -> Floats:
    """Columns of numbers as they are, of words one per word, the first LEVELS of them."""
    out: list[Floats] = []
    for j in range(columns):
        cells = [row[j] for row in rows]
        try:
            out.append(np.array([float(v) for v in cells]))
        except ValueError:
            words, code = np.unique(cells, return_inverse=True)
            out += [(code == k).astype(np.float64) for k in range(min(len(words), LEVELS))]
    return np.stack(out, 1)


def table(name: str) -> tuple[Floats, Bools]:
    """Features and which rows are positive."""
    if name == "made":  # positive: two lumps beside a column that shifts a little; the rest is noise
        rng = np.random.default_rng(0)
        y, side = rng.random(6000) < 0.5, rng.random(6000) < 0.5
        x = rng.standard_normal((6000, 10))
        x[:, 0] += np.where(y, np.where(side, 2.5, -2.5), 0)
        x[:, 1] += ~y
        return x, y
    if name.startswith("digits"):
        x, digit = load_digits(return_X_y=True)
        return x, digit % 2 == 1 if name.endswith("odd") else np.isin(digit, [1, 2, 3, 8, 9])
    data = loader().tabular(name)
    return numbers(data["rows"], len(data["columns"])), data["y"] == 1 if name == "adult" else data["y"] >= 10


def draw(name: str, prior: float, seed: int) -> tuple[Floats, Bools, float]:
    """Rows with that share of positives, flags, and the share as it came."""
    x, y = table(name)
    rng = np.random.default_rng([seed, round(100 * prior)])
    rows = rows_with(prior, y, ROWS, rng)
    return x[rows], y[rows] & (rng.random(len(rows)) < FREQUENCY), float(y[rows].mean())


def run(out: Path) -> None:
    """The lines that are missing."""
    done = finished(out, "data", "prior", "seed")
    for seed, name, prior in product(range(SEEDS), SETS, PRIORS):
        if (name, str(prior), str(seed)) in done:
            continue
        x, flag, true = draw(name, prior, seed)
        scores = {f"leaves of {leaf}": forest_out_of_fold(x, flag, 5, seed, leaf) for leaf in LEAVES}
        fold = folds_of_copies(x, flag, 5, seed)
        scores["linear"] = out_of_fold(x, flag.astype(np.int64), 2, fold=fold)[:, 1].astype(np.float64)
        lines = []
        for model, s in scores.items():
            estimators = (PriorDEDPUL(repeats=0), PriorBBE(repeats=0))
            off = [e.from_scores(flag, s, seed, "single-sample") - true for e in estimators]
            lines.append((name, prior, seed, model, *(f"{v:.4f}" for v in (roc_auc_score(flag, s), *off))))
        append_rows(out, FIELDS, (dict(zip(FIELDS, line, strict=True)) for line in lines))


def show(out: Path) -> None:
    """Mean absolute errors of every model and choice, as markdown."""
    rows = read_rows(out)
    by = {(r["data"], r["prior"], r["seed"], r["model"]): r for r in rows}
    draws = list(dict.fromkeys(key[:3] for key in by))
    print(f"| scores, {len(draws)} draws | dedpul | mean sign | worst | bbe | mean sign | worst |\n" + "|---" * 7 + "|")
    for among in (*((m,) for m in dict.fromkeys(r["model"] for r in rows)), *CHOICES):
        taken = [max((by[*d, m] for m in among), key=lambda r: float(r["auc"])) for d in draws]
        cells = []
        for told in ("dedpul", "bbe"):
            off = np.array([float(r[told]) for r in taken])
            cells += [f"{np.abs(off).mean():.3f}", f"{off.mean():+.3f}", f"{np.abs(off).max():.2f}"]
        print(f"| {' or '.join(among)} |", " | ".join(cells), "|")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    told = parser.parse_args()
    run(told.out)
    show(told.out)
