"""Partly missing labels: some rows have one, the others none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sfumato.core.errors import LabelError

from .base import Channel, Labels, Law, Signed, check_joint, check_unit
from .encode import check_codes, column, encode
from .exact import OFF, check_classes
from .heads import SOFTMAX


@dataclass(frozen=True, eq=False)
class Semi(Labels):
    """One class per row, or -1 where nobody said.

    Args: y (n,) integer codes in [-1, k), -1 = missing, at least one not missing; k number of classes >= 2; classes
    names in code order. Errors: every label missing, codes out of range, wrong shape.
    """

    y: Tensor
    k: int
    classes: tuple[Any, ...] | None = None
    kind: ClassVar[str] = "semi"
    columns: ClassVar[tuple[str, ...]] = ("y",)

    def __post_init__(self) -> None:
        check_classes(self.k, self.classes)
        y = check_codes(self.y, self.k, "semi labels", low=-1)
        if bool((y < 0).all()):
            raise LabelError("every label is missing", "at least one labeled row")
        object.__setattr__(self, "y", y)

    @classmethod
    def from_labels(cls, values: Any, missing: Any = None, classes: Sequence[Any] | None = None) -> Self:
        """From one label per row with blanks: None and NaN are missing, and so is every entry equal to ``missing``
        (say -1 or "").
        """
        y, names = encode(values, classes, "semi labels", missing=missing)
        return cls(y, len(names), names)

    @classmethod
    def from_frame(cls, frame: Any, name: str, missing: Any = None, classes: Sequence[Any] | None = None) -> Self:
        """From one column of a data frame with blanks."""
        return cls.from_labels(column(frame, name), missing, classes)

    def reading(self) -> Tensor:
        return one_hot(self.y.clamp_min(0), self.k) * (self.y >= 0).double()[:, None]

    def strata(self) -> Tensor:
        return (self.y >= 0).long()

    def default_law(self) -> type[Law]:
        return MissingCompletely


@dataclass(frozen=True)
class MissingCompletely(Channel):
    r"""Labels missing completely at random: P(seen) = observed whatever x and y; a seen label is true.

    Args: observed in (0, 1], the share of rows with a label, read off the labels.
    """

    observed: float
    eats = Semi
    head = SOFTMAX
    read_off = ("observed",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "observed", check_unit("observed", self.observed, low_open=True, high_open=False))

    @classmethod
    def read(cls, labels: Semi) -> dict[str, Any]:
        return {"observed": float((labels.y >= 0).double().mean())}

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Semi:
        y = check_codes(y, k, "true labels")
        seen = torch.rand(len(y), generator=rng) < self.observed
        if not bool(seen.any()):
            raise LabelError(
                f"no label was drawn among {len(y)} rows at observed = {self.observed:g}",
                "at least one",
                "raise observed, or use more rows",
            )
        return Semi(torch.where(seen, y, -1), k)

    def population(self, joint: Tensor) -> tuple[Tensor, Semi, Tensor]:
        joint = check_joint(joint, 1000)
        m, k = joint.shape
        seen = torch.cat([(1 - self.observed) * joint.sum(1, keepdim=True), self.observed * joint], 1).reshape(-1)
        keep = seen > 0
        x = torch.arange(m).repeat_interleave(k + 1)
        return x[keep], Semi(torch.arange(-1, k).repeat(m)[keep], k), seen[keep]

    def log_likelihood(self, labels: Semi, dtype: torch.dtype) -> Tensor:
        seen = labels.y >= 0
        rate = torch.as_tensor(self.observed, dtype=dtype, device=labels.y.device)
        table = torch.full((len(labels), labels.k), OFF, dtype=dtype, device=labels.y.device)
        table.scatter_(1, labels.y.clamp_min(0)[:, None], rate.log().expand(len(labels), 1))
        unseen = torch.log1p(-rate.clamp_max(1 - torch.finfo(dtype).eps))
        return torch.where(seen[:, None], table, unseen)

    def rewrite(self, labels: Semi, dtype: torch.dtype = torch.float32) -> Signed:
        seen = (labels.y >= 0).long()
        coef = torch.nn.functional.one_hot(labels.y.clamp_min(0), labels.k).to(dtype) * seen[:, None].to(dtype)
        return Signed(coef, seen, 2)

    def clean(self, y: Tensor, k: int) -> Semi | None:
        return Semi(y, k) if self.observed == 1 else None
