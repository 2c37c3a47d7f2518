"""What choosing without clean labels costs: the best candidate by the oracle minus the one a criterion chose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .results import Result, groups, has, pick, rules
from .truths import ORACLES, truth_of

RANDOM = "at random"


@dataclass(frozen=True)
class Regret:
    """Points of the oracle on test rows lost by a criterion, over all choices of its kind.

    Args: kind; choice, among the draws of a method, or among all methods and draws; rule; mean and worst, in points;
    choices, how many were made; candidates, the mean number to choose from; accuracy, the mean of what was chosen, in
    the units of the kind's table.
    """

    kind: str
    choice: str
    rule: str
    mean: float
    worst: float
    choices: int
    candidates: float
    accuracy: float


def regrets(done: Sequence[Result], kind: str) -> list[Regret]:
    """Every criterion, where all candidates have it, and a choice at random (in expectation), for comparison.

    A run whose oracle is not defined is no candidate, and no choice is made among runs that were judged by laws of
    different facts.
    """
    own, truth = [r for r in done if r.kind == kind and math.isfinite(r.accuracy)], truth_of(kind)
    out: list[Regret] = []
    place = ("dataset", "law", "seed", "judge")
    scopes = {"a method's draws": (*place, "method"), "methods and draws": place}
    for scope, names in scopes.items():
        sets = [c for c in groups(own, *names).values() if len(c) > 1]
        if not sets:
            continue
        for rule in (*rules(own), RANDOM):
            able = [c for c in sets if rule == RANDOM or all(has(r, rule) for r in c)]
            if not able:
                continue
            got = [float(np.mean([r.accuracy for r in c])) if rule == RANDOM else pick(c, rule).accuracy for c in able]
            lost = [truth.scale * (max(r.accuracy for r in c) - g) for c, g in zip(able, got, strict=True)]
            size = float(np.mean([len(c) for c in able]))
            mean, worst = float(np.mean(lost)), float(np.max(lost))
            shown = truth.shown(float(np.mean(got)))
            out.append(Regret(kind, scope, _named(rule), mean, worst, len(able), size, shown))
    return out


def _named(rule: str) -> str:
    return f"{rule} (clean validation labels)" if rule in ORACLES else rule


@dataclass(frozen=True)
class Stopping:
    """Points of the oracle on test rows won by the epoch that a criterion chose, against the last one."""

    kind: str
    rule: str
    gain: float
    runs: int


def stopping(done: Sequence[Result], kind: str) -> list[Stopping]:
    """Every criterion of the kind that was measured at more than one epoch, over the runs whose oracle is defined at
    the epoch it chose and at the last one.
    """
    own = [r for r in done if r.kind == kind and r.epochs > 1 and math.isfinite(r.accuracy)]
    out = []
    for rule in sorted({name for r in own for name in r.criteria}, key=lambda name: (name in ORACLES, name)):
        at = [(r, r.criteria[rule]["oracle_test"]) for r in own if rule in r.criteria]
        gains = [
            truth_of(kind).scale * (then - r.accuracy) for r, then in at if then is not None and math.isfinite(then)
        ]
        if not gains:
            continue
        out.append(Stopping(kind, _named(rule), float(np.mean(gains)), len(gains)))
    return out
