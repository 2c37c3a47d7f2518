"""The table of docs/measurements/noisy.md from stores that ``sfumato bench run benchmarks/noisy.toml`` filled.

python benchmarks/noisy.py STORE [STORE ...] --csv docs/measurements/noisy.csv
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from rows import write_rows

from sfumato.bench.store import Store

CRITERION = "agreement"
FIELDS = ("data", "law", "method", "seed", "last", "chosen", "epoch", "cpu_seconds")
SHORT = {"symmetric(noise_rate=0.3)": "sym .3", "pair-flip(noise_rate=0.3)": "pair .3"}
SHORT |= {"instance-flips(noise_rate=0.3)": "inst .3", "given": "rules", "clean": "clean"}


def read(stores: list[str]) -> list[dict[str, str]]:
    """One line per finished run: accuracy on test rows (an oracle) of the last epoch, and of the epoch at which the
    model agreed most with held-out noisy labels.
    """
    out = []
    for run in (run for store in stores for run in Store(store).table().to_pylist()):
        if run["status"] != "done":
            continue
        criteria = json.loads(run["criteria"])
        picked = criteria.get(CRITERION, {})
        out.append(
            {
                "data": run["dataset"],
                "law": SHORT[run["law"]],
                "method": run["method"],
                "seed": str(run["seed"]),
                "last": f"{run['oracle_test_accuracy']:.4f}",
                "chosen": f"{picked['oracle_test']:.4f}" if picked else "",
                "epoch": str(picked.get("epoch", "")),
                "cpu_seconds": f"{run['cpu_seconds'] + run['estimate_cpu_seconds']:.2f}",
            }
        )
    held = Counter((r["data"], r["law"], r["seed"]) for r in out)
    most = {key: max(n for other, n in held.items() if (other[1] == "clean") == (key[1] == "clean")) for key in held}
    whole = [
        r for r in out if held[key := (r["data"], r["law"], r["seed"])] == most[key]
    ]  # seeds that all methods have
    return sorted(whole, key=lambda r: tuple(r[f] for f in FIELDS[:4]))


def table(rows: list[dict[str, str]]) -> str:
    """Markdown: means over seeds, last epoch / chosen; methods by their mean over cells that all of them have."""
    cells = sorted({(r["data"], r["law"]) for r in rows if r["law"] != "clean"})
    found = defaultdict(list)
    for r in rows:
        found[r["method"], r["data"], r["law"]].append((float(r["last"]), float(r["chosen"] or "nan")))
    methods = sorted({r["method"] for r in rows if r["law"] != "clean"})

    def mean(method: str, cell: tuple[str, str], which: int) -> float:
        return float(np.mean([pair[which] for pair in found[(method, *cell)]] or [np.nan]))

    overall = {m: float(np.mean([mean(m, cell, 0) for cell in cells])) for m in methods}
    lines = ["| method | mean | " + " | ".join(f"{d}, {law}" for d, law in cells) + " | CPU s |"]
    lines.append("|---" * (len(cells) + 3) + "|")
    for m in sorted(methods, key=lambda m: -overall[m]):
        seconds = max(float(r["cpu_seconds"]) for r in rows if r["method"] == m)
        shown = [f"{100 * mean(m, cell, 0):.1f} / {100 * mean(m, cell, 1):.1f}" for cell in cells]
        lines.append(f"| {m} | {100 * overall[m]:.1f} | " + " | ".join(shown) + f" | {seconds:.1f} |")
    clean = [
        f"{d} {100 * mean('ce', (d, 'clean'), 0):.1f}" for d in sorted({r["data"] for r in rows if r["law"] == "clean"})
    ]
    return "\n".join([*lines, "", "Trained on clean labels (`ce`, an oracle): " + ", ".join(clean) + "."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+")
    parser.add_argument("--csv", type=Path, required=True)
    told = parser.parse_args()
    rows = read(told.stores)
    write_rows(told.csv, FIELDS, rows)
    print(table(rows))


if __name__ == "__main__":
    main()
