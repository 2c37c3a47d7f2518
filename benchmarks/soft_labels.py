"""Soft labels of crowds as training targets, on clean and shifted test rows; and consensus by labellers' quality.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/soft_labels.py run --out docs/measurements/soft_labels.csv
    python benchmarks/soft_labels.py table --out docs/measurements/soft_labels.csv
    OMP_NUM_THREADS=1 python benchmarks/soft_labels.py consensus

``run`` appends the rows of a set and seed as they are finished and skips those that the file holds already; ``table``
and ``consensus`` print. Real data: the folder SFUMATO_REAL_DATA, or shared/data beside the repository.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_data import needed
from rows import append_rows, finished, read_rows
from scipy.optimize import minimize_scalar

from sfumato import Classifier
from sfumato.aggregate import COMBINERS, MajorityVote, QualityConsensus, combine
from sfumato.aggregate.soft_labels import MEMBERS
from sfumato.catalogue import method as card_of
from sfumato.core.streams import numpy_rng
from sfumato.labels import Distribution, Votes
from sfumato.score import bayesian_risk, soft_cross_entropy, soft_label_measures

Floats = NDArray[np.float64]
SETS = ("cifar10n", "labelme", "youtube_lf", "hausa_lf")
TRAIN, TEST, HIDDEN, STEPS, BATCH = 4000, 2000, (64,), 500, 128
HARD, PENALISED = "hard majority", "penalised-all-inclusive"
TARGETS = (HARD, *MEMBERS, *COMBINERS, PENALISED)
MEASURES = ("cross-entropy", "calibrated", "jensen-shannon", "brier", "calibration-error", "entropy-correlation")
MEASURES += ("inclusive-f1", "accuracy")
FIELDS = ("data", "target", "seed", "rows", *MEASURES, "fit_seconds")
HIGHER = ("entropy-correlation", "inclusive-f1", "accuracy")


@dataclass
class World:
    """Features and votes to train on; test features, clean and shifted, with the shares of classes that people gave."""

    x: Floats
    votes: Votes
    test: dict[str, Floats]
    truth: Floats


def picture_features(pictures: NDArray[np.float64]) -> Floats:
    """Histograms of gradient directions (8, by their length) and means of colours, in 4 x 4 cells of 8 x 8 pixels."""
    gray = pictures.mean(3)
    dy, dx = np.gradient(gray, axis=(1, 2))
    size = np.hypot(dx, dy)
    turn = np.minimum((np.mod(np.arctan2(dy, dx), 2 * np.pi) / (2 * np.pi) * 8).astype(int), 7)

    def cells(v: Floats) -> Floats:
        return np.asarray(v.reshape(len(v), 4, 8, 4, 8, -1).mean((2, 4)).reshape(len(v), -1))

    hog = np.sqrt(cells(size[..., None] * (turn[..., None] == np.arange(8))))
    return np.hstack([hog, cells(pictures)])


def cifar10n(data: ModuleType) -> tuple[Floats, Votes, Floats, Callable[[Any], Floats], Floats]:
    """Three people's labels per training picture; test shares of about 51 people; shift: noise on the pixels."""
    train, test = (data.cifar10(part, limit=n)["x"].astype(float) for part, n in (("train", TRAIN), ("test", TEST)))
    told = data.human("cifar10n")
    said = np.stack([told[f"random_label{j}"][:TRAIN] for j in (1, 2, 3)], 1).astype(int)
    counts = data.human("cifar10h")["counts"][:TEST].astype(float)

    def shifted(rng: Any) -> Floats:
        return picture_features(np.clip(test + 40 * rng.normal(size=test.shape), 0, 255))

    votes = Votes.from_matrix(said, k=10, abstain=None)
    return picture_features(train), votes, picture_features(test), shifted, counts / counts.sum(1, keepdims=True)


def world(name: str, seed: int) -> World:
    """A set; features are standardised by the training rows; the shift is drawn by the seed."""
    data, rng = needed(), numpy_rng(seed, f"soft-labels-{name}")
    if name == "cifar10n":
        x, votes, test, shifted, truth = cifar10n(data)
        moved = shifted(rng)
    else:
        if name == "labelme":
            d = data.crowd("labelme")
            x, test = d["x_train"].astype(float), d["x_test"].astype(float)
            votes = Votes.from_table(d["task"], d["worker"], d["label"], n=len(x), classes=range(8))
            truth = np.eye(8)[d["y_test"]]
        else:
            d = data.lf(name)
            told = (d["split"] == 0) & (d["votes"] >= 0).any(1)  # items of which no rule speaks are left out
            x, test = (d["emb"][rows].astype(float) for rows in (told, d["split"] == 2))
            votes = Votes.from_matrix(d["votes"][told].astype(int), k=len(d["classes"]), absent=True)
            truth = np.eye(len(d["classes"]))[d["y"][d["split"] == 2]]
        moved = test + 2 * x.std(0) * rng.normal(size=test.shape)
    middle, spread = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1)
    both = {"clean": (test - middle) / spread, "shifted": (moved - middle) / spread}
    return World((x - middle) / spread, votes, both, truth)


def targets(votes: Votes) -> dict[str, Floats]:
    """Every soft label."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = {name: card_of(name, role="aggregate").cls().fit(votes).posterior for name in MEMBERS}
    members = [found[name] for name in MEMBERS]
    for how in COMBINERS:
        found[how] = combine(members, how)
    votes_ = found["majority-vote"]
    found[HARD] = np.eye(votes_.shape[1])[votes_.argmax(1)]
    return found


def calibrated(d: Floats, p: Floats, seed: int) -> float:
    """Cross entropy at the best temperature: found on one half of the test rows, measured on the other, both ways over
    five halvings. It reads test labels: an oracle."""
    log_p, scores = np.log(np.maximum(p, 1e-12)), []

    def scaled(rows: Any, log_t: float) -> Floats:
        z = log_p[rows] / np.exp(log_t)
        e = np.exp(z - z.max(1, keepdims=True))
        return np.asarray(e / e.sum(1, keepdims=True))

    for turn in range(5):
        half = numpy_rng(seed, "soft-labels-halves", turn).permutation(len(d)) % 2 == 0
        for a, b in ((half, ~half), (~half, half)):
            best = minimize_scalar(
                lambda t, a=a: soft_cross_entropy(d[a], scaled(a, t)).mean(), bounds=(-3, 4), method="bounded"
            ).x
            scores.append(float(soft_cross_entropy(d[b], scaled(b, best)).mean()))
    return float(np.mean(scores))


def measure(name: str, seed: int) -> list[dict[str, Any]]:
    """The rows of a set and seed: one per target and kind of test rows."""
    w = world(name, seed)
    soft, rows = targets(w.votes), []
    epochs = max(round(STEPS * BATCH / len(w.x)), 1)
    for target in TARGETS:
        begin = time.process_time()
        penalised = target == PENALISED
        clf = Classifier(
            method=PENALISED if penalised else "marginal-likelihood",
            network="mlp",
            hidden=HIDDEN,
            epochs=epochs,
            batch_size=BATCH,
            seed=seed,
        ).fit(w.x, w.votes if penalised else Distribution.from_matrix(soft[target]))
        seconds = time.process_time() - begin
        for kind, x in w.test.items():
            p = np.asarray(clf.predict_proba(x), float)
            found = soft_label_measures(w.truth, p) | {"calibrated": calibrated(w.truth, p, seed)}
            told = {"data": name, "target": target, "seed": seed, "rows": kind, "fit_seconds": round(seconds, 1)}
            rows.append(told | {m: round(found[m], 5) for m in MEASURES})
        print(name, seed, target, f"{seconds:.1f} s", flush=True)
    return rows


def run(path: Path, seeds: Sequence[int], names: Sequence[str]) -> None:
    """Every set and seed that the file has not."""
    seen = finished(path, "data", "seed")
    for seed in seeds:
        for name in names:
            if (name, str(seed)) in seen:
                continue
            append_rows(path, FIELDS, measure(name, seed))


def table(path: Path) -> None:
    """Per set and kind of test rows the means over seeds; then mean ranks over the sets, 1 the best."""
    cells: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    for row in read_rows(path):
        for m in MEASURES:
            cells[row["data"], row["rows"], row["target"], m].append(float(row[m]))
    mean = {key: float(np.mean(v)) for key, v in cells.items()}
    kinds = [(data, kind) for data in SETS for kind in ("clean", "shifted") if (data, kind, HARD, "accuracy") in mean]
    for data, kind in kinds:
        print(f"\n### {data}, {kind} test rows\n\n| target | {' | '.join(MEASURES)} |\n|{'-|' * (len(MEASURES) + 1)}")
        for target in TARGETS:
            told = [f"{mean[data, kind, target, m]:.3f}".replace("nan", "") for m in MEASURES]
            print(f"| {target} | {' | '.join(told)} |")
    for kind in ("clean", "shifted"):
        sets = [data for data, k in kinds if k == kind]
        asked = [m for m in MEASURES if m not in ("entropy-correlation", "inclusive-f1")]
        print(f"\n### Mean rank over {len(sets)} sets, {kind} test rows\n\n| target | {' | '.join(asked)} |")
        print(f"|{'-|' * (len(asked) + 1)}")
        ranks: dict[str, list[float]] = defaultdict(list)
        for m in asked:
            each = np.zeros(len(TARGETS))
            for data in sets:
                values = np.array([mean[data, kind, t, m] for t in TARGETS]) * (-1 if m in HIGHER else 1)
                each += 1 + (values[:, None] > values).sum(1) + ((values[:, None] == values).sum(1) - 1) / 2
            for t, rank in zip(TARGETS, each / len(sets), strict=True):
                ranks[t].append(rank)
        for t in TARGETS:
            print(f"| {t} | {' | '.join(f'{r:.1f}' for r in ranks[t])} |")


def hits(p: Floats, truth: Floats) -> float:
    """Accuracy, ties shared."""
    top = p >= p.max(1, keepdims=True) - 1e-9
    return float(((top * truth).sum(1) / top.sum(1)).mean())


def consensus(seeds: Sequence[int]) -> None:
    """Votes weighted by quality on a fifth of the items, and whether the risk finds the errors, on the rest."""
    data = needed()
    print("| set | accuracy | of the vote | Brier | of the vote | risk > .34 | error there | error elsewhere |")
    print("|-|-|-|-|-|-|-|-|")
    for name in ("bluebird", "rte", "dog", "face_sentiment", "product"):
        d, lines = data.crowd(name), []
        n, k = len(d["truth"]), len(d["classes"])
        for seed in seeds:
            known = numpy_rng(seed, f"soft-labels-consensus-{name}").random(n) < 0.2
            gold = {int(i): int(d["truth"][i]) for i in np.flatnonzero(known)}
            votes = Votes.from_table(d["task"], d["worker"], d["label"], n=n, classes=range(k), gold=gold)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                ours, plain = (model().fit(votes).posterior[~known] for model in (QualityConsensus, MajorityVote))
            truth = np.eye(k)[d["truth"][~known]]
            told = [
                *(hits(p, truth) for p in (ours, plain)),
                *(((p - truth) ** 2).sum(1).mean() for p in (ours, plain)),
            ]
            high = bayesian_risk(ours) > 0.34
            wrong = 1 - truth[np.arange(len(truth)), ours.argmax(1)]
            lines.append([*told, high.mean(), wrong[high].mean(), wrong[~high].mean()])
        print(f"| {name} | {' | '.join(f'{v:.3f}' for v in np.mean(lines, 0))} |")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table", "consensus"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/soft_labels.csv"))
    parser.add_argument("--seeds", type=int, nargs="*", default=(0, 1, 2))
    parser.add_argument("--sets", nargs="*", choices=SETS, default=SETS)
    given = parser.parse_args(argv)
    if given.what == "run":
        run(given.out, given.seeds, given.sets)
    elif given.what == "table":
        table(given.out)
    else:
        consensus(given.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
