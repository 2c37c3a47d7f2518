"""Bags of rows: the counts of their classes, or one value that follows from the count of positives."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato import labels as kinds
from sfumato.core.errors import ParameterError

from .entry import Drawn, Entry, drawn


def _sizes(size: int, least: int | None) -> Tensor:
    """(size,) P(a bag has g rows): all of one size, or every size from the least on alike."""
    low = size if least is None else least
    if not 1 <= low <= size:
        raise ParameterError(f"bags of size = {size}, least = {least}", "1 <= least <= size")
    chances = torch.zeros(size, dtype=torch.float64)
    chances[low - 1 :] = 1 / (size - low + 1)
    return chances


def _counts(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, size: int, least: int | None = None) -> Drawn:
    """Rows are dealt at random into bags of ``size`` rows, or of sizes from ``least`` on."""
    prior = torch.bincount(y, minlength=k).double() / len(y)
    return drawn(kinds.Counts(prior, _sizes(size, least)), y, k, rng)


def _value(law: type[kinds.Law]) -> Entry:
    def draw(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, size: int, least: int | None = None) -> Drawn:
        told = {"prior": float((y == 1).double().mean()), "bag_sizes": _sizes(size, least)}
        return drawn(law(**told), y, k, rng)

    return Entry("bag-values", draw, apart=True)


LAWS = {
    "counts": Entry("bags", _counts, apart=True),
    "any-positive": _value(kinds.AnyPositive),
    "parity": _value(kinds.Parity),
    "majority": _value(kinds.Majority),
}
