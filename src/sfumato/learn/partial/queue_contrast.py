"""What the methods share that contrast each row with other views and with a queue of past rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.labels import Partial, UniformSets
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_count, check_number
from sfumato.parts.candidates import telling
from sfumato.parts.contrast import contrast, own
from sfumato.parts.losses import mean
from sfumato.parts.projection import Projected, parted


@dataclass(frozen=True)
class Keys:
    """What n anchors are compared to: ``every`` (m, d), the batch itself, the averaged network's strong views of it,
    then the queue; per anchor ``itself`` (n, m) and its ``other`` (n, m) view."""

    every: Tensor
    itself: Tensor
    other: Tensor


def keys_of(h: Tensor, views: Tensor, queue: Tensor) -> Keys:
    """Keys from h and views (n, d) and a queue (m, d), which may be empty and of whatever width then."""
    n = len(h)
    every = torch.cat([h, views, queue.to(h.dtype)]) if len(queue) else torch.cat([h, views])
    return Keys(every, own(n, len(every), 0, h.device), own(n, len(every), n, h.device))


@dataclass(frozen=True)
class Step:
    """What a step shows: logits z (n, K) and projections h (n, d) of the batch, the averaged network's projections of a
    strong view of it, its sets and memories, and how far training is."""

    z: Tensor
    h: Tensor
    views: Tensor
    s: Partial
    rows: dict[str, Tensor]
    bank: dict[str, Tensor]
    progress: float

    @classmethod
    def of(cls, z: Tensor, teacher_strong: Tensor, *memory: Any) -> Step:
        return cls(*parted(z), parted(teacher_strong)[1], *memory)


@dataclass
class QueueContrast(Objective):
    """A head with a projection, a queue of ``size`` past projections, and a warm-up in which a row's only positive is
    its own other view, against the queue."""

    law = UniformSets
    weight: float = 0.5
    temperature: float = 0.07
    size: int = 8192
    warm: float = 0.05

    def __post_init__(self) -> None:
        check_number("weight", self.weight, 0)
        check_number("temperature", self.temperature, 0, low_open=True)
        check_count("size", self.size, "rows")
        check_number("warm", self.warm, 0, 1)

    def head_for(self, law: Any) -> Projected:
        return Projected()

    def apart(self, step: Step, share: Callable[[Keys], Tensor]) -> Tensor:
        """(n,) the contrast of each row with its positives, ``share`` (n, m) of the keys; in the warm-up that of its
        two views with the queue alone."""
        keys, h = keys_of(step.h, step.views, step.bank["queue"]), step.h
        if step.progress >= self.warm:
            return contrast(h, keys.every, share(keys), self.temperature, keys.itself)
        batch = torch.arange(len(keys.every), device=h.device)[None, :] < 2 * len(h)
        return contrast(h, keys.every, keys.other.to(h.dtype), self.temperature, batch & ~keys.other)

    def joint(self, fit: Tensor, apart: Tensor, s: Partial, w: Tensor | None) -> Tensor:
        """The mean over rows of fit + weight * apart, where sets say anything."""
        return mean((fit + self.weight * apart) * telling(s.mask), w)
