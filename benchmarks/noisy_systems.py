"""Whether what four papers on noisy labels claim shows at small scale: TABASCO, RCAL, PLS-LSA, NMTune.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/noisy_systems.py run --out docs/measurements/noisy_systems.csv
    python benchmarks/noisy_systems.py table --out docs/measurements/noisy_systems.csv

Every comparison is paired: same rows, noise, splits and first weights for all arms of a seed. True labels make the
noise and measure; no arm reads them, except NMTune's (its labels downstream are clean by assumption). Methods run with
their defaults. ``run`` appends one line per number and skips what the file holds. Real data as in cifar10n.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from real_data import loader
from rows import append_rows, finished, read_rows
from scipy.ndimage import gaussian_filter
from scipy.stats import t as student
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score, roc_auc_score
from torch import Tensor, nn

from sfumato.catalogue import method as card_of
from sfumato.core.streams import numpy_rng
from sfumato.labels import ClassConditional, Clean, Exact, Noisy, Symmetric
from sfumato.learn.noisy.nmtune import NMTune
from sfumato.learn.noisy.pls_lsa import PLSLSA, beyond_the_plane
from sfumato.learn.noisy.rcal import RCAL, borrowed, gaussians
from sfumato.learn.noisy.tabasco import selected
from sfumato.learn.objective import Objective
from sfumato.parts.linear import fit_linear
from sfumato.parts.losses import cross_entropy
from sfumato.parts.mixture import two_normals
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Line = tuple[str, str, str, float]  # setting, arm, measure, value
FIELDS = ("check", "setting", "arm", "measure", "seed", "value")


def trained(
    objective: Objective, x: Floats, y: Ints, seed: int, epochs: int, network: str = "mlp", law: Any = ClassConditional
) -> Run:
    """A finished run of an objective on rows and labels of ten classes."""
    labels = Exact(torch.from_numpy(y), 10) if law is Clean else Noisy(torch.from_numpy(y), 10)
    settings = {"epochs": epochs, "lr": 1e-3, "batch_size": 64, "seed": seed, **objective.recipe}

    def make(member: int) -> nn.Module:
        return build(network, x.shape[1:], 10, 10 * seed + member, (128,))

    rows = torch.from_numpy(np.asarray(x, np.float32))
    return Run(rows, labels, objective, make, Config(**settings), law=law() if law is Clean else law).fit()


def balanced(run: Run, x: Floats, y: Ints) -> float:
    """Mean of the classes' accuracies."""
    p = torch.stack([torch.softmax(z, 1) for z in run.logits(torch.from_numpy(np.asarray(x, np.float32)))]).mean(0)
    right = (p.argmax(1).numpy() == y).astype(float)
    return float(np.mean([right[y == c].mean() for c in range(10)]))


def noisy(y: Ints, rate: float, seed: int) -> Ints:
    return np.asarray(Symmetric(rate).sample(torch.from_numpy(y), 10, torch.Generator().manual_seed(seed)).y.numpy())


def thinned(y: Ints, largest: int, factor: float, seed: int) -> Ints:
    """Rows of which the classes, in a random order, hold from ``largest`` down to largest / factor, exponentially."""
    draws = numpy_rng(seed, "tail")
    order, rows = draws.permutation(10), []
    for place, c in enumerate(order):
        here = draws.permutation(np.flatnonzero(y == c))
        rows.append(here[: max(2, round(largest * factor ** (-place / 9)))])
    return np.concatenate(rows)


def mnist(data: ModuleType) -> tuple[Floats, Ints, Floats, Ints]:
    """50 principal components of the first 30,000 training pictures and of 5,000 test pictures, of spread one."""
    raw = data.mnist()
    train, test = (raw[f"x_{part}"].reshape(-1, 784)[:n] / 255.0 for part, n in (("train", 30_000), ("test", 5_000)))
    centre = train.mean(0)
    _, vectors = np.linalg.eigh(np.cov((train - centre).T))
    a, b = (train - centre) @ vectors[:, ::-1][:, :50], (test - centre) @ vectors[:, ::-1][:, :50]
    labels = [raw[f"y_{part}"][:n].astype(np.int64) for part, n in (("train", 30_000), ("test", 5_000))]
    return a / a.std(), labels[0], b / a.std(), labels[1]


def by_loss(losses: Floats, y: Ints) -> Floats:
    """(n,) the small-loss rule class by class: posterior of the lower component."""
    clean = np.ones(len(y))
    for c in np.unique(y):
        clean[y == c] = 1 - two_normals(losses[y == c]).upper
    return clean


def tabasco(data: ModuleType, seed: int) -> Iterator[Line]:
    """Which labels of the three classes that are truly smallest are right, told from one warm-up model; then balanced
    accuracy, of cross entropy on what was selected and of whole methods."""
    x, y, x_test, y_test = mnist(data)
    for factor in (10, 100):
        rows = thinned(y, 1000, factor, seed)
        said = noisy(y[rows], 0.4, seed)
        smallest = np.argsort(np.bincount(y[rows], minlength=10))[:3]
        few = np.isin(said, smallest)
        setting = f"MNIST, imbalance {factor}, noise .4"
        warm = trained(card_of("ce", kinds=("exact",)).cls(), x[rows], said, seed, 10)
        z, h = _outputs(warm)
        losses = cross_entropy(z, torch.from_numpy(said)).double().numpy()
        p = torch.softmax(z.double(), 1).numpy()
        arms = {
            "small loss, all classes at once": 1 - two_normals(losses).upper,
            "small loss per class": by_loss(losses, said),
            "TABASCO's rule": selected(p, h.double().numpy(), said, 10),
        }
        for arm, clean in arms.items():
            kept = clean > 0.5
            right = said == y[rows]
            yield setting, arm, "F1, three smallest", float(f1_score(right[few], kept[few], zero_division=0))
            yield setting, arm, "F1, all classes", float(f1_score(right, kept))
            again = trained(card_of("ce", kinds=("exact",)).cls(), x[rows][kept], said[kept], seed, 20)
            yield setting, arm, "balanced accuracy, retrained", balanced(again, x_test, y_test)
        names = ("ce", "regularised-ce", "dividemix", "tabasco")
        methods = {name: card_of(name, kinds=("noisy", "exact")).cls() for name in names}
        for arm, objective in methods.items():
            whole = trained(objective, x[rows], said, seed, 30)
            yield setting, arm, "balanced accuracy, method", balanced(whole, x_test, y_test)


def _outputs(run: Run) -> tuple[Tensor, Tensor]:
    """z and features of a stock MLP on its own rows."""
    net: Any = run.nets[0].eval()
    with torch.no_grad():
        h = net.body(run.rows_of(torch.arange(len(run.X))))
        return net.head(h), h


def rcal(data: ModuleType, seed: int) -> Iterator[Line]:
    """How far the means of tail classes are from those of all clean rows, and what virtual rows are worth to a linear
    head."""
    x, y, x_test, y_test = mnist(data)
    digits, truth = load_digits(return_X_y=True)
    order = numpy_rng(seed, "split").permutation(len(truth))
    digits, truth = ((digits - digits.mean(0)) / digits.std())[order], truth[order].astype(np.int64)
    sets = {
        "MNIST": (x, y, x_test, y_test, 600),
        "digits": (digits[:1200], truth[:1200], digits[1200:], truth[1200:], 100),
    }
    for name, (rows, real, rows_test, real_test, largest) in sets.items():
        for factor in (20, 50):
            at = thinned(real, largest, factor, seed)
            f, said = rows[at], noisy(real[at], 0.3, seed)
            setting = f"{name}, imbalance {factor}, noise .3"
            clean = np.stack([rows[real == c].mean(0) for c in range(10)])
            count, centre, spread = gaussians(f, said, np.ones(len(said)), 10)
            tail = np.flatnonzero(count < count.mean())
            own = RCAL()
            means = {
                "as labeled": np.stack([f[said == c].mean(0) for c in range(10)]),
                "after LOF": centre,
                "after LOF and borrowing": borrowed(count, centre, spread, own.heads, own.borrow)[0],
            }
            for arm, found in means.items():
                distance = float(np.linalg.norm((found - clean)[tail], axis=1).mean())
                yield setting, arm, "distance of tail means", distance
            for arm, objective in {
                "mixup": card_of("mixup", kinds=("exact",)).cls(),
                "regularised-ce": card_of("regularised-ce", kinds=("exact",)).cls(),
                "rcal, no borrowing": RCAL(borrow=0.0),
                "rcal": own,
            }.items():
                for network in ("linear", "residual") if arm in ("mixup", "rcal") else ("linear",):
                    run = trained(objective, f, said, seed, 20, network)
                    yield setting, arm, f"balanced accuracy, {network}", balanced(run, rows_test, real_test)


class LossOnly(PLSLSA):
    """PLS-LSA without the plane."""

    def epoch(self, z: Tensor, s: Noisy, rows: dict[str, Tensor], progress: float) -> dict[str, Any]:  # type: ignore[override]
        return {} if progress < self.warmup else self.doubted(z, rows, self.large_losses(z, s))


class PlaneOnly(PLSLSA):
    """PLS-LSA whose every split is the plane's."""

    def epoch(self, z: Tensor, s: Noisy, rows: dict[str, Tensor], features: Tensor, progress: float) -> dict[str, Any]:  # type: ignore[override]
        if progress < self.warmup:
            return {}
        return self.doubted(z, rows, beyond_the_plane(features, self.large_losses(z, s), self.ridge))


def pls_lsa(data: ModuleType | None, seed: int) -> Iterator[Line]:
    """Digits, three in ten of the training rows foreign (pixels scrambled, one order for all), one in five of the
    others mislabeled; 40 principal components. Who finds the foreign rows, and how accurate turns are beside either
    alone."""
    digits, truth = load_digits(return_X_y=True)
    draws = numpy_rng(seed, "foreign")
    order, scramble = draws.permutation(len(truth)), draws.permutation(64)
    x, y = digits[order] / 16, truth[order].astype(np.int64)
    train, test = x[:1300].copy(), x[1300:]
    said = noisy(y[:1300], 0.2, seed)
    foreign = np.arange(1300) < 390
    train[foreign] = train[foreign][:, scramble]
    said[foreign] = draws.integers(0, 10, int(foreign.sum()))
    centre = train.mean(0)
    _, vectors = np.linalg.eigh(np.cov((train - centre).T))
    a, b = (train - centre) @ vectors[:, ::-1][:, :40], (test - centre) @ vectors[:, ::-1][:, :40]
    a, b = a / a.std(), b / a.std()
    setting = "digits, 30 % foreign, 20 % flipped"
    warm = trained(card_of("mixup", kinds=("exact",)).cls(), a, said, seed, 10)
    z, h = _outputs(warm)
    losses = cross_entropy(z, torch.from_numpy(said)).double().numpy()
    out = two_normals(losses).upper > 0.95
    yield setting, "loss", "AUROC of foreign rows, score", float(roc_auc_score(foreign, losses))
    yield setting, "loss", "AUROC of foreign rows, split", float(roc_auc_score(foreign, out))
    for place, features in (("features of the network", h), ("principal components", torch.from_numpy(a))):
        side = beyond_the_plane(features, out, 1.0)
        unit = torch.nn.functional.normalize(features.double(), dim=1).numpy()
        unit = (unit - unit.mean(0)) / np.maximum(unit.std(0), 1e-12)
        weight = np.where(out, len(out) / (2 * out.sum()), len(out) / (2 * (~out).sum()))
        score = fit_linear(unit, out.astype(np.int64), 2, weight=weight).probabilities(unit)[:, 1]
        yield setting, f"plane on {place}", "AUROC of foreign rows, score", float(roc_auc_score(foreign, score))
        yield setting, f"plane on {place}", "AUROC of foreign rows, split", float(roc_auc_score(foreign, side))
    arms: dict[str, Objective] = {"loss alone": LossOnly(), "plane alone": PlaneOnly(), "turns (pls-lsa)": PLSLSA()}
    arms |= {name: card_of(name, kinds=("noisy", "exact")).cls() for name in ("pls", "mixup", "regularised-ce")}
    for arm, objective in arms.items():
        yield setting, arm, "balanced accuracy", balanced(trained(objective, a, said, seed, 40), b, y[1300:])


def nmtune(data: ModuleType, seed: int) -> Iterator[Line]:
    """An MLP pre-trained on MNIST with wrong labels and frozen; scikit-learn's digits, enlarged, as they are and
    blurred: a linear probe, the residual network, and the same with NMTune's terms."""
    raw = data.mnist()
    x, y = raw["x_train"][:10_000].reshape(-1, 784) / 255.0, raw["y_train"][:10_000].astype(np.int64)
    digits, truth = load_digits(return_X_y=True)
    small = torch.from_numpy(digits).float().reshape(-1, 1, 8, 8) / 16
    large = torch.nn.functional.interpolate(small, (20, 20), mode="bilinear")
    large = torch.nn.functional.pad(large, (4, 4, 4, 4)).squeeze(1).numpy()
    views = {"plain": large, "blurred": gaussian_filter(large, (0, 2, 2))}
    order = numpy_rng(seed, "split").permutation(len(truth))
    train, test = order[:300], order[300:]
    truth = truth.astype(np.int64)
    for rate in (0.0, 0.1, 0.3):
        before = trained(card_of("ce", kinds=("exact",)).cls(), x, noisy(y, rate, seed), seed, 20)
        body: Any = before.nets[0].eval().body  # type: ignore[union-attr]
        for view, pictures in views.items():
            with torch.no_grad():
                f = body(torch.from_numpy(pictures.reshape(len(truth), -1)).float()).numpy()
            f = f / f[train].std()
            setting = f"pre-training noise {rate}, {view}"
            s = np.linalg.svd(f[train], compute_uv=False)
            yield setting, "frozen features", "share of the first singular value", float(s[0] / s.sum())
            q = s / s.sum()
            yield setting, "frozen features", "effective rank", float(np.exp(-(q * np.log(q + 1e-30)).sum()))
            bare = {"consistency": 0.0, "covariance": 0.0, "dominance": 0.0}
            for arm, network, settings in (
                ("linear probe", "linear", bare),
                ("residual", "residual", bare),
                ("residual + NMTune", "residual", {}),
                ("mlp", "mlp", bare),
                ("mlp + NMTune", "mlp", {}),
            ):
                run = trained(NMTune(**settings), f[train], truth[train], seed, 30, network, Clean)
                yield setting, arm, "accuracy", balanced(run, f[test], truth[test])


CHECKS: dict[str, Callable[[Any, int], Iterator[Line]]] = {
    "tabasco": tabasco,
    "rcal": rcal,
    "pls-lsa": pls_lsa,
    "nmtune": nmtune,
}


def run(out: Path, seeds: list[int], names: list[str]) -> None:
    data, done = loader(), finished(out, "check", "seed")
    for seed in seeds:
        for name in names:
            if (name, str(seed)) in done or (data is None and name != "pls-lsa"):
                continue
            lines = ((name, *line[:3], seed, f"{line[3]:.4f}") for line in CHECKS[name](data, seed))
            append_rows(out, FIELDS, [dict(zip(FIELDS, line, strict=True)) for line in lines])


def table(out: Path) -> str:
    """Means over seeds, and the difference to the first arm of each setting and measure with its 95 % interval."""
    rows = read_rows(out)
    text = []
    for check in dict.fromkeys(r["check"] for r in rows):
        text += [
            f"\n### {check}\n",
            "| setting | measure | arm | mean | difference to the first arm |",
            "|---|---|---|---|---|",
        ]
        mine = [r for r in rows if r["check"] == check]
        for setting, measure in dict.fromkeys((r["setting"], r["measure"]) for r in mine):
            values: dict[str, dict[str, float]] = {}
            for r in mine:
                if (r["setting"], r["measure"]) == (setting, measure):
                    values.setdefault(r["arm"], {})[r["seed"]] = float(r["value"])
            first = next(iter(values))
            for arm, found in values.items():
                gap = np.array([found[s] - values[first][s] for s in found])
                half = student.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / len(gap) ** 0.5 if len(gap) > 1 else np.nan
                said = (
                    "" if arm == first else f"{gap.mean():+.3f} ({gap.mean() - half:+.3f} to {gap.mean() + half:+.3f})"
                )
                text.append(f"| {setting} | {measure} | {arm} | {np.mean(list(found.values())):.3f} | {said} |")
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--checks", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "run":
        run(args.out, args.seeds, args.checks)
    else:
        print(table(args.out))


if __name__ == "__main__":
    main()
