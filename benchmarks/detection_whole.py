"""The detectors on all 50,000 training pictures of CIFAR-10N: features, out-of-fold probabilities, then the rankings.

    OMP_NUM_THREADS=1 python benchmarks/detection_whole.py --write docs/measurements/detection-whole.md

Features are those of benchmarks/cifar10n.py, centroids from these 50,000 pictures, standardised, float32; the linear
head's penalty is chosen by ``out_of_fold`` from the given labels. One run, one seed; true labels judge and no more. The
real data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides). Features and probabilities are kept
below --cache, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from cifar10n import CENTROIDS, COLUMNS, Patches
from numpy.typing import NDArray
from real_data import loader
from sklearn.metrics import average_precision_score, roc_auc_score

from sfumato import score
from sfumato.parts.linear import out_of_fold
from sfumato.parts.neighbours import Neighbourhood
from sfumato.score.simifeat import cosine_gap

Array = NDArray[Any]
_PICTURES = 2000  # read at a time; made into features one by one, which fits the processor's cache
HEAD = """# Who finds wrong labels: all of CIFAR-10N

Written by `OMP_NUM_THREADS=1 python benchmarks/detection_whole.py --write docs/measurements/detection-whole.md` and by
nothing else: all 50,000 training pictures, {columns:,} columns of k-means patches, a linear head in five folds, one
seed. CPU seconds of the features, of the probabilities of each column, and of the two neighbour searches (cosine,
Euclidean; in a random sample of 10,000 rows): {costs}. What the audit does with the same rows stands in
[its own page](detection-default.md).

| labels | wrong | detector | average precision | AUROC |
|---|---|---|---|---|
"""


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    return work(), time.process_time() - started


def kept(path: Path, make: Callable[[], Array]) -> tuple[Array, str]:
    """An array from the cache or made anew, and the CPU seconds it took."""
    if path.exists():
        return np.load(path), path.with_suffix(".seconds").read_text()
    value, seconds = timed(make)
    np.save(path, value)
    path.with_suffix(".seconds").write_text(f"{seconds:.0f}")
    return value, f"{seconds:.0f}"


def features(data: ModuleType) -> Array:
    """Standardised features (n, 4 x CENTROIDS) of all training pictures."""
    pictures = torch.from_numpy(data.cifar10("train", None)["x"]).permute(0, 3, 1, 2)
    found = Patches(pictures.float(), CENTROIDS)
    x = np.empty((len(pictures), 4 * CENTROIDS), np.float32)
    for start in range(0, len(x), _PICTURES):
        x[start : start + _PICTURES] = found(pictures[start : start + _PICTURES].float(), chunk=1).numpy()
        print(f"{start + _PICTURES} pictures, {time.process_time():.0f} CPU seconds", flush=True)
    x -= x.mean(axis=0, dtype=np.float64).astype(np.float32)
    x /= np.maximum(x.std(axis=0, dtype=np.float64), 1e-6).astype(np.float32)
    return x


def neighbours(x: Array, detector: score.SimiFeat | score.KnnDisagreement) -> Array:
    """Row numbers (n, k) of the neighbours that a detector asks."""
    return Neighbourhood(x, detector.metric, detector.sample, detector.seed).nearest(detector.k)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/sfumato-cifar10"))
    parser.add_argument("--write", type=Path)
    told = parser.parse_args()
    torch.set_num_threads(1)
    data = loader()
    if data is None:
        sys.exit("skipped: no real data beside the repository (set SFUMATO_REAL_DATA to the folder of load_real.py)")
    told.cache.mkdir(parents=True, exist_ok=True)
    x, made = kept(told.cache / f"cifar10_all_{CENTROIDS}.npy", lambda: features(data))
    truth = np.asarray(data._npz("cifar10/cifar10_train_jpegpack.npz")["label"], np.int64)
    given = {column: np.asarray(data.human("cifar10n")[field], np.int64) for column, field in COLUMNS.items()}
    cached, lines = told.cache / f"cifar10_all_{CENTROIDS}", []

    def say(column: str, name: str, value: Array) -> None:
        wrong = given[column] != truth
        figures = average_precision_score(wrong, value), roc_auc_score(wrong, value)
        lines.append(f"| {column} | {wrong.mean():.1%} | {name} | {figures[0]:.3f} | {figures[1]:.3f} |")
        print(lines[-1], flush=True)

    costs, found = [made], {column: {} for column in COLUMNS}
    for column, y in given.items():
        p, cost = kept(Path(f"{cached}_{column}_probabilities.npy"), lambda y=y: out_of_fold(x, y, 10))
        costs.append(cost)
        for detector in (score.ConfidentLearning(), score.SelfConfidence(), score.NormalizedMargin()):
            found[column][detector.card.name] = detector.score(y, p)
            say(column, detector.card.name, found[column][detector.card.name])
    index, cost = kept(Path(f"{cached}_simifeat.npy"), lambda: neighbours(x, score.SimiFeat()))
    costs.append(cost)
    for column, y in given.items():
        found[column]["simifeat"] = cosine_gap(y, y[index])
        say(column, "simifeat", found[column]["simifeat"])
        pair = {name: found[column][name] for name in ("confident-learning", "simifeat")}
        say(column, "ensemble of " + ", ".join(pair), score.Ensemble().score(pair))
    index, cost = kept(Path(f"{cached}_knn.npy"), lambda: neighbours(x, score.KnnDisagreement()))
    costs.append(cost)
    for column, y in given.items():
        say(column, "knn-disagreement", (y[index] != y[:, None]).mean(axis=1))
    if told.write:
        head = HEAD.format(columns=x.shape[1], costs=", ".join(costs))
        told.write.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
