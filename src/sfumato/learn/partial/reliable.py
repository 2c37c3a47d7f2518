"""Rows that lie near the prototype of their likeliest candidate, and what a contrast may draw together then."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.labels import Partial
from sfumato.parts.candidates import inside

from .queue_contrast import Keys


def nearest(distance: Tensor, share: float) -> Tensor:
    """(n,) whether a row is of the ``share`` of smallest distance (n,); at least one is, and ties all are."""
    kept = max(1, int(len(distance) * share))
    return distance <= distance.sort().values[kept - 1]


def likeliest(z: Tensor, s: Partial, reliable: Tensor) -> Tensor:
    """(n,) the likeliest class, in the set of a reliable row, of all classes elsewhere."""
    return torch.where(reliable, inside(z, s.mask).argmax(1), z.argmax(1))


def trusted(h: Tensor, keys: Keys, same: Tensor, reliable: Tensor, sure: Tensor, neighbours: int) -> Tensor:
    """(n, m) the positives of each row but itself: its other view; of a reliable row (n,), sure keys (m,) of the same
    pseudo-label, ``same`` (n, m); of another its nearest keys, ``neighbours`` of them, 0 for none."""
    positive = same & sure[None, :] & reliable[:, None]
    if neighbours:
        found = (h @ keys.every.T).detach().topk(min(neighbours, len(keys.every)), dim=1).indices
        near = torch.zeros_like(positive).scatter(1, found, True)
        positive = torch.where(reliable[:, None], positive, near)
    return (positive | keys.other) & ~keys.itself
