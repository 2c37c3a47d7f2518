"""Noisy-label methods on human noise: CIFAR-10N worst and aggregate, on frozen features that no label helped to make.

    OMP_NUM_THREADS=1 python benchmarks/cifar10n.py run --seeds 0 1 2 --out docs/measurements/cifar10n.csv
    python benchmarks/cifar10n.py table --out docs/measurements/cifar10n.csv --page docs/measurements/cifar10n.md

Features (coates2011analysis): k-means on whitened 6 x 6 patches, triangle activation, sums over the four quadrants;
they are kept as float32 .npy below --cache. Head: an MLP with one hidden layer that can memorise its training
labels. The real data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides); without them
nothing is run. ``run`` appends one line per finished run and skips those that the file holds already. The first
TRAIN rows train, the next HELD choose an epoch: the one at which the model agrees most with their noisy labels, of
MEASURES in equal steps. The noise rate and the transition matrix are estimated from the noisy labels by confident
counting; true labels serve the row "ce on clean labels" and the test.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from real_data import loader
from rows import append_rows, finished, read_rows
from torch import Tensor

from sfumato.catalogue import method as card_of
from sfumato.catalogue import methods
from sfumato.core.streams import numpy_rng
from sfumato.estimate import NoiseRate, TransitionConfidentJoint
from sfumato.labels import Clean, Exact, Noisy
from sfumato.parts.linear import out_of_fold
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.needs import build_law, required
from sfumato.train.networks import build
from sfumato.train.pool import predict

FIELDS = ("labels", "method", "seed", "last", "chosen", "epoch", "fits_noise", "cpu_seconds")
ROWS, CENTROIDS, EPOCHS, HIDDEN, BATCH = 10_000, 400, 30, 128, 128
TRAIN, HELD, MEASURES = 5_000, 1_000, 6
COLUMNS = {"worst": "worse_label", "aggregate": "aggre_label"}
CLEAN = "ce on clean labels"
MARKS = "<!-- tables -->", "<!-- end of tables -->"
VARIANTS: dict[str, tuple[str, dict[str, float]]] = {
    "label-smoothing, r = -0.2": ("label-smoothing", {"r": -0.2, "warmup": 0.3}),
}


def patches(images: Tensor) -> Tensor:
    """(n, 729, 108) the 6 x 6 patches of images (n, 3, 32, 32), each freed of its mean and contrast."""
    p = torch.nn.functional.unfold(images, 6).transpose(1, 2)
    p = p - p.mean(2, keepdim=True)
    return p / (p.square().mean(2, keepdim=True) + 10).sqrt()


class Patches:
    """Centroids of whitened patches and the features that they give: sum over a quadrant of max(0, mean distance -
    distance)."""

    def __init__(self, images: Tensor, centroids: int, seed: int = 0, sample: int = 100_000, rounds: int = 12) -> None:
        rng = numpy_rng(seed, "patches")
        some = images[torch.from_numpy(rng.choice(len(images), 1000, replace=False))]
        flat = patches(some).reshape(-1, 108)
        flat = flat[torch.from_numpy(rng.choice(len(flat), sample, replace=False))]
        self.mean = flat.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((flat - self.mean).T))
        self.whiten = vectors @ torch.diag((values + 0.1).rsqrt()) @ vectors.T
        flat = (flat - self.mean) @ self.whiten
        self.centroids = flat[torch.from_numpy(rng.choice(sample, centroids, replace=False))].clone()
        for _ in range(rounds):
            owner = (flat @ self.centroids.T - self.centroids.square().sum(1) / 2).argmax(1)
            count = torch.bincount(owner, minlength=centroids)
            total = torch.zeros_like(self.centroids).index_add_(0, owner, flat)
            self.centroids = torch.where(count[:, None] > 0, total / count.clamp_min(1)[:, None], self.centroids)

    def __call__(self, images: Tensor, chunk: int = 32) -> Tensor:
        out, squares = [], self.centroids.square().sum(1)
        for part in images.split(chunk):
            p = (patches(part) - self.mean) @ self.whiten
            distance = (p.square().sum(2, keepdim=True) - 2 * p @ self.centroids.T + squares).clamp_min_(0).sqrt_()
            active = (distance.mean(2, keepdim=True) - distance).clamp_min_(0).view(len(part), 27, 27, -1)
            halves = (slice(0, 14), slice(14, 27))
            out.append(torch.stack([active[:, a, b].sum((1, 2)) for a in halves for b in halves], 1).flatten(1))
        return torch.cat(out)


def features(data: ModuleType, rows: int, centroids: int, cache: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Standardised features and classes of the first ``rows`` training pictures and of all test pictures."""
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / f"cifar10_{part}_{rows}_{centroids}.npy" for part in ("train", "test")]
    truth = [np.asarray(data._npz(f"cifar10/cifar10_{p}_jpegpack.npz")["label"], np.int64) for p in ("train", "test")]
    if not all(path.exists() for path in paths):
        started = time.process_time()
        train, test = (data.cifar10(part, limit)["x"] for part, limit in (("train", rows), ("test", None)))
        images = [torch.from_numpy(x).permute(0, 3, 1, 2).float() for x in (train, test)]
        found = Patches(images[0], centroids)
        raw = [found(each) for each in images]
        mean, spread = raw[0].mean(0), raw[0].std(0).clamp_min(1e-6)
        for path, each in zip(paths, raw, strict=True):
            np.save(path, ((each - mean) / spread).numpy())
        print(f"features: {time.process_time() - started:.0f} CPU seconds", flush=True)
    x_train, x_test = (torch.from_numpy(np.load(path)) for path in paths)
    return x_train, torch.from_numpy(truth[0][:rows]), x_test, torch.from_numpy(truth[1])


@dataclass
class Given:
    """Features and true classes of all rows, the noisy labels beside them; test rows; what was estimated."""

    x: Tensor
    y: Tensor
    noisy: Tensor
    x_test: Tensor
    y_test: Tensor
    known: dict[str, Any]


def one(name: str, seed: int, given: Given) -> dict[str, str]:
    """Train once; two networks predict together. What is measured on the way is not in the CPU seconds."""
    base, settings = ("ce", {}) if name == CLEAN else VARIANTS.get(name, (name, {}))
    card = card_of(base, kinds=("noisy", "exact"))
    objective = card.cls(**settings)
    x, y = given.x[:TRAIN], given.noisy[:TRAIN]
    labels = Exact(given.y[:TRAIN], 10) if name == CLEAN else Noisy(y, 10)
    law: Any = Clean() if card.kind == "exact" else objective.law_for(labels)
    values = {need: given.known[need] for need in required(objective, law) if need in given.known}
    if isinstance(law, type):
        law = build_law(objective, law, values) or law
    config = Config(**{"epochs": EPOCHS, "batch_size": BATCH, "lr": 1e-3, "seed": seed, **objective.recipe})
    head = objective.head_for(law)

    def network(member: int) -> torch.nn.Module:
        return build("mlp", tuple(x.shape[1:]), head.width(10), 10 * seed + member, (HIDDEN,), 0.0, head.layer)

    def said(run: Run, rows: Tensor) -> Tensor:
        return predict(objective, run.final(), law, labels, rows, run).argmax(1)

    best, measuring = (-1.0, 0, 0.0), 0.0

    def watch(run: Run) -> None:
        nonlocal best, measuring
        if run.epoch % (EPOCHS // MEASURES):
            return
        before = time.process_time()
        agreed = float((said(run, given.x[TRAIN : TRAIN + HELD]) == given.noisy[TRAIN : TRAIN + HELD]).double().mean())
        if agreed > best[0]:
            best = (agreed, run.epoch, float((said(run, given.x_test) == given.y_test).double().mean()))
        measuring += time.process_time() - before

    started = time.process_time()
    run = Run(x, labels, objective, network, config, law=law, needs=values).fit(on_epoch=watch)
    seconds = time.process_time() - started - measuring
    wrong = y != given.y[:TRAIN]
    return {
        "method": name,
        "seed": str(seed),
        "last": f"{float((said(run, given.x_test) == given.y_test).double().mean()):.4f}",
        "chosen": f"{best[2]:.4f}",
        "epoch": str(best[1]),
        "fits_noise": f"{float((said(run, x)[wrong] == y[wrong]).double().mean()):.4f}",
        "cpu_seconds": f"{seconds:.1f}",
    }


def names() -> list[str]:
    """Cross entropy, the clean bound, then every objective for noisy labels, those with two networks last."""
    rooms = ("sfumato.learn.noisy", "sfumato.learn.exact")
    found = [card for card in methods("learn", "noisy") if card.cls.__module__.startswith(rooms) and card.name != "ce"]
    members = {card.name: card.cls.members for card in found}
    return ["ce", CLEAN, *sorted([*members, *VARIANTS], key=lambda name: (members.get(name, 1), name))]


def estimated(x: Tensor, noisy: Tensor, cache: Path, column: str) -> dict[str, Any]:
    """The noise rate and the transition matrix, from one set of out-of-fold probabilities on the noisy labels."""
    path = cache / f"cifar10n_{column}_{len(x)}_of_{x.shape[1]}_probabilities.npy"
    if not path.exists():
        started = time.process_time()
        np.save(path, out_of_fold(x.numpy(), noisy.numpy(), 10, folds=5, l2=1000.0))
        print(f"out-of-fold probabilities: {time.process_time() - started:.0f} CPU seconds", flush=True)
    p = np.load(path)
    transition = TransitionConfidentJoint(repeats=0).from_probabilities(noisy.numpy(), p)
    rate = NoiseRate(repeats=0).from_probabilities(noisy.numpy(), p)
    return {"transition": torch.from_numpy(transition).float(), "noise_rate": rate}


def prepared(data: ModuleType, column: str, cache: Path) -> Given:
    """One column of people's labels, with what is estimated from it."""
    x, y, x_test, y_test = features(data, ROWS, CENTROIDS, cache)
    noisy = torch.from_numpy(np.asarray(data.human("cifar10n")[COLUMNS[column]][:ROWS], np.int64))
    known = estimated(x[:TRAIN], noisy[:TRAIN], cache, column)
    real = torch.zeros(10, 10, dtype=torch.float64)
    real.index_put_((y[:TRAIN], noisy[:TRAIN]), torch.ones(TRAIN, dtype=torch.float64), True)
    gap = float((real / real.sum(1, keepdim=True) - known["transition"]).abs().mean())
    wrong = float((noisy != y)[:TRAIN].double().mean())
    print(
        f"{column}: wrong {wrong:.4f}, estimated {known['noise_rate']:.4f}; mean |T - estimate| {gap:.4f}", flush=True
    )
    return Given(x, y, noisy, x_test, y_test, known)


def run(data: ModuleType, out: Path, cache: Path, seeds: list[int], only: list[str]) -> None:
    done = finished(out, "labels", "method", "seed")
    sets = {column: prepared(data, column, cache) for column in COLUMNS}
    for seed in seeds:
        for column, given in sets.items():
            for name in only or names():
                if (column, name, str(seed)) in done:
                    continue
                line = {"labels": column, **one(name, seed, given)}
                print(line, flush=True)
                append_rows(out, FIELDS, [line])


def table(out: Path) -> str:
    """The lines of the file as one table per column of labels, best last epoch first; the spread is that over seeds."""
    lines = read_rows(out)
    text = []
    for column in COLUMNS:
        rows = []
        for name in dict.fromkeys(r["method"] for r in lines if r["labels"] == column):
            mine = [r for r in lines if (r["method"], r["labels"]) == (name, column)]
            last, chosen, fit, cpu = (np.array([float(r[f]) for r in mine]) for f in FIELDS[3:5] + FIELDS[6:])
            spread = f" ± {100 * last.std(ddof=1):.1f}" if len(mine) > 1 else ""
            figures = f"{100 * last.mean():.1f}{spread} | {100 * chosen.mean():.1f} | {100 * fit.mean():.0f}"
            rows.append((last.mean(), f"| {name} | {figures} | {cpu.mean():.0f} | {len(mine)} |"))
        head = f"| {column} | last epoch, % | chosen epoch, % | wrong training labels reproduced, % | CPU s | seeds |"
        text += [head, "|---" * 6 + "|", *(row for _, row in sorted(rows, key=lambda r: -r[0])), ""]
    return "\n".join(text)


def put(page: Path, text: str) -> None:
    """Replace what stands between the page's two marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    page.write_text(f"{before}{MARKS[0]}\n\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/cifar10n.csv"))
    parser.add_argument("--page", type=Path, help="where the tables take the place of older ones")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/sfumato-cifar10"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", default=[])
    told = parser.parse_args()
    if told.what == "table":
        print(table(told.out))
        if told.page:
            put(told.page, table(told.out))
        return
    torch.set_num_threads(1)
    data = loader()
    if data is None:
        sys.exit("skipped: no real data beside the repository (set SFUMATO_REAL_DATA to the folder of load_real.py)")
    run(data, told.out, told.cache, told.seeds, told.only)


if __name__ == "__main__":
    main()
