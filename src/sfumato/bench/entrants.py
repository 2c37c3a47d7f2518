"""Which methods of a spec take a kind of labels, in which role, and with what fields they run where it says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from sfumato import catalogue
from sfumato import labels as rooms
from sfumato.core.card import Card
from sfumato.core.errors import ParameterError
from sfumato.labels import Labels, Votes

from . import baselines, laws, peers, quantified
from .fields import is_number
from .spec import MethodEntry, Spec
from .truths import PRIOR

CONTAINERS: dict[str, type[Labels]] = {
    found.kind: found
    for name in rooms.__all__
    if isinstance(found := getattr(rooms, name), type) and issubclass(found, Labels) and found is not Labels
}
# Votes may be aggregated without rows, or learned from beside them; a prior is estimated.
ROLES = {Votes.kind: ("aggregate", "learn"), PRIOR: ("estimate",)}
# Fields that the run itself sets where the spec does not.
RUN = {"aggregate": ("seed",), "estimate": ("repeats",)}


def entrants(spec: Spec, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(position, what the entry means) of every method that takes labels of this kind."""
    kinds = (kind, *quantified.KINDS) if kind == PRIOR else CONTAINERS[kind].kinds()
    for position, entry in enumerate(spec.methods):
        for asked in entry.kinds:
            if asked not in (*CONTAINERS, PRIOR):
                raise ParameterError(f"method {entry.name}: kind {asked!r}", f"one of {', '.join(CONTAINERS)}, {PRIOR}")
        if entry.kinds and kind not in entry.kinds:
            continue
        if entry.name.startswith(baselines.PREFIX):
            if entry.fields or entry.draw:
                raise ParameterError(f"fields for {entry.name}", "none: it has no fields")
            if kind in baselines.kinds(entry.name):
                told = {"name": entry.name, "kind": kind, "role": "learn", "peer": False, "skip": None}
                yield position, told | {"most": None, "fields": {}, "floats": (), "parts": {}}
            continue
        if entry.name.startswith(peers.PREFIX):
            peer = peers.find(entry.name)
            if entry.fields or entry.draw:
                raise ParameterError(f"fields for {entry.name}", "none: a peer has its own settings")
            if peer.kind in kinds:
                told = {"name": entry.name, "kind": peer.kind, "peer": True, "skip": peer.missing()}
                told["role"] = ROLES.get(kind, ("learn",))[0]
                most = getattr(peer, "classes_at_most", None)
                yield position, told | {"most": most, "fields": {}, "floats": (), "parts": {}}
            continue
        roles = ROLES.get(kind, ("learn",))
        fitting = {role: {n for c in _cards(role, kind) for n in (c.name, *c.aliases)} for role in roles}
        role = next((role for role in roles if entry.name in fitting[role]), None)
        if role is None:
            if not any(
                entry.name in (c.name, *c.aliases)
                for r in ("learn", "aggregate", "estimate")
                for c in catalogue.methods(r)
            ):
                catalogue.method(entry.name, roles[0])  # the error that lists near names
            continue
        card = catalogue.method(entry.name, role, kinds)
        method = card.cls()
        _check_fields(entry, fields_of(method))
        told = {"name": card.name, "kind": card.kind, "role": role, "peer": False, "skip": None}
        most = 2 if role == "estimate" and card.kind in laws.BINARY else getattr(card.cls, "classes_at_most", None)
        parts = {k: repr(v) for k, v in fields_of(method).items() if is_dataclass(v)}  # an estimator's own base
        floats = [f.name for f in fields(method) if "float" in str(f.type)] if is_dataclass(method) else []
        yield position, told | {"most": most, "fields": defaults_of(method, role), "floats": floats, "parts": parts}


def _cards(role: str, kind: str) -> list[Card]:
    """The methods of a role for a kind of labels, or for a need that is judged."""
    if kind in CONTAINERS:
        return catalogue.methods(role, kind)
    return [c for of in quantified.KINDS for c in catalogue.methods(role, of) if getattr(c.cls, "need", None) == kind]


def fields_of(method: Any) -> dict[str, Any]:
    """The fields of a method and their present values."""
    return dict(method.get_params()) if hasattr(method, "get_params") else dict(vars(method))


def defaults_of(method: Any, role: str) -> dict[str, Any]:
    """The fields of a run for which the spec says nothing, as JSON has them: a changed default is another run."""
    values = {k: v for k, v in fields_of(method).items() if k not in RUN.get(role, ()) and not is_dataclass(v)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _check_fields(entry: MethodEntry, known: dict[str, Any]) -> None:
    given = [(k, v) for k, v in entry.fields.items()] + [(k, v) for k, r in entry.draw.items() for v in r.values]
    for name, value in given:
        if name not in known:
            raise ParameterError(
                f"{entry.name}: a field {name!r}", f"one of {', '.join(known)}" if known else "none: it has no fields"
            )
        if is_number(known[name]) and not is_number(value):
            raise ParameterError(f"{entry.name}: {name} = {value!r}", "a number")
