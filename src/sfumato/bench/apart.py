"""Runs of different settings that bear the same names, told apart by what differs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sfumato.labels import Votes

from .draws import SETTINGS

Row = Mapping[str, Any]
Job = Mapping[str, Any]
Settings = dict[str, str]  # name -> value as JSON; a setting that a run does not have is not there
Name = tuple[str, str, str]  # data set, law, method
DATASET, DIGEST = "dataset.", "dataset.digest"
# No part of a condition: what names a run or varies within one, and what the methods are told.
_ELSEWHERE = ("kind", "method", "label", "seed", "draw", "needs", "estimators")


def names(*stores: Sequence[Row]) -> list[list[list[Name]]]:
    """Per store and row (of ``record.SCHEMA``) the names of its set, law and method.

    Where one store has runs of several settings under one name, what differs is added to it, in all stores alike: to a
    condition's what its runs share, to a method's its fields and, where it was told different things in one condition,
    what it was told. A run that lacks a setting (a peer is not trained) bears every name that its own settings do not
    contradict.
    """
    rows = [(i, row, json.loads(row["job"])) for i, table in enumerate(stores) for row in table]
    where = _grouped(rows, ("dataset", "law"), conditions)
    who = _grouped(rows, ("method",), fields)
    told = _grouped(rows, ("method",), facts, within=("dataset", "law"))
    out: list[list[list[Name]]] = [[] for _ in stores]
    for (i, row, _), places, own, known in zip(rows, where, who, told, strict=True):
        found = []
        for place in places:
            dataset = {k: v for k, v in place.items() if k.startswith(DATASET)}
            law = {k: v for k, v in place.items() if k not in dataset}
            methods = [row["method"] + said(a) + said(b) for a in own for b in known]
            found += [(row["dataset"] + said(dataset), row["law"] + said(law), m) for m in methods]
        out[i].append(sorted(found))
    return out


def _grouped(
    rows: Sequence[tuple[int, Row, Job]],
    key: tuple[str, ...],
    read: Callable[[Sequence[Row], Sequence[Job]], list[Settings]],
    within: tuple[str, ...] = (),
) -> list[list[Settings]]:
    """Per row what tells it from those of its kind and key, where any of these differ in one store (and ``within``)."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for at, (_, row, _) in enumerate(rows):
        groups.setdefault((row["kind"], *(row[name] for name in key)), []).append(at)
    out: list[list[Settings]] = [[{}] for _ in rows]
    for group in groups.values():
        told = read([rows[at][1] for at in group], [rows[at][2] for at in group])
        together: dict[tuple[Any, ...], list[Settings]] = {}
        for at, each in zip(group, told, strict=True):
            store, row, _ = rows[at]
            together.setdefault((store, *(row[name] for name in within)), []).append(each)
        if any(differing(own) for own in together.values()):
            for at, found in zip(group, apart(told, [rows[at][2]["seed"] for at in group]), strict=True):
                out[at] = found
    return out


def conditions(rows: Sequence[Row], jobs: Sequence[Job]) -> list[Settings]:
    """What the results of each run depend on beside its method, seed, draw and what it was told."""
    out = []
    for job in jobs:
        aggregated = job["kind"] == Votes.kind and not job["train"]
        left = _ELSEWHERE if not aggregated else (*_ELSEWHERE, "test", "validation")  # all items are measured
        own = _flat({k: v for k, v in job.items() if k not in left})
        for name in ("dataset.table", "dataset.name", "law.name"):
            own.pop(name, None)
        if job["kind"] == Votes.kind:
            own["votes"] = json.dumps("aggregated" if aggregated else "learned from")
        out.append(own)
    return _undrawn(jobs, out, [f"train.{name}" for name in SETTINGS])


def fields(rows: Sequence[Row], jobs: Sequence[Job]) -> list[Settings]:
    """The fields of each run's method; stores of before hold those alone that a spec gave."""
    out = [_flat({k: v for k, v in job["method"].items() if isinstance(v, dict)}) for job in jobs]
    return _undrawn(jobs, out, {name for own in out for name in own})


def facts(rows: Sequence[Row], jobs: Sequence[Job]) -> list[Settings]:
    """Where the facts of the world came from that some run of a row's condition asked for, itself or its criteria."""
    each = [_sources(row) for row in rows]
    asked: dict[Any, set[str]] = {}
    for row, sources in zip(rows, each, strict=True):
        asked.setdefault((row["dataset"], row["law"]), set()).update(sources)
    out = []
    for row, job, sources in zip(rows, jobs, each, strict=True):
        known = {**job.get("estimators", {}), **sources, **job["needs"]}
        out.append({name: _text(known.get(name, "untold")) for name in asked[row["dataset"], row["law"]]})
    return out


def _sources(row: Row) -> dict[str, str]:
    """need -> source, of a finished run."""
    judge = json.loads(row["judge"] or "{}")
    told = {**judge.get("own", {}), **judge, **json.loads(row["needs"] or "{}")}
    return {name: source for name, source in told.items() if name not in ("law", "own")}


def _flat(values: Mapping[str, Any]) -> Settings:
    tables = {k: v for k, v in values.items() if isinstance(v, dict)}
    if "law" in tables:
        tables["law"] = {"name": tables["law"]["name"], **tables["law"]["params"]}
    out = {k: _text(v) for k, v in values.items() if k not in tables}
    return out | {f"{k}.{name}": _text(v) for k, table in tables.items() for name, v in table.items()}


def _text(value: Any) -> str:
    return json.dumps(_even(value), sort_keys=True)


def _even(value: Any) -> Any:
    """A value with 1 in place of 1.0: both mean the same."""
    if isinstance(value, list):
        return [_even(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def varied(job: Job) -> Settings:
    """What draws may vary: two grids may draw from different ranges."""
    return _flat({"train": job["train"], "fields": job["method"]["fields"]})


def _undrawn(jobs: Sequence[Job], told: list[Settings], drawn: Iterable[str]) -> list[Settings]:
    """Settings without those that draws 1, 2, ... have drawn: values that no draw 0 has."""
    for name in drawn:
        first = {own[name] for job, own in zip(jobs, told, strict=True) if not job["draw"] and name in own}
        later = [own for job, own in zip(jobs, told, strict=True) if job["draw"] and name in own]
        if any(own[name] not in first for own in later):
            for own in later:
                del own[name]
    return told


def differing(told: Iterable[Settings]) -> list[str]:
    """The settings of which there is more than one value."""
    values: dict[str, set[str]] = {}
    for own in told:
        for name, value in own.items():
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1]


def apart(told: Sequence[Settings], seeds: Sequence[int]) -> list[list[Settings]]:
    """Per run what tells it from others: one answer for each of the fullest descriptions that agree with its own, of
    these only those that some run of its seed bears, where there are any.
    """
    names = differing(told)
    own = [frozenset((name, each[name]) for name in names if name in each) for each in told]
    distinct = set(own)
    fullest = sorted((a for a in distinct if not any(a < b for b in distinct)), key=sorted)
    plain = {a: {name: value for name, value in sorted(a) if name != DIGEST} for a in fullest}
    # what lies in a set differs wherever its rows or classes do: it is named where nothing else tells two sets apart
    alone = len({json.dumps(v) for v in plain.values()}) == len(plain)
    shown = plain if alone else {a: dict(sorted(a)) for a in fullest}
    borne = set(zip(own, seeds, strict=True))
    agreed = {a: [full for full in fullest if a <= full] for a in distinct}
    return [
        [shown[full] for full in [f for f in agreed[a] if (f, seed) in borne] or agreed[a]]
        for a, seed in zip(own, seeds, strict=True)
    ]


def said(told: Settings) -> str:
    """Settings as tables show them after a name."""
    return "".join(f" · {name.rpartition('.')[2]}={_short(json.loads(value))}" for name, value in told.items())


def _short(value: Any) -> str:
    if value is None or value == []:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else hashlib.sha256(text.encode()).hexdigest()[:6]
