"""Candidate sets: the truth is one of several classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError, ShapeError

from .base import Channel, Labels, Law, Signed, check_joint, check_unit
from .encode import check_codes, check_mask, column, long_to_lists, masks_from_lists, split_strings
from .exact import OFF, check_classes
from .heads import SOFTMAX


class Masked(Labels):
    """One set of classes per row, kept as a boolean matrix. Abstract; Partial and Complementary say what the set
    means.
    """

    mask: Tensor

    @classmethod
    def from_mask(cls, mask: Any, classes: Sequence[Any] | None = None) -> Self:
        """From a boolean (n, K) matrix."""
        tensor = check_mask(mask, None if classes is None else len(classes), f"{cls.kind} mask")
        return cls(tensor, tensor.shape[1], None if classes is None else tuple(classes))  # type: ignore[call-arg]

    @classmethod
    def from_lists(cls, lists: Iterable[Any], classes: Sequence[Any] | None = None) -> Self:
        """From one list of class names per row: [["a", "b"], ["c"], ...]."""
        mask, names = masks_from_lists(lists, classes, f"{cls.kind} labels")
        return cls(mask, len(names), names)  # type: ignore[call-arg]

    @classmethod
    def from_strings(cls, values: Any, sep: str = "|", classes: Sequence[Any] | None = None) -> Self:
        """From one string per row: "a|b|c"."""
        return cls.from_lists(split_strings(values, sep, f"{cls.kind} labels"), classes)

    @classmethod
    def from_long(cls, item: Any, label: Any, n: int | None = None, classes: Sequence[Any] | None = None) -> Self:
        """From a long table: one line per (row of X, class)."""
        return cls.from_lists(long_to_lists(item, label, n, f"{cls.kind} labels"), classes)

    @classmethod
    def from_frame(
        cls, frame: Any, name: str | Sequence[str], sep: str = "|", classes: Sequence[Any] | None = None
    ) -> Self:
        """From a data frame: one column of "a|b|c" strings, or one 0/1 column per class."""
        if isinstance(name, str):
            return cls.from_strings(column(frame, name), sep, classes)
        return cls.from_mask(np.column_stack([np.asarray(column(frame, c)) for c in name]), classes or tuple(name))


@dataclass(frozen=True, eq=False)
class Partial(Masked):
    """One candidate set per row that holds the truth.

    Args: mask (n, K) boolean, True = candidate, at least one per row; k number of classes >= 2; classes names in code
    order. Errors: an empty candidate set, other values than 0/1, wrong shape.
    """

    mask: Tensor
    k: int
    classes: tuple[Any, ...] | None = None
    kind: ClassVar[str] = "partial"
    columns: ClassVar[tuple[str, ...]] = ("mask",)

    def __post_init__(self) -> None:
        check_classes(self.k, self.classes)
        mask = check_mask(self.mask, self.k, "candidate mask")
        empty = ~mask.any(1)
        if bool(empty.any()):
            i = int(empty.nonzero()[0, 0])
            raise LabelError(
                f"row {i} has an empty candidate set ({int(empty.sum())} of {len(mask)} rows)",
                "at least one candidate",
                "remove these rows, or give them every class",
            )
        object.__setattr__(self, "mask", mask)

    @classmethod
    def from_labels(cls, values: Any, classes: Sequence[Any] | None = None) -> Self:
        """From one label per row, each its own single candidate."""
        from .encode import encode

        y, names = encode(values, classes, "partial labels")
        return cls(torch.nn.functional.one_hot(y, len(names)).bool(), len(names), names)

    def reading(self) -> Tensor:
        """Every candidate alike."""
        return self.mask.double() / self.mask.sum(1, keepdim=True)

    def default_law(self) -> type[Law]:
        return UniformSets


def subsets(k: int) -> Tensor:
    """(2^k - 1, k) every non-empty subset of k classes."""
    code = torch.arange(1, 2**k)
    return (code[:, None] >> torch.arange(k)[None, :]) & 1 == 1


class Sets(Channel):
    """Candidate sets that always hold the truth. Abstract."""

    eats = Partial
    head = SOFTMAX
    exact_size: ClassVar[int] = 10

    def population(self, joint: Tensor) -> tuple[Tensor, Partial, Tensor]:
        joint = check_joint(joint, self.exact_size)
        m, k = joint.shape
        sets = subsets(k)
        x = torch.arange(m).repeat_interleave(len(sets))
        labels = Partial(sets.repeat(m, 1), k)
        weight = (joint[x] * self.at(x).log_likelihood(labels, torch.float64).exp()).sum(1)
        keep = weight > 0
        return x[keep], labels[keep], weight[keep]

    def clean(self, y: Tensor, k: int) -> Partial:
        """The truth as the only candidate tells all under every one of these laws."""
        return Partial(torch.nn.functional.one_hot(y, k).bool(), k)


def _inside(labels: Partial, value: Tensor) -> Tensor:
    """``value`` at candidates, log zero elsewhere."""
    return torch.where(labels.mask, value, torch.full_like(value, OFF))


@dataclass(frozen=True)
class UniformSets(Sets):
    r"""Every set that holds the truth, but the full one, is equally likely: P(S | y) = 1[y in S] / (2^(K-1) - 1).

    A full set is impossible under this law; where data hold one, it counts as uninformative (likelihood of all
    classes alike, coefficient 0).
    """

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Partial:
        y = check_codes(y, k, "true labels")
        mask = torch.rand(len(y), k, generator=rng) < 0.5
        mask[torch.arange(len(y)), y] = True
        full = mask.all(1)
        while bool(full.any()):
            mask[full] = torch.rand(int(full.sum()), k, generator=rng) < 0.5
            mask[torch.arange(len(y)), y] = True
            full = mask.all(1)
        return Partial(mask, k)

    def population(self, joint: Tensor) -> tuple[Tensor, Partial, Tensor]:
        x, labels, weight = super().population(joint)
        keep = ~labels.mask.all(1)
        return x[keep], labels[keep], weight[keep]

    def log_likelihood(self, labels: Partial, dtype: torch.dtype) -> Tensor:
        # log(2^(K-1) - 1) without overflow for many classes
        count = (labels.k - 1) * np.log(2.0) + np.log1p(-(2.0 ** -(labels.k - 1)))
        return _inside(labels, torch.full(labels.mask.shape, -count, dtype=dtype, device=labels.mask.device))

    def rewrite(self, labels: Partial, dtype: torch.dtype = torch.float32) -> Signed:
        s = labels.mask.sum(1, keepdim=True).to(dtype)
        outside = torch.where(s < labels.k, (s - 1) / (labels.k - s).clamp_min(1), torch.zeros_like(s))
        coef = torch.where(labels.mask, torch.ones_like(s), -outside)
        return Signed(torch.where(s < labels.k, coef, torch.zeros_like(coef)))


@dataclass(frozen=True)
class FlipSets(Sets):
    r"""Each wrong class joins the set on its own: P(j in S | y = i) = M[i, j], M[i, i] = 1.

    Args: flip, one probability in [0, 1) for all wrong classes, or the (K, K) matrix M with ones on the diagonal.
    """

    flip: Any

    def __post_init__(self) -> None:
        if np.ndim(self.flip) == 0:
            object.__setattr__(self, "flip", check_unit("flip", self.flip, low_open=False, high_open=True))
            return
        m = torch.as_tensor(self.flip).to(torch.float64)
        if m.ndim != 2 or m.shape[0] != m.shape[1]:
            raise ShapeError(f"flip of shape {tuple(m.shape)}", "one number or (K, K)")
        if bool(((m < 0) | (m > 1) | m.isnan()).any()) or not bool((m.diagonal() == 1).all()):
            raise ParameterError(
                "a flip matrix outside [0, 1] or without ones on its diagonal",
                "M[i, j] = P(j in set | true i), M[i, i] = 1",
            )
        object.__setattr__(self, "flip", m)

    def member(self, k: int) -> Tensor:
        """(K, K) P(j in S | true i)."""
        eye = torch.eye(k, dtype=torch.float64)
        matrix: Tensor = self.flip if isinstance(self.flip, Tensor) else eye + self.flip * (1 - eye)
        if len(matrix) != k:
            raise ShapeError(f"a {len(matrix)} x {len(matrix)} flip matrix for {k} classes", f"({k}, {k})")
        return matrix

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Partial:
        y = check_codes(y, k, "true labels")
        return Partial(torch.rand(len(y), k, generator=rng, dtype=torch.float64) < self.member(k)[y], k)

    def log_likelihood(self, labels: Partial, dtype: torch.dtype) -> Tensor:
        from .noisy import log_or_off

        m = self.member(labels.k).to(dtype=dtype, device=labels.mask.device)
        mask = labels.mask.to(dtype)
        return (mask @ log_or_off(m).T + (1 - mask) @ log_or_off(1 - m).T).clamp_min(OFF)

    def rewrite(self, labels: Partial, dtype: torch.dtype = torch.float32) -> Signed:
        from .noisy import inverted

        # E[1_S | y] = M[y], so E[1_S M^-1 | y] = e_y
        return Signed(
            labels.mask.to(dtype) @ inverted(self.member(labels.k)).to(dtype=dtype, device=labels.mask.device)
        )


@dataclass(frozen=True)
class InstanceSets(Sets):
    r"""Each wrong class joins with a probability of the row's own: P(j in S | row r, y != j) = f[r, j].

    Args: flips (n, K) in [0, 1), one row per row of X.
    """

    flips: Tensor
    per_row = ("flips",)

    def __post_init__(self) -> None:
        f = torch.as_tensor(self.flips).to(torch.float64)
        if f.ndim != 2:
            raise ShapeError(f"flips of shape {tuple(f.shape)}", "(n, K)")
        if not bool(((f >= 0) & (f < 1)).all()):
            raise ParameterError("flips outside [0, 1)", "probabilities in [0, 1)")
        object.__setattr__(self, "flips", f)

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Partial:
        y = check_codes(y, k, "true labels")
        if self.flips.shape != (len(y), k):
            raise ShapeError(f"flips of shape {tuple(self.flips.shape)}", f"({len(y)}, {k})")
        mask = torch.rand(len(y), k, generator=rng, dtype=torch.float64) < self.flips
        mask[torch.arange(len(y)), y] = True
        return Partial(mask, k)

    def log_likelihood(self, labels: Partial, dtype: torch.dtype) -> Tensor:
        from .noisy import log_or_off

        f = self.flips.to(dtype=dtype, device=labels.mask.device)
        said = torch.where(labels.mask, log_or_off(f), torch.log1p(-f))
        # all other classes behave as said; the truth itself is a member for certain
        return _inside(
            labels,
            (said.sum(1, keepdim=True) - torch.where(labels.mask, log_or_off(f), torch.zeros_like(f))).clamp_min(OFF),
        )

    def rewrite(self, labels: Partial, dtype: torch.dtype = torch.float32) -> Signed:
        # M = 1 f^T + diag(1 - f) with E[1_S | y] = M[y]; the inverse by Sherman and Morrison, row by row
        f = self.flips.to(dtype=dtype, device=labels.mask.device)
        scaled = labels.mask.to(dtype) / (1 - f)
        ratio = f / (1 - f)
        inverse_sum = (labels.mask.to(dtype) / (1 - f)).sum(1, keepdim=True)
        return Signed(scaled - inverse_sum / (1 + ratio.sum(1, keepdim=True)) * ratio)
