"""Exact labels: one class per row, taken as true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sfumato.core.errors import ParameterError

from .base import Channel, Labels, Law, Signed, check_joint
from .encode import check_codes, column, encode
from .heads import SOFTMAX

OFF = -1e30  # log of zero that stays finite, so that 0 * OFF is 0 and gradients never meet inf - inf


def check_classes(k: int, classes: tuple[Any, ...] | None) -> None:
    """k >= 2, and one name per class."""
    if isinstance(k, bool) or not isinstance(k, int) or k < 2:
        raise ParameterError(f"k = {k!r}", "the number of classes, an integer of at least 2")
    if classes is not None and len(classes) != k:
        raise ParameterError(f"{len(classes)} class names for k = {k}", "one name per class")


@dataclass(frozen=True, eq=False)
class Exact(Labels):
    """One true class per row.

    Args: y (n,) integer codes in [0, k); k number of classes >= 2; classes names in code order.
    Errors: codes outside [0, k), floats, wrong shape.
    """

    y: Tensor
    k: int
    classes: tuple[Any, ...] | None = None
    kind: ClassVar[str] = "exact"
    columns: ClassVar[tuple[str, ...]] = ("y",)

    def __post_init__(self) -> None:
        check_classes(self.k, self.classes)
        object.__setattr__(self, "y", check_codes(self.y, self.k, f"{self.kind} labels"))

    @classmethod
    def from_labels(cls, values: Any, classes: Sequence[Any] | None = None) -> Self:
        """From one label per row (strings, integers, booleans); classes are sorted unless given."""
        y, names = encode(values, classes, f"{cls.kind} labels")
        return cls(y, len(names), names)

    @classmethod
    def from_frame(cls, frame: Any, name: str, classes: Sequence[Any] | None = None) -> Self:
        """From one column of a data frame."""
        return cls.from_labels(column(frame, name), classes)

    def reading(self) -> Tensor:
        return one_hot(self.y, self.k).double()

    def default_law(self) -> type[Law]:
        return Clean


@dataclass(frozen=True)
class Clean(Channel):
    """The truth is seen: P(o = j | y = i) = 1[i = j]."""

    eats = Exact
    head = SOFTMAX

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Exact:
        return Exact(y, k)

    def population(self, joint: Tensor) -> tuple[Tensor, Exact, Tensor]:
        joint = check_joint(joint, 1000)
        m, k = joint.shape
        return torch.arange(m).repeat_interleave(k), Exact(torch.arange(k).repeat(m), k), joint.reshape(-1)

    def log_likelihood(self, labels: Exact, dtype: torch.dtype) -> Tensor:
        table = torch.full((len(labels), labels.k), OFF, dtype=dtype, device=labels.y.device)
        return table.scatter_(1, labels.y[:, None], 0.0)

    def log_prob(self, log_p: Tensor, labels: Exact) -> Tensor:
        return log_p.gather(1, labels.y[:, None]).squeeze(1)

    def rewrite(self, labels: Exact, dtype: torch.dtype = torch.float32) -> Signed:
        return Signed(torch.nn.functional.one_hot(labels.y, labels.k).to(dtype))

    def clean(self, y: Tensor, k: int) -> Exact:
        return Exact(y, k)
