"""Records of a store as the tables of a report read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sfumato import select

from .measure import OWN
from .store import Store
from .truths import ORACLES, Truth, truth_of

Condition = tuple[str, str]  # data set, law


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    Args: accuracy, of the last epoch on true test labels (an oracle), or where the truth is no class the measure of
    ``truths``, its sign such that higher is better; criteria, name -> last, chosen (values), epoch, oracle_test (the
    accuracy at that epoch); oracles, other measures on true test labels at the last epoch; epochs, how many were
    measured; judge, the laws that the weak criteria assume, and where their facts come from; told, the
    needs whose value was the simulation's own truth.
    """

    run: str
    dataset: str
    law: str
    kind: str
    method: str
    seed: int
    draw: int
    accuracy: float
    criteria: dict[str, dict[str, Any]]
    epochs: int
    judge: str
    told: tuple[str, ...]
    cpu_seconds: float
    oracles: dict[str, float | None] = field(default_factory=dict)

    @property
    def condition(self) -> Condition:
        """Data set and law."""
        return self.dataset, self.law


def results(store: Store) -> tuple[list[Result], list[dict[str, Any]]]:
    """(finished runs, rows of failed ones), in the order of data set, law, method, seed and draw."""
    done, failed = [], []
    for row in store.table().to_pylist():
        if row["status"] != "done":
            failed.append(row)
            continue
        needs = json.loads(row["needs"])
        done.append(
            Result(
                run=row["run"],
                dataset=row["dataset"],
                law=row["law"],
                kind=row["kind"],
                method=row["method"],
                seed=row["seed"],
                draw=row["draw"],
                accuracy=score(row),
                criteria=json.loads(row["criteria"]),
                oracles=json.loads(row["oracles"] or "{}"),
                epochs=len(json.loads(row["history"])),
                judge=_judge(json.loads(row["judge"])),
                told=tuple(name for name, source in needs.items() if source == "law"),
                cpu_seconds=row["cpu_seconds"],
            )
        )
    key = lambda r: (r.kind, r.dataset, r.law, r.method, r.seed, r.draw)  # noqa: E731
    return sorted(done, key=key), sorted(failed, key=lambda r: (r["kind"], r["dataset"], r["law"], r["method"]))


def score(row: dict[str, Any]) -> float:
    """The oracle of a finished run's row at the last epoch, its sign such that higher is better."""
    if row["oracle_test_accuracy"] is not None:
        return float(row["oracle_test_accuracy"])
    truth = truth_of(row["kind"])
    found = json.loads(row["oracles"]).get(truth.measure)
    return float("nan") if found is None else truth.signed(found)


def _judge(told: dict[str, Any]) -> str:
    facts = ", ".join(f"{name} from {source}" for name, source in told.items() if name not in ("law", "own"))
    said = f"{told['law']} ({facts})" if facts else str(told["law"])
    return f"{said}, own law {_judge(told['own'])}" if "own" in told else said


def groups(done: Iterable[Result], *names: str) -> dict[tuple[Any, ...], list[Result]]:
    """Runs by the values of some fields, in the order in which they come."""
    out: dict[tuple[Any, ...], list[Result]] = {}
    for r in done:
        out.setdefault(tuple(getattr(r, name) for name in names), []).append(r)
    return out


def has(r: Result, rule: str) -> bool:
    """Whether a criterion was measured at the last epoch of a run."""
    return rule in r.criteria and r.criteria[rule]["last"] is not None


def rules(done: Sequence[Result]) -> list[str]:
    """The criteria that some of these runs have, the kind's own first, the oracle last."""
    names = dict.fromkeys(each for name in (*select.CRITERIA, *sorted(ORACLES)) for each in (name, name + OWN))
    known = [name for name in names if any(has(r, name) for r in done)]
    own = select.default(done[0].kind) if done else ""
    return sorted(known, key=lambda name: (name in ORACLES, name.removesuffix(OWN) != own))


def pick(candidates: Sequence[Result], rule: str | None) -> Result:
    """The candidate of the largest criterion, the first of equals; where some lack it, draw 0: the defaults."""
    if rule is None or not all(has(r, rule) for r in candidates):
        return min(candidates, key=lambda r: r.draw)
    return max(candidates, key=lambda r: (r.criteria[rule]["last"], -r.draw))


def preferred(candidates: Sequence[Result], rule: str | None) -> Result:
    """The candidate of the largest criterion, judged by the law that drew the labels where all have that."""
    own = None if rule is None else rule + OWN
    return pick(candidates, own if own is not None and all(has(r, own) for r in candidates) else rule)


@dataclass(frozen=True, eq=False)
class Board:
    """Methods x conditions of one kind of labels: ``accuracy`` (methods, conditions), the mean over seeds of the
    oracle of the draw that ``rule`` chose, its sign such that higher is better, NaN where a method has no run;
    ``spread``, its standard deviation over seeds; ``cpu``, seconds per run.
    """

    kind: str
    rule: str | None
    methods: tuple[str, ...]
    conditions: tuple[Condition, ...]
    accuracy: Any
    spread: Any
    cpu: Any
    seeds: Any
    told: dict[str, tuple[str, ...]]

    @property
    def truth(self) -> Truth:
        """What the labels are about."""
        return truth_of(self.kind)

    @property
    def whole(self) -> list[int]:
        """Positions of the methods that have a result in every condition: only those are ranked."""
        return [i for i in range(len(self.methods)) if not np.isnan(self.accuracy[i]).any()]


def board(done: Sequence[Result], kind: str) -> Board:
    """The board of a kind; where there are draws, each run counts by the draw that the kind's criterion chose."""
    own = [r for r in done if r.kind == kind]
    methods = tuple(sorted({r.method for r in own}))
    conditions = tuple(sorted({r.condition for r in own}))
    drawn = any(r.draw for r in own)
    rule = next((name for name in rules(own) if name not in ORACLES), None) if drawn else None
    accuracy, spread, cpu = (np.full((len(methods), len(conditions)), np.nan) for _ in range(3))
    seeds = np.zeros(accuracy.shape, int)
    for (dataset, law, method), runs in groups(own, "dataset", "law", "method").items():
        at = methods.index(method), conditions.index((dataset, law))
        per_seed = groups(runs, "seed").values()
        chosen = [preferred(c, rule) for c in per_seed]
        accuracy[at] = np.mean([r.accuracy for r in chosen])
        spread[at] = np.std([r.accuracy for r in chosen], ddof=1) if len(chosen) > 1 else np.nan
        cpu[at] = np.mean([r.cpu_seconds for r in runs])
        seeds[at] = len(chosen)
    told = {m: tuple(sorted({n for r in own if r.method == m for n in r.told})) for m in methods}
    return Board(kind, rule, methods, conditions, accuracy, spread, cpu, seeds, told)
