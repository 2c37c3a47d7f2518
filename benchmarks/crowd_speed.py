"""Aggregation at a million votes beside crowd-kit and Snorkel, and 100 million votes from parquet: CPU and memory.

    python benchmarks/crowd_speed.py run --python PEERS/bin/python --out docs/measurements/crowd_speed.csv
    python benchmarks/crowd_speed.py run --python PEERS/bin/python --rows label-model --rounds 3   # one row anew
    python benchmarks/crowd_speed.py table                                                       # the page
    python benchmarks/crowd_speed.py run --python PEERS/bin/python --scale 0.02 --rounds 1 --out /tmp/trial.csv

Votes are drawn from Dawid and Skene's model: five per item, 500 per source, whose accuracies are uniform in [.5, .9].
Each fit is a process of its own, one thread, run by --python, an interpreter that has both sides (crowd-kit, snorkel
and what sfumato needs; sfumato itself is taken from this checkout). Inputs are made before the clock starts, each
side's own: a container of votes, a data frame, a matrix. For Dawid-Skene both sides do the same number of iterations.
CPU: of the fit, user and system. Extra memory: the largest resident size during the fit, minus the size before it, when
what was free had been given back to the system; less than 1 MB counts as 1. Sides take turns; medians over rounds,
ratios pair by pair. Each row replaces the one of its name in the csv, from which the page is written.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from rows import read_rows, write_rows

ROOT = Path(__file__).resolve().parent.parent
STEPS = {2: 20, 5: 15, 20: 3}  # classes: EM steps of both sides
PART = 1_000_000


def draw(votes: int, sources: int, k: int, seed: int) -> tuple[Any, Any, Any, Any]:
    """(item, source, label, truth), five votes per item of different sources."""
    rng = np.random.default_rng(seed)
    n = max(votes // 5, 1)
    truth = rng.integers(0, k, n)
    first = rng.integers(0, sources, n)
    step = 1 + rng.integers(0, max((sources - 1) // 5, 1), n)
    source = (first[:, None] + step[:, None] * np.arange(5)) % sources
    right = np.random.default_rng(0).uniform(0.5, 0.9, sources)[source]
    wrong = (truth[:, None] + rng.integers(1, k, source.shape)) % k
    said = np.where(rng.random(source.shape) < right, truth[:, None], wrong)
    return np.repeat(np.arange(n), 5), source.ravel(), said.ravel(), truth


def functions(rows: int, sources: int, seed: int) -> tuple[Any, Any]:
    """(matrix (rows, sources) of two classes, -1 where a labeling function declines, truth)."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, rows)
    table = np.full((rows, sources), -1, np.int8)
    for j, (covered, right) in enumerate(
        zip(rng.uniform(0.2, 0.6, sources), rng.uniform(0.6, 0.9, sources), strict=True)
    ):
        hit = rng.random(rows) < right
        table[:, j] = np.where(rng.random(rows) < covered, np.where(hit, truth, 1 - truth), -1)
    return table, truth


# ---------------------------------------------------------------------- a child: one fit


def resident() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS: this measurement wants Linux")


def child(job: dict[str, Any]) -> None:
    """One fit, measured; prints a line of JSON."""
    from sfumato import aggregate
    from sfumato.bench.provenance import PeakMemory
    from sfumato.data import read_votes
    from sfumato.labels import Votes

    warnings.simplefilter("ignore")
    what, ours, size, k = job["what"], job["side"] == "ours", job["size"], job["k"]
    truth: Any = None
    if what == "dawid-skene":
        item, source, said, truth = draw(size, max(size // 500, 20), k, 0)
        if ours:
            votes = Votes.from_table(item, source, said, classes=range(k))
            model = aggregate.DawidSkene(iterations=STEPS[k], tolerance=0)
            fit = lambda: model.fit(votes).posterior  # noqa: E731
        else:
            import pandas as pd

            learner = importlib.import_module("crowdkit.aggregation").DawidSkene(n_iter=STEPS[k], tol=-np.inf)
            frame = pd.DataFrame({"task": item, "worker": source, "label": said})
            fit = lambda: learner.fit_predict_proba(frame)  # noqa: E731
        del item, source, said
    elif what == "label-model":
        table, truth = functions(size, 20, 0)
        if ours:
            votes = Votes.from_matrix(table, k=2)
            fit = lambda: aggregate.LabelModel().fit(votes).posterior  # noqa: E731
            del table
        else:
            learner = importlib.import_module("snorkel.labeling.model").LabelModel(cardinality=2, verbose=False)

            def fit() -> Any:
                learner.fit(table, seed=0, progress_bar=False)
                return learner.predict_proba(table)
    else:
        fit = lambda: (  # noqa: E731
            aggregate.DawidSkene(iterations=3, tolerance=0).fit(read_votes(job["files"])).posterior
        )
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else what the inputs left behind would hide what the fit takes
    before, peak, cpu = resident(), PeakMemory(), time.process_time()
    p = fit()
    seconds = time.process_time() - cpu
    told = {"cpu": seconds, "extra": peak.megabytes() - before, "peak": peak.megabytes()}
    if truth is not None:
        if hasattr(p, "loc"):  # a frame whose classes stand in the order in which they were met
            p = p.loc[range(len(truth)), range(k)].to_numpy()
        told["accuracy"] = float((p.argmax(1) == truth).mean())
        np.save(job["beliefs"], p)
    print(json.dumps(told))


def ask(python: str, **job: Any) -> dict[str, Any]:
    """One fit in a process of its own."""
    # what torch and numpy would do on several threads would count as CPU of one side
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    words = [python, str(Path(__file__).resolve()), "--child", json.dumps(job)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{job}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


# ---------------------------------------------------------------------- rows

FIELDS = (
    "row", "title", "rounds", "load", "ours_cpu", "peer_cpu", "cpu_ratio", "cpu_least", "cpu_most", "ours_mb",
    "peer_mb", "mb_ratio", "difference", "ours_accuracy", "peer_accuracy",
)  # fmt: skip
MILLION = 1_000_000
# name: (what, votes or items, classes, rounds at most, title)
ROWS: dict[str, tuple[str, int, int, int, str]] = {
    **{
        f"dawid-skene-{many}-{k}": (
            "dawid-skene", size, k, rounds, f"Dawid-Skene, {many} votes, K = {k}, {STEPS[k]} steps, against crowd-kit",
        )
        for size, many, rounds in ((MILLION, "1M", 99), (10 * MILLION, "10M", 1))
        for k in STEPS
    },
    "label-model": ("label-model", MILLION, 2, 99, "label model, 1M items x 20, against Snorkel, own defaults"),
    "stream": ("stream", 100 * MILLION, 5, 1, "100M votes from parquet"),
}  # fmt: skip


def beside(python: str, rounds: int, name: str, scale: float) -> dict[str, Any]:
    """One row: both sides in turns."""
    what, size, k, most, title = ROWS[name]
    load = os.getloadavg()[0]
    ours, peer, off = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        a, b = f"{folder}/a.npy", f"{folder}/b.npy"
        for _ in range(min(rounds, most)):
            ours.append(ask(python, what=what, side="ours", size=int(size * scale), k=k, beliefs=a))
            peer.append(ask(python, what=what, side="peer", size=int(size * scale), k=k, beliefs=b))
            off = max(off, float(np.abs(np.load(a) - np.load(b)).max()))
    cpu = [p["cpu"] / o["cpu"] for o, p in zip(ours, peer, strict=True)]
    extra = [max(p["extra"], 1) / max(o["extra"], 1) for o, p in zip(ours, peer, strict=True)]
    middle = statistics.median
    values = (
        name, title, len(ours), load, *(middle(s["cpu"] for s in side) for side in (ours, peer)), middle(cpu), min(cpu),
        max(cpu), *(middle(s["extra"] for s in side) for side in (ours, peer)), middle(extra), off,
        ours[0]["accuracy"], peer[0]["accuracy"],
    )  # fmt: skip
    return dict(zip(FIELDS, values, strict=True))


def stream(python: str, scale: float) -> dict[str, Any]:
    """Votes in parquet files, read and aggregated by one process; ``difference`` and accuracies stay empty."""
    import pyarrow as pa
    from pyarrow import parquet

    _, size, k, _, title = ROWS["stream"]
    votes, load = int(size * scale), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        files, items = [], 0
        for part in range(-(-votes // PART)):
            item, source, said, truth = draw(min(PART, votes - part * PART), 2000, k, part)
            columns = {"item": pa.array(item + items, pa.int64()), "source": pa.array(source, pa.int32())}
            files.append(f"{folder}/{part:05d}.parquet")
            parquet.write_table(pa.table(columns | {"label": pa.array(said, pa.int8())}), files[-1])
            items += len(truth)
        found = ask(python, what="stream", side="ours", size=votes, k=k, files=files)
    values = ("stream", title, 1, load, found["cpu"], "", "", "", "", found["extra"], found["peak"], "", "", "", "")
    return dict(zip(FIELDS, values, strict=True))


# ---------------------------------------------------------------------- the page

PAGE = """# Aggregation: CPU and memory

Written by `python benchmarks/crowd_speed.py table` from `crowd_speed.csv`, and by nothing else; how each number is
measured stands at the head of that script. Votes are drawn from Dawid and Skene's model, five per item, 500 per source;
one thread; medians over rounds, the two sides in turns. The machine has two cores and is shared (*load*: processes that
wanted them when the row began): trust the ratios and not the seconds. The aims of the project: at least 12 times less
CPU and 10 times less extra memory than crowd-kit for Dawid-Skene; 100 million votes from parquet in less than 2 GB.
"""


def number(text: str, digits: int) -> str:
    return f"{float(text):,.{digits}f}"


def lines(rows: list[dict[str, str]]) -> list[str]:
    """The page below its head."""
    told = [
        "| what | rounds | load | ours, CPU s | peer, CPU s | peer / ours | range | ours, extra MB | peer, extra MB "
        "| peer / ours | largest difference of beliefs | accuracy %, ours / peer |",
        "|---|" + "---|" * 11,
    ]
    for r in rows:
        if r["row"] == "stream":
            continue
        cells = [r["title"], r["rounds"], number(r["load"], 0), number(r["ours_cpu"], 2), number(r["peer_cpu"], 2)]
        cells += [number(r["cpu_ratio"], 1), f"{number(r['cpu_least'], 1)} - {number(r['cpu_most'], 1)}"]
        cells += [number(r["ours_mb"], 0), number(r["peer_mb"], 0), number(r["mb_ratio"], 1)]
        cells += [f"{float(r['difference']):.1g}"]
        cells += [f"{100 * float(r['ours_accuracy']):.2f} / {100 * float(r['peer_accuracy']):.2f}"]
        told.append("| " + " | ".join(cells) + " |")
    for r in rows:
        if r["row"] == "stream":
            told += [
                "",
                f"{r['title']} (2,000 sources, 5 classes, five votes per item, files of a million): "
                f"`sfumato.data.read_votes` and three EM steps of Dawid-Skene take "
                f"{number(r['ours_cpu'], 0)} CPU seconds at load {number(r['load'], 0)}. Largest resident size of the "
                f"whole process {number(r['peer_mb'], 0)} MB, {number(r['ours_mb'], 0)} MB of it beyond the loaded "
                "libraries.",
            ]
    return told


def kept(path: Path) -> dict[str, dict[str, str]]:
    return {r["row"]: r for r in read_rows(path)} if path.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", nargs="?", choices=["run", "table"], default="run")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of votes; less than 1 for a trial")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/measurements/crowd_speed.csv")
    told = parser.parse_args()
    if told.child:
        child(json.loads(told.child))
        return
    rows = kept(told.out)
    if told.act == "table":
        page = [PAGE, *lines([rows[name] for name in ROWS if name in rows])]
        told.out.with_suffix(".md").write_text("\n".join(page) + "\n", encoding="utf-8")
        return
    for name in told.rows:
        found = (
            stream(told.python, told.scale) if name == "stream" else beside(told.python, told.rounds, name, told.scale)
        )
        print(found, flush=True)
        rows = kept(told.out) | {name: {k: str(v) for k, v in found.items()}}
        write_rows(told.out, FIELDS, (rows[n] for n in ROWS if n in rows))


if __name__ == "__main__":
    main()
