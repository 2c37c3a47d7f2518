"""A real Run whose network is a table of free logits, so that risks and gradients can be compared with exact
expectations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core.words import SIDE
from sfumato.labels import Labels, Law
from sfumato.learn.objective import Objective
from sfumato.train.assembly import PER_ROW
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.needs import build_law, supply

from .world import World, truths


def table(m: int, width: int) -> nn.Module:
    """z of x as free numbers, all zero at first: nothing here draws at random."""
    net: nn.Module = nn.utils.skip_init(nn.Linear, m, width, bias=False)
    nn.init.zeros_(next(net.parameters()))
    return net


def session(
    objective: Objective,
    world: World,
    labels: Labels,
    x: Tensor,
    *,
    w: Tensor | None = None,
    X: Tensor | None = None,
    build: Callable[[int], nn.Module] | None = None,
    **config: Any,
) -> Run:
    """A run on ``labels`` whose observation row i shows the x of number ``x[i]``; needs come from the world as they
    do at fit.

    Its network is a table of free logits indexed by x, unless ``build`` (member -> network) and ``X`` are given.
    """
    law: Law = world.law.at(x)
    given = {name: (value[x] if name in PER_ROW else value) for name, value in world.needs.items()}
    given |= {name: getattr(law, name) for name in law.needs()}
    features = torch.eye(world.m, dtype=torch.float64)[x] if X is None else X
    # a side stream is a few rows drawn from the same x
    sides = {
        name: features[torch.arange(len(features)).flip(0)[: max(1, len(features) // 2)]]
        for name in SIDE
        if name in objective.named()
    }
    named = objective.named()
    kind = type(law)
    known = supply(objective, kind, given, features, labels, 0)
    built = build_law(objective, kind, known)
    settings = {"epochs": 1, "batch_size": max(1, len(labels)), "precision": "float64", **objective.recipe, **config}
    return Run(
        features,
        labels,
        objective,
        build or (lambda member: table(world.m, objective.head_for(law).width(labels.k))),
        Config(**settings),
        law=built if built is not None else kind,
        needs=known,
        w=w,
        group=torch.arange(len(features)) % 2 if "group" in named else None,
        sides=sides,
    )


def set_logits(run: Run, z: Tensor) -> None:
    """Write the table of logits (m, width) into every member; the second and the
    teachers are a little off the first, as they are in training.
    """
    with torch.no_grad():
        for member, net in enumerate(run.nets):
            next(net.parameters()).copy_((z * (1 - 0.01 * member)).T)
        for teacher in run.teachers:
            next(teacher.parameters()).copy_(0.9 * z.T)


def evaluate(run: Run, obs: Tensor | None = None, z: Tensor | None = None) -> tuple[list[Tensor], list[Tensor]]:
    """(risk, gradient with respect to the table of logits (m, width)) of each member on these observations."""
    if z is not None:
        set_logits(run, z)
    every = torch.arange(len(run.labels)) if obs is None else obs
    risks = [run.call("risk", words) for words in run.words(every)]
    grads = []
    for risk, net in zip(risks, run.nets, strict=True):
        weight = next(net.parameters())
        (grad,) = (
            torch.autograd.grad(risk, weight, allow_unused=True, retain_graph=True) if risk.requires_grad else (None,)
        )
        grads.append(torch.zeros_like(weight).T if grad is None else grad.T)
    return [risk.detach() for risk in risks], grads


def population(world: World) -> tuple[Tensor, Labels, Tensor]:
    """(x, observations, probability) of everything that can be seen in this world."""
    return world.law.population(world.joint)


def drawn(world: World, n: int, seed: int = 0) -> tuple[Tensor, Labels]:
    """(x, labels) of n rows drawn from the world; every class appears. Observations that point at rows are laid out
    row by row.
    """
    rng = torch.Generator().manual_seed(seed)
    every, truth, weight = truths(world)
    flat = torch.multinomial(weight, n, replacement=True, generator=rng)
    x, y = every[flat], truth[flat]
    y[: world.k] = torch.arange(world.k) if y.ndim == 1 else torch.eye(world.k, dtype=y.dtype)
    labels = world.law.at(x).sample(y, world.k, rng)
    rows, labels = labels.cover(torch.arange(len(labels)))
    return x[rows], labels
