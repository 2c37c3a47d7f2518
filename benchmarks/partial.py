"""Every partial-label method on Lost, MSRCv2 and BirdSong: ten seeded splits, the last epoch and epochs chosen weakly.

    OMP_NUM_THREADS=1 python benchmarks/partial.py run --out docs/measurements/partial.csv
    python benchmarks/partial.py table --out docs/measurements/partial.csv --into docs/measurements/partial.md

The real data lie in ../shared/data beside the repository (SFUMATO_REAL_DATA overrides). ``run`` appends one line per
finished run and skips those that the file holds already, so it can be stopped and continued. True labels of the test
rows are read when a measurement is due, for the table alone; nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from real_data import needed
from rows import append_rows, finished, read_rows

import sfumato.learn.complementary
import sfumato.learn.partial
from sfumato.core.card import cards, discover
from sfumato.core.errors import DivergedError
from sfumato.core.streams import numpy_rng
from sfumato.labels import Complementary, Labels, Partial
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

SETS = ("lost", "msrcv2", "birdsong")
KEY = ("set", "split", "kind", "method", "steps")
ACCURACIES = ("last", "by_likelihood", "by_covering")
FIELDS = (*KEY, *ACCURACIES, "epoch_likelihood", "epoch_covering", "epochs", "finite", "cpu_seconds")
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
MEASURES = 40  # how often the weak validation labels are looked at, evenly over training
WHOLE = ", no validation rows"
NEEDLESS = ("forward",)  # wants a transition matrix that these sets do not come with


def load(name: str) -> dict[str, Any]:
    """One partial-label set: x (n, d), candidate (n, K), y (n,)."""
    return dict(needed().load(f"pll/{name}"))


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows for training, weak validation and testing: 81, 9 and 10 %."""
    order = numpy_rng(seed, "split").permutation(n)
    test, rest = order[: n // 10], order[n // 10 :]
    return rest[len(rest) // 10 :], rest[: len(rest) // 10], test


def one(data: dict[str, Any], seed: int, cls: type, kind: str, steps: int, whole: bool = False) -> dict[str, Any]:
    """One run: its test accuracy at the last epoch and at the epochs that the weak validation labels choose.

    With ``whole`` the validation rows are trained on too, and the last epoch alone means something.
    """
    train, held, test = split(len(data["x"]), seed)
    train = np.concatenate([train, held]) if whole else train
    mean, sd = data["x"][train].mean(0), data["x"][train].std(0)
    x = torch.as_tensor((data["x"] - mean) / np.where(sd > 0, sd, 1), dtype=torch.float32)
    mask, y = torch.as_tensor(data["candidate"]), torch.as_tensor(data["y"].astype(np.int64))
    k = mask.shape[1]
    labels: Labels = Partial(mask, k) if kind == "partial" else Complementary(~mask, k)
    objective = cls()
    law_class = objective.law_for(labels)
    law = law_class(**law_class.read(labels[torch.as_tensor(train)]))
    epochs = max(1, round(steps / -(-len(train) // 128)))
    config = Config(epochs=epochs, batch_size=128, lr=1e-3, weight_decay=1e-5, seed=seed)
    # the criterion is the same for every method: candidates, read by the law of uniform sets
    seen = mask[held]
    trace: list[tuple[int, float, float, float]] = []

    def measure(run: Run) -> None:
        if run.epoch % max(1, epochs // MEASURES) and run.epoch != epochs:
            return
        z = run.logits(x[np.concatenate([held, test])])[0]
        weak, strong = z[: len(held)], z[len(held) :]
        log_p = torch.log_softmax(weak, dim=1)
        likelihood = float(log_p.masked_fill(~seen, -torch.inf).logsumexp(1).mean())
        covering = float(seen.gather(1, weak.argmax(1, keepdim=True)).double().mean())
        trace.append((run.epoch, likelihood, covering, float((strong.argmax(1) == y[test]).double().mean())))

    start = time.process_time()
    own = labels[torch.as_tensor(train)]
    run = Run(x[train], own, objective, lambda m: build("mlp", (x.shape[1],), k, seed * 10 + m), config, law=law)
    try:
        run.fit(on_epoch=measure)
        finite = all(bool(torch.isfinite(p).all()) for p in run.nets[0].parameters())
    except DivergedError:
        finite = False
    if not trace:
        trace.append((0, math.nan, math.nan, math.nan))  # diverged before the first measurement
    by_likelihood, by_covering = max(trace, key=lambda t: t[1]), max(trace, key=lambda t: t[2])
    return {
        "last": trace[-1][3],
        "by_likelihood": math.nan if whole else by_likelihood[3],
        "by_covering": math.nan if whole else by_covering[3],
        "epoch_likelihood": by_likelihood[0],
        "epoch_covering": by_covering[0],
        "epochs": epochs,
        "finite": int(finite),
        "cpu_seconds": round(time.process_time() - start, 2),
    }


def run_all(
    out: Path, kind: str, sets: list[str], splits: int, steps: int, only: list[str], whole: bool = False
) -> None:
    """Every method of the kind on every set and split that ``out`` does not hold yet."""
    discover(sfumato.learn.partial if kind == "partial" else sfumato.learn.complementary)
    chosen = [c for c in cards("learn", (kind,)) if c.kind == kind and c.name not in NEEDLESS]
    done = finished(out, *KEY)
    for seed in range(splits):
        for name in sets:
            data = load(name)
            for card in chosen:
                key = dict(zip(KEY, (name + WHOLE * whole, str(seed), kind, card.name, str(steps)), strict=True))
                if tuple(key.values()) in done or (only and card.name not in only):
                    continue
                append_rows(out, FIELDS, [key | one(data, seed, card.cls, kind, steps, whole)])


def table(out: Path) -> str:
    """The results as Markdown: mean and standard deviation over splits of the test accuracy in percent."""
    groups: dict[tuple[str, ...], dict[str, list[dict[str, str]]]] = {}
    for row in read_rows(out):
        group = groups.setdefault((row["kind"], row["steps"], row["set"]), {})
        group.setdefault(row["method"], []).append(row)
    lines = []
    for (kind, steps, name), methods in sorted(groups.items()):
        epochs = next(iter(methods.values()))[0]["epochs"]
        lines += [f"\n**{name}**, methods for {kind} labels, {steps} steps ({epochs} epochs)\n"]
        lines += ["| method | splits | last epoch | by likelihood | by covering rate | finite | CPU s a run |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for method, rows in sorted(methods.items()):
            cells = [method, str(len(rows))]
            for column in ACCURACIES:
                values = 100 * np.array([float(row[column]) for row in rows])
                spread = values.std(ddof=1) if len(values) > 1 else 0
                cells.append("-" if np.isnan(values).all() else f"{values.mean():.1f} +- {spread:.1f}")
            cells.append(f"{sum(int(row['finite']) for row in rows)} of {len(rows)}")
            cells.append(f"{np.mean([float(row['cpu_seconds']) for row in rows]):.1f}")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/partial.csv"), help="one line per run")
    parser.add_argument(
        "--kind", choices=("partial", "complementary"), default="partial", help="complementary = not in S"
    )
    parser.add_argument("--into", type=Path, help="write the tables between the markers of this page")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--methods", nargs="*", default=[], help="only these")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--whole", action="store_true", help="train on the validation rows too; last epoch only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "run":
        run_all(args.out, args.kind, args.sets, args.splits, args.steps, args.methods, args.whole)
    tables = table(args.out)
    print(tables)
    if args.into is not None:
        head, rest = args.into.read_text(encoding="utf-8").split(BEGIN)
        args.into.write_text(f"{head}{BEGIN}\n{tables}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
