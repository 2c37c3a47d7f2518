"""Confident learning beside cleanlab at a million rows: equal masks, CPU and memory, in one run.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/confident.py --write docs/measurements/confident.md

Made probabilities of which about a tenth disagree with the label for good. CPU: process time, medians of rounds taken
in turn. Memory: the peak that numpy and Python allocate beyond the input, ours in % of the probabilities' size.
cleanlab is a development-only oracle; it runs in one process, which is its fastest here.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues as theirs
from numpy.typing import NDArray

from sfumato.score import FILTERS
from sfumato.score import find_label_issues as ours

Array = NDArray[Any]
HEAD = """# Confident learning at a million rows

Written by `OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/confident.py --write docs/measurements/confident.md`
and by nothing else: `find_label_issues` with its default filter beside cleanlab 2.9 in one process, the same arrays,
CPU seconds (medians of {rounds} rounds in turn, the ratio taken pair by pair). Extra memory is the peak beyond the input.

| rows x classes | type | marked | rows that differ | ours (s) | cleanlab (s) | cleanlab / ours | range | extra, ours | extra, cleanlab |
|---|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501
EVERY = """
Every filter, {rows:,} x 10 in float32, where the mask alone is 2.5 % of the input:

| filter | marked | rows that differ | extra, ours |
|---|---|---|---|
"""


def problem(n: int, k: int, kind: type) -> tuple[Array, Array]:
    """Labels (n,), a tenth of them drawn anew, and probabilities (n, k) that mostly favour them."""
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=n)
    p = rng.random((n, k), dtype=np.float32)
    p[np.arange(n), y] += 1.5 * rng.random(n, dtype=np.float32) * k / 10
    p /= p.sum(axis=1, keepdims=True)
    return np.where(rng.random(n) < 0.1, rng.integers(k, size=n), y), p.astype(kind, copy=False)


def timed(work: Callable[[], Array]) -> tuple[Array, float]:
    gc.collect()
    start = time.process_time()
    return work(), time.process_time() - start


def peak(work: Callable[[], Array]) -> float:
    tracemalloc.start()
    work()
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(top)


def line(n: int, k: int, kind: type, rounds: int) -> str:
    y, p = problem(n, k, kind)
    sides = (lambda: ours(y, p), lambda: np.asarray(theirs(y, p, n_jobs=1)))
    ours(y[:1000], p[:1000]), theirs(y[:1000], p[:1000], n_jobs=1)  # imports
    pairs = [(timed(sides[0]), timed(sides[1])) for _ in range(rounds)]
    differ = sum(int((a != b).sum()) for (a, _), (b, _) in pairs)
    mine, peer = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
    ratio = [b / a for (_, a), (_, b) in pairs]
    held = [100 * peak(side) / p.nbytes for side in sides]
    text = (
        f"| {n:,} x {k} | {np.dtype(kind).name} | {int(pairs[0][0][0].sum()):,} | {differ} | {mine:.3f} | {peer:.3f} | "
        f"{statistics.median(ratio):.1f} | {min(ratio):.1f} - {max(ratio):.1f} | {held[0]:.1f} % | {held[1]:.0f} % |"
    )
    print(text, flush=True)
    return text


def filters(n: int) -> list[str]:
    """What each filter marks and holds, at ten classes in float32."""
    y, p = problem(n, 10, np.float32)
    out = []
    for name in FILTERS:
        mask, peer = ours(y, p, name), np.asarray(theirs(y, p, filter_by=name, n_jobs=1))
        held = 100 * peak(lambda name=name: ours(y, p, name)) / p.nbytes
        out.append(f"| {name} | {int(mask.sum()):,} | {int((mask != peer).sum())} | {held:.1f} % |")
        print(out[-1], flush=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    told = parser.parse_args()
    lines = [line(told.rows, k, kind, told.rounds) for k in (10, 100) for kind in (np.float32, np.float64)]
    every = filters(told.rows)
    if told.write:
        page = HEAD.format(rounds=told.rounds) + "\n".join(lines) + "\n" + EVERY.format(rows=told.rows)
        told.write.write_text(page + "\n".join(every) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
