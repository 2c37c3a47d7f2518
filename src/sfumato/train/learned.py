"""Needs that are learned during training. A learned module is read by its signature, as a hook is: one whose forward
names nothing is one value for all rows; one that names ``z``, ``features`` or ``x`` has a value per row of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sfumato.core.errors import ParameterError
from sfumato.core.words import words
from sfumato.labels import Law

if TYPE_CHECKING:
    from .assembly import Assembly

PER_STEP = ("z", "features", "x", "k", "n", "progress", "epochs")


def made(run: Assembly, member: int) -> nn.ModuleDict:
    """The modules that the hook ``learns`` brings, each checked to name only what is known wherever it is asked; ``x``
    is a batch of one row, for its shape."""
    modules: dict[str, nn.Module] = {}
    if "learns" in run.hooks:
        function, names = run.hooks["learns"]
        given = {**run.constants(), "s": run.labels, "w": run.w, "rng": run.rng("learns", member)}
        if "x" in names:
            given["x"] = run.rows_of(torch.zeros(1, dtype=torch.long, device=run.device))
        modules = function(**{word: given[word] for word in names})
    for need, module in modules.items():
        foreign = set(words(module.forward)) - set(PER_STEP)
        if foreign:
            raise ParameterError(f"a learned {need!r} that names {sorted(foreign)}", f"words among {PER_STEP}")
        early = [hook for hook in ("start", "stock") if {"law", need} & set(run.hooks.get(hook, ("", ()))[1])]
        if words(module.forward) and early:
            raise ParameterError(
                f"hook {early[0]} that asks for a law learned row by row", "one that begins without it"
            )
    return nn.ModuleDict(modules).to(run.device, run.dtype)


def named(run: Assembly) -> set[str]:
    """The words that learned needs name; none where they are known without a look at rows, and the law with them."""
    return {word for module in run.learned[0].values() for word in words(module.forward)}


def settled(run: Assembly, member: int) -> list[tuple[str, nn.Module]]:
    """The learned needs of a member that have one value for all rows."""
    return [(need, module) for need, module in run.learned[member].items() if not words(module.forward)]


def asked(module: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The words that a learned module names, of those given."""
    return {word: given[word] for word in words(module.forward)}


def complete(run: Assembly, given: Mapping[str, Any]) -> bool:
    """Whether all that the law needs is known or learned; a method may learn something else."""
    return run.law_class is not None and set(run.law_class.needs()) <= {*given, *run.learned[0]}


def bound(run: Assembly, given: Mapping[str, Any]) -> Law:
    """The law on learned and other needs, valid as they are."""
    assert run.law_class is not None
    return run.law_class.bound(**{name: given[name] for name in run.law_class.needs()})


@torch.no_grad()
def law_on(run: Assembly, X: Tensor, member: int = 0, chunk: int = 4096) -> Law | None:
    """The law with a member's learned needs as they stand for rows X; None where nothing of it is learned."""
    modules, net = run.learned[member], run.final()[member]
    if not len(modules) or not complete(run, run.constants()):
        return None
    was = net.training
    net.eval()
    modules.eval()  # nothing that is learned drops units while it predicts
    try:
        return _told(run, X, member, chunk)
    finally:
        net.train(was)
        modules.train()


def _told(run: Assembly, X: Tensor, member: int, chunk: int) -> Law:
    modules, net = run.learned[member], run.final()[member]
    if not named(run):
        return bound(run, run.with_learned(run.constants(), member))
    parts = []
    for x in X.split(chunk):
        given = run.constants() | {"x": x.to(run.device, run.dtype)}
        given["z"] = net(given["x"]).to(run.dtype)
        given["features"] = run.captured[member]
        parts.append({need: module(**asked(module, given)) for need, module in modules.items()})
    once = {need for need, _ in settled(run, member)}
    found = {need: parts[0][need] if need in once else torch.cat([p[need] for p in parts]) for need in modules}
    return bound(run, run.constants() | found)
