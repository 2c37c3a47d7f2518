"""How often sources meet, and how often they agree where they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from sfumato.core.errors import LabelError
from sfumato.labels import Votes

from .kernel import Floats, Kernel

LARGEST = 8192  # statements of all sources together, of which every pair is a number


def once(votes: Votes) -> Votes:
    """Votes with weights that sum to one for each source and item it was asked about."""
    pair = votes.item().numpy().astype(np.int64) * votes.sources + votes.source.numpy()
    weight = np.ones(len(pair)) if votes.weight is None else votes.weight.numpy().astype(float)
    _, at = np.unique(pair, return_inverse=True)
    return replace(votes, weight=torch.from_numpy(weight / np.bincount(at, weight)[at]))


def second(kernel: Kernel) -> Floats:
    """(sources x M, sources x M) mass of items on which two statements of two sources stand together."""
    side = kernel.sources * kernel.statements
    if side > LARGEST:
        raise LabelError(
            f"{kernel.sources} sources with {kernel.statements} statements each, whose pairs would be {side}^2 numbers",
            f"at most {LARGEST} together",
            "try DawidSkene or OneCoin, which look at no pairs",
        )
    found = np.zeros((side, side))
    for _, part in kernel.blocks():
        product = (part.T @ part).tocoo()
        found[product.row, product.col] += product.data
    return found


def agreements(kernel: Kernel) -> tuple[Floats, Floats]:
    """(sources, sources) items on which two sources say the same, and items on which both say something."""
    pairs = second(kernel).reshape(kernel.sources, kernel.statements, kernel.sources, kernel.statements)
    same, both = np.einsum("ambm->ab", pairs), pairs.sum((1, 3))
    np.fill_diagonal(same, 0)
    np.fill_diagonal(both, 0)
    return same, both
