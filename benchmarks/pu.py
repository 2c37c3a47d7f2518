"""Positive-unlabeled methods on three real tables, and semi-supervised ones on digits and letters.

    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/pu.py pu --out docs/measurements/pu.csv
    OMP_NUM_THREADS=1 nice -n 10 python benchmarks/pu.py semi --out docs/measurements/semi.csv
    python benchmarks/pu.py table --out docs/measurements/pu.csv

The real data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides). A run appends one line per
method and skips those that the file holds already. Settings are the same for all methods and were fixed beforehand;
true labels of the test rows are read once, after the last epoch.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from real_data import needed
from rows import append_rows, finished, read_rows
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Tensor

from sfumato.core.streams import numpy_rng
from sfumato.estimate.prior_bbe import PriorBBE
from sfumato.labels import PU, CaseControl, Exact, Labels, Law, Semi
from sfumato.learn.exact.ce import CrossEntropy
from sfumato.learn.objective import Objective
from sfumato.learn.pu.dist_pu import DistPU
from sfumato.learn.pu.elkan_noto import ElkanNoto
from sfumato.learn.pu.imbalanced_nnpu import ImbalancedNonNegativePU
from sfumato.learn.pu.nnpu import NonNegativePU
from sfumato.learn.pu.unlabeled_as_negative import UnlabeledAsNegative
from sfumato.learn.pu.upu import UPU
from sfumato.learn.pu.vpu import VPU
from sfumato.learn.semi.fixmatch import FixMatch
from sfumato.learn.semi.mean_teacher import MeanTeacher
from sfumato.learn.semi.pseudo_label import PseudoLabel
from sfumato.learn.semi.softmatch import SoftMatch
from sfumato.learn.semi.supervised import Supervised
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

SEEDS = range(5)
PU_SETS = ("spambase", "magic", "phoneme")
POSITIVES, UNLABELED, TEST = 400, 2500, 1200
PU_SETTINGS: dict[str, Any] = {"epochs": 30, "batch_size": 256, "lr": 1e-3, "weight_decay": 1e-4}
SEMI_SETTINGS: dict[str, Any] = {"epochs": 60, "batch_size": 256, "lr": 2e-3, "weight_decay": 1e-4}
HIDDEN = (100,)
FREE: tuple[Objective, ...] = (UnlabeledAsNegative(), ElkanNoto(), VPU())
PRIOR: tuple[Objective, ...] = (UPU(), NonNegativePU(), NonNegativePU("log"), ImbalancedNonNegativePU(), DistPU())
SEMI: tuple[Objective, ...] = (Supervised(), PseudoLabel(), MeanTeacher(), FixMatch(), SoftMatch())
SEMI_SETS = (("digits", 4), ("digits", 10), ("letter", 2), ("letter", 4))
FIELDS = ("set", "labels", "seed", "method", "prior", "accuracy", "balanced", "auc", "cpu_seconds")


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """x (n, d) and y (n,) class numbers of one set."""
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        return x.astype(np.float64), y
    if name in ("spambase", "magic"):
        z = needed().load(f"tabular/adbench_{name}")
        return z["x"].astype(np.float64), z["y"].astype(np.int64)
    _, rows = needed()._rows(f"tabular/{name}.csv.gz", name == "letter")
    data = np.array(rows)
    if name == "letter":
        return data[:, 1:].astype(np.float64), np.unique(data[:, 0], return_inverse=True)[1]
    return data[:, :-1].astype(np.float64), data[:, -1].astype(np.int64)


def scaled(x: np.ndarray, train: np.ndarray) -> Tensor:
    """Standardised by the training rows."""
    mean, sd = x[train].mean(0), x[train].std(0)
    return torch.as_tensor((x - mean) / np.where(sd > 0, sd, 1), dtype=torch.float32)


def trained(
    x: Tensor, labels: Labels, objective: Objective, settings: dict[str, Any], seed: int, prior: float | None = None
) -> tuple[Run, float]:
    """The finished run and its CPU seconds."""
    law: Law | None = None
    needs: dict[str, Any] = {}
    if prior is not None:
        assert isinstance(labels, PU)
        law, needs = CaseControl(prior, float(labels.flag.double().mean())), {"prior": prior}
    config = Config(seed=seed, **{**settings, **objective.recipe})
    start = time.process_time()
    run = Run(
        x,
        labels,
        objective,
        lambda m: build("mlp", x.shape[1:], labels.k, seed + m, HIDDEN),
        config,
        law=law,
        needs=needs,
    )
    return run.fit(), time.process_time() - start


def measured(z: Tensor, y: np.ndarray, k: int) -> dict[str, float]:
    """Accuracy, balanced accuracy and, for two classes, the area under the ROC curve."""
    guess = z.argmax(1).numpy()
    out = {
        "accuracy": float((guess == y).mean()),
        "balanced": float(balanced_accuracy_score(y, guess)),
        "auc": float("nan"),
    }
    if k == 2:
        out["auc"] = float(roc_auc_score(y, (z[:, 1] - z[:, 0]).numpy()))
    return out


def named(objective: Objective) -> str:
    """The method's name, with its loss where that is not the default."""
    loss = getattr(objective, "loss", None)
    return objective.card.name + (f" ({loss})" if loss != getattr(type(objective)(), "loss", None) else "")


class SlowVPU(VPU):
    """VPU at a learning rate from the middle of the paper's range, 3e-5 to 6e-4."""

    recipe: ClassVar[dict[str, float]] = {"lr": 1e-4}


class AveragedSupervised(Supervised):
    """The labeled rows alone, predicted by the mean teacher's average of weights: what averaging does by itself."""

    recipe: ClassVar[dict[str, float]] = {"average": 0.999}


class Sheet:
    """The lines measured so far."""

    def __init__(self, path: Path) -> None:
        self.path, self.done = path, finished(path, "set", "labels", "seed", "method")

    def missing(self, *key: Any) -> bool:
        return tuple(map(str, key)) not in self.done

    def add(self, **line: Any) -> None:
        append_rows(self.path, FIELDS, [{k: f"{v:.6g}" if isinstance(v, float) else v for k, v in line.items()}])
        print(line["set"], line["seed"], line["method"], f"{line['accuracy']:.4f}", flush=True)


def pu(sheet: Sheet) -> None:
    """Case-control samples: POSITIVES labeled positives drawn apart, UNLABELED rows, and TEST rows, all disjoint."""
    for name in PU_SETS:
        x, y = table(name)
        for seed in SEEDS:
            order = numpy_rng(seed, "split").permutation(len(y))
            positives = order[y[order] == 1][:POSITIVES]
            rest = order[~np.isin(order, positives)]
            # the rest must keep the prior of the whole, which the positives taken out have lowered
            true = float(y.mean())
            n = UNLABELED + TEST
            plus, minus = rest[y[rest] == 1], rest[y[rest] == 0]
            n = min(n, int(len(plus) / true))
            drawn = np.concatenate([plus[: round(n * true)], minus[: n - round(n * true)]])
            drawn = numpy_rng(seed, "drawn").permutation(drawn)
            test, unlabeled = drawn[:TEST], drawn[TEST:]
            train = np.concatenate([positives, unlabeled])
            scaled_x = scaled(x, train)
            labels = PU.from_counts(len(positives), len(unlabeled))
            estimated = PriorBBE(repeats=0).estimate(scaled_x[train].double().numpy(), labels, seed=seed)
            runs: list[tuple[str, Objective, Labels, float | None]] = [
                ("clean bound (ce, oracle labels)", CrossEntropy(), Exact(torch.as_tensor(y[unlabeled]), 2), None)
            ]
            runs += [(named(o), o, labels, None) for o in FREE]
            runs += [("vpu, lr 1e-4", SlowVPU(), labels, None)]
            runs += [(f"{named(o)}, oracle prior", o, labels, true) for o in PRIOR]
            runs += [(f"{named(o)}, bbe prior", o, labels, min(estimated, 0.999)) for o in PRIOR]
            for method, objective, seen, prior in runs:
                if not sheet.missing(name, len(positives), seed, method):
                    continue
                rows = unlabeled if isinstance(seen, Exact) else train
                run, seconds = trained(scaled_x[rows], seen, objective, PU_SETTINGS, seed, prior)
                z = run.logits(scaled_x[test])[0]
                line = {"set": name, "labels": len(positives), "seed": seed, "cpu_seconds": seconds}
                shown = float("nan") if prior is None else prior
                sheet.add(**line, method=method, prior=shown, **measured(z, y[test], 2))
                if isinstance(objective, VPU):
                    # the paper's decoding: Phi over its largest value on the training rows, cut at one half
                    top = torch.log_softmax(run.logits(scaled_x[train])[0], 1)[:, 1].max()
                    phi = (torch.log_softmax(z, 1)[:, 1] - top).double().exp().clamp(1e-12, 1 - 1e-12)
                    both = torch.stack([(1 - phi).log(), phi.log()], 1)
                    sheet.add(
                        **line, method=f"{method}, divided by its maximum", prior=shown, **measured(both, y[test], 2)
                    )


def semi(sheet: Sheet) -> None:
    """600 rows held out; of at most 3,000 training rows, a few per class are labeled and the others unlabeled."""
    for name, per_class in SEMI_SETS:
        x, y = table(name)
        k = int(y.max()) + 1
        for seed in SEEDS:
            order = numpy_rng(seed, "split").permutation(len(y))
            test, train = order[:600], order[600 : 600 + 3000]
            seen = np.concatenate([np.flatnonzero(y[train] == c)[:per_class] for c in range(k)])
            codes = np.full(len(train), -1)
            codes[seen] = y[train][seen]
            scaled_x = scaled(x, train)
            runs: list[tuple[str, Objective, Labels]] = [
                ("clean bound (ce, oracle labels)", CrossEntropy(), Exact(torch.as_tensor(y[train]), k))
            ]
            runs += [(o.card.name, o, Semi(torch.as_tensor(codes), k)) for o in SEMI]
            runs += [("supervised, averaged weights", AveragedSupervised(), Semi(torch.as_tensor(codes), k))]
            for method, objective, labels in runs:
                if sheet.missing(name, per_class * k, seed, method):
                    run, seconds = trained(scaled_x[train], labels, objective, SEMI_SETTINGS, seed)
                    line = {"set": name, "labels": per_class * k, "seed": seed, "cpu_seconds": seconds}
                    z = run.logits(scaled_x[test])[0]
                    sheet.add(**line, method=method, prior=float("nan"), **measured(z, y[test], k))


def show(path: Path) -> None:
    """Mean and standard deviation over seeds, as one Markdown table per set."""
    groups: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for line in read_rows(path):
        groups[line["set"], line["labels"]][line["method"]].append(line)
    for (name, labels), methods in groups.items():
        two = any(line["auc"] != "nan" for lines in methods.values() for line in lines)
        columns = ["accuracy", *(["balanced", "auc"] if two else [])]
        print(f"\n**{name}, {labels} labels**\n")
        print(
            "| method | " + " | ".join(f"{c} %" for c in columns) + (" | prior |" if two else " |") + " CPU s | seeds |"
        )
        print("|---|" + "---|" * (len(columns) + two + 2))
        for method, lines in methods.items():

            def cell(column: str, lines: list[dict[str, str]] = lines, scale: float = 100) -> str:
                values = scale * np.array([float(line[column]) for line in lines])
                return f"{values.mean():.1f} ± {values.std(ddof=1) if len(values) > 1 else 0:.1f}"

            prior = cell("prior", scale=1).replace("nan ± nan", "-") if two else ""
            if two and prior != "-":
                prior = f"{np.mean([float(line['prior']) for line in lines]):.3f}"
            seconds = np.mean([float(line["cpu_seconds"]) for line in lines])
            cells = [cell(c) for c in columns] + ([prior] if two else []) + [f"{seconds:.1f}", str(len(lines))]
            print(f"| {method} | " + " | ".join(cells) + " |")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pu", "semi", "table"))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "table":
        show(given.out)
    else:
        {"pu": pu, "semi": semi}[given.what](Sheet(given.out))


if __name__ == "__main__":
    main()
