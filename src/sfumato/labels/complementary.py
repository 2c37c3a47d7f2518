"""Complementary labels: classes that the row is said not to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError, ShapeError

from .base import Channel, Labels, Law, Signed, check_joint, check_stochastic
from .encode import check_codes, check_mask, encode
from .exact import OFF, check_classes
from .heads import SOFTMAX
from .noisy import Flips
from .partial import Masked, Partial, subsets


@dataclass(frozen=True, eq=False)
class Complementary(Masked):
    """One or several classes per row that are not the truth.

    Args: mask (n, K) boolean, True = "not this class", between 1 and K - 1 per row; k number of classes >= 2; classes
    names in code order. Errors: a row with none or with all classes excluded, other values than 0/1, wrong shape.
    """

    mask: Tensor
    k: int
    classes: tuple[Any, ...] | None = None
    kind: ClassVar[str] = "complementary"
    columns: ClassVar[tuple[str, ...]] = ("mask",)

    def __post_init__(self) -> None:
        check_classes(self.k, self.classes)
        mask = check_mask(self.mask, self.k, "complementary mask")
        count = mask.sum(1)
        bad = (count == 0) | (count == self.k)
        if bool(bad.any()):
            i = int(bad.nonzero()[0, 0])
            what = "no" if int(count[i]) == 0 else "every"
            raise LabelError(
                f"row {i} excludes {what} class ({int(bad.sum())} such rows)",
                "between 1 and K - 1 complementary labels per row",
                "remove these rows, or mend them",
            )
        object.__setattr__(self, "mask", mask)

    @classmethod
    def from_labels(cls, values: Any, classes: Sequence[Any] | None = None) -> Self:
        """From one complementary label per row."""
        y, names = encode(values, classes, "complementary labels")
        return cls(torch.nn.functional.one_hot(y, len(names)).bool(), len(names), names)

    def to_partial(self) -> Partial:
        """The same knowledge as candidate sets: every class that is not excluded."""
        return Partial(~self.mask, self.k, self.classes)

    def reading(self) -> Tensor:
        """Every class that is not excluded alike."""
        return (~self.mask).double() / (~self.mask).sum(1, keepdim=True)

    def default_law(self) -> type[Law]:
        return UniformComplementary


def log_binomial(k: int, c: Tensor) -> Tensor:
    """log of k choose c."""
    return torch.lgamma(torch.as_tensor(k + 1.0, dtype=c.dtype)) - torch.lgamma(c + 1) - torch.lgamma(k - c + 1)


@dataclass(frozen=True)
class UniformComplementary(Channel):
    r"""c wrong classes drawn uniformly, c ~ sizes: P(C | y) = P(c) 1[y not in C] / binom(K - 1, c). One label per row
    is sizes = (1, 0, ...).

    Args: sizes (K - 1,) probabilities of c = 1..K-1; read off the labels where not given.
    """

    sizes: Tensor
    eats = Complementary
    head = SOFTMAX
    read_off = ("sizes",)

    def __post_init__(self) -> None:
        sizes = torch.as_tensor(self.sizes).to(torch.float64)
        if sizes.ndim != 1 or not bool((sizes >= 0).all()) or abs(float(sizes.sum()) - 1) > 1e-6:
            raise ParameterError(
                f"sizes of shape {tuple(sizes.shape)} and sum {float(sizes.sum()):.4g}",
                "K - 1 probabilities that sum to one",
            )
        object.__setattr__(self, "sizes", sizes)

    @classmethod
    def read(cls, labels: Complementary) -> dict[str, Any]:
        count = torch.bincount(labels.mask.sum(1).cpu(), minlength=labels.k)[1:]
        return {"sizes": count.double() / count.sum()}

    @classmethod
    def single(cls, k: int) -> UniformComplementary:
        """Exactly one complementary label per row."""
        return cls(torch.eye(k - 1, dtype=torch.float64)[0])

    def _check(self, k: int) -> None:
        if len(self.sizes) != k - 1:
            raise ShapeError(f"sizes of length {len(self.sizes)} for {k} classes", f"({k - 1},)")

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Complementary:
        y = check_codes(y, k, "true labels")
        self._check(k)
        c = torch.multinomial(self.sizes, len(y), replacement=True, generator=rng) + 1
        order = torch.rand(len(y), k, generator=rng).scatter_(1, y[:, None], 2.0).argsort(1).argsort(1)
        return Complementary(order < c[:, None], k)

    def population(self, joint: Tensor) -> tuple[Tensor, Complementary, Tensor]:
        joint = check_joint(joint, 10)
        m, k = joint.shape
        self._check(k)
        sets = subsets(k)[:-1]
        sets = sets[self.sizes[sets.sum(1) - 1] > 0]
        x = torch.arange(m).repeat_interleave(len(sets))
        labels = Complementary(sets.repeat(m, 1), k)
        return x, labels, (joint[x] * self.log_likelihood(labels, torch.float64).exp()).sum(1)

    def log_likelihood(self, labels: Complementary, dtype: torch.dtype) -> Tensor:
        c = labels.mask.sum(1)
        size = self.sizes.to(dtype=dtype, device=c.device)
        constant = size[c - 1].clamp_min(torch.finfo(dtype).tiny).log() - log_binomial(labels.k - 1, c.to(dtype))
        return torch.where(labels.mask, torch.full_like(constant, OFF)[:, None], constant[:, None])

    def rewrite(self, labels: Complementary, dtype: torch.dtype = torch.float32) -> Signed:
        c = labels.mask.sum(1, keepdim=True).to(dtype)
        return Signed(torch.where(labels.mask, -(labels.k - 1 - c) / c, torch.ones_like(c)))

    def clean(self, y: Tensor, k: int) -> Complementary | None:
        """All K - 1 wrong classes are excluded: the truth remains."""
        if float(self.sizes[-1]) != 1:
            return None
        return Complementary(~torch.nn.functional.one_hot(y, k).bool(), k)


@dataclass(frozen=True)
class BiasedComplementary(Flips):
    r"""One complementary label by a matrix: P(not j | true i) = Q[i, j], Q[i, i] = 0 (small diagonals = noisy
    complementary labels).

    Args: transition (K, K) row-stochastic, Q[i, j] = P(complementary label j | true i).
    """

    transition: Tensor
    eats: ClassVar[type[Labels]] = Complementary

    def __post_init__(self) -> None:
        object.__setattr__(self, "transition", check_stochastic("transition", self.transition))

    @classmethod
    def uniform(cls, k: int) -> BiasedComplementary:
        """Q = (1 - I) / (K - 1)."""
        return cls((1 - torch.eye(k, dtype=torch.float64)) / (k - 1))

    def matrix(self, k: int) -> Tensor:
        if len(self.transition) != k:
            raise ShapeError(
                f"a {len(self.transition)} x {len(self.transition)} transition for {k} classes", f"({k}, {k})"
            )
        return self.transition

    def observed(self, said: Tensor, k: int) -> Complementary:
        return Complementary(torch.nn.functional.one_hot(said, k).bool(), k)

    @classmethod
    def read(cls, labels: Complementary) -> dict[str, Any]:
        if not bool((labels.mask.sum(1) == 1).all()):
            raise LabelError(
                "rows with several complementary labels",
                "exactly one per row for a law by matrix",
                "use the uniform law, or split the rows",
            )
        return {}

    def said(self, labels: Complementary) -> Tensor:
        return labels.mask.to(torch.uint8).argmax(1)
