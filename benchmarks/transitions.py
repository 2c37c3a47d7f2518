"""How far each estimate of the transition matrix is from the true one: made noise, and the noise that people made.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/transitions.py run --out docs/measurements/transitions.csv
    python benchmarks/transitions.py table --out docs/measurements/transitions.csv

Made noise: the digits, and MNIST's first 10,000 pictures on their 50 principal components; the law's own matrix is the
truth. People's noise: CIFAR-10N aggregate and worst on the features of benchmarks/cifar10n.py, on their 200 principal
components; there the truth is the matrix counted with the clean labels (an oracle: used for the error alone). ``run``
appends one line per finished measurement and skips those that the file holds already. Real data as in cifar10n.py.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from cifar10n import CENTROIDS, ROWS, features
from numpy.typing import NDArray
from real_data import loader
from rows import append_rows, finished, read_rows
from sklearn.datasets import load_digits
from torch import nn

from sfumato.estimate import (
    NotIdentifiableWarning,
    TransitionAnchor,
    TransitionConfidentJoint,
    TransitionDual,
    TransitionHOC,
)
from sfumato.labels import ClassConditional, Noisy, PairFlip, Symmetric
from sfumato.learn.noisy.lccn import LCCN
from sfumato.learn.noisy.volminnet import VolMinNet
from sfumato.learn.objective import Objective
from sfumato.parts.linear import out_of_fold
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
FIELDS = ("data", "noise", "estimator", "seed", "mean", "worst_row", "true_condition", "condition", "doubts", "seconds")
FROM_PROBABILITIES: dict[str, Callable[[], Any]] = {
    "confident-joint": lambda: TransitionConfidentJoint(repeats=0),
    "t-anchor, percentile 97": lambda: TransitionAnchor(repeats=0),
    "t-anchor, argmax": lambda: TransitionAnchor(percentile=100, repeats=0),
    "dual-t": lambda: TransitionDual(repeats=0),
}
HOC, NOTHING = "hoc", "no noise at all (T = I)"
LEARNED: dict[str, Objective] = {"volminnet": VolMinNet(), "lccn": LCCN()}
NAMES = (NOTHING, *FROM_PROBABILITIES, HOC, *LEARNED)
MADE = {
    "symmetric .2": Symmetric(0.2),
    "symmetric .5": Symmetric(0.5),
    "pair .2": PairFlip(0.2),
    "pair .4": PairFlip(0.4),
}


def components(x: Floats, width: int) -> Floats:
    """The first principal components of rows."""
    centred = (x - x.mean(axis=0)).astype(np.float32)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ vectors[:, ::-1][:, :width])


def counted(clean: Ints, given: Ints, k: int) -> Floats:
    """The matrix of (clean, given) pairs."""
    table = np.bincount(clean.astype(np.int64) * k + given, minlength=k * k).reshape(k, k)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def worlds(data: ModuleType | None, cache: Path, seed: int) -> Iterator[tuple[str, str, Floats, Ints, Floats]]:
    """(data, noise, features, given labels, true matrix)."""
    x, y = load_digits(return_X_y=True)
    sets = {"digits": (x / 16, y)}
    if data is not None:
        mnist = data.mnist()
        pixels = mnist["x_train"][:ROWS].reshape(ROWS, -1) / 255
        sets["MNIST"] = (components(pixels, 50), mnist["y_train"][:ROWS].astype(np.int64))
    for name, (rows, truth) in sets.items():
        for noise, law in MADE.items():
            said = law.sample(torch.from_numpy(truth), 10, torch.Generator().manual_seed(seed)).y.numpy()
            yield name, noise, rows, said, law.matrix(10).numpy()
    if data is not None:
        rows_, truth_, _, _ = features(data, ROWS, CENTROIDS, cache)
        reduced, human = components(rows_.numpy(), 200), data.human("cifar10n")
        for noise in ("aggre_label", "worse_label"):
            said = human[noise][:ROWS].astype(np.int64)
            yield "CIFAR-10N", noise.split("_")[0], reduced, said, counted(truth_.numpy(), said, 10)


def learned(objective: Objective, x: Floats, y: Ints, seed: int) -> Floats:
    """The matrix that training ends with: an MLP with one hidden layer, 30 epochs."""
    rows = torch.from_numpy(np.asarray(x, np.float32))
    rows = (rows - rows.mean(0)) / rows.std()
    config = Config(epochs=30, lr=1e-3, seed=seed)

    def network(member: int) -> nn.Module:
        return build("mlp", (rows.shape[1],), 10, seed + member, (128,))

    run = Run(rows, Noisy(torch.from_numpy(y), 10), objective, network, config, law=ClassConditional).fit()
    if isinstance(objective, LCCN):
        found = objective.transition(run.memory[0]["bank"])
    else:
        found = run.learned[0]["transition"]().detach()
    return np.asarray(found.double().numpy())


def run(out: Path, cache: Path, seeds: list[int]) -> None:
    data, done = loader(), finished(out, "data", "noise", "estimator", "seed")
    if data is None:
        print("no real data (set SFUMATO_REAL_DATA): digits alone", file=sys.stderr)
    for seed in seeds:
        for name, noise, x, y, truth in worlds(data, cache, seed):
            missing = [each for each in NAMES if (name, noise, each, str(seed)) not in done]
            shared = 0.0
            if set(missing) & set(FROM_PROBABILITIES):
                started = time.process_time()
                p = out_of_fold(x, y, 10, folds=5, seed=seed)
                shared = time.process_time() - started
            for each in missing:
                started = time.process_time()
                estimator = FROM_PROBABILITIES.get(each, lambda: TransitionHOC(repeats=0))()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NotIdentifiableWarning)
                    if each == NOTHING:
                        found = np.eye(10)
                    elif each in LEARNED:
                        found = learned(LEARNED[each], x, y, seed)
                    elif each == HOC:
                        found = estimator.estimate(x, y, seed)
                    else:
                        found = estimator.from_probabilities(y, p, seed)
                seconds = time.process_time() - started + (shared if each in FROM_PROBABILITIES else 0)
                off = np.abs(found - truth)
                doubts = "" if each in (NOTHING, *LEARNED) else str(len(getattr(estimator, "doubts", ())))
                numbers = (off.mean(), off.sum(axis=1).max(), np.linalg.cond(truth), np.linalg.cond(found))
                line = [name, noise, each, seed, *(f"{v:.4f}" for v in numbers), doubts, f"{seconds:.1f}"]
                print(*line, flush=True)
                append_rows(out, FIELDS, [dict(zip(FIELDS, line, strict=True))])


def table(out: Path) -> str:
    """Mean over seeds: worst row's L1 distance, in brackets the mean distance of an entry; a star where the estimator
    warned on every seed."""
    lines = read_rows(out)
    settings = list(dict.fromkeys((r["data"], r["noise"]) for r in lines))
    rows = ["| estimator | " + " | ".join(f"{d}, {n}" for d, n in settings) + " | CPU s |"]
    rows.append("|---|" + "---|" * (len(settings) + 1))
    for name in dict.fromkeys(r["estimator"] for r in lines):
        cells = []
        mine = [r for r in lines if r["estimator"] == name]
        for setting in settings:
            here = [r for r in mine if (r["data"], r["noise"]) == setting]
            worst, mean = (np.mean([float(r[key]) for r in here]) for key in ("worst_row", "mean"))
            star = "*" if all(r["doubts"] not in ("", "0") for r in here) else ""
            cells.append(f"{worst:.2f} (.{round(1000 * mean):03d}){star}")
        seconds = max(float(r["seconds"]) for r in mine)
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {seconds:.0f} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/transitions.csv"))
    parser.add_argument("--cache", type=Path, default=Path("/tmp/sfumato-cifar10"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    told = parser.parse_args()
    torch.set_num_threads(1)
    if told.what == "table":
        print(table(told.out))
    else:
        run(told.out, told.cache, told.seeds)


if __name__ == "__main__":
    main()
