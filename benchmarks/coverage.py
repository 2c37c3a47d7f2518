"""How often nominal 95 % intervals from few true and many surrogate labels hold the truth, and how wide they are.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/coverage.py run --out docs/measurements/coverage.csv
    python benchmarks/coverage.py table --out docs/measurements/coverage.csv

``run`` appends the rows of one case as it is finished and skips those that the file holds already.
benchmarks/coverage_causes.py looks longer at one case.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_data import needed
from rows import append_rows, finished, read_rows
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from sfumato.core.streams import numpy_rng
from sfumato.infer import DSL, PPI, CrossPPI, Estimates, PPIPlusPlus
from sfumato.infer.engine import covariance, fit
from sfumato.infer.sample import Sample

Floats = NDArray[np.float64]
FIELDS = ("method", "case", "accuracy", "coefficient", "runs", "failed", "coverage", "width", "gold_coverage")
FIELDS += ("gold_width", "naive_coverage", "student_coverage", "student_width", "gold_student_coverage", "seconds")
ROWS, LABELS, RUNS = 2000, 200, 2000
BETA = np.array([0.2, 0.8, -0.5])
CELLS = np.array([[a, b] for a in (-1.0, 0.0, 1.0) for b in (-1.0, 1.0)])


class LeastSquares(BaseEstimator):  # type: ignore[misc]
    """Plain least squares: a learner so cheap that thousands of cross-fittings can be afforded."""

    def fit(self, X: Floats, y: Floats) -> LeastSquares:
        x = np.column_stack([np.ones(len(X)), X])
        self.coef_ = np.linalg.solve(x.T @ x + 1e-9 * np.eye(x.shape[1]), x.T @ y)
        return self

    def predict(self, X: Floats) -> Floats:
        return np.asarray(self.coef_[0] + X @ self.coef_[1:])


@dataclass
class World:
    """One draw: rows with truth, surrogate and what the design knows; ``value``: the population's coefficients."""

    truth: Floats
    surrogate: Floats
    X: Floats
    X_surrogate: Floats | None
    value: Floats
    groups: NDArray[np.int64] | None = None
    clusters: NDArray[np.int64] | None = None


def flip_rates(y: Floats, x: Floats, error: float) -> Floats:
    """Chances of a wrong surrogate that lean on x and y: mostly class 0 is taken for 1, where x1 is large."""

    def lean(y: Floats, x1: Floats) -> Floats:
        return np.where(y == 1, 1.0, np.where(x1 > 0, 3.0, 0.3))

    p = expit(BETA[0] + CELLS @ BETA[1:])
    mean = float((p * lean(np.ones(6), CELLS[:, 0]) + (1 - p) * lean(np.zeros(6), CELLS[:, 0])).mean())
    return np.minimum(error * lean(y, x[:, 0]) / mean, 0.95)


@cache
def adult() -> tuple[Floats, Floats, Floats]:
    """(income above 50K, what a model says of it, design): a real table, the census of 46,842 people.

    The design is age and weekly hours, both standardised, and sex; the model is a logistic regression on years of
    education and marital status, learned on 2,000 rows that are left out of the table.
    """
    found = needed().tabular("adult")
    told = {c: np.array([row[i] for row in found["rows"]]) for i, c in enumerate(found["columns"])}
    y = found["y"].astype(float)
    age, hours, years = (told[c].astype(float) for c in ("age", "hours-per-week", "education-num"))
    married = np.char.startswith(told["marital-status"], "Married")
    seen = np.column_stack([years, married])
    order = np.random.default_rng(0).permutation(len(y))
    aside, kept = order[:2000], order[2000:]
    said = LogisticRegression().fit(seen[aside], y[aside]).predict(seen[kept])
    x = np.column_stack([(age - age.mean()) / age.std(), (hours - hours.mean()) / hours.std(), told["sex"] == "Male"])
    return y[kept], said.astype(float), x[kept].astype(float)


@cache
def population(case: str) -> Floats:
    """Exact coefficients of the population, by enumeration of its six cells; adult: by its whole table."""
    if case.startswith("adult"):
        y, _, x = adult()
        whole = census(y, np.column_stack([np.ones(len(y)), x]))
        return fit(estimand(case), whole, np.zeros(1), 0.5, 1.0).theta
    p = expit(BETA[0] + CELLS @ BETA[1:])
    if case == "mean":
        return np.array([p.mean()])
    if case == "quantile":  # of y = cell's mean + standard normal
        low, high = -10.0, 10.0
        for _ in range(100):
            mid = (low + high) / 2
            low, high = (mid, high) if norm.cdf(mid - 1 - CELLS @ BETA[1:]).mean() < 0.7 else (low, mid)
        return np.array([(low + high) / 2])
    if case == "linear":
        design = np.column_stack([np.ones(6), CELLS])
        return np.asarray(np.linalg.lstsq(design, p, rcond=None)[0])
    return BETA


def draw(case: str, error: float, rng: np.random.Generator, rows: int = ROWS) -> World:
    """A fresh sample, of 2,000 rows."""
    if case.startswith("adult"):
        y, said, x = adult()
        at = rng.integers(0, len(y), rows)
        return World(y[at], said[at], x[at], None, population(case))
    x = CELLS[rng.integers(0, 6, rows)]
    eta = BETA[0] + x @ BETA[1:]
    y = (rng.random(rows) < expit(eta)).astype(float)
    wrong = rng.random(rows) < flip_rates(y, x, error)
    value = population(case)
    if case == "poisson":
        y = rng.poisson(np.exp(eta)).astype(float)
        return World(y, y + np.where(wrong, 1 + (x[:, 0] > 0), 0), x, None, value)
    if case == "quantile":
        y = 1 + x @ BETA[1:] + rng.normal(size=rows)
        return World(y, np.where(wrong, 1 + y, y) + 0.3 * rng.normal(size=rows), x, None, value)
    if case == "fixed effects":  # rows of 400 clusters of five in ten groups
        clusters = np.arange(rows) // 5
        groups = clusters % 10
        y = x @ BETA[1:] + groups / 5 + 0.7 * rng.normal(size=rows // 5)[clusters] + rng.normal(size=rows)
        guess = y + np.where(wrong, 2 * x[:, 0] + groups / 5, 0)
        return World(y, guess, x, None, BETA[1:], groups, clusters)
    if case == "covariate":  # x2 is what is predicted; its errors lean on the outcome
        lean = np.where(y == 1, 1.5, 0.5)
        share = float(expit(BETA[0] + CELLS @ BETA[1:]).mean())
        guess = x.copy()
        guess[:, 1] *= np.where(rng.random(rows) < error * lean / (0.5 + share), -1, 1)
        return World(y, y, x, guess, value)
    return World(y, np.where(wrong, 1 - y, y), x, None, value)


def estimand(case: str) -> str:
    return {"covariate": "logistic", "fixed effects": "linear"}.get(case, case.removeprefix("adult "))


def run_once(
    name: str, case: str, error: float, seed: int, rows: int = ROWS, labels: int = LABELS, bootstrap: int = 0
) -> tuple[Estimates, Floats, Floats]:
    """(table, interval ends of taking surrogates for the truth, the population's values)."""
    rng = numpy_rng(seed, f"coverage-{case}-{error}")
    w = draw(case, error, rng, rows)
    family = estimand(case)
    if name == "dsl":  # labelled by chances that lean on what the design can see
        seen = w.surrogate if w.X_surrogate is None else w.X_surrogate[:, 1]
        bar = 0.5 if case.startswith("adult") else np.median(seen) - 0.5
        chance = np.where(seen > bar, 1.3, 0.7) * labels / rows
        labelled = rng.random(rows) < chance
    else:
        labelled = np.arange(rows) < labels
    plain = family in ("mean", "quantile")
    X: Floats | None = None if plain else w.X.copy()
    truth = np.where(labelled, w.truth, np.nan)
    if w.X_surrogate is not None and X is not None:
        truth, X[~labelled, 1] = w.truth, np.nan
    told: dict[str, Any] = {"estimand": family, "q": 0.7, "intercept": case != "fixed effects"}
    if bootstrap:
        told["bootstrap"] = bootstrap
    elif family != "quantile":
        told["interval"] = "student"  # one fit tells both intervals: see ``normal``
    extra = {} if w.groups is None else {"groups": w.groups, "clusters": w.clusters}
    if name == "cross-ppi":
        features = np.column_stack([w.surrogate, w.X])
        table = CrossPPI(learner=LeastSquares(), folds=5, **told).fit(truth, features, X, **extra)
    elif name == "dsl":
        learner = None if case == "quantile" else LeastSquares()
        table = DSL(learner=learner, splits=3, **told).fit(
            truth, w.surrogate, X, X_predicted=w.X_surrogate, chance=chance, **extra
        )
    else:
        cls = PPI if name == "ppi" else PPIPlusPlus
        table = cls(**told).fit(truth, w.surrogate, X, X_predicted=w.X_surrogate, **extra)
    return table, naive(family, w, told["intercept"]), w.value


def normal(table: Estimates) -> tuple[Floats, Floats]:
    """The normal interval's ends; a quantile's come from its test as they are."""
    if table.estimand == "quantile":
        return table.low, table.high
    off = float(norm.isf((1 - table.level) / 2)) * table.std_error
    return table.estimate - off, table.estimate + off


def held(ends: tuple[Floats, Floats], value: Floats) -> NDArray[np.bool_]:
    return np.asarray((ends[0] <= value) & (value <= ends[1]))


def census(y: Floats, x: Floats, clusters: NDArray[np.int64] | None = None) -> Sample:
    """Rows whose labels all count as true."""
    zero = np.zeros(len(y))
    all_ = np.ones(len(y), bool)
    names = ("",) * x.shape[1]
    return Sample(y, y, x, x, all_, np.full(len(y), 1 / len(y)), zero, zero.astype(np.int64), clusters, names, True)


def naive(family: str, w: World, intercept: bool) -> Floats:
    """(low, high) of the intervals that take every surrogate for the truth."""
    rows = len(w.truth)
    x = w.X if w.X_surrogate is None else w.X_surrogate
    if family in ("mean", "quantile"):
        x = np.ones((rows, 1))
    else:
        x = np.column_stack([np.ones((rows, int(intercept))), x])
        if w.groups is not None:
            x = np.column_stack([x, w.groups[:, None] == np.arange(10)])
    s = census(w.surrogate, x.astype(float), w.clusters)
    z = float(norm.isf(0.025))
    found = fit(family, s, np.zeros(1), 0.7, z)
    if found.ends is not None:
        return found.ends
    error = np.sqrt(np.diag(covariance(found.influence, s)))
    return np.stack([found.theta - z * error, found.theta + z * error])


CASES = [
    *[("ppi", c) for c in ("mean", "quantile", "linear", "logistic", "poisson")],
    *[("ppi-plus-plus", c) for c in ("mean", "quantile", "linear", "logistic", "poisson")],
    *[("cross-ppi", c) for c in ("mean", "quantile", "linear", "logistic", "poisson")],
    *[("dsl", c) for c in ("mean", "quantile", "linear", "logistic", "poisson", "covariate", "fixed effects")],
]
REAL = [(m, c) for m in ("ppi-plus-plus", "cross-ppi", "dsl") for c in ("adult linear", "adult logistic")]


def measure(name: str, case: str, error: float, runs: int) -> list[dict[str, Any]]:
    """The rows of one case: coverage and mean width per coefficient; a run that raises is counted as a miss."""
    began = time.process_time()
    value = BETA[1:] if case == "fixed effects" else population(case)
    hit, width, gold_hit, gold_width, naive_hit, wide_hit, wide, gold_wide = (np.zeros(len(value)) for _ in range(8))
    failed = golds = 0
    for seed in range(runs):
        try:
            table, ends, value = run_once(name, case, error, seed)
        except ArithmeticError:
            failed += 1
            continue
        k = len(value)
        low, high = normal(table)
        hit += held((low, high), value)
        width += high - low
        wide_hit += held((table.low, table.high), value)
        wide += table.width
        naive_hit += held((ends[0, :k], ends[1, :k]), value)
        if table.gold is not None:
            golds += 1
            low, high = normal(table.gold)
            gold_hit += held((low, high), value)
            gold_width += high - low
            gold_wide += held((table.gold.low, table.gold.high), value)
    spent = time.process_time() - began
    told = {"method": name, "case": case, "accuracy": round(1 - error, 2), "runs": runs, "failed": failed}
    return [
        told
        | {
            "coefficient": table.names[j],
            "coverage": round(float(hit[j]) / runs, 4),
            "width": round(width[j] / max(runs - failed, 1), 5),
            "gold_coverage": round(gold_hit[j] / max(golds, 1), 4),
            "gold_width": round(gold_width[j] / max(golds, 1), 5),
            "naive_coverage": round(naive_hit[j] / max(runs - failed, 1), 4),
            "student_coverage": round(wide_hit[j] / runs, 4),
            "student_width": round(wide[j] / max(runs - failed, 1), 5),
            "gold_student_coverage": round(gold_wide[j] / max(golds, 1), 4),
            "seconds": round(spent, 1),
        }
        for j in range(len(value))
    ]


def wrong_share() -> float:
    """Of the surrogates of the real table."""
    y, said, _ = adult()
    return round(float((y != said).mean()), 2)


def run(path: Path, runs: int, cases: Sequence[str]) -> None:
    """Every case that the file has not."""
    seen = finished(path, "method", "case", "accuracy")
    for error, each in ((wrong_share(), REAL), (0.2, CASES), (0.1, CASES)):
        for name, case in each:
            if (name, case, str(round(1 - error, 2))) in seen or (cases and name not in cases):
                continue
            rows = measure(name, case, error, runs)
            append_rows(path, FIELDS, rows)
            print(name, case, error, [float(r["coverage"]) for r in rows], rows[0]["seconds"], flush=True)


def table(path: Path) -> None:
    """The file as a Markdown table: one line per case, coefficients from the least to the largest."""
    head = ("method", "case", "accuracy", "coverage", "width / gold only", "gold only covers", "naive covers")
    print("| " + " | ".join([*head, "Student covers", "Student width / normal", "gold only, Student"]) + " |")
    print("|" + "-|" * 10)
    cases: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in read_rows(path):
        cases.setdefault((row["method"], row["case"], row["accuracy"]), []).append(row)
    for key, rows in cases.items():
        ratio = [float(r["width"]) / float(r["gold_width"]) for r in rows]
        cells = [_range([100 * float(r["coverage"]) for r in rows], 1), _range(ratio, 2)]
        cells += [_range([100 * float(r[c]) for r in rows], 1) for c in ("gold_coverage", "naive_coverage")]
        cells += ["", "", ""]
        if all(r["student_width"] for r in rows) and "quantile" not in key:  # a quantile's comes from its test
            wide = [float(r["student_width"]) / float(r["width"]) for r in rows]
            sides = ([100 * float(r[c]) for r in rows] for c in ("student_coverage", "gold_student_coverage"))
            own, gold = (_range(side, 1) for side in sides)
            cells[-3:] = [own, _range(wide, 3), gold]
        print("| " + " | ".join([*key, *cells]) + " |")


def _range(values: list[float], digits: int) -> str:
    low, high = (f"{v:.{digits}f}" for v in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/coverage.csv"))
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--methods", nargs="*", default=())
    given = parser.parse_args(argv)
    if given.what == "run":
        run(given.out, given.runs, given.methods)
    else:
        table(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
