"""The grid behind ``method="auto"``: six kinds of labels on small real tables, then the table that auto reads.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/auto.py

The real data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides). Runs that the store holds
already are not repeated. Only accuracies, criteria and meta-features of the labels are written into the package.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from short_lists import (
    HEAD,
    Measured,
    Row,
    criteria,
    measured,
    provenance,
    rows,
    tables,
    write_csv,
    write_page,
    write_tables,
)

from sfumato import select
from sfumato.bench import spec
from sfumato.bench.measure import ORACLE
from sfumato.bench.plan import plan
from sfumato.bench.run import execute
from sfumato.bench.store import Store
from sfumato.portfolio import FILE

GRID, ROWS = "auto", 1500
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
    out = [
        f"{source['runs']} runs ({source['failed']} failed), {source['cpu_minutes']} CPU minutes of training; "
        f"grid {source['grid']}, "
        f"finished {source['finished']}, code {', '.join(source['code'])}.",
        "",
        "### Regret, each set left out",
        "",
        *HEAD,
    ]
    found = {one.kind: rows(one, " (an oracle shaped it)") for one in every}
    for one in every:
        label = f"{one.kind} ({len(one.chosen)} cells, {len(set(one.any.sets))} sets, {len(one.any.methods)} methods)"
        out += [row.line(label if i == 0 else "") for i, row in enumerate(found[one.kind])]
    shipped = [one.kind for one in every if one.final() is not None]
    for i, row in enumerate(next(iter(found.values()))):
        parts = [found[kind][i] for kind in shipped]
        name = "list by hand, the kind's criterion (an oracle shaped it)" if "by hand" in row.name else row.name
        lost, won = np.concatenate([p.lost for p in parts]), np.concatenate([p.won for p in parts])
        label = f"**all of {', '.join(shipped)}** ({len(lost)} cells)" if i == 0 else ""
        out.append(Row(name, lost, won, tuple(s for p in parts for s in p.sets)).line(label))
    out += [
        "",
        "### Criteria",
        "",
        "Mean regret in points with the list learned from the other sets; trust 1 adds the past of near cells.",
        "",
        *criteria(every),
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


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("bench-auto"), help="folder of the runs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    records = run(given.store)
    every = [measured(tables(records, k, METHODS[k], GRID)) for k in METHODS if any(r["kind"] == k for r in records)]
    every = sorted(every, key=lambda m: -len(m.chosen))
    source = provenance(records, "python benchmarks/auto.py", rows=ROWS, train=TRAIN)
    root = Path(__file__).resolve().parents[1]
    finals = [table for one in every if (table := one.final()) is not None]
    write_tables(finals, GRID, source, root / "src" / "sfumato" / "portfolio" / FILE)
    write_csv(every, root / "docs" / "measurements" / "auto.csv")
    write_page(page(every, source, records), root / "docs" / "measurements" / "auto.md", MARK)


if __name__ == "__main__":
    main()
