"""Accuracy of the aggregations beside crowd-kit, Snorkel and FlyingSquid on votes of people and of labeling functions.

    OMP_NUM_THREADS=1 python benchmarks/crowds.py run --out docs/measurements/crowds.csv --store STORE
    python benchmarks/crowds.py table --out docs/measurements/crowds.csv --page docs/measurements/crowds.md

``run`` is the packaged grid ``crowds`` without its simulated sets, and goes on in STORE where it stopped. It wants an
interpreter that has the peers: crowd-kit, scikit-learn below 1.6 (Wawa and ZeroBasedSkill of crowd-kit 1.4.2 stop on
newer ones), snorkel, flyingsquid and pgmpy below 0.1.26 (which it imports). Peers without random numbers run once;
GLAD, MACE and M-MSR of crowd-kit, which take minutes, only on sets of at most --most votes, Snorkel not on adult2.
After the grid, algorithms that both sides have are run once more for equal numbers of iterations, and the largest
difference of beliefs is recorded.
``table`` writes the part of the page below its marker. Real data: SFUMATO_REAL_DATA, or ../shared/data.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rows import read_rows, write_rows

from sfumato import aggregate as A
from sfumato.bench.peers.crowd_kit import frame, spread
from sfumato.bench.real import CROWDS, FUNCTIONS
from sfumato.bench.results import results
from sfumato.bench.run import run
from sfumato.bench.sets import load
from sfumato.bench.spec import DatasetEntry, Spec, read
from sfumato.bench.store import Store

SLOW = tuple(f"peer:crowd-kit-{name}" for name in ("glad", "mace", "m-msr"))
FIELDS = ("what", "set", "method", "seeds", "accuracy", "log_loss", "cpu_seconds", "error")
MARK = "<!-- below: written by benchmarks/crowds.py table -->"
STEPS = 10
WIDE = 1000  # sources x classes: Snorkel's matrix has its square, and on adult2 one fit takes longer than all else
# method: the peer for the same algorithm
SAME = {
    "majority-vote": "peer:crowd-kit-majority-vote",
    "wawa": "peer:crowd-kit-wawa",
    "zero-based-skill": "peer:crowd-kit-zero-based-skill",
    "dawid-skene": "peer:crowd-kit-dawid-skene",
    "one-coin": "peer:crowd-kit-one-coin",
    "glad": "peer:crowd-kit-glad",
    "mace": "peer:crowd-kit-mace",
    "m-msr": "peer:crowd-kit-m-msr",
    "kos": "peer:crowd-kit-kos",
    "label-model": "peer:snorkel",
    "flyingsquid": "peer:flyingsquid",
}


def pairs() -> dict[str, tuple[Any, Callable[[Any], Any]]]:
    """Algorithms of both sides for equal numbers of iterations: ours, and the peer's frame of votes -> beliefs."""
    kit = importlib.import_module("crowdkit.aggregation")
    always = -np.inf  # never stop early

    def em(name: str) -> Callable[[Any], Any]:
        return lambda table: getattr(kit, name)(n_iter=STEPS, tol=always).fit_predict_proba(table)

    return {
        "majority-vote": (A.MajorityVote(), lambda table: kit.MajorityVote().fit_predict_proba(table)),
        "wawa": (A.Wawa(), lambda table: kit.Wawa().fit_predict_proba(table)),
        "zero-based-skill": (
            A.ZeroBasedSkill(iterations=STEPS),
            lambda table: kit.ZeroBasedSkill(n_iter=STEPS).fit_predict_proba(table),
        ),
        "dawid-skene": (A.DawidSkene(iterations=STEPS, tolerance=0), em("DawidSkene")),
        "one-coin": (A.OneCoin(iterations=STEPS, tolerance=0), em("OneCoinDawidSkene")),
    }


def beliefs(name: str) -> list[dict[str, Any]]:
    """The largest difference of beliefs on one set, per algorithm, over items with votes that say something."""
    votes = load(DatasetEntry(name)).labels
    assert votes is not None
    table = frame(votes)
    told = np.unique(table.task.to_numpy())
    out = []
    for method, (ours, peer) in pairs().items():
        row: dict[str, Any] = dict.fromkeys(FIELDS, "") | {"what": "difference", "set": name, "method": method}
        try:
            p, q = ours.fit(votes).posterior, spread(peer(table), len(votes), votes.k)  # type: ignore[attr-defined]
            off = np.abs(p - q).max(1)[told]
            row |= {"accuracy": f"{off.max():.3g}", "seeds": int((off > 1e-6).sum())}
        except Exception as error:  # a peer that stops is a result
            row["error"] = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        out.append(row)
    return out


def grids(most: int, seeds: int) -> list[Spec]:
    """The packaged grid on given votes: ours and Snorkel with seeds, other peers once; slow ones on sets that are not
    too large for them.
    """
    whole = read("crowds")
    real = tuple(d for d in whole.datasets if d.name in (*CROWDS, *FUNCTIONS))
    few = tuple(d for d in real if int((load(d).labels.said >= 0).sum()) <= most)  # type: ignore[union-attr]
    base = replace(whole, datasets=real, laws=tuple(law for law in whole.laws if law.name == "given"))

    def of(test: Callable[[str], bool]) -> Any:
        return tuple(m for m in whole.methods if test(m.name))

    narrow = tuple(d for d in real if (v := load(d).labels) is not None and v.sources * v.k <= WIDE)  # type: ignore[attr-defined]
    own, snorkel = (lambda name: not name.startswith("peer:")), (lambda name: name == "peer:snorkel")
    every = tuple(range(seeds))
    return [
        replace(base, methods=of(own), seeds=every),
        replace(base, methods=of(snorkel), seeds=every, datasets=narrow),
        replace(base, methods=of(lambda name: not (own(name) or snorkel(name) or name in SLOW)), seeds=(0,)),
        replace(base, methods=of(lambda name: name in SLOW), seeds=(0,), datasets=few),
    ]


def measure(out: Path, store: Path, most: int, seeds: int, peers: Path | None) -> None:
    for spec in grids(most, seeds)[: 1 if peers else None]:
        run(spec, store, watch=lambda counts: print(counts, end="\r", file=sys.stderr))
    done, failed = results(Store(store))
    rows = []
    for dataset, method in dict.fromkeys((r.dataset, r.method) for r in done):
        own = [r for r in done if (r.dataset, r.method) == (dataset, method)]
        rows.append(
            {
                "what": "accuracy",
                "set": dataset,
                "method": method,
                "seeds": len(own),
                "accuracy": f"{np.mean([r.accuracy for r in own]):.6f}",
                "log_loss": f"{np.mean([r.oracles['oracle-nll'] or np.nan for r in own]):.4f}",
                "cpu_seconds": f"{np.mean([r.cpu_seconds for r in own]):.3f}",
                "error": "",
            }
        )
    for dataset, method, error in dict.fromkeys((r["dataset"], r["method"], r["error"]) for r in failed):
        lost = dict.fromkeys(FIELDS, "") | {"what": "accuracy", "set": dataset, "method": method}
        rows.append(lost | {"error": " ".join(error.split())[:120]})
    if peers:
        rows += [r for r in read_rows(peers) if r["method"].startswith("peer:")]
    for name in (*CROWDS, *FUNCTIONS):
        rows += beliefs(name)
    write_rows(out, FIELDS, rows)


# ---------------------------------------------------------------------- the page


def lines(rows: list[dict[str, str]]) -> list[str]:
    """The generated part of the page."""
    told = {(r["set"], r["method"]): r for r in rows if r["what"] == "accuracy"}
    names = [n for n in (*CROWDS, *FUNCTIONS) if any(s == n for s, _ in told)]
    methods = [m.name for m in read("crowds").methods if any(m.name == k for _, k in told)]
    out = [
        "## Accuracy %, ties shared",
        "",
        "| method | " + " | ".join(names) + " | mean |",
        "|---|" + "---|" * (len(names) + 1),
    ]

    def number(method: str, name: str, column: str, scale: float = 1) -> float | None:
        row = told.get((name, method))
        return float(row[column]) * scale if row and row["accuracy"] else None

    def row(method: str, column: str, digits: int, scale: float = 1) -> str:
        found = [number(method, name, column, scale) for name in names]
        whole = [v for v in found if v is not None]
        mean = f"{np.mean(whole):.{digits}f}" if len(whole) == len(names) else ""
        shown = [
            "stops" if (r := told.get((n, method))) and r["error"] else "" if v is None else f"{v:.{digits}f}"
            for n, v in zip(names, found, strict=True)
        ]
        return f"| {method} | " + " | ".join(shown) + f" | {mean} |"

    out += [row(m, "accuracy", 1, 100) for m in methods]
    out += ["", "## Log loss", "", out[2], out[3], *(row(m, "log_loss", 2) for m in methods)]
    out += ["", "## CPU seconds of one fit", "", out[2], out[3], *(row(m, "cpu_seconds", 2) for m in methods)]
    out += ["", "## The same algorithm: ours minus the peer, points of accuracy", "", *out[2:4]]
    for method, peer in SAME.items():
        both = [(number(method, n, "accuracy", 100), number(peer, n, "accuracy", 100)) for n in names]
        gaps = [None if a is None or b is None else a - b for a, b in both]
        known = [g for g in gaps if g is not None]
        mean = f"{np.mean(known):+.1f}" if known and len(known) == len(names) else ""
        shown = ["" if g is None else f"{g:+.1f}" for g in gaps]
        out.append(f"| {method} / {peer.removeprefix('peer:')} | " + " | ".join(shown) + f" | {mean} |")
    out += ["", f"## The same algorithm after {STEPS} iterations: largest difference of beliefs (items above 1e-6)", ""]
    out += ["| algorithm | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    off = {(r["set"], r["method"]): r for r in rows if r["what"] == "difference"}
    for method in dict.fromkeys(m for _, m in off):
        cells = []
        for n in names:
            r = off[n, method]
            cells.append("stops" if r["error"] else f"{float(r['accuracy']):.1g} ({r['seeds']})")
        out.append(f"| {method} | " + " | ".join(cells) + " |")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/crowds.csv"))
    parser.add_argument("--page", type=Path, default=Path("docs/measurements/crowds.md"))
    parser.add_argument("--store", type=Path, default=Path("bench-crowds"))
    parser.add_argument("--most", type=int, default=8_000, help="votes of a set on which slow peers are run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="an earlier table, whose rows of peers are kept: only ours run")
    told = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    if told.what == "run":
        measure(told.out, told.store, told.most, told.seeds, told.peers)
        return
    made = lines(read_rows(told.out))
    above = told.page.read_text(encoding="utf-8").partition(MARK)[0]
    told.page.write_text(above + MARK + "\n\n" + "\n".join(made) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
