"""Scale at full size: a million rows from disk, a table of a million rows in half precision, torchrun's two processes.

    OMP_NUM_THREADS=1 python benchmarks/scale.py [--rows 1000000] [--folder DIR] [--write docs/measurements/scale.md]

Every line is measured in a process of its own, with one thread; peak memory is the most that the kernel counted for
that process from when its inputs stood there. ``--rows 20000`` shows the shape in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

D, K, GROUP = 128, 10, 50_000
MB = 2**20


class Peak:
    """Megabytes that this process held at most since now, beyond what it holds now."""

    def __init__(self) -> None:
        from sfumato.bench.provenance import PeakMemory

        self.mark = PeakMemory()
        self.start = self.mark.megabytes()

    def beyond(self) -> float:
        """The most so far."""
        return self.mark.megabytes() - self.start


def make(folder: Path, n: int) -> None:
    """x.npy, x.parquet and y.npy: n rows of D normal features, classes by a linear rule."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rule = np.random.default_rng(0).normal(size=(D, K)).astype(np.float32)
    rows = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=np.float32, shape=(n, D))
    y = np.empty(n, np.int64)
    names = [f"f{j}" for j in range(D)]
    with pq.ParquetWriter(folder / "x.parquet", pa.schema([(name, pa.float32()) for name in names])) as writer:
        for i in range(0, n, GROUP):
            part = np.random.default_rng([1, i]).normal(size=(min(GROUP, n - i), D)).astype(np.float32)
            rows[i : i + GROUP], y[i : i + GROUP] = part, (part @ rule).argmax(1)
            writer.write_table(pa.table(list(part.T), names=names), row_group_size=4096)
    rows.flush()
    np.save(folder / "y.npy", y)


def run_on(x: Any, labels: Any, law: Any, name: str, **settings: Any) -> Any:
    """A run of an MLP of 64 units."""
    from sfumato.catalogue import method
    from sfumato.train.config import Config
    from sfumato.train.loop import Run
    from sfumato.train.networks import build

    config = Config(**{"epochs": 2, "batch_size": 256, **settings})
    return Run(x, labels, method(name).cls(), lambda m: build("mlp", (D,), labels.k, m, (64,)), config, law=law)


def warm() -> None:
    """A little of everything: what torch and the catalogue load once is no part of what is measured."""
    import torch

    from sfumato.labels import Partial, UniformSets

    for memory in ("full", "half"):
        x, mask = torch.randn(40_000, D), torch.ones(40_000, 3, dtype=torch.bool)
        run_on(x, Partial(mask, 3), UniformSets(), "proden", memory=memory, epochs=1).fit(stop_after=2)


def from_disk(folder: Path, suffix: str) -> dict[str, Any]:
    """Two epochs of an MLP-64 on rows on disk, in shuffled blocks."""
    import torch

    from sfumato.labels import Clean, Exact
    from sfumato.train.store import moments, open_rows

    y = torch.from_numpy(np.load(folder / "y.npy"))
    peak = Peak()
    start = time.perf_counter()
    store = open_rows(folder / f"x.{suffix}")
    store = store.scaled(*moments(store))
    ready = time.perf_counter() - start
    marks: list[float] = [time.perf_counter()]
    run = run_on(store, Exact(y, K), Clean(), "ce").fit(on_epoch=lambda _: marks.append(time.perf_counter()))
    blocks = len(store.starts) - 1
    return {
        "rows": len(store),
        "data MB": len(store) * D * 4 / MB,
        "blocks": blocks,
        "blocks in memory": store.window,
        "block MB": store.tall * D * 4 / MB,
        "one pass for mean and sd (s)": ready,
        "epoch (s)": (marks[-1] - marks[0]) / 2,
        "reads per block and epoch": store.reads / blocks / 2,
        "accuracy": float((run.logits(store)[0].argmax(1) == y).double().mean()),
        "peak MB beyond start": peak.beyond(),
    }


def in_memory(folder: Path) -> dict[str, Any]:
    """The same two epochs on rows in memory."""
    import torch

    from sfumato.labels import Clean, Exact

    y = torch.from_numpy(np.load(folder / "y.npy"))
    peak = Peak()
    x = torch.from_numpy(np.load(folder / "x.npy"))
    marks: list[float] = [time.perf_counter()]
    run = run_on(x, Exact(y, K), Clean(), "ce").fit(on_epoch=lambda _: marks.append(time.perf_counter()))
    return {
        "rows": len(x),
        "data MB": len(x) * D * 4 / MB,
        "epoch (s)": (marks[-1] - marks[0]) / 2,
        "accuracy": float((run.logits(x)[0].argmax(1) == y).double().mean()),
        "peak MB beyond start": peak.beyond(),
    }


def beliefs(n: int, memory: str) -> dict[str, Any]:
    """PRODEN's table of n x 100: memory to begin, and twenty steps on it."""
    import torch

    from sfumato.labels import Partial, UniformSets

    k, rng = 100, torch.Generator().manual_seed(0)
    mask = torch.zeros(n, k, dtype=torch.bool)
    for part in mask.split(GROUP):
        part.copy_(torch.rand(part.shape, generator=rng) < 0.1)
    mask[torch.arange(n), torch.randint(k, (n,), generator=rng)] = True
    labels = Partial(mask, k)
    x = torch.randn(n, 1, generator=rng).expand(n, D)  # the table is what is measured: features take no room
    peak = Peak()
    start = time.perf_counter()
    run = run_on(x, labels, UniformSets(), "proden", memory=memory, epochs=1)
    begun, seconds = peak.beyond(), time.perf_counter() - start
    run.fit(stop_after=20)
    table = run.memory[0]["rows"]
    return {
        "rows": n,
        "table MB": table.numel() * table.element_size() / MB,
        "peak MB beyond labels, begun": begun,
        "after 20 steps": peak.beyond(),
        "begin (s)": seconds,
    }


def trained(folder: Path, n: int) -> dict[str, Any]:
    """ELR on n rows, alone or as one of torchrun's processes: its logits, and how much of the table this one keeps."""
    import torch

    from sfumato.catalogue import method
    from sfumato.labels import Noisy
    from sfumato.train.config import Config
    from sfumato.train.loop import Run
    from sfumato.train.networks import build
    from sfumato.train.world import join

    alone = "RANK" not in os.environ
    world = None if alone else join()
    x, y = torch.from_numpy(np.load(folder / "x.npy", mmap_mode="r")[:n].astype(np.float64)), np.load(folder / "y.npy")
    config = Config(epochs=1, batch_size=512, precision="float64")
    labels = Noisy(torch.from_numpy(y[:n]), K)
    start = time.perf_counter()
    run = Run(
        x, labels, method("elr").cls(), lambda m: build("mlp", (D,), K, m, (64,)), config, world=world
    ).fit()  # fmt: skip
    seconds = time.perf_counter() - start
    if world is None or world.rank == 0:
        np.save(folder / f"z{'' if alone else 2}.npy", run.logits(x)[0].numpy())
    return {"rows": n, "epoch (s)": seconds, "rows of the table kept here": len(run.memory[0]["rows"])}


def alone(folder: Path, n: int, *words: str, processes: int = 1) -> dict[str, Any]:
    """One measurement in a process of its own; of several processes the first one's."""
    before = [sys.executable]
    if processes > 1:
        before += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]  # a free port
    command = [*before, __file__, "--rows", str(n), "--folder", str(folder), "--one", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(lines[0])
    return found


def measured(folder: Path, n: int) -> dict[str, dict[str, Any]]:
    """Every line by its title."""
    out: dict[str, dict[str, Any]] = {}

    def add(title: str, ask: Callable[[], dict[str, Any]]) -> None:
        out[title] = ask()
        print(f"{title}: " + ", ".join(f"{k} {_said(v)}" for k, v in out[title].items()), flush=True)

    add("rows in memory", lambda: alone(folder, n, "memory"))
    add("rows on disk, npy", lambda: alone(folder, n, "npy"))
    add("rows on disk, parquet", lambda: alone(folder, n, "parquet"))
    add("beliefs n x 100, full", lambda: alone(folder, n, "full"))
    add("beliefs n x 100, half", lambda: alone(folder, n, "half"))
    few = min(n, 100_000)
    add("ELR, one process", lambda: alone(folder, few, "trained"))
    add("ELR, two processes by torchrun", lambda: alone(folder, few, "trained", processes=2))
    one, two = np.load(folder / "z.npy"), np.load(folder / "z2.npy")
    apart = float(np.abs(one - two).max())
    out["ELR, two processes by torchrun"]["largest difference of a logit"] = apart
    print(f"largest difference of a logit, one process against two: {apart:.3g}")
    return out


def _said(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:,.1f}"


HEAD = """# Scale

Written by `python benchmarks/scale.py --write docs/measurements/scale.md` and by nothing else. {rows:,} rows x 128
float32 features; every block of lines in a process of its own with one thread, on a machine that others use too: trust
memory and equality, not the seconds. MLP of 64 units, batches of 256; peak memory counts from when the inputs stood
there, labels included, rows not. Beliefs are PRODEN's table for 100 classes; ELR trains 100,000 rows in float64, alone
and by two processes of torchrun, each of which keeps the memory of its own rows.
"""


def page(found: dict[str, dict[str, Any]], n: int) -> str:
    """The figures as markdown."""
    parts = [HEAD.format(rows=n)]
    for title, values in found.items():
        parts.append(f"\n**{title}**\n\n| what | value |\n|---|---|\n")
        parts += [f"| {what} | {_said(value)} |\n" for what, value in values.items()]
    return "".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the files are made; a temporary folder where not given")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # one measurement: what this script starts
    told = parser.parse_args()
    if told.one:
        import torch

        torch.set_num_threads(1)
        if told.one[0] != "trained":
            warm()
        what = told.one[0]
        asked: dict[str, Callable[[], dict[str, Any]]] = {
            "memory": lambda: in_memory(told.folder),
            "npy": lambda: from_disk(told.folder, "npy"),
            "parquet": lambda: from_disk(told.folder, "parquet"),
            "full": lambda: beliefs(told.rows, "full"),
            "half": lambda: beliefs(told.rows, "half"),
            "trained": lambda: trained(told.folder, told.rows),
        }
        line = json.dumps(asked[what]())
        if os.environ.get("RANK", "0") == "0":  # of several processes the first one speaks
            print(line, flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = told.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, told.rows)
        found = measured(folder, told.rows)
    if told.write:
        told.write.write_text(page(found, told.rows), encoding="utf-8")


if __name__ == "__main__":
    main()
