"""Items of votes that come in batches: numbers as they stand, names in order of first appearance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sfumato.core.errors import LabelError

SPARSE = 100  # times the lines that item numbers may reach before they are taken for names
ROOM = 1_000_000  # numbers that may always be reached
Ints = NDArray[np.integer[Any]]


class Items:
    """Codes of items: numbers as they stand, names in order of first appearance."""

    def __init__(self, name: str, n: int | None) -> None:
        self.name, self.n, self.lines, self.largest = name, n, 0, -1
        self.place: dict[Any, int] = {}

    @property
    def names(self) -> tuple[Any, ...] | None:
        """In code order; None where items are numbers."""
        return tuple(self.place) or None

    def codes(self, column: pa.Array) -> Ints:
        """(lines,) the item of each line."""
        if pa.types.is_integer(column.type) and not self.place:
            return self._numbers(column)
        if self.n is not None or self.largest >= 0 or not _is_text(column.type):
            raise LabelError(
                f"items of type {column.type} in column {self.name!r}", "row numbers from 0, or text without n"
            )
        coded = column.dictionary_encode()
        known = np.array([self.place.setdefault(v, len(self.place)) for v in coded.dictionary.to_pylist()], np.int64)
        return np.asarray(known[coded.indices.to_numpy(zero_copy_only=False)])

    def _numbers(self, column: pa.Array) -> Ints:
        values = column.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
        low, high = int(values.min()), int(values.max())
        if low < 0 or (self.n is not None and high >= self.n):
            raise LabelError(
                f"row numbers from {low} to {high}", f"from 0 to {'...' if self.n is None else self.n - 1}"
            )
        self.lines, self.largest = self.lines + len(values), max(self.largest, high)
        if self.n is None and high > SPARSE * max(self.lines, ROOM // SPARSE):
            raise LabelError(
                f"an item {high} within {self.lines} lines",
                "row numbers without wide gaps",
                "number them by sfumato.data.number_items",
            )
        return np.asarray(values)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
