"""What named systems claim, on small sets: mdil, sub-centre-arcface, comp-sum and its adversarial kin,
spatial-noise, memorization-discrepancy; and what a few known truths are worth to lccn.

    OMP_NUM_THREADS=1 python benchmarks/named_noise.py run PART   # mdil arcface comp-sum spatial-discs spatial-written
    python benchmarks/named_noise.py table                        # ... stream known-truths

``run`` appends one line per finished figure to docs/measurements/named-noise.csv and skips those it holds already. True
labels are used to make noise and to measure, never to choose a setting. Real data as in benchmarks/cifar10n.py.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cifar10n import TRAIN, prepared
from real_data import loader
from rows import append_rows, finished, read_rows
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from sfumato.bench.real import read as real_set
from sfumato.core.streams import rng
from sfumato.estimate import NotIdentifiableWarning, TransitionMDIL
from sfumato.labels import (
    ClassConditional,
    Clean,
    Exact,
    InstanceFlips,
    Masks,
    Noisy,
    PairFlip,
    PixelFlips,
    SourceConfusion,
    Symmetric,
    Votes,
)
from sfumato.labels.heads import log_softmax
from sfumato.learn.exact.ce import CrossEntropy
from sfumato.learn.families import MarginalLikelihood
from sfumato.learn.noisy.comp_sum import CompSum
from sfumato.learn.noisy.lccn import LCCN
from sfumato.learn.noisy.mdil import MDIL
from sfumato.learn.noisy.smooth_adversarial_comp_sum import SmoothAdversarialCompSum
from sfumato.learn.noisy.spatial_noise import SpatialNoise
from sfumato.learn.noisy.sub_centre_arcface import SubCentreArcFace
from sfumato.learn.objective import Objective
from sfumato.learn.votes.raykar import Raykar
from sfumato.learn.votes.semi_lccn import SemiLCCN
from sfumato.parts.pgd import ascend
from sfumato.score import DominantCentre, MemorizationDiscrepancy
from sfumato.train import learned
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

OUT = Path(__file__).resolve().parents[1] / "docs" / "measurements" / "named-noise.csv"
FIELDS = ("part", "setting", "method", "seed", "measure", "value")
SEEDS = (0, 1, 2)
Figures = Iterator[tuple[str, str, int, dict[str, float]]]


def digits(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """1000 rows to train on and 797 to test, standardised, split by the seed."""
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(0)) / (X.std(0) + 1e-9)
    order = rng(seed, "split")
    at = torch.randperm(len(y), generator=order).numpy()
    x, t = torch.from_numpy(X[at]).float(), torch.from_numpy(y[at]).long()
    return x[:1000], t[:1000], x[1000:], t[1000:]


def fitted(
    objective: Objective, x: Tensor, labels: Any, law: Any, seed: int, hidden: Any = (128,), **config: Any
) -> Run:
    head = objective.head_for(law)
    net = lambda m: build("mlp", tuple(x.shape[1:]), head.width(labels.k), seed, hidden, layer=head.layer)  # noqa: E731
    settings = {"epochs": 60, "batch_size": 128, **config}
    return Run(x, labels, objective, net, Config(**settings, seed=seed), law=law).fit()


def accuracy(run: Run, x: Tensor, y: Tensor) -> float:
    head = run.objective.head_for(run.law or run.law_class)
    return float((run.objective.decode(run.logits(x)[0], head).argmax(1) == y).double().mean())


# ---------------------------------------------------------------------- mdil


@dataclass
class LeastConfident(MDIL):
    """What the released code keeps."""

    def epoch(self, z: Tensor) -> dict[str, Tensor]:
        sure = log_softmax(z).amax(1)
        return {"rows": sure <= sure.sort().values[round(self.keep * len(sure)) - 1]}


def mdil(done: set[Any]) -> Figures:
    for rate in (0.3, 0.45):
        for seed in SEEDS:
            x, y, x_test, y_test = digits(seed)
            law = InstanceFlips.from_features(x, 10, rate, rng(seed, "law"))
            labels = law.sample(y, 10, rng(seed, "labels"))
            far = lambda t, law=law: float((t.double() - law.transitions).abs().sum(2).mean())  # noqa: E731
            setting = f"instance noise {rate}"
            plain = fitted(CompSum(tau=1.0), x, labels, ClassConditional, seed)
            eye = torch.eye(10).expand(1000, 10, 10)
            yield setting, "cross entropy, T = I", seed, {"accuracy": accuracy(plain, x_test, y_test), "T": far(eye)}
            for name, objective in (
                ("mdil, lam 0", MDIL(lam=0.0)),
                ("mdil, lam .35", MDIL()),
                ("mdil, lam .35, least confident kept", LeastConfident()),
                ("mdil, lam .35, all rows kept", MDIL(keep=1.0)),
            ):
                run = fitted(objective, x, labels, InstanceFlips, seed)
                found: Any = learned.law_on(run, x)
                yield setting, name, seed, {"accuracy": accuracy(run, x_test, y_test), "T": far(found.transitions)}
            for name, lam in (("estimator, lam 0", 0.0), ("estimator, lam .35", 0.35)):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NotIdentifiableWarning)
                    t = TransitionMDIL(lam=lam, repeats=0).estimate(x.numpy(), labels, seed=seed)
                yield setting, name, seed, {"T": far(torch.from_numpy(t))}


# ---------------------------------------------------------------------- sub-centre ArcFace


def arcface(done: set[Any]) -> Figures:
    data = loader().mnist()
    pictures = data["x_train"]
    truth = data["y_train"]
    for seed in SEEDS:
        at = np.random.default_rng(seed).permutation(10_000)[:7000]
        x = torch.from_numpy(pictures[at].reshape(len(at), -1)).float()
        x = x / x.max()
        y = torch.from_numpy(truth[at].astype(int))
        x, x_test, y, y_test = x[:5000], x[5000:], y[:5000], y[5000:]
        labels = Symmetric(0.3).sample(y, 10, rng(seed, "labels"))
        clean = (labels.y == y).numpy()

        def knn(run: Run, rows: Any, x: Tensor = x, x_test: Tensor = x_test, y_test: Tensor = y_test) -> float:
            body = run.nets[0].eval().body
            with torch.no_grad():
                a, b = (nn.functional.normalize(body(part), dim=1).numpy() for part in (x[rows], x_test))
            given = run.labels.y.numpy()
            return float((KNeighborsClassifier(10).fit(a, given).predict(b) == y_test.numpy()).mean())

        kept = {"epochs": 20, "hidden": (256, 32)}
        law = ClassConditional
        several = fitted(SubCentreArcFace(), x, labels, law, seed, **kept)
        cosines = several.logits(x)[0]
        dominant = DominantCentre().nearest_is_dominant(cosines, labels.y, k=10)
        drop = DominantCentre().flag(cosines, labels.y, k=10)
        every = torch.arange(5000)
        yield (
            "MNIST, 30 % wrong",
            "three centres",
            seed,
            {
                "clean share, dominant": float(clean[dominant].mean()),
                "clean share, others": float(clean[~dominant].mean()) if (~dominant).any() else float("nan"),
                "share of rows, others": float((~dominant).mean()),
                "dropped of wrong": float(drop[~clean].mean()),
                "dropped of clean": float(drop[clean].mean()),
                "kNN": knn(several, every),
                "accuracy": accuracy(several, x_test, y_test),
            },
        )
        one = fitted(SubCentreArcFace(centres=1), x, labels, law, seed, **kept)
        yield (
            "MNIST, 30 % wrong",
            "one centre",
            seed,
            {"kNN": knn(one, every), "accuracy": accuracy(one, x_test, y_test)},
        )
        rows = torch.from_numpy(np.flatnonzero(~drop))
        again = fitted(SubCentreArcFace(centres=1), x[rows], labels[rows], law, seed, **kept)
        yield (
            "MNIST, 30 % wrong",
            "three centres, drop, one centre",
            seed,
            {
                "kNN": knn(again, rows),
                "accuracy": accuracy(again, x_test, y_test),
            },
        )


# ---------------------------------------------------------------------- comp-sum and its adversarial kin


def attacked(run: Run, x: Tensor, y: Tensor, radius: float) -> float:
    net = run.final()[0].eval()
    worst = ascend(lambda v: nn.functional.cross_entropy(net(v), y, reduction="none"), x, radius, 20, rng(0, "attack"))
    return accuracy(run, worst, y)


def comp_sum(done: set[Any]) -> Figures:
    methods: dict[str, Objective] = {
        "comp-sum, tau 1": CompSum(tau=1.0),
        "comp-sum, tau 1.7": CompSum(tau=1.7),
        "smooth adversarial, tau 1": SmoothAdversarialCompSum(),
        "smooth adversarial, tau 1, nu 3 (the bound)": SmoothAdversarialCompSum(nu=3.0),
    }
    for rate in (0.0, 0.6):
        for seed in SEEDS:
            x, y, x_test, y_test = digits(seed)
            labels = Symmetric(rate).sample(y, 10, rng(seed, "labels"))
            for name, objective in methods.items():
                run = fitted(objective, x, labels, ClassConditional, seed)
                yield (
                    f"digits, {rate:.0%} wrong",
                    name,
                    seed,
                    {
                        "accuracy": accuracy(run, x_test, y_test),
                        "attacked, .1": attacked(run, x_test, y_test, 0.1),
                        "attacked, .3": attacked(run, x_test, y_test, 0.3),
                    },
                )


# ---------------------------------------------------------------------- spatial noise


def discs(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures (n, 1, 64, 64) of one or two discs in noise, and their masks."""
    draw = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(64), indexing="ij"))
    mask = np.zeros((n, 64, 64), bool)
    for i in range(n):
        for _ in range(draw.integers(1, 3)):
            centre, radius = draw.uniform(14, 50, size=(2, 1, 1)), draw.uniform(7, 13)
            mask[i] |= ((grid - centre) ** 2).sum(0) <= radius**2
    picture = mask + draw.normal(size=mask.shape)
    return torch.from_numpy(picture[:, None]).float(), torch.from_numpy(mask)


def written(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """MNIST's digits, thickened by one pixel, as masks of the same digits in noise (n, 1, 28, 28)."""
    data = loader().mnist()
    pictures = data["x_train"]
    draw = np.random.default_rng(seed)
    raw = pictures[draw.permutation(len(pictures))[:n]].reshape(n, 28, 28)
    mask = np.stack([ndimage.binary_dilation(p > 0.5 * raw.max()) for p in raw])
    return torch.from_numpy((mask + draw.normal(size=mask.shape))[:, None]).float(), torch.from_numpy(mask)


def blobs(mask: Tensor, seed: int, reach: int) -> Tensor:
    """Masks that somebody drew in a hurry: grown, shrunk, or one in five forgotten."""
    draw, out = np.random.default_rng(seed), []
    for each in mask.numpy():
        kind = draw.choice(3, p=[0.4, 0.4, 0.2])
        steps = int(draw.integers(1, reach + 1))
        if kind == 0:
            out.append(ndimage.binary_dilation(each, iterations=steps))
        elif kind == 1:
            out.append(ndimage.binary_erosion(each, iterations=steps))
        else:
            out.append(np.zeros_like(each))
    return torch.from_numpy(np.stack(out))


def convolutions(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        layers: list[nn.Module] = []
        for a, wide in ((1, 1), (8, 2), (8, 4)):
            layers += [nn.Conv2d(a, 8, 3, padding=wide, dilation=wide), nn.ReLU()]
        return nn.Sequential(*layers, nn.Conv2d(8, 2, 1))


def spatial(done: set[Any], data: str, make: Any, n: int, reach: int) -> Figures:
    for seed in SEEDS[:2]:
        x, truth = make(n, seed)
        x_test, t_test = make(80, 1000 + seed)
        patchy = blobs(truth, seed, reach)
        rate = float((patchy != truth).double().mean())
        alone = truth ^ (torch.rand(truth.shape, generator=rng(seed, "flips")) < rate)
        for noise, said in (("patches", patchy), ("pixels", alone), ("no noise", truth)):
            labels = Masks(said.long(), 2)
            methods: dict[str, tuple[Objective, Any]] = {"cross entropy": (MarginalLikelihood(), PixelFlips(0.0))}
            if noise != "no noise":
                methods |= {
                    "spatial-noise, rho 0": (SpatialNoise(rho=0.0), PixelFlips),
                    "spatial-noise, rho .5": (SpatialNoise(), PixelFlips),
                }
            for name, (objective, law) in methods.items():
                if (f"{data}, {noise}", name, str(seed)) in done:
                    continue
                config = Config(epochs=60, batch_size=10, lr=5e-3, seed=seed)
                net = lambda m, seed=seed: convolutions(seed)  # noqa: E731
                run = Run(x, labels, objective, net, config, law=law).fit()
                with torch.no_grad():
                    guess = torch.cat([run.nets[0].eval()(part) for part in x_test.split(20)]).argmax(1).bool()
                both = (guess & t_test).sum((1, 2)).double()
                dice = (2 * both / (guess.sum((1, 2)) + t_test.sum((1, 2))).clamp_min(1)).mean()
                figures = {"Dice": float(dice), "wrong pixels": float((said != truth).double().mean())}
                if "rows" in objective.rates:
                    m, wrong = run.memory[0]["rows"]["m"].detach(), said != truth
                    figures["AUROC of m"] = float(roc_auc_score(wrong.flatten(), m.flatten()))
                yield f"{data}, {noise}", name, seed, figures


def spatial_discs(done: set[Any]) -> Figures:
    return spatial(done, "discs", discs, 60, 5)


def spatial_written(done: set[Any]) -> Figures:
    return spatial(done, "written digits", written, 150, 2)


# ---------------------------------------------------------------------- a poisoned stream

RADIUS, ONLINE = 0.2, 0.1  # of x in [0, 1], and the rate of the plain steps in the stream


def flat_gradient(net: nn.Module, x: Tensor, y: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(nn.functional.cross_entropy(net(x), y), list(net.parameters()), create_graph=True))


def inner(a: list[Tensor], b: list[Tensor]) -> Tensor:
    return torch.stack([(u * v).sum() for u, v in zip(a, b, strict=True)]).sum()


def climbed(value: Any, x: Tensor, steps: int) -> Tensor:
    """x moved within the box so that ``value`` grows."""
    moved = x.clone()
    for _ in range(steps):
        moved.requires_grad_()
        (slope,) = torch.autograd.grad(value(moved), moved)
        moved = (moved.detach() + 2 * RADIUS / steps * slope.sign()).clamp(x - RADIUS, x + RADIUS).clamp(0, 1)
    return moved.detach()


def stepped(net: nn.Module, x: Tensor, y: Tensor, momentum: list[Tensor]) -> None:
    found = torch.autograd.grad(nn.functional.cross_entropy(net(x), y), list(net.parameters()))
    with torch.no_grad():
        for p, m, g in zip(net.parameters(), momentum, found, strict=True):
            m.mul_(0.9).add_(g)
            p.sub_(ONLINE * m)


def stream(done: set[Any]) -> Figures:
    """An attacker who knows model, batch and a few clean rows prepares the model over 50 batches of 20, keeping each
    batch's gradient near the clean one and making the trigger's blow larger (the second-order term); the trigger batch
    then climbs the loss of the clean rows."""
    X, y = load_digits(return_X_y=True)
    for seed in SEEDS:
        order = torch.randperm(len(y), generator=rng(seed, "split")).numpy()
        x, t = torch.from_numpy(X[order] / 16).float(), torch.from_numpy(y[order]).long()
        first, clean, test = slice(0, 400), slice(1420, 1520), slice(1520, None)
        start = build("mlp", (64,), 10, seed, (64,))
        early: nn.Module | None = None
        momentum = [torch.zeros_like(p) for p in start.parameters()]
        for epoch in range(40):
            if epoch == 20:
                early = twin(start)
            for at in torch.randperm(400, generator=rng(seed, "burn-in", epoch)).split(100):
                stepped(start, x[first][at], t[first][at], momentum)
        assert early is not None
        for setting in ("clean stream", "poisoned stream"):
            for name in ("plain", "dsc"):
                net, kept = twin(start), [m.clone() for m in momentum]
                score, said, wrong = MemorizationDiscrepancy(), [], []
                before = hits(net, x[test], t[test])
                for b in range(51):
                    at = slice(400 + 20 * b, 420 + 20 * b)
                    batch, y_b = x[at], t[at]
                    poison = torch.zeros(len(batch), dtype=torch.bool)
                    if setting == "poisoned stream":
                        poison[:] = True if b == 50 else torch.arange(len(batch)) < 10
                        batch = struck(net, batch, y_b, x[clean], t[clean], poison, trigger=b == 50)
                    said.append(score.score(p_of(early, batch), p_of(net, batch)))
                    wrong.append(poison.numpy())
                    if b == 50:
                        at_trigger = hits(net, x[test], t[test])
                    if name == "dsc":
                        batch = corrected(score, early, net, batch, y_b, b)
                    stepped(net, batch, y_b, kept)
                flags, scores = np.concatenate(wrong[:50]), np.concatenate(said[:50])
                figures = {
                    "before": before,
                    "before the trigger": at_trigger,
                    "after": hits(net, x[test], t[test]),
                    "trigger's drop": at_trigger - hits(net, x[test], t[test]),
                }
                if flags.any():
                    figures["AUROC of MD"] = float(roc_auc_score(flags, scores))
                yield setting, name, seed, figures


def struck(
    net: nn.Module, x: Tensor, y: Tensor, x_clean: Tensor, y_clean: Tensor, poison: Tensor, *, trigger: bool
) -> Tensor:
    """The batch with its poisoned rows moved."""
    parameters = list(net.parameters())
    goal = [g.detach() for g in flat_gradient(net, x_clean, y_clean)]
    blow = climbed(lambda v: -inner(flat_gradient(net, v, y), goal), x, 10)
    if trigger:
        return blow
    # s = grad L(clean) . grad L(trigger): the trigger's blow is -s, and a step on x' lowers s by grad s . grad L(x')
    s = inner(flat_gradient(net, x_clean, y_clean), flat_gradient(net, blow, y))
    onward = [g.detach() for g in torch.autograd.grad(s, parameters)]
    straight = [g.detach() for g in flat_gradient(net, x, y)]
    size = inner(onward, onward).sqrt().clamp_min(1e-12)

    def value(v: Tensor) -> Tensor:
        found = flat_gradient(net, v, y[poison])
        near = inner(found, straight) / (inner(found, found) * inner(straight, straight)).sqrt().clamp_min(1e-12)
        return inner(found, onward) / size + near

    moved = x.clone()
    moved[poison] = climbed(value, x[poison], 2)
    return moved


def corrected(score: MemorizationDiscrepancy, early: nn.Module, net: nn.Module, x: Tensor, y: Tensor, b: int) -> Tensor:
    def slope(v: Any) -> Any:
        at = torch.from_numpy(v).float().requires_grad_()
        (g,) = torch.autograd.grad(nn.functional.cross_entropy(net(at), y, reduction="sum"), at)
        return g.numpy()

    early_p = lambda v: p_of(early, torch.from_numpy(v).float())  # noqa: E731
    now_p = lambda v: p_of(net, torch.from_numpy(v).float())  # noqa: E731
    return torch.from_numpy(score.corrected(x.numpy(), early_p, now_p, slope, b)).float()


def twin(net: nn.Module) -> nn.Module:
    other = build("mlp", (64,), 10, 0, (64,))
    other.load_state_dict(net.state_dict())
    return other


@torch.no_grad()
def p_of(net: nn.Module, x: Tensor) -> Any:
    return torch.softmax(net(x).double(), 1).numpy()


@torch.no_grad()
def hits(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((net(x).argmax(1) == y).double().mean())


# ---------------------------------------------------------------------- known truths among noisy labels


def headlines(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """x, truths and the rules' labels of four fifths of the rows, split by the seed; x and truths of the others."""
    found: Any = real_set("hausa-news")
    at = torch.randperm(len(found.y), generator=rng(seed, "split"))
    x, y, said = torch.from_numpy(found.x)[at], torch.from_numpy(found.y)[at], found.labels.y[at]
    n = 4 * len(at) // 5
    x = (x - x[:n].mean(0)) / (x[:n].std(0) + 1e-9)
    return x[:n], y[:n], said[:n], x[n:], y[n:]


def noisy_sets(seed: int) -> Iterator[tuple[str, int, tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]]:
    """(name, K, x, truths and noisy labels to train on, x and truths to test on)."""
    for name, law in (("digits, pair .45", PairFlip(0.45)), ("digits, symmetric .6", Symmetric(0.6))):
        x, y, x_test, y_test = digits(seed)
        yield name, 10, (x, y, law.sample(y, 10, rng(seed, "labels")).y, x_test, y_test)
    yield "headlines, labels of rules", 5, headlines(seed)
    given = prepared(loader(), "worst", Path("/tmp/sfumato-cifar10"))
    yield "CIFAR-10N worst", 10, (given.x[:TRAIN], given.y[:TRAIN], given.noisy[:TRAIN], given.x_test, given.y_test)


def found_matrix(run: Run, x: Tensor) -> Tensor | None:
    """(K, K) what the method took the noise for."""
    if isinstance(run.objective, LCCN):
        return run.objective.transition(run.memory[0]["bank"])
    if isinstance(run.objective, SemiLCCN):
        return run.objective.confusion(run.memory[0]["bank"])[0]
    return learned.law_on(run, x).confusion[0] if isinstance(run.objective, Raykar) else None


def known_truths(done: set[Any]) -> Figures:
    """One row in twenty with its true label beside the noisy one."""
    for seed in SEEDS:
        for setting, k, (x, y, said, x_test, y_test) in noisy_sets(seed):
            some = torch.randperm(len(y), generator=rng(seed, "known"))[: len(y) // 20]
            gold = torch.full_like(y, -1)
            gold[some] = y[some]
            votes = Votes.from_matrix(said[:, None].numpy(), k=k, gold=gold.numpy())
            noisy, put = Noisy(said, k), Noisy(torch.where(gold >= 0, gold, said), k)
            joint = torch.zeros(k, k, dtype=torch.float64).index_put_((y, said), torch.ones(len(y)).double(), True)
            real = joint / joint.sum(1, keepdim=True)
            for method, objective, rows, labels, law in (
                ("cross entropy, noisy labels", CrossEntropy(), x, Exact(noisy.y, k), Clean()),
                ("cross entropy, known truths put in", CrossEntropy(), x, Exact(put.y, k), Clean()),
                ("cross entropy, known truths alone", CrossEntropy(), x[some], Exact(y[some], k), Clean()),
                ("lccn", LCCN(), x, noisy, ClassConditional),
                ("lccn, known truths put in", LCCN(), x, put, ClassConditional),
                ("raykar, known truths as gold", Raykar(), x, votes, SourceConfusion),
                ("semi-lccn", SemiLCCN(), x, votes, SourceConfusion),
            ):
                if (setting, method, str(seed)) in done:
                    continue
                run = fitted(objective, rows, labels, law, seed)
                figures = {"accuracy": accuracy(run, x_test, y_test)}
                if (matrix := found_matrix(run, x)) is not None:
                    figures["T"] = float((matrix.double() - real).abs().sum(1).mean())
                yield setting, method, seed, figures


PARTS = {
    "mdil": mdil,
    "arcface": arcface,
    "comp-sum": comp_sum,
    "spatial-discs": spatial_discs,
    "spatial-written": spatial_written,
    "stream": stream,
    "known-truths": known_truths,
}


def run(part: str) -> None:
    torch.set_num_threads(1)
    done = {tuple(key) for of, *key in finished(OUT, "part", "setting", "method", "seed") if of == part}
    for setting, method, seed, figures in PARTS[part](done):
        if (setting, method, str(seed)) in done:
            continue
        lines = ((part, setting, method, seed, measure, f"{value:.4f}") for measure, value in figures.items())
        append_rows(OUT, FIELDS, (dict(zip(FIELDS, line, strict=True)) for line in lines))
        print(part, setting, method, seed, {k: round(v, 4) for k, v in figures.items()}, flush=True)


def table() -> None:
    """A table per part and setting: mean over seeds, in brackets half the spread between the extremes."""
    rows = read_rows(OUT)
    for part in PARTS:
        settings = list(dict.fromkeys(r["setting"] for r in rows if r["part"] == part))
        for setting in settings:
            here = [r for r in rows if r["part"] == part and r["setting"] == setting]
            measures = list(dict.fromkeys(r["measure"] for r in here))
            values: dict[tuple[str, str], list[float]] = defaultdict(list)
            for r in here:
                values[r["method"], r["measure"]].append(float(r["value"]))
            print(
                f"\n### {part}: {setting}\n\n| method | "
                + " | ".join(measures)
                + " |\n|---" * 1
                + "|---" * len(measures)
                + "|"
            )
            for method in dict.fromkeys(r["method"] for r in here):
                cells = []
                for measure in measures:
                    v = values.get((method, measure), [])
                    cells.append(f"{np.mean(v):.3f} ({(max(v) - min(v)) / 2:.3f})" if v else "-")
                print(f"| {method} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    run(sys.argv[2]) if sys.argv[1] == "run" else table()
