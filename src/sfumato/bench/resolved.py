"""Which estimator stands in for a fact that nobody told: a part of what determines a run, since defaults may change."""

from __future__ import annotations

from collections.abc import Collection

from sfumato import labels as rooms
from sfumato import select
from sfumato.labels import Law
from sfumato.learn.objective import Objective
from sfumato.train import needs as givers

from . import laws
from .known import ESTIMATORS

# The law that labels of a kind are taken to follow where neither they nor a method say more.
ASSUMED: dict[str, type[Law]] = {
    "noisy": rooms.ClassConditional,
    "pu": rooms.CaseControl,
    "complementary": rooms.UniformComplementary,
    "partial": rooms.UniformSets,
}


def resolved(kind: str, law: str, told: Collection[str], objective: Objective | None) -> dict[str, str]:
    """need -> name of the estimator that a run falls back on; empty for most runs.

    A need is asked for by the method, by the law that the kind's criterion assumes, and by the law that drew the
    labels, by which criteria are measured as well.

    Args: kind of the labels; law, its name in the grid; told, the needs of which [needs] says where they come from;
    objective, the method, None for an external one.
    """
    known = {need: name for (of, need), name in ESTIMATORS.items() if of == kind and need not in told}
    if not known:
        return {}
    asked = set(laws.LAWS[law].asks) if law in laws.LAWS else set()
    if select.default(kind) == "unbiased-accuracy":
        asked |= set(ASSUMED[kind].needs())
    if objective is not None:
        own = ASSUMED[kind] if objective.law is None else objective.law
        asked |= givers.required(objective, own) - givers.left_to_training(objective)
    return {need: name for need, name in known.items() if need in asked}
