"""Laws of a grid by name: each draws observations for true labels, and knows the facts that it drew them by."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from sfumato import labels as kinds
from sfumato.core.errors import ParameterError

from ..fields import is_number, is_whole, shown
from . import (
    bags,
    confidence,
    crowd,
    excluding,
    noisy,
    reals,
    several,
    shares,
    shifted,
    tuples,
    unlabeled,
    unlabeled_sets,
)
from .entry import Drawn, Entry

GIVEN, CLEAN = "given", "clean"
MOST = 1_000_000  # of an integer that a law is told (rows of a bag, sources of a crowd): tensors are as long
ROOMS = (crowd, noisy, excluding, unlabeled, bags, unlabeled_sets, tuples, confidence, several, shares, reals, shifted)
LAWS: dict[str, Entry] = {name: entry for room in ROOMS for name, entry in room.LAWS.items()}
# Labels of two classes have k = 2 as the default of their field.
BINARY = frozenset(
    found.kind
    for name in kinds.__all__
    if isinstance(found := getattr(kinds, name), type)
    and issubclass(found, kinds.Labels)
    and getattr(found, "k", None) == 2
)


def law(name: str, params: Mapping[str, Any]) -> Entry:
    """A law by name with its parameters checked; an unknown name or parameter lists the known ones."""
    if name not in LAWS:
        raise ParameterError(f"a law named {name!r}", f"one of {', '.join((GIVEN, *LAWS))}")
    own = {p.name: p for p in inspect.signature(LAWS[name].draw).parameters.values() if p.kind is p.KEYWORD_ONLY}
    for key in params:
        if key not in own:
            raise ParameterError(f"law {name}: a parameter {key!r}", f"one of {', '.join(own)}" if own else "none")
    for key, p in own.items():
        if key not in params and p.default is p.empty:
            raise ParameterError(f"law {name} without {key!r}", f"{{ name = {name!r}, {key} = ... }}")
        if key in params:
            _typed(name, key, params[key], str(p.annotation))
    return LAWS[name]


def _typed(name: str, key: str, value: Any, annotation: str) -> None:
    fits, wants = FORMS[annotation.removesuffix(" | None")]
    if not fits(value):
        raise ParameterError(f"law {name}: {key} = {shown(value)}", wants)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(is_number, value))


def _square(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(_numbers(v) and len(v) == len(value) for v in value)


# annotation of a parameter -> (whether a value has that form, the form in words)
FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "float": (is_number, "a number"),
    "int": (lambda v: is_whole(v) and abs(v) <= MOST, f"an integer of at most {MOST:,}"),
    "str": (lambda v: isinstance(v, str), "a text"),
    "list[float]": (_numbers, "a list of numbers, not empty"),
    "list[list[float]]": (_square, "as many rows of numbers as each row has"),
}


__all__ = ["BINARY", "CLEAN", "GIVEN", "LAWS", "Drawn", "Entry", "law"]
