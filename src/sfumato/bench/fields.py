"""A table of a TOML file, read key by key: each key once, in its type and bounds, and none left over."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sfumato.core.errors import ParameterError

MISSING: Any = object()
WHOLE = 2**31 - 1  # the largest integer of a spec: one that numpy and torch count to everywhere
LONG = 200  # characters of a value that an error shows


class Fields:
    """The keys of one table; every error names the place, what stands there and what is wanted.

    Args: values, the table; where, its place as the reader of the file knows it, such as ``train``.
    """

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, Mapping):
            raise ParameterError(f"{where} = {shown(values)}", "a table", f"write {where} = {{ key = value }}")
        self.left, self.where = dict(values), where
        self.known: list[str] = []

    def take(self, key: str, fits: Callable[[Any], bool], wants: str, default: Any = MISSING) -> Any:
        """The value of a key; without a default the key must be there."""
        self.known.append(key)
        if key not in self.left:
            if default is MISSING:
                raise ParameterError(f"{self.where} has no {key!r}", f"{key} = {wants}")
            return default
        value = self.left.pop(key)
        if not fits(value):
            raise ParameterError(f"{self.where}: {key} = {shown(value)}", wants)
        return value

    def text(self, key: str, default: Any = MISSING) -> Any:
        """A text that is not empty."""
        return self.take(key, lambda v: isinstance(v, str) and bool(v.strip()), "a text", default)

    def whole(self, key: str, low: int, default: Any = MISSING, high: int = WHOLE) -> Any:
        """An integer in [low, high]."""
        wants = f"an integer of at least {low}, at most {high}"
        return self.take(key, lambda v: is_whole(v) and low <= v <= high, wants, default)

    def number(self, key: str, low: float, high: float, default: Any = MISSING) -> Any:
        """A number in [low, high]."""
        bounds = f"a number from {low:g} to {high:g}" if math.isfinite(high) else f"a number of at least {low:g}"
        return self.take(key, lambda v: is_number(v) and low <= v <= high, bounds, default)

    def one_of(self, key: str, allowed: Collection[str], default: Any = MISSING) -> Any:
        """One of some words."""
        words = ", ".join(allowed)
        return self.take(key, lambda v: isinstance(v, str) and v in allowed, f"one of {words}", default)

    def texts(self, key: str, default: Any = MISSING) -> Any:
        """A list of texts."""
        return self.take(
            key, lambda v: isinstance(v, list) and all(isinstance(e, str) for e in v), "a list of texts", default
        )

    def done(self) -> None:
        """No key is left over."""
        for key in self.left:
            near = difflib.get_close_matches(key, self.known, n=1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            raise ParameterError(
                f"{self.where} has a key {key!r}", f"keys among {', '.join(self.known) or 'none'}", hint
            )


def is_whole(value: Any) -> bool:
    """An integer that is no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """A finite number that is no boolean."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def is_plain(value: Any) -> bool:
    """A text, true or false, a finite number, or a list or table of such: what the name of a run can be made of."""
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    return isinstance(value, str | bool) or is_number(value)


def shown(value: Any) -> str:
    """A value as an error shows it: what is too long is cut."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of several thousand digits
        return "a value too long to show"
    return text if len(text) <= LONG else text[:LONG] + " ..."
