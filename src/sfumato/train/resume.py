"""Stop and resume: everything that the rest of a run depends on, as one flat set of tensors, out and back in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sfumato.core.errors import FileError

from . import checkpoint as files
from . import memory, tree
from .optimizers import laid_out
from .store import Store

if TYPE_CHECKING:
    from .loop import Run


def state(run: Run) -> dict[str, Tensor]:
    """Every tensor that the rest of training depends on, by name."""
    flat: dict[str, Tensor] = {"total": run.total}
    for m, net in enumerate(run.nets):
        flat |= {f"{m}.net.{k}": v for k, v in net.state_dict().items()}
        flat |= {f"{m}.learned.{k}": v for k, v in run.learned[m].state_dict().items()}
        if run.teachers:
            flat |= {f"{m}.teacher.{k}": v for k, v in run.teachers[m].state_dict().items()}
        for kind, kept in memory.whole(run, m).items():
            flat |= {f"{m}.{kind}.{path}": leaf for path, leaf in tree.leaves(kept)}
        for p, values in run.optimizers[m].state_dict()["state"].items():
            flat |= {f"{m}.opt.{p}.{k}": torch.as_tensor(v) for k, v in values.items() if v is not None}
    if run.best is not None:
        for m, weights in enumerate(run.best[2]):
            flat |= {f"{m}.best.{k}": v for k, v in weights.items()}
    return flat


_found: WeakKeyDictionary[Run, str] = WeakKeyDictionary()  # a run's own fingerprint, for all of its checkpoints


def fingerprint(run: Run) -> str:
    """What a checkpoint belongs to: data, labels, objective, networks, needs and settings. Found once per run."""
    if run not in _found:
        _found[run] = _fingerprint(run)
    return _found[run]


def _fingerprint(run: Run) -> str:
    columns = [getattr(run.labels, name) for name in (*run.labels.columns, *run.labels.spans)]
    law = [] if run.law is None else [type(run.law).__name__, *(getattr(run.law, name) for name in run.law.needs())]
    given = [run.w, run.group, *(run.sides[name] for name in sorted(run.sides)), run.sampler.weights, *law]
    fixed = {k: v for k, v in run.config.as_dict().items() if k != "device"}
    needs = sorted((k, v if not isinstance(v, Tensor) else files.digest(v)) for k, v in run.needs.items())
    x = [run.X.fingerprint(), run.X.shift, run.X.scale] if isinstance(run.X, Store) else [run.X]
    nets = [told(module) for module in (*run.nets, *run.learned)]
    return files.digest(*x, *columns, *given, repr(run.objective), type(run.objective).__name__, fixed, needs, nets)


def told(module: nn.Module) -> str:
    """A module in words: its layers with their settings, its tensors with their shapes; no values, no addresses."""
    tensors = [(name, None if is_lazy(v) else (v.dtype, tuple(v.shape))) for name, v in module.state_dict().items()]
    return re.sub(r" at 0x[0-9a-f]+", "", f"{module!r} {tensors}")


def save(run: Run, path: Path) -> None:
    """Write a checkpoint, atomically; of several processes the first one writes."""
    best = None if run.best is None else [run.best[0], run.best[1]]
    meta = {
        "kind": "checkpoint",
        "epoch": run.epoch,
        "step": run.step,
        "history": run.history,
        "best": best,
        "fingerprint": fingerprint(run),
    }
    flat = state(run)
    if run.world is None or run.world.rank == 0:
        files.save(path, flat, meta)
    if run.world is not None:
        run.world.wait()


def begun(run: Run, path: Path) -> bool:
    """Whether there is a checkpoint to continue from, or else a place for one, which is an error where there is none;
    of several processes the first one says.
    """

    fingerprint(run)  # of the networks as they begin: lazy ones get their shapes in training

    def look() -> bool:
        found = path.exists()
        if not found:
            files.check_writable(path)
        return found

    return look() if run.world is None else run.world.told(look)


def load(run: Run, path: Path) -> None:
    """Continue from a checkpoint, of several processes all from that of the first; one of other data, another
    network or other settings is refused.
    """
    flat, meta = files.read(path) if run.world is None else run.world.told(lambda: files.read(path))
    if meta.get("kind") != "checkpoint" or meta.get("fingerprint") != fingerprint(run):
        raise FileError(
            f"{path} belongs to another run (data, labels, method, network or settings differ)",
            "the checkpoint of this run",
            "use another path, or remove the file",
        )
    for m, net in enumerate(run.nets):
        restore(net, flat, f"{m}.net.")
        restore(run.learned[m], flat, f"{m}.learned.")
        if run.teachers:
            restore(run.teachers[m], flat, f"{m}.teacher.")
        whole = memory.whole(run, m)
        for kind in ("rows", "bank"):
            tree.load(whole[kind], flat, f"{m}.{kind}")
        if run.world is not None:
            own = run.world.mine(whole["rows"])
            tree.load(run.memory[m]["rows"], {f".{name}": leaf for name, leaf in tree.leaves(own)}, "")
        restore_optimizer(run, m, flat)
    run.total.copy_(flat["total"])
    run.epoch, run.step, run.history = meta["epoch"], meta["step"], meta["history"]
    if meta["best"] is not None:
        weights = [
            {k.removeprefix(f"{m}.best."): v for k, v in flat.items() if k.startswith(f"{m}.best.")}
            for m in range(len(run.nets))
        ]
        run.best = (meta["best"][0], meta["best"][1], weights)


def restore(module: nn.Module, flat: dict[str, Tensor], prefix: str) -> None:
    """Put the tensors under a prefix back into a module."""
    module.load_state_dict({k.removeprefix(prefix): v for k, v in flat.items() if k.startswith(prefix)})


def restore_optimizer(run: Run, m: int, flat: dict[str, Tensor]) -> None:
    """Put a member's optimizer state back; its settings are the run's own."""
    saved: dict[int, dict[str, Tensor]] = {}
    prefix = f"{m}.opt."
    for name, value in flat.items():
        if name.startswith(prefix):
            p, key = name.removeprefix(prefix).split(".", 1)
            saved.setdefault(int(p), {})[key] = value
    found = run.optimizers[m].state_dict()
    found["state"] = saved
    run.optimizers[m].load_state_dict(found)
    for weight, moments in run.optimizers[m].state.items():
        for name, value in moments.items():
            if value.ndim:  # a file keeps tensors row by row, whatever the weight's own order of memory
                moments[name] = laid_out(value, weight)
