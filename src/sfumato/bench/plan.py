"""A spec -> its runs. What determines a run is one JSON value; the hash of that value is the run's name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from sfumato import catalogue
from sfumato.core.errors import ParameterError
from sfumato.labels import Votes

from . import baselines, checked, laws, sets
from .entrants import entrants
from .real import Absent
from .resolved import resolved as estimators_of
from .spec import DatasetEntry, LawEntry, MethodEntry, Spec

ABSENT = "absent"  # in place of the hash of a set that is not here
FORMAT = 1  # raised when the same settings would no longer mean the same run


@dataclass(frozen=True)
class Planned:
    """One run: its name, the task it belongs to (runs of one stack share it), what determines it, why it is skipped."""

    id: str
    task: str
    job: dict[str, Any]
    skip: str | None = None


def identity(job: dict[str, Any]) -> str:
    """The hash of everything that determines a run; where a table lies and how a method is called do not."""
    told = {k: v for k, v in job.items() if k != "label"}
    told["dataset"] = {k: v for k, v in job["dataset"].items() if k != "table"}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def plan(spec: Spec) -> list[Planned]:
    """Every run of a grid, neighbours sharing their set, law and seed.

    A set that carries weak labels of its own meets the law ``given``, all other sets meet the laws that speak of their
    truth; every set with features and classes meets the law ``clean``. A method meets the laws whose kind of labels it
    takes. Errors: an unknown name, a set, law or method that meets nothing,
    the same run twice.
    """
    pairs = _pairs(spec)
    found = {(m, kind): r for kind in dict.fromkeys(k for _, _, k in pairs) for m, r in entrants(spec, kind)}
    for position, entry in enumerate(spec.methods):
        if not any(m == position for m, _ in found):
            kinds = ", ".join(dict.fromkeys(k for _, _, k in pairs))
            raise ParameterError(f"the method {entry.label!r} fits no law of this grid", f"a method for {kinds} labels")
    _check_roles(spec, found)
    _check_draws(spec, found)
    checked.needs(spec, tuple(dict.fromkeys(kind for _, _, kind in pairs)))
    drawn = [(kind, spec.draws if _drawn(spec, spec.methods[m], told) else 1) for (m, kind), told in found.items()]
    checked.size(spec, sum(draws for _, _, kind in pairs for of, draws in drawn if of == kind))
    out: dict[str, Planned] = {}
    for dataset, law, kind in pairs:
        digest, absent = _digest(dataset)
        if kind in laws.BINARY and absent is None and sets.load(dataset).k != 2:
            raise ParameterError(
                f"the law {law.label} on {dataset.name} with {sets.load(dataset).k} classes",
                "two classes",
                f"say which are positive: {{ name = {dataset.name!r}, positive = [1] }}",
            )
        if absent is None:
            checked.law(sets.load(dataset), law)
        for seed in spec.seeds:
            for (position, of), resolved in found.items():
                if of != kind:
                    continue
                if resolved["role"] == "learn" and sets.source(dataset).bare:
                    raise ParameterError(
                        f"the method {resolved['name']} on {dataset.name}, items without features",
                        "a set with features, or a method that aggregates votes",
                    )
                skip = absent or resolved["skip"] or _too_many(resolved, dataset)
                for draw in range(spec.draws if _drawn(spec, spec.methods[position], resolved) else 1):
                    job = _job(spec, dataset, digest, law, kind, spec.methods[position], resolved, seed, draw)
                    name = identity(job)
                    if name in out:
                        raise ParameterError(
                            f"the method {spec.methods[position].label!r} twice",
                            "each method once",
                            "two of its names may mean one method, or a field stand at its default",
                        )
                    out[name] = Planned(name, _task(job, name), job, skip)
    checked.methods(run.job for run in out.values())
    return list(out.values())


def _pairs(spec: Spec) -> list[tuple[DatasetEntry, LawEntry, str]]:
    """(set, law, kind of labels) of every cell of the grid."""
    simulated = [(law, laws.law(law.name, law.params)) for law in spec.laws if law.name != laws.GIVEN]
    given = [law for law in spec.laws if law.name == laws.GIVEN]
    if given and given[0].params:
        raise ParameterError(f"law given with {sorted(given[0].params)}", "no parameters: the labels are as they are")
    out: list[tuple[DatasetEntry, LawEntry, str]] = []
    for entry in spec.datasets:
        source = sets.source(entry)
        met = [(law, source.kind) for law in given if source.kind is not None]
        met += [(law, drawn.kind) for law, drawn in simulated if _meets(source, law.name, drawn.truth)]
        if not met:
            wants = "law 'given' for a set that carries weak labels" if source.kind else "a law to draw weak labels by"
            raise ParameterError(f"the set {entry.name!r} meets no law of this grid", wants)
        out += [(entry, law, kind) for law, kind in met]
    if given and all(law.name != laws.GIVEN for _, law, _ in out):
        raise ParameterError("law 'given', but no set of this grid carries weak labels", "such a set, or other laws")
    for law, drawn in simulated:
        if all(other is not law for _, other, _ in out):
            wants = "without labels of its own" if drawn.truth == "class" else f"of another truth: {drawn.truth}"
            raise ParameterError(f"the law {law.label!r} meets no set of this grid", f"a set {wants}")
    return out


def _meets(source: sets.Source, law: str, truth: str) -> bool:
    """Whether a law draws for a set: what a set carries is not drawn anew, but may be set against the clean labels."""
    return truth == source.truth and (source.kind is None or (law == laws.CLEAN and not source.bare))


def _check_roles(spec: Spec, found: dict[tuple[int, str], dict[str, Any]]) -> None:
    """Refuse to mix what is measured on all items with what is measured on test rows."""
    roles = {told["role"]: spec.methods[m].label for (m, kind), told in found.items() if kind == Votes.kind}
    if len(roles) > 1:
        raise ParameterError(
            f"{roles['aggregate']} and {roles['learn']} on votes in one grid",
            "methods that aggregate all items, or methods that learn from rows and are measured on others",
            "make two grids",
        )


def _trained(resolved: dict[str, Any]) -> bool:
    return not resolved["peer"] and resolved["role"] == "learn"


def _drawn(spec: Spec, entry: MethodEntry, resolved: dict[str, Any]) -> bool:
    """Whether the draws of a method differ."""
    return bool(entry.draw or (spec.draw and _trained(resolved)))


def _check_draws(spec: Spec, found: dict[tuple[int, str], dict[str, Any]]) -> None:
    """Refuse draws of nothing, which would be the same runs again."""
    if spec.draw and not any(map(_trained, found.values())):
        raise ParameterError(f"draw.{next(iter(spec.draw))}, but no method of this grid is trained", "no table [draw]")
    if spec.draws > 1 and not any(_drawn(spec, spec.methods[m], told) for (m, _), told in found.items()):
        raise ParameterError(
            f"draws = {spec.draws}, but nothing is drawn",
            "a table [draw] of training settings, or draw = { ... } in a method's entry",
            "leave draws out",
        )


def _floats(value: Any) -> Any:
    """Whole numbers of a field of floats: 1 means 1.0, and names the same run."""
    if isinstance(value, list):
        return [_floats(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _too_many(resolved: dict[str, Any], dataset: DatasetEntry) -> str | None:
    """Why a method of few classes is not run on a set of more."""
    if resolved["most"] is None or (k := sets.load(dataset).k) <= resolved["most"]:
        return None
    return f"{resolved['name']} takes {resolved['most']} classes, {dataset.name} has {k}"


def _digest(entry: DatasetEntry) -> tuple[str, str | None]:
    try:
        return sets.load(entry).digest, None
    except Absent as reason:
        return ABSENT, str(reason)


def _job(
    spec: Spec,
    dataset: DatasetEntry,
    digest: str,
    law: LawEntry,
    kind: str,
    entry: MethodEntry,
    resolved: dict[str, Any],
    seed: int,
    draw: int,
) -> dict[str, Any]:
    trained = _trained(resolved)
    train: dict[str, Any] = {**asdict(spec.train), "hidden": list(spec.train.hidden)} if trained else {}
    given = dict(entry.fields)
    if draw:
        if trained:
            train |= {name: r.draw(seed, entry.name, name, draw=draw) for name, r in spec.draw.items()}
            train |= {name: float(train[name]) for name in spec.draw if name != "batch_size"}
        given |= {name: r.draw(seed, entry.name, f"field {name}", draw=draw) for name, r in entry.draw.items()}
    given = {name: _floats(value) if name in resolved["floats"] else value for name, value in given.items()}
    estimators = _estimators(spec, law, kind, resolved)
    return {
        **({"estimators": estimators} if estimators else {}),
        "format": FORMAT,
        "dataset": {
            **{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(dataset).items()},
            "digest": digest,
        },
        "law": {"name": law.name, "params": dict(law.params)},
        "kind": kind,
        "method": {
            "name": resolved["name"],
            "kind": resolved["kind"],
            "fields": resolved["fields"] | given,
            **({"parts": resolved["parts"]} if resolved["parts"] else {}),
        },
        "label": entry.label,
        "seed": seed,
        "draw": draw,
        **({} if resolved["role"] == "aggregate" else {"test": spec.test, "validation": spec.validation}),
        "train": train,
        "needs": dict(spec.needs) if resolved["role"] == "learn" else {},  # a peer's judge is told them as well
    }


def _estimators(spec: Spec, law: LawEntry, kind: str, resolved: dict[str, Any]) -> dict[str, str]:
    """The estimators that a run falls back on: another default is another run."""
    if resolved["role"] != "learn":
        return {}
    own = resolved["peer"] or resolved["name"].startswith(baselines.PREFIX)
    objective = None if own else catalogue.method(resolved["name"], "learn", (resolved["kind"],)).cls()
    return estimators_of(kind, law.name, spec.needs, objective)


def _task(job: dict[str, Any], name: str) -> str:
    if not job["train"].get("stack"):
        return name
    # every run of a stack sees the same batches: all but the method and its rates must agree
    shared = {**job, "train": {k: v for k, v in job["train"].items() if k not in ("lr", "weight_decay")}}
    return "stack-" + identity({k: v for k, v in shared.items() if k not in ("method", "label", "draw", "estimators")})
