"""Long tables of votes, read: columns of entries into codes and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError, ShapeError

from .encode import is_missing


def small(many: int) -> type:
    """The smallest signed type that holds codes below ``many``."""
    return np.int8 if many <= 127 else np.int16 if many <= 32767 else np.int32


def line(values: Any, what: str) -> np.ndarray[Any, Any]:
    """(v,) entries as numpy holds them, as objects where they are of several types."""
    if isinstance(values, Tensor):
        values = values.numpy()
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        array = values
    else:
        listed = list(values)
        array = np.asarray(listed)
        if array.ndim != 1 or array.dtype.kind not in "iufbUS" or len({type(v) for v in listed}) > 1:
            array = np.empty(len(listed), object)
            array[:] = listed
    if array.ndim != 1 or not len(array):
        raise ShapeError(f"{what} of shape {array.shape}", "one entry per vote, at least one vote")
    return array


def blank(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(v,) which entries are missing."""
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "O":
        return np.array([is_missing(v) for v in values], bool)
    return np.zeros(len(values), bool)


def name_codes(
    values: np.ndarray[Any, Any], names: Sequence[Any] | None, what: str
) -> tuple[tuple[Any, ...], np.ndarray[Any, np.dtype[np.int64]]]:
    """(names in code order, codes)."""
    if blank(values).any():
        raise LabelError(f"{what}: {int(blank(values).sum())} missing entries", "a name on every line")
    try:
        found, code = np.unique(values, return_inverse=True)
    except TypeError:
        raise LabelError(f"{what} of mixed types {sorted({type(v).__name__ for v in values})}", "one type") from None
    known = tuple(v.item() if isinstance(v, np.generic) else v for v in found)
    if names is None:
        return known, code.astype(np.int64)
    place = {name: i for i, name in enumerate(names)}
    unknown = [name for name in known if name not in place]
    if unknown:
        raise LabelError(f"{what}: {unknown[0]!r}", f"one of {list(names)[:20]}", "add it, or mend the entry")
    return tuple(names), np.array([place[name] for name in known], np.int64)[code]


def item_codes(
    values: np.ndarray[Any, Any], n: int | None, items: Sequence[Any] | None
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], tuple[Any, ...] | None, int]:
    """(item codes, names or None, how many items)."""
    if items is None and values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if low < 0 or (n is not None and high >= n):
            raise LabelError(f"row numbers from {low} to {high}", f"from 0 to {'...' if n is None else n - 1}")
        return values.astype(np.int64), None, high + 1 if n is None else n
    if n is not None:
        raise ParameterError(f"n={n} with items that have names", "items=[...] in order instead")
    if items is None:
        items = tuple(dict.fromkeys(values.tolist()))
    names, code = name_codes(values, items, "items")
    return code, names, len(names)


def gold_codes(gold: Mapping[Any, Any], items: tuple[Any, ...] | None, classes: tuple[Any, ...], n: int) -> Tensor:
    """(n,) codes of the known truths, -1 elsewhere."""
    found = torch.full((n,), -1)
    place = {name: i for i, name in enumerate(items)} if items is not None else None
    for item, label in gold.items():
        if label not in classes:
            raise LabelError(f"gold label {label!r} of item {item!r}", f"one of {list(classes)[:20]}")
        if (item not in place) if place is not None else not (isinstance(item, (int, np.integer)) and 0 <= item < n):
            raise LabelError(f"a gold label of item {item!r}, which is unknown", "items of the table")
        found[place[item] if place is not None else int(item)] = classes.index(label)
    return found
