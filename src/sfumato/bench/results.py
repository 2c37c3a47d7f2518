"""Records of a store as the tables of a report read them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sfumato import select

from .apart import Name, Settings, names, varied
from .measure import BY_LAW, OWN
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
    needs whose value was the simulation's own truth; estimating, CPU seconds of the estimators; sworn, the facts of
    the judging law that were the simulation's own truth, by the mark ("" or OWN) of the criteria that assume it.

    Names tell settings apart where a store has several under one name (``apart``).
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
    estimating: float = 0.0
    sworn: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def condition(self) -> Condition:
        """Data set and law."""
        return self.dataset, self.law


def results(store: Store) -> tuple[list[Result], list[dict[str, Any]]]:
    """(finished runs, rows of failed ones), in the order of data set, law, method, seed and draw. A failed row has its
    ``conditions`` beside the columns of the store.
    """
    return read(store.table().to_pylist())


def read(rows: Sequence[dict[str, Any]]) -> tuple[list[Result], list[dict[str, Any]]]:
    """``results`` of the rows of a store's table."""
    return named(rows, names(rows)[0])


def named(rows: Sequence[dict[str, Any]], found: Sequence[Sequence[Name]]) -> tuple[list[Result], list[dict[str, Any]]]:
    """``results`` under the names that ``apart`` found; a run of several names stands there once for each, and of two
    that repeat each other the one whose settings are told more fully.
    """
    done: dict[tuple[Any, ...], list[tuple[Settings, Result]]] = {}
    failed = []
    for row, own in zip(rows, found, strict=True):
        if row["status"] != "done":
            places = sorted({(dataset, law) for dataset, law, _ in own})
            failed.append(row | {"method": own[0][2], "conditions": places})
            continue
        one, settings = _result(row), varied(json.loads(row["job"]))
        for dataset, law, method in own:
            same = done.setdefault((one.kind, dataset, law, method, one.seed, one.draw), [])
            if not any(settings.items() <= other.items() for other, _ in same):
                same[:] = [pair for pair in same if not pair[0].items() <= settings.items()]
                same.append((settings, replace(one, dataset=dataset, law=law, method=method)))
    return [r for _, pairs in sorted(done.items(), key=lambda item: item[0]) for _, r in pairs], sorted(
        failed, key=lambda r: (r["kind"], r["dataset"], r["law"], r["method"])
    )


def _result(row: dict[str, Any]) -> Result:
    needs, judge = json.loads(row["needs"]), json.loads(row["judge"])
    return Result(
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
        judge=_judge(judge),
        told=_from_law(needs),
        cpu_seconds=row["cpu_seconds"],
        estimating=row["estimate_cpu_seconds"] or 0.0,
        sworn={"": _from_law(judge), OWN: _from_law(judge.get("own", {}))},
    )


def _from_law(sources: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, source in sources.items() if source == "law" and name != "law")


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


def asked(candidates: Sequence[Result], rule: str | None) -> str | None:
    """The criterion by which a draw is chosen: judged by the law that drew the labels where all have that."""
    own = None if rule is None else rule + OWN
    return next((name for name in (own, rule) if name is not None and all(has(r, name) for r in candidates)), None)


def preferred(candidates: Sequence[Result], rule: str | None) -> Result:
    """The candidate of the largest criterion, judged as ``asked`` says."""
    return pick(candidates, asked(candidates, rule))


def _sworn(candidates: Sequence[Result], rule: str | None) -> set[str]:
    """The facts, the simulation's own truth, by which one of several draws was chosen."""
    name = asked(candidates, rule)
    if len(candidates) < 2 or name is None or name.removesuffix(OWN) not in BY_LAW:
        return set()
    return {fact for r in candidates for fact in r.sworn.get(OWN if name.endswith(OWN) else "", ())}


@dataclass(frozen=True, eq=False)
class Board:
    """Methods x conditions of one kind of labels: ``accuracy`` (methods, conditions), the mean over seeds of the
    oracle of the draw that ``rule`` chose, its sign such that higher is better, NaN where a method has no run;
    ``spread``, its standard deviation over seeds; ``cpu``, seconds per run, and ``estimating``, those of the estimators
    of facts; ``seeds``, how many each method has, and ``wanted`` (conditions,), how many some method has; ``told`` and
    ``chosen``, by method the facts, the simulation's own truth, that it was given and that its draws were chosen by;
    ``undefined``, runs by method whose oracle is not defined: they count as no result; ``empty``, the conditions in
    which no run has a result.
    """

    kind: str
    rule: str | None
    methods: tuple[str, ...]
    conditions: tuple[Condition, ...]
    accuracy: Any
    spread: Any
    cpu: Any
    estimating: Any
    seeds: Any
    wanted: Any
    told: dict[str, tuple[str, ...]]
    chosen: dict[str, tuple[str, ...]]
    undefined: dict[str, int]
    empty: tuple[Condition, ...]

    @property
    def truth(self) -> Truth:
        """What the labels are about."""
        return truth_of(self.kind)

    @property
    def whole(self) -> list[int]:
        """Positions of the methods that have a result in every condition for every seed that another has: only those
        are ranked.
        """
        return [i for i in range(len(self.methods)) if len(self.wanted) and (self.seeds[i] == self.wanted).all()]


def board(done: Sequence[Result], kind: str, failed: Sequence[Mapping[str, Any]] = ()) -> Board:
    """The board of a kind; where there are draws, each run counts by the draw that the kind's criterion chose. failed:
    rows of ``results``, whose methods and conditions are listed too.
    """
    every, fell = [r for r in done if r.kind == kind], [row for row in failed if row["kind"] == kind]
    own = [r for r in every if math.isfinite(r.accuracy)]
    methods = tuple(sorted({r.method for r in every} | {row["method"] for row in fell}))
    conditions = tuple(sorted({r.condition for r in own}))
    tried = {r.condition for r in every} | {tuple(c) for row in fell for c in row["conditions"]}
    drawn = any(r.draw for r in own)
    rule = next((name for name in rules(own) if name not in ORACLES), None) if drawn else None
    accuracy, spread, cpu, estimating = (np.full((len(methods), len(conditions)), np.nan) for _ in range(4))
    seeds = np.zeros(accuracy.shape, int)
    chosen_by: dict[str, set[str]] = {m: set() for m in methods}
    for (dataset, law, method), runs in groups(own, "dataset", "law", "method").items():
        at = methods.index(method), conditions.index((dataset, law))
        per_seed = groups(runs, "seed").values()
        chosen = [preferred(c, rule) for c in per_seed]
        chosen_by[method] |= {fact for c in per_seed for fact in _sworn(c, rule)}
        accuracy[at] = np.mean([r.accuracy for r in chosen])
        spread[at] = np.std([r.accuracy for r in chosen], ddof=1) if len(chosen) > 1 else np.nan
        cpu[at] = np.mean([r.cpu_seconds for r in runs])
        estimating[at] = np.mean([r.estimating for r in runs])
        seeds[at] = len(chosen)
    lost = [r.method for r in every if not math.isfinite(r.accuracy)]
    return Board(
        kind=kind,
        rule=rule,
        methods=methods,
        conditions=conditions,
        accuracy=accuracy,
        spread=spread,
        cpu=cpu,
        estimating=estimating,
        seeds=seeds,
        wanted=np.array([len({r.seed for r in own if r.condition == c}) for c in conditions], int),
        told={m: tuple(sorted({n for r in own if r.method == m for n in r.told})) for m in methods},
        chosen={m: tuple(sorted(facts)) for m, facts in chosen_by.items()},
        undefined={m: lost.count(m) for m in methods if m in lost},
        empty=tuple(sorted(tried - set(conditions))),
    )
