"""Which detector the audit uses by default: candidates named before any figure was seen, each set left out in turn.

    OMP_NUM_THREADS=1 python benchmarks/detection_default.py run --out docs/measurements/detection-default.csv
    python benchmarks/detection_default.py table --out docs/measurements/detection-default.csv \\
        --page docs/measurements/detection-default.md

The sets are those of benchmarks/detection.py, prepared as the audit prepares them (columns standardised,
near-duplicates in one fold and no neighbours), and all of CIFAR-10N as in benchmarks/detection_whole.py, whose cache is
used. True labels judge and no more. ``run`` appends one line per set, seed and candidate and skips what the file holds.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from cifar10n import CENTROIDS, COLUMNS
from detection import tasks
from detection_whole import features, kept
from numpy.typing import NDArray
from real_data import loader
from rows import append_rows, finished, read_rows
from scipy.optimize import minimize_scalar
from sklearn.metrics import average_precision_score, roc_auc_score

from sfumato import score
from sfumato.audit.judge import grouped_folds
from sfumato.parts.confident import confident
from sfumato.parts.linear import out_of_fold
from sfumato.parts.neighbours import Neighbourhood
from sfumato.parts.opinion_pool import logarithmic_pool
from sfumato.score.near_duplicate import twins
from sfumato.score.neighbour_labels import neighbour_shares

Array = NDArray[Any]
FIELDS = ("set", "seed", "candidate", "average_precision", "auroc", "wrong_among_marked", "rate_error")
SCORES = {
    "confident learning": score.ConfidentLearning(),
    "self-confidence": score.SelfConfidence(),
    "margin": score.NormalizedMargin(),
}
BASE, OLD, DEFAULT = (
    "confident learning, head alone",
    "mean rank of confident learning and simifeat",
    "confident learning, logarithmic pool of 20",
)
HEAD = """# Which detector the audit uses

Written by `python benchmarks/detection_default.py table --page docs/measurements/detection-default.md` from
`detection-default.csv`, which `OMP_NUM_THREADS=1 python benchmarks/detection_default.py run` writes.

The candidates were named before any of these figures was seen (that exponents end at 1 was added afterwards; without it
the means differ by .0001). All read the same out-of-fold probabilities p of the linear head (of a strong model where
the set brings them: *verdicts*) and the same labels of the nearest rows. "Pool" makes one set of probabilities of p and
of q, the shares of labels among the 10 or 20 nearest rows, before anything is scored: their even mean; the mixture
(1 - w) p + w q; or the logarithmic pool, p^a q^b to a total of one. Weights and exponents are those of least log loss
on the labels *as given*, so no true label is needed to know which source to trust. The others are a score of p alone,
or mean ranks.

Sets of one source count as one ({families}), so that no source decides by its number of cells. Mean: average
precision and AUROC, of the means over cells within a source.

{ranking}

## Left out in turn

The candidate with the highest mean of both figures over the other sources, and what it does on the source that had no
say. Choosing a candidate by true labels is an oracle over sets; this is what it gives where it had none.

{left}

## Cell by cell

The default beside confident learning on the same probabilities of the head, and beside the mean rank that was the
default before. `wrong among marked`: share of wrong labels among the rows that confident learning marks; `rate`: the
distance of its estimated noise rate from the share of labels that are wrong, in points (not where only a part was
reviewed).

{cells}
"""


def linear_pool(y: Array, p: Array, q: Array) -> Array:
    """(1 - w) p + w q at the w of least mean log loss on the given labels."""
    a, b = (each[np.arange(len(y)), y].astype(np.float64) for each in (p, q))
    found = minimize_scalar(lambda w: -np.log(np.maximum((1 - w) * a + w * b, 1e-12)).mean(), bounds=(0, 1))
    return np.asarray((1 - found.x) * p + found.x * q)


def candidates(y: Array, p: Array, near: Neighbourhood, group: Array) -> Iterator[tuple[str, Array, Array | None]]:
    """Names, scores, and the probabilities that confident learning counts with, where it does."""
    p = np.clip(p, 0, 1)
    alone = {name: each.score(y, p) for name, each in SCORES.items()}
    for name, value in alone.items():
        yield f"{name}, head alone", value, p if name == "confident learning" else None
    yield "confidence-weighted entropy, head alone", score.ConfidenceWeightedEntropy().score(y, p), None
    ranks = score.Ensemble()
    pair = {name: alone[name] for name in ("self-confidence", "margin")}
    yield "mean rank of self-confidence and margin", ranks.score(pair), None
    around = score.SimiFeat().judged(near, y, group)[0]
    for name in ("confident learning", "self-confidence"):
        yield f"mean rank of {name} and simifeat", ranks.score({"head": alone[name], "neighbours": around}), None
    for k in (10, 20):
        q = neighbour_shares(near, y, p.shape[1], k, group)
        pools = {
            "even mean": (p + q) / 2,
            "mixture": linear_pool(y, p, q),
            "logarithmic pool": logarithmic_pool(y, [p, q])[0],
        }
        for pool, r in pools.items():
            for name, each in SCORES.items():
                yield f"{name}, {pool} of {k}", each.score(y, r), r if name == "confident learning" else None


def cells(
    data: ModuleType | None, cache: Path
) -> Iterator[tuple[str, int, Callable[[], tuple[Array, Array, Array, Array, Neighbourhood, Array]]]]:
    """Set, seed, and what makes labels, which are wrong, where that is known, probabilities, search and groups."""
    for name, make in tasks(data, cache):
        for seed in (0, 1, 2) if name.split(",")[0] in ("digits", "letter", "phoneme") else (0,):

            def small(make: Callable[[int], Any] = make, seed: int = seed) -> Any:
                task = make(seed)
                spread = task.x.std(axis=0)
                x = np.asarray((task.x - task.x.mean(axis=0)) / np.where(spread > 0, spread, np.inf), np.float64)
                group = twins(x, seed=seed).group
                p = task.p
                if p is None:
                    p = out_of_fold(x, task.y, task.k, fold=grouped_folds(task.y, group, 5, seed))
                return task.y, task.wrong, task.known, p, Neighbourhood(x, sample=10_000, seed=seed), group

            yield name, seed, small
    if data is None:
        return
    near: list[Neighbourhood] = []
    for column, field in COLUMNS.items():

        def whole(column: str = column, field: str = field) -> Any:
            cached = cache / f"cifar10_all_{CENTROIDS}"
            if not near:
                near.append(Neighbourhood(kept(cached.with_suffix(".npy"), lambda: features(data))[0], sample=10_000))
                near[0].nearest(24)
            y = np.asarray(data.human("cifar10n")[field], np.int64)
            truth = np.asarray(data._npz("cifar10/cifar10_train_jpegpack.npz")["label"], np.int64)
            p = kept(Path(f"{cached}_{column}_probabilities.npy"), lambda: out_of_fold(near[0].x, y, 10))[0]
            return y, y != truth, np.arange(len(y)), p, near[0], np.full(len(y), -1)

        yield f"cifar10n all, {column}", 0, whole


def run(data: ModuleType | None, out: Path, cache: Path) -> None:
    done = finished(out, "set", "seed")
    for name, seed, make in cells(data, cache):
        if (name, str(seed)) in done:
            continue
        y, wrong, known, p, near, group = make()
        lines = []
        for candidate, value, counted in candidates(y, p, near, group):
            line: dict[str, Any] = dict.fromkeys(FIELDS, "") | {"set": name, "seed": seed, "candidate": candidate}
            line["average_precision"] = f"{average_precision_score(wrong, value[known]):.4f}"
            line["auroc"] = f"{roc_auc_score(wrong, value[known]):.4f}"
            if counted is not None:
                line["wrong_among_marked"] = f"{wrong[value[known] > 0.5].mean():.4f}"
                joint = confident(y, counted).joint()
                if len(known) == len(y):
                    line["rate_error"] = f"{abs(1 - np.trace(joint) / joint.sum() - wrong.mean()):.4f}"
            lines.append(line)
        append_rows(out, FIELDS, lines)
        print(name, seed, flush=True)


def source(name: str) -> str:
    """What sets share: the same rows, or pictures of one kind under the same labels."""
    return name if "verdicts" in name else "cifar10n" if name.startswith("cifar10n") else name.split(",")[0]


def page(out: Path) -> str:
    rows = read_rows(out)
    sets, names = (list(dict.fromkeys(r[key] for r in rows)) for key in ("set", "candidate"))
    sources = list(dict.fromkeys(map(source, sets)))

    def mean(figure: str) -> Array:
        """(candidates, sets), the mean over seeds; NaN where it was not measured."""
        held: dict[tuple[str, str], list[float]] = {}
        for r in rows:
            held.setdefault((r["candidate"], r["set"]), []).append(float(r[figure] or "nan"))
        return np.array([[np.mean(held[n, s]) for s in sets] for n in names])

    figures = np.stack([mean("average_precision"), mean("auroc")], axis=2)
    by_source = np.stack([figures[:, [source(s) == each for s in sets]].mean(axis=1) for each in sources], axis=1)
    both = by_source.mean(axis=(1, 2))
    lines = ["| candidate | mean | " + " | ".join(sources) + " |", "|---" * (len(sources) + 2) + "|"]
    for i in np.argsort(-both):
        shown = [by_source[i].mean(axis=0), *by_source[i]]
        name = f"**{names[i]}**" if names[i] == DEFAULT else names[i]
        lines.append(f"| {name} | " + " | ".join(f"{a:.3f}, {b:.3f}" for a, b in shown) + " |")
    base, old, chosen = (names.index(each) for each in (BASE, OLD, DEFAULT))
    left = [f"| left out | chosen by the others | there | {BASE} |", "|---" * 4 + "|"]
    for j, each in enumerate(sources):
        best = int(np.delete(by_source, j, axis=1).mean(axis=(1, 2)).argmax())
        told = [f"{by_source[i, j, 0]:.3f}, {by_source[i, j, 1]:.3f}" for i in (best, base)]
        left.append(f"| {each} | {names[best]} | {told[0]} | {told[1]} |")
    marked, rate = mean("wrong_among_marked"), mean("rate_error")
    cell = ["| set | head alone | mean rank | default | wrong among marked, head | default | rate, head | default |"]
    cell.append("|---" * 8 + "|")
    for j, each in enumerate(sets):
        shown = [f"{figures[i, j, 0]:.3f}, {figures[i, j, 1]:.3f}" for i in (base, old, chosen)]
        shown += [f"{marked[i, j]:.1%}" for i in (base, chosen)]
        shown += ["-" if np.isnan(rate[i, j]) else f"{100 * rate[i, j]:.1f}" for i in (base, chosen)]
        cell.append(f"| {each} | " + " | ".join(shown) + " |")
    total = [f"{figures[i, :, 0].mean():.3f}, {figures[i, :, 1].mean():.3f}" for i in (base, old, chosen)]
    total += [f"{marked[i].mean():.1%}" for i in (base, chosen)]
    total += [f"{100 * np.nanmean(rate[i]):.1f}" for i in (base, chosen)]
    cell.append("| *mean of the cells* | " + " | ".join(total) + " |")
    parts = {"ranking": lines, "left": left, "cells": cell}
    return HEAD.format(families=", ".join(sources), **{key: "\n".join(text) for key, text in parts.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/detection-default.csv"))
    parser.add_argument("--cache", type=Path, default=Path("/tmp/sfumato-cifar10"))
    parser.add_argument("--page", type=Path)
    told = parser.parse_args()
    if told.what == "table":
        text = page(told.out)
        print(text) if told.page is None else told.page.write_text(text, encoding="utf-8")
        return
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", score.PredictionsAsLabelsWarning)
    data = loader()
    if data is None:
        print("no real data beside the repository: digits only", file=sys.stderr)
    run(data, told.out, told.cache)


if __name__ == "__main__":
    main()
