"""Who finds wrong labels: every detector on human noise, on human verdicts and on made noise.

    OMP_NUM_THREADS=1 python benchmarks/detection.py run --out docs/measurements/detection.csv
    python benchmarks/detection.py table --out docs/measurements/detection.csv
    OMP_NUM_THREADS=1 python benchmarks/detection.py refit --seeds 0 1 2

``refit`` prints what becomes of the test accuracy of a linear head when the marked rows are dropped, or get the
suggested label, beside plain training and training on the true labels. Which detector the audit uses is measured by
benchmarks/detection_default.py.

Sets: the first 3,000 pictures of CIFAR-10N, aggregate and worst, on the features of benchmarks/cifar10n.py; the
rows of the CIFAR-10 and MNIST test sets that people reviewed for label errors, among the first 3,000, with the
probabilities published with them; digits, phoneme and the first 6,000 rows of letter with 30 % of the labels
flipped evenly, to the next class, or by what the row looks like (xia2020part's second algorithm). A detector never
sees a true label. Seeds change the flips, the folds, the networks and the subsets. Memorisation is left out beyond
1,000 columns. The real data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides); without them
only digits are measured. ``run`` appends and skips what the file holds already.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from sklearn.metrics import average_precision_score, roc_auc_score

from sfumato import score
from sfumato.core.streams import numpy_rng
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.exact.ce import CrossEntropy
from sfumato.parts.linear import PENALTIES, fit_linear, out_of_fold
from sfumato.train.config import Config
from sfumato.train.dynamics import Dynamics
from sfumato.train.loop import Run
from sfumato.train.networks import build

Array = NDArray[Any]
FIELDS = ("set", "seed", "detector", "average_precision", "auroc", "cpu_seconds", "rows", "wrong")
RATE, EPOCHS, HIDDEN, PEOPLE = 0.3, 30, 128, 3000
LAST = "last-epoch loss"
ONE_EACH = ("confident-learning", "simifeat", "aum")  # one that reads probabilities, one neighbours, one the training


@dataclass
class Task:
    """Features, given labels, which are wrong, where that is known; probabilities and truth where they came along."""

    x: Array
    y: Array
    k: int
    wrong: Array
    known: Array
    p: Array | None = None
    truth: Array | None = None


def flipped(x: Array, y: Array, k: int, kind: str, seed: int) -> Array:
    """Labels of which about RATE are wrong."""
    rng = numpy_rng(seed, f"flips-{kind}")
    if kind == "symmetric":
        return np.where(rng.random(len(y)) < RATE, (y + rng.integers(1, k, len(y))) % k, y)
    if kind == "pair":
        return np.where(rng.random(len(y)) < RATE, (y + 1) % k, y)
    rate = np.clip(rng.normal(RATE, 0.1, len(y)), 0, 1)
    z = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    logit = np.einsum("nd,ndk->nk", z, rng.normal(size=(k, x.shape[1], k))[y])
    logit[np.arange(len(y)), y] = -np.inf
    share = np.exp(logit - logit.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    other = (share.cumsum(axis=1) > rng.random(len(y))[:, None]).argmax(axis=1)
    return np.where(rng.random(len(y)) < rate, other, y)


def tasks(data: ModuleType | None, cache: Path) -> Iterator[tuple[str, Callable[[int], Task]]]:
    """Names, and what makes each task from a seed."""
    plain = {"digits": (*load_digits(return_X_y=True), 10)}
    if data is not None:
        letter = data.load("tabular/letter")
        plain["letter"] = (letter["x"][:6000], np.unique(letter["y"], return_inverse=True)[1][:6000], 26)
        phoneme = data.load("tabular/phoneme")
        plain["phoneme"] = (phoneme["x"], np.unique(phoneme["y"], return_inverse=True)[1], 2)
    for name, (x, y, k) in plain.items():
        for kind in ("symmetric", "pair", "instance"):
            if k == 2 and kind == "pair":
                continue  # the next of two classes is the other one

            def make(seed: int, x: Array = x, y: Array = y, k: int = k, kind: str = kind) -> Task:
                given = flipped(x, y, k, kind, seed)
                return Task(x, given, k, given != y, np.arange(len(y)), truth=y)

            yield f"{name}, {kind}", make
    if data is None:
        return
    train, truth, test, _ = (part.numpy() for part in features(data, ROWS, CENTROIDS, cache))
    for name, column in (("aggregate", "aggre_label"), ("worst", "worse_label")):
        human = data.human("cifar10n")[column][:PEOPLE].astype(np.int64)

        def people(seed: int, human: Array = human) -> Task:
            return Task(train[:PEOPLE], human, 10, human != truth[:PEOPLE], np.arange(len(human)), truth=truth[:PEOPLE])

        yield f"cifar10n, {name}", people
    mnist = data.mnist()["x_test"].reshape(10_000, -1) / 255.0
    for name, x in (("mnist", mnist), ("cifar10", test)):

        def reviewed(seed: int, name: str = name, x: Array = x) -> Task:
            d = data.load(f"labelerrors/{name}")
            votes = d["mturk_votes"][:, list(d["mturk_keys"]).index("given")]
            rows = np.union1d(d["mturk_index"], np.arange(PEOPLE))  # the reviewed rows, and others for company
            known = np.searchsorted(rows, d["mturk_index"])
            return Task(x[rows], d["given"][rows].astype(np.int64), 10, votes < 3, known, d["pred_probs"][rows])

        yield f"{name} verdicts", reviewed


def watched(task: Task, seed: int) -> Dynamics:
    """Train an MLP that can memorise, on the given labels, and record it."""
    x = task.x.astype(np.float32)
    x = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 1e-6, x.std(axis=0), 1)
    seen = Dynamics()
    Run(
        torch.from_numpy(x),
        Noisy(torch.from_numpy(task.y.astype(np.int64)), task.k),
        CrossEntropy(),
        lambda member: build("mlp", (x.shape[1],), task.k, 10 * seed + member, (HIDDEN,)),
        Config(epochs=EPOCHS, batch_size=128, lr=1e-3, seed=seed),
        law=ClassConditional,
    ).fit(on_epoch=seen)
    return seen


def scored(task: Task, seed: int) -> dict[str, tuple[Array, float]]:
    """Every detector's scores and the CPU seconds that it took, its share of probabilities or training included."""
    out: dict[str, tuple[Array, float]] = {}

    def timed(work: Callable[[], Any]) -> tuple[Any, float]:
        started = time.process_time()
        return work(), time.process_time() - started

    def add(name: str, work: Callable[[], Array], before: float = 0.0) -> None:
        value, seconds = timed(work)
        out[name] = (value, seconds + before)

    p, cost = (task.p, 0.0) if task.p is not None else timed(lambda: out_of_fold(task.x, task.y, task.k, seed=seed))
    for quality in (
        score.SelfConfidence(),
        score.NormalizedMargin(),
        score.ConfidenceWeightedEntropy(),
        score.ConfidentLearning(),
    ):
        add(quality.card.name, lambda quality=quality: quality.score(task.y, p), cost)
    add("knn-disagreement", lambda: score.KnnDisagreement().score(task.x, task.y))
    add("simifeat", lambda: score.SimiFeat().score(task.x, task.y))
    add("influence", lambda: score.Influence(seed=seed).score(task.x, task.y))
    if task.x.shape[1] <= 1000:
        add("memorisation", lambda: score.Memorisation(seed=seed).score(task.x, task.y))
    seen, cost = timed(lambda: watched(task, seed))
    add("aum", lambda: score.AUM().score(seen.margins), cost)
    add("early-learning", lambda: score.EarlyLearning().score(seen.losses), cost)
    add("loss-mixture", lambda: score.LossMixture().score(seen.losses.mean(axis=0)), cost)
    add("forgetting", lambda: score.Forgetting().score(seen.correct), cost)
    add(LAST, lambda: seen.losses[-1], cost)
    few = {name: out[name][0] for name in ONE_EACH}
    add("ensemble of " + ", ".join(ONE_EACH), lambda: score.Ensemble().score(few), sum(out[n][1] for n in ONE_EACH))
    cheap = {name: out[name][0] for name in ONE_EACH[:2]}
    add("ensemble of " + ", ".join(cheap), lambda: score.Ensemble().score(cheap), sum(out[n][1] for n in cheap))
    every = {name: value for name, (value, _) in out.items() if name != LAST and not name.startswith("ensemble")}
    add("ensemble of all", lambda: score.Ensemble().score(every), sum(out[name][1] for name in every))
    return out


def run(data: ModuleType | None, out: Path, cache: Path, seeds: list[int], only: str) -> None:
    done = finished(out, "set", "seed")
    for name, make in tasks(data, cache):
        for seed in seeds:
            if (name, str(seed)) in done or only not in name:
                continue
            task = make(seed)
            lines = []
            for detector, (value, seconds) in scored(task, seed).items():
                at = value[task.known]
                measured = {
                    "average_precision": f"{average_precision_score(task.wrong, at):.4f}",
                    "auroc": f"{roc_auc_score(task.wrong, at):.4f}",
                    "cpu_seconds": f"{seconds:.2f}",
                }
                counts = {"rows": len(task.known), "wrong": int(task.wrong.sum())}
                lines.append({"set": name, "seed": seed, "detector": detector, **measured, **counts})
            append_rows(out, FIELDS, lines)
            print(name, seed, {r["detector"]: r["average_precision"] for r in lines}, flush=True)


def table(out: Path, figure: str) -> str:
    """One line per detector, best average first: the mean over seeds on each set, and the mean over sets."""
    lines = read_rows(out)
    sets, detectors = (list(dict.fromkeys(r[key] for r in lines)) for key in ("set", "detector"))
    mean = {}
    for d in detectors:
        found = [[float(r[figure]) for r in lines if (r["set"], r["detector"]) == (s, d)] for s in sets]
        mean[d] = np.array([np.mean(values) if values else np.nan for values in found])
    best = np.nanmax(list(mean.values()), axis=0)
    rows = []
    for d in sorted(detectors, key=lambda d: -np.nan_to_num(mean[d].mean())):
        cells = [f"**{v:.3f}**" if v == top else f"{v:.3f}" for v, top in zip(mean[d], best, strict=True)]
        rows.append(
            f"| {d} | {mean[d].mean():.3f} | ".replace("nan", "-") + " | ".join(cells).replace("nan", "-") + " |"
        )
    counted = {r["set"]: float(r["wrong"]) / float(r["rows"]) for r in lines}
    share = [counted[s] for s in sets]
    chance = [0.5] * len(sets) if figure == "auroc" else share
    rows.append(f"| *chance* | {np.mean(chance):.3f} | " + " | ".join(f"{v:.3f}" for v in chance) + " |")
    head = ["| detector | mean | " + " | ".join(sets) + " |", "|---" * (len(sets) + 2) + "|"]
    return "\n".join(head + rows)


def accuracies(x: Array, y: Array, said: Array, k: int, seed: int) -> list[float]:
    """Test accuracy of a linear head on a third of the rows: given labels, marked rows dropped, corrected, truth; then
    the shares of wrong and of marked rows, and how many given labels held-out predictions repeat, before and after.

    The penalty is chosen for the given labels by out-of-fold loss, and used for all four.
    """
    order = numpy_rng(seed, "refit").permutation(len(y))
    test, train = order[: len(y) // 3], order[len(y) // 3 :]
    x_train, given = x[train], said[train]
    folds = {l2: out_of_fold(x_train, given, k, seed=seed, l2=l2) for l2 in PENALTIES}
    loss = {l2: -np.log(np.maximum(p[np.arange(len(given)), given], 1e-7)).mean() for l2, p in folds.items()}
    l2 = min(loss, key=lambda each: loss[each])
    marked = score.find_label_issues(given, folds[l2])
    better = np.where(marked, score.suggest_labels(given, folds[l2]).label, given)
    everything = np.ones(len(given), bool)
    without = out_of_fold(x_train, given, k, seed=seed, l2=l2, weight=(~marked).astype(float))
    said_so = [float((p.argmax(axis=1) == given).mean()) for p in (folds[l2], without)]
    out = []
    for labels, kept in ((given, everything), (given, ~marked), (better, everything), (y[train], everything)):
        head = fit_linear(x_train[kept], labels[kept], k, l2=l2)
        out.append(float((head.probabilities(x[test]).argmax(axis=1) == y[test]).mean()))
    return [*out, float((given != y[train]).mean()), float(marked.mean()), *said_so]


def refit(data: ModuleType | None, cache: Path, seeds: list[int]) -> None:
    print(
        "| set | wrong | marked | plain | marked dropped | marked corrected | true labels | "
        "change of held-out agreement when dropped |\n" + "|---" * 8 + "|"
    )
    for name, make in tasks(data, cache):
        if "verdicts" in name:
            continue
        rows = []
        for seed in seeds[:1] if "cifar10n" in name else seeds:
            task = make(seed)
            assert task.truth is not None
            rows.append(accuracies(task.x, task.truth, task.y, task.k, seed))
        plain, dropped, corrected, clean, wrong, marked, before, after = np.mean(rows, axis=0)
        print(
            f"| {name} | {wrong:.1%} | {marked:.1%} | {plain:.3f} | {dropped:.3f} | {corrected:.3f} | {clean:.3f} | "
            f"{after - before:+.3f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table", "refit"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/detection.csv"))
    parser.add_argument("--cache", type=Path, default=Path("/tmp/sfumato-cifar10"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default="", help="sets whose name holds this")
    told = parser.parse_args()
    if told.what == "table":
        for figure in ("average_precision", "auroc"):
            print(f"\n{figure}\n\n{table(told.out, figure)}")
        return
    torch.set_num_threads(1)
    data = loader()
    if data is None:
        print("no real data beside the repository: digits only", file=sys.stderr)
    if told.what == "refit":
        refit(data, told.cache, told.seeds)
        return
    run(data, told.out, told.cache, told.seeds, told.only)


if __name__ == "__main__":
    main()
