"""Unlabeled sets that mix two classes at different shares."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sfumato import labels as kinds

from .entry import Drawn, Entry, drawn


def _told(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, thetas: list[float]) -> Drawn:
    """As many rows as there are, in sets of one size with these shares of positives, which the labels tell."""
    even = torch.full((len(thetas),), 1 / len(thetas), dtype=torch.float64)
    law = kinds.DrawnSets(float((y == 1).double().mean()), torch.tensor(thetas, dtype=torch.float64), even)
    return drawn(law, y, k, rng)


def _ordered(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, thetas: list[float]) -> Drawn:
    """The same sets; told is only which set has the largest share of positives, and which the least."""
    known = _told(x, y, k, rng, thetas=thetas)
    order = ((thetas.index(max(thetas)), thetas.index(min(thetas))),)
    assert isinstance(known.labels, kinds.Sets)
    hidden = kinds.Sets(known.labels.index, known.labels.m, order=order, pointer=known.labels.pointer)
    return replace(known, labels=hidden)


LAWS = {"sets": Entry("sets", _told, apart=True), "ordered-sets": Entry("sets", _ordered, apart=True)}
