"""Observations of one row each that may point at rows in any order: samples that were drawn with replacement."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from sfumato.core.errors import ShapeError

from .base import Labels


class Pointed(Labels):
    """Observation i speaks of row pointer[i] of X, or of row i where there is no pointer. Abstract.

    Args: pointer (len,) row numbers >= 0, or None. Errors: another shape, fractions, negative numbers.
    """

    pointer: Tensor | None

    def _check_pointer(self) -> None:
        if self.pointer is not None:
            row = torch.as_tensor(self.pointer)
            if row.shape != (len(self),) or row.dtype.is_floating_point or bool((row < 0).any()):
                raise ShapeError(f"pointer of shape {tuple(row.shape)}", f"({len(self)},) row numbers >= 0")
            object.__setattr__(self, "pointer", row.long())

    @property
    def row(self) -> Tensor | None:
        return self.pointer

    def cover(self, obs: Tensor) -> tuple[Tensor, Self]:
        if self.pointer is None:
            return obs, self.taken(obs)
        return self.pointer[obs], self.taken(obs)._replaced({"pointer": None})

    def n_rows(self) -> int | None:
        return len(self) if self.pointer is None else None

    def lift(self, w: Tensor) -> Tensor:
        return w if self.pointer is None else w[self.pointer]

    def within(self, rows: Any) -> Self:
        if self.pointer is None:
            return self[rows]
        rows = torch.as_tensor(rows)
        place = torch.full((int(torch.maximum(self.pointer.max(), rows.max())) + 1,), -1, dtype=torch.long)
        place[rows] = torch.arange(len(rows))
        keep = place[self.pointer] >= 0
        return self[keep]._replaced({"pointer": place[self.pointer[keep]]})
