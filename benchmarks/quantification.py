"""The class prior under label shift: the packaged protocol at a small scale, beside QuaPy; writes the page.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/quantification.py run --store STORE
    python benchmarks/quantification.py table --store STORE --into docs/measurements/quantification.md

``run`` may be stopped at any time and goes on from there. Real data: the folder SFUMATO_REAL_DATA names. Peers that are
not installed are skipped.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.bench.run import run
from sfumato.bench.spec import Spec, parse
from sfumato.bench.store import Store
from sfumato.train.checkpoint import write_atomic

MARK = "<!-- below: written by benchmarks/quantification.py -->"
SMALL: dict[str, Any] = {
    "datasets": [{"name": "spambase", "rows": 1500}, {"name": "phoneme", "rows": 1500}, "digits"],
    "laws": [{"name": "label-shift", "bags": 10, "size": 200}],
}
NAIVE = "classify-and-count"
KEPT = ("seeds", "test", "validation")
DEAR = ("bbe", "elkan-noto-prior")  # a forest per bag, as dedpul, which stands for them
ERRORS = ("oracle-absolute-error", "oracle-relative-error")


def spec() -> Spec:
    """The packaged protocol on three sets."""
    told = tomllib.loads(files("sfumato.bench").joinpath("presets", "quantification.toml").read_text(encoding="utf-8"))
    methods = [m for m in told["methods"] if m not in DEAR]
    return parse({"name": "quantification-measured", "methods": methods, **SMALL, **{k: told[k] for k in KEPT}})


def spread(values: list[float]) -> str:
    """Mean and deviation over seeds, times a hundred."""
    return f"{100 * np.mean(values):.2f} ± {100 * np.std(values, ddof=1):.2f}" if values else ""


def table(store: Store) -> str:
    """Methods x sets, errors times a hundred."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    asked = {m.label for m in spec().methods}
    rows = [r for r in store.table().to_pylist() if r["kind"] == "prior" and r["method"] in asked]
    done = [r for r in rows if r["status"] == "done"]
    for r in done:
        found[r["method"]][r["dataset"]].append(r)
    sets = sorted({r["dataset"] for r in done})
    minutes = sum(r["cpu_seconds"] for r in done) / 60
    out = [
        f"{len(done)} runs, {len(rows) - len(done)} failed; {minutes:.1f} CPU minutes.",
        "Absolute error of the class prior x 100, mean and deviation over seeds; in brackets the relative error x 100; "
        "CPU milliseconds per bag.",
        "",
        "| method | " + " | ".join(sets) + " | seeds | ms |",
        "|---" * (len(sets) + 3) + "|",
    ]
    whole = {m: [_error(r) for own in of.values() for r in own] for m, of in found.items() if len(of) == len(sets)}
    mean = {m: float(np.mean(errors)) for m, errors in whole.items()}
    for m in sorted(found, key=lambda m: (mean.get(m, np.inf), m)):
        cells = []
        for name in sets:
            own = found[m].get(name, [])
            relative = 100 * np.mean([json.loads(r["oracles"])[ERRORS[1]] for r in own]) if own else 0.0
            cells.append(f"{spread([_error(r) for r in own])} ({relative:.0f})" if own else "two classes only")
        each = [r for own in found[m].values() for r in own]
        bags = [json.loads(r["job"])["law"]["params"]["bags"] for r in each]
        ms = 1000 * sum(r["cpu_seconds"] for r in each) / sum(bags)
        name = f"*{m}*" if m == NAIVE else m
        out.append(f"| {name} | {' | '.join(cells)} | {len({r['seed'] for r in each})} | {ms:.0f} |")
    return "\n".join(out) + "\n"


def _error(record: dict[str, Any]) -> float:
    return float(json.loads(record["oracles"])[ERRORS[0]])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs, page = commands.add_parser("run"), commands.add_parser("table")
    for one in (runs, page):
        one.add_argument("--store", type=Path, required=True)
    page.add_argument("--into", type=Path, required=True)
    told = parser.parse_args()
    if told.command == "run":
        print(run(spec(), told.store))
    else:
        prose = told.into.read_text(encoding="utf-8").split(MARK)[0] if told.into.exists() else ""
        write_atomic(told.into, (prose + MARK + "\n\n" + table(Store(told.store))).encode())


if __name__ == "__main__":
    main()
