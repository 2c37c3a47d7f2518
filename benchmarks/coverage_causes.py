"""Why intervals miss: one case of benchmarks/coverage.py looked at longer, with draws that its ``run`` has not seen.

    OMP_NUM_THREADS=1 python benchmarks/coverage_causes.py cell --method ppi --case logistic --runs 20000
    OMP_NUM_THREADS=1 python benchmarks/coverage_causes.py cell --method dsl --case "adult linear" --accuracy 0.82
    OMP_NUM_THREADS=1 python benchmarks/coverage_causes.py rare --method ppi-plus-plus --accuracy 0.82

``cell``: one line per coefficient. stated / seen: mean stated variance over the variance of the estimates; corr: of the
size of the error with the standard error; symmetric: coverage if every draw had used the same standard error, the one
seen; below, above: in how many % of the draws the normal interval lies on that side of the truth; df: median degrees of
freedom of Student's interval, whose coverage is beside (with --bootstrap: that of percentile intervals instead).
``rare``: coverage of the real table's linear intercept, by how many labelled women earn above 50K.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from coverage import BETA, LABELS, ROWS, RUNS, draw, held, normal, population, run_once
from scipy.stats import norm

from sfumato.core.streams import numpy_rng

BANDS = ((0, 4), (5, 7), (8, 10), (11, LABELS))


def cell(name: str, case: str, error: float, runs: int, rows: int, labels: int, bootstrap: int) -> None:
    """The table of one case."""
    tables = [run_once(name, case, error, RUNS + seed, rows, labels, bootstrap)[0] for seed in range(runs)]
    value = BETA[1:] if case == "fixed effects" else population(case)
    found = np.stack([t.estimate for t in tables])
    stated = np.stack([t.std_error for t in tables])
    ends = np.stack([normal(t) for t in tables])  # (runs, 2, coefficients)
    below, above = 100 * (ends[:, 1] < value).mean(0), 100 * (ends[:, 0] > value).mean(0)
    hit = 1 - (below + above) / 100
    wide = 100 * np.mean([held((t.low, t.high), value) for t in tables], axis=0)
    df = np.median([np.broadcast_to(t.df, len(value)) for t in tables], axis=0)
    off = np.abs(found - value)
    flat = 100 * (off <= norm.isf(0.025) * found.std(0)).mean(0)
    head = ["labelled", "rows", "runs", "coefficient", "coverage", "stated / seen variance", "corr(error, s.e.)"]
    head += ["symmetric", "below, above", "df", "bootstrap" if bootstrap else "Student"]
    print("| " + " | ".join(head) + " |\n|" + "-|" * len(head))
    for j, coefficient in enumerate(tables[0].names):
        ratio = float((stated[:, j] ** 2).mean() / found[:, j].var())
        apart = float(np.corrcoef(off[:, j], stated[:, j])[0, 1])
        chance = 100 * np.sqrt(hit[j] * (1 - hit[j]) / runs)
        cells = [str(labels), str(rows), str(runs), coefficient, f"{100 * hit[j]:.2f} +- {chance:.2f}", f"{ratio:.3f}"]
        cells += [f"{apart:.2f}", f"{flat[j]:.2f}", f"{below[j]:.1f}, {above[j]:.1f}", f"{df[j]:.0f}", f"{wide[j]:.2f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


def rare(name: str, error: float, runs: int, rows: int, labels: int) -> None:
    """The intercept's coverage, with surrogates and with gold only, by the number of rare labels in the draw."""
    case = "adult linear"
    value = population(case)[0]
    seen, kept = [], []
    for seed in range(RUNS, RUNS + runs):
        table, _, _ = run_once(name, case, error, seed, rows, labels)
        w = draw(case, error, numpy_rng(seed, f"coverage-{case}-{error}"), rows)  # the draw of run_once, again
        seen.append(int(((w.truth == 1) & (w.X[:, 2] == 0))[:labels].sum()))
        assert table.gold is not None
        each = [(bool(held(normal(t), value)[0]), float(t.std_error[0])) for t in (table, table.gold)]
        away = (table.estimate[0] - value, table.gold.estimate[0] - value)
        kept.append([*(float(v) for pair in each for v in pair), *map(float, away)])
    count, told = np.array(seen), np.array(kept)
    print("| labelled women above 50K | draws | covers | gold only covers | mean s.e. | gold only, mean s.e. |")
    print("|-|-|-|-|-|-|")
    for low, high in BANDS:
        mine = told[(count >= low) & (count <= high)]
        if len(mine):
            mean = mine.mean(0)
            band = f"{low} to {high}" if high < LABELS else f"{low} and more"
            print(
                f"| {band} | {len(mine)} | {100 * mean[0]:.1f} | {100 * mean[2]:.1f} | {mean[1]:.4f} | {mean[3]:.4f} |"
            )
    corr = [np.corrcoef(told[:, 4 + i], told[:, 1 + 2 * i])[0, 1] for i in range(2)]
    print(f"\ncorr(estimate - truth, standard error): {corr[0]:.2f}; gold only {corr[1]:.2f}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cell", "rare"))
    parser.add_argument("--method", default="ppi", help="rare: one whose first rows are the labelled ones, not dsl")
    parser.add_argument("--case", default="logistic")
    parser.add_argument("--accuracy", type=float, default=0.8)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--labels", type=int, default=LABELS)
    parser.add_argument("--bootstrap", type=int, default=0)
    g = parser.parse_args(argv)
    error = round(1 - g.accuracy, 2)
    if g.what == "cell":
        cell(g.method, g.case, error, g.runs, g.rows, g.labels, g.bootstrap)
    else:
        rare(g.method, error, g.runs, g.rows, g.labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
