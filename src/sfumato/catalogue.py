"""The table of all methods: every module of the method rooms is imported, so that one file is enough to add a
method.
"""

from __future__ import annotations

import importlib
from functools import cache

from sfumato.core.card import Card, cards, discover, find

ROOMS = ("learn", "aggregate", "rules", "estimate", "score", "adapt", "infer")


@cache
def discover_all() -> None:
    """Import every module of the method rooms that this installation has."""
    for room in ROOMS:
        try:
            package = importlib.import_module(f"sfumato.{room}")
        except ModuleNotFoundError as error:
            if error.name != f"sfumato.{room}":
                raise
            continue
        discover(package)


def methods(role: str | None = None, eats: str | None = None) -> list[Card]:
    """The cards of all methods.

    Args: role, one of learn, aggregate, rules, estimate, score, adapt, infer; eats, a kind of labels (noisy, ...):
    what fits it, generic methods included.
    """
    from sfumato import labels
    from sfumato.core.errors import ParameterError

    discover_all()
    if role is not None and role not in ROOMS:
        raise ParameterError(f"role {role!r}", f"one of {ROOMS}")
    kinds = None
    if eats is not None:
        known = {
            cls.kind: cls
            for cls in vars(labels).values()
            if isinstance(cls, type) and issubclass(cls, labels.Labels) and "kind" in cls.__dict__
        }
        if eats not in known and eats not in {card.kind for card in cards()}:
            raise ParameterError(f"kind {eats!r}", f"one of {sorted(known)}")
        kinds = known[eats].kinds() if eats in known else (eats,)
    return list(cards(role, kinds))


def method(name: str, role: str = "learn", kinds: tuple[str, ...] | None = None) -> Card:
    """The card of that name or alias."""
    discover_all()
    return find(name, role=role, kinds=kinds)
