"""From raw labels to a curated set, on human noise: what the pipeline of sfumato.audit.Curation gains and costs.

    OMP_NUM_THREADS=1 python benchmarks/curation.py run --out docs/measurements/curation.csv
    python benchmarks/curation.py table --out docs/measurements/curation.csv

Three protocols (liu2024automatic names them). Detection: rows that people reviewed for label errors in the CIFAR-10 and
MNIST test sets, with the probabilities published with them: precision, recall and F1 of what `detect` marks. Learning
and imbalance: CIFAR-10N worst and aggregate, on the features of benchmarks/cifar10n.py; the noise share, rows and class
counts before and after; test accuracy, balanced over classes and of the worst class, after training on the raw set and
on the curated one for the same number of steps (the curated set, having fewer rows, gets more epochs). `at_least` is
swept over a few values and none is chosen. True labels measure and are read by nothing else. The real data lie in
../shared/data beside the repository (SFUMATO_REAL_DATA overrides); without them nothing is run. ``run`` appends and
skips what the file holds already.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from cifar10n import BATCH, CENTROIDS, EPOCHS, HIDDEN, ROWS, features
from real_data import loader
from rows import append_rows, finished, read_rows

from sfumato.audit import Curation
from sfumato.catalogue import method as card_of
from sfumato.labels import Clean, Noisy
from sfumato.parts.linear import out_of_fold
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

FIELDS = ("protocol", "set", "at_least", "method", "seed", "measure", "value")
AT_LEAST = (0.5, 0.8, 0.95)
METHODS = ("ce", "regularised-ce")
DEFAULT = "0.8, features alone"  # `at_least` with nothing but features given: a head and neighbours detect


def curated(x: Any, y: Any, p: Any, at_least: float, folder: Path, how: str = "weights") -> Curation:
    """A curation run to its end, in a ledger of its own."""
    curation = Curation(folder / f"{at_least}-{how}-{time.monotonic_ns()}.jsonl", x, Noisy(torch.from_numpy(y), 10))
    curation.run(p, at_least=at_least, how=how)
    return curation


def trained(x: Any, labels: Noisy, weight: Any, name: str, seed: int, epochs: int, test: Any) -> dict[str, float]:
    """Test accuracy after the last epoch: overall, mean over classes, worst class; and CPU seconds."""
    objective = card_of(name, kinds=("exact",)).cls()
    config = Config(**{"batch_size": BATCH, "lr": 1e-3, "seed": seed, **objective.recipe, "epochs": epochs})
    started = time.process_time()
    run = Run(
        x,
        labels,
        objective,
        lambda member: build("mlp", tuple(x.shape[1:]), 10, 10 * seed + member, (HIDDEN,)),
        config,
        law=Clean(),
        w=torch.from_numpy(weight).float(),
    ).fit()
    seconds = time.process_time() - started
    said = np.asarray(run.logits(test[0])[0].argmax(1))
    hit = said == np.asarray(test[1])
    per_class = [float(hit[np.asarray(test[1]) == c].mean()) for c in range(10)]
    return {
        "accuracy": float(hit.mean()),
        "balanced accuracy": float(np.mean(per_class)),
        "worst class": min(per_class),
        "cpu seconds": seconds,
    }


def learning(
    data: ModuleType, cache: Path, seeds: list[int], only: str, done: set[tuple[str, ...]]
) -> Iterator[dict[str, Any]]:
    """Noise and counts before and after; accuracy on the raw and on the curated set."""
    x, truth, x_test, y_test = features(data, ROWS, CENTROIDS, cache)
    true = truth.numpy()
    for name, column in (("cifar10n worst", "worse_label"), ("cifar10n aggregate", "aggre_label")):
        y = np.asarray(data.human("cifar10n")[column][:ROWS], np.int64)
        labels_of = ("raw", *map(str, AT_LEAST), DEFAULT)
        left = [
            (label, m, seed)
            for label in labels_of
            for m in METHODS
            for seed in seeds
            if ("learning", name, label, m, str(seed), "cpu seconds") not in done
        ]
        if only not in name or not left:
            continue
        wanted = {label for label, _, _ in left}
        sets: list[tuple[str, Any, Any, Any]] = [("raw", np.arange(ROWS), y, np.ones(ROWS))]
        p = None
        if wanted & {str(a) for a in AT_LEAST}:
            started = time.process_time()
            p = out_of_fold(x.numpy(), y, 10)
            seconds = time.process_time() - started
            yield _line("curation", name, "", "", "", "cpu seconds of the probabilities", seconds)
        with tempfile.TemporaryDirectory() as folder:
            for label, at_least, given in (*((str(a), a, p) for a in AT_LEAST), (DEFAULT, 0.8, None)):
                if label in wanted:
                    made = curated(x.numpy(), y, given, at_least, Path(folder)).result()
                    sets.append((label, made.rows, np.asarray(made.labels.y), made.weight))
        for label, rows, codes, weight in sets:
            count = np.bincount(codes, minlength=10)
            for measure, value in (
                ("wrong labels", float((codes != true[rows]).mean())),
                ("rows", len(rows)),
                ("largest to smallest class", float(count.max() / count.min())),
            ):
                yield _line("curation", name, label, "", "", measure, value)
            for method in METHODS:
                for seed in seeds:
                    if (label, method, seed) not in left:
                        continue
                    epochs = round(EPOCHS * ROWS / len(rows))
                    labels = Noisy(torch.from_numpy(codes), 10)
                    at = torch.from_numpy(rows)
                    for measure, value in trained(
                        x[at], labels, weight, method, seed, epochs, (x_test, y_test)
                    ).items():
                        yield _line("learning", name, label, method, seed, measure, value)


def detection(data: ModuleType, cache: Path, done: set[tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """What `detect` marks among the reviewed rows, against the verdicts of people."""
    mnist = data.mnist()["x_test"].reshape(10_000, -1) / 255.0
    test = features(data, ROWS, CENTROIDS, cache)[2].numpy()
    for name, x in (("mnist", mnist), ("cifar10", test)):
        if ("detection", f"{name} verdicts", "", "", "", "F1") in done:
            continue
        d = data.load(f"labelerrors/{name}")
        votes = d["mturk_votes"][:, list(d["mturk_keys"]).index("given")]
        wrong = votes < 3
        with tempfile.TemporaryDirectory() as folder:
            curation = Curation(Path(folder) / "l.jsonl", x, Noisy(torch.from_numpy(d["given"].astype(np.int64)), 10))
            curation.detect(np.asarray(d["pred_probs"]))
        marked = np.isin(d["mturk_index"], curation.state.marked)
        hit = int((marked & wrong).sum())
        precision, recall = hit / max(int(marked.sum()), 1), hit / int(wrong.sum())
        for measure, value in (
            ("reviewed rows", len(wrong)),
            ("wrong by verdict", float(wrong.mean())),
            ("marked", int(marked.sum())),
            ("precision", precision),
            ("recall", recall),
            ("F1", 2 * precision * recall / max(precision + recall, 1e-12)),
        ):
            yield _line("detection", f"{name} verdicts", "", "", "", measure, value)


def _line(*values: Any) -> dict[str, Any]:
    return dict(zip(FIELDS, values, strict=True))


def run(data: ModuleType, out: Path, cache: Path, seeds: list[int], only: str) -> None:
    """Append what the file lacks."""
    done = finished(out, *FIELDS[:-1])
    for lines in (detection(data, cache, done), learning(data, cache, seeds, only, done)):
        for line in lines:
            if tuple(str(line[c]) for c in FIELDS[:-1]) in done:
                continue
            value = line["value"]
            line["value"] = f"{value:.4f}" if isinstance(value, float) else value
            print(line, flush=True)
            append_rows(out, FIELDS, [line])


def table(out: Path) -> str:
    """Two tables: what became of the labels with what was learned from them, and detection."""
    lines = read_rows(out)
    text = [
        "| set | at_least | rows | wrong labels, % | largest : smallest | trained by | accuracy, % | balanced, % | "
        "worst class, % | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]

    def mean(measure: str, **where: str) -> str:
        v = [float(r["value"]) for r in lines if r["measure"] == measure and all(r[k] == w for k, w in where.items())]
        if not v:
            return ""
        if measure in ("rows", "marked", "reviewed rows"):
            return f"{v[0]:.0f}"
        scale = 1 if measure in ("largest to smallest class", "cpu seconds") else 100
        spread = f" ± {scale * np.std(v, ddof=1):.1f}" if len(v) > 1 and scale == 100 else ""
        return f"{scale * np.mean(v):.1f}{spread}"

    for name in dict.fromkeys(r["set"] for r in lines if r["protocol"] == "learning"):
        for label in dict.fromkeys(r["at_least"] for r in lines if (r["set"], r["protocol"]) == (name, "learning")):
            state = [mean(m, set=name, at_least=label) for m in ("rows", "wrong labels", "largest to smallest class")]
            for method in METHODS:
                got = [
                    mean(m, set=name, at_least=label, method=method)
                    for m in ("accuracy", "balanced accuracy", "worst class", "cpu seconds")
                ]
                text.append("| " + " | ".join([name, label, *state, method, *got]) + " |")
    measures = ("reviewed rows", "wrong by verdict", "marked", "precision", "recall", "F1")
    text += [
        "",
        "| set | reviewed | wrong, % | marked | precision, % | recall, % | F1, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(r["set"] for r in lines if r["protocol"] == "detection"):
        text.append("| " + " | ".join([name, *(mean(m, set=name) for m in measures)]) + " |")
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/curation.csv"))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "sfumato-cifar10")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default="", help="sets whose name holds this")
    given = parser.parse_args()
    if given.what == "table":
        print(table(given.out))
        return
    data = loader()
    if data is None:
        sys.exit("the real data are absent (see SFUMATO_REAL_DATA); nothing was run")
    torch.set_num_threads(1)
    run(data, given.out, given.cache, given.seeds, given.only)


if __name__ == "__main__":
    main()
