"""Bags of rows of which only the counts of the classes are known (learning from label proportions)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError, ShapeError

from .base import Labels, Law, Signed, check_joint
from .counts import check_cells, log_count
from .encode import check_codes, column, encode
from .exact import check_classes
from .grouped import Grouped, GroupLaw, check_sizes, dealt, enumerated, from_column, from_lists, of_bag
from .heads import SOFTMAX


@dataclass(frozen=True, eq=False)
class Bags(Grouped):
    """Bags of rows, and how many rows of each class every bag holds.

    Args: members (r,) row numbers of X, bag after bag; offsets (m + 1,) where bags begin; counts (m, K) integers >= 0,
    each line the size of its bag in sum; k number of classes >= 2; classes names in code order. Errors: counts that
    miss the size of their bag, an empty bag, a row twice in one bag, wrong shape.
    """

    members: Tensor
    offsets: Tensor
    counts: Tensor
    k: int
    classes: tuple[Any, ...] | None = None
    kind: ClassVar[str] = "bags"
    columns: ClassVar[tuple[str, ...]] = ("counts",)

    def __post_init__(self) -> None:
        check_classes(self.k, self.classes)
        self._check_groups("bags")
        counts = torch.as_tensor(self.counts if isinstance(self.counts, Tensor) else np.asarray(self.counts))
        if counts.ndim != 2 or counts.shape[1] != self.k:
            raise ShapeError(f"counts of shape {tuple(counts.shape)}", f"(bags, {self.k}): one column per class")
        self._check_column(counts, "lines of counts")
        if counts.dtype.is_floating_point or counts.dtype == torch.bool:
            raise LabelError(f"counts of dtype {counts.dtype}", "whole numbers", "use proportions=... for shares")
        counts, sizes = counts.long(), self.sizes()
        bad = (counts < 0).any(1) | (counts.sum(1) != sizes)
        if bool(bad.any()):
            i = int(bad.nonzero()[0, 0])
            raise LabelError(
                f"bag {i} of {int(sizes[i])} rows has counts {counts[i].tolist()} ({int(bad.sum())} such bags)",
                "counts >= 0 that sum to the size of the bag",
            )
        object.__setattr__(self, "counts", counts)

    @classmethod
    def from_lists(
        cls,
        lists: Iterable[Any],
        counts: Any = None,
        proportions: Any = None,
        classes: Sequence[Any] | None = None,
        tolerance: float = 0.01,
    ) -> Self:
        """From one list of row numbers per bag, and counts or proportions per bag.

        Args: lists; counts or proportions (one of them), (bags, K), or (bags,) of class 1 where there are two;
        classes, names in code order; tolerance, how far size times proportion may be from a whole number, in rows.
        """
        members, offsets = from_lists(lists, "bags")
        return cls._told(members, offsets, counts, proportions, classes, tolerance)

    @classmethod
    def from_column(
        cls,
        bag: Any,
        counts: Any = None,
        proportions: Any = None,
        classes: Sequence[Any] | None = None,
        tolerance: float = 0.01,
    ) -> Self:
        """From a column that names the bag of each row of X (blank: the row is in none), and columns of counts or
        proportions that repeat the bag's on each of its rows: (n, K), or (n,) of class 1 where there are two.
        """
        members, offsets, names = from_column(bag, "bags")
        counts, proportions = (
            None if v is None else of_bag(v, members, offsets, names, len(bag)) for v in (counts, proportions)
        )
        return cls._told(members, offsets, counts, proportions, classes, tolerance)

    @classmethod
    def from_long(
        cls,
        bag: Any,
        row: Any,
        counts: Any = None,
        proportions: Any = None,
        classes: Sequence[Any] | None = None,
        tolerance: float = 0.01,
    ) -> Self:
        """From a long table, one line per (bag, row of X), with the bag's counts or proportions on each line."""
        lines, offsets, names = from_column(bag, "bags")
        rows = np.asarray(row)
        if rows.shape != (len(bag),) or rows.dtype.kind not in "iu":
            raise ShapeError(f"rows of shape {rows.shape} and type {rows.dtype}", f"({len(bag)},) row numbers of X")
        counts, proportions = (
            None if v is None else of_bag(v, lines, offsets, names, len(bag)) for v in (counts, proportions)
        )
        return cls._told(torch.from_numpy(rows)[lines], offsets, counts, proportions, classes, tolerance)

    @classmethod
    def from_labels(cls, bag: Any, values: Any, classes: Sequence[Any] | None = None) -> Self:
        """From a column that names the bag of each row and one known label per row, counted per bag."""
        members, offsets, _ = from_column(bag, "bags")
        y, names = encode(values, classes, "bags")
        if len(y) != len(bag):
            raise ShapeError(f"{len(bag)} bag names and {len(y)} labels", "one of each per row")
        return cls(members, offsets, counted(y, members, offsets, len(names)), len(names), names)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        bag: str,
        counts: str | Sequence[str] | None = None,
        proportions: str | Sequence[str] | None = None,
        classes: Sequence[Any] | None = None,
        tolerance: float = 0.01,
    ) -> Self:
        """From a data frame whose rows are those of X: the column that names the bag, and one column of counts (or
        proportions) of class 1, or one per class.
        """

        def values(names: str | Sequence[str] | None) -> Any:
            if names is None or isinstance(names, str):
                return None if names is None else column(frame, names)
            return np.column_stack([np.asarray(column(frame, name)) for name in names])

        chosen = counts if counts is not None else proportions
        named = tuple(chosen) if classes is None and chosen is not None and not isinstance(chosen, str) else classes
        return cls.from_column(column(frame, bag), values(counts), values(proportions), named, tolerance)

    @classmethod
    def _told(
        cls,
        members: Tensor,
        offsets: Tensor,
        counts: Any,
        proportions: Any,
        classes: Sequence[Any] | None,
        tolerance: float,
    ) -> Self:
        if (counts is None) == (proportions is None):
            raise ParameterError("counts and proportions: " + ("none" if counts is None else "both"), "one of them")
        sizes = offsets[1:] - offsets[:-1]
        told = np.asarray(counts if counts is not None else proportions)
        if told.dtype.kind not in "iuf" or not np.isfinite(told.astype(float)).all():
            raise LabelError(f"counts or proportions of type {told.dtype}, or with missing entries", "finite numbers")
        if told.ndim not in (1, 2) or len(told) != len(sizes):
            raise ShapeError(
                f"counts or proportions of shape {told.shape} for {len(sizes)} bags", "(bags, K), or (bags,)"
            )
        if counts is not None and told.dtype.kind == "f":
            if not bool((told == np.round(told)).all()):
                raise LabelError("counts that are no whole numbers", "whole numbers", "use proportions=... for shares")
            told = told.astype(np.int64)
        whole = told
        if proportions is not None:
            exact = told * sizes.numpy().reshape(-1, *[1] * (told.ndim - 1))
            whole = np.round(exact).astype(np.int64)
            off = np.abs(exact - whole).reshape(len(sizes), -1).max(1)
            if bool((off > tolerance).any()):
                i = int(off.argmax())
                raise LabelError(
                    f"bag {i} of {int(sizes[i])} rows has proportions {told[i].tolist()}",
                    f"proportions that times the size are within {tolerance:g} of whole numbers",
                    "pass more digits or a larger tolerance, or counts=...",
                )
        table = torch.as_tensor(whole).long()
        if table.ndim == 1:
            table = torch.stack([sizes - table, table], 1)
        names = None if classes is None else tuple(classes)
        return cls(members, offsets, table, table.shape[1], names)

    def reading(self) -> Tensor:
        """The shares of its bag."""
        return self.spread(self.counts.double() / self.sizes()[:, None])

    def default_law(self) -> type[Law]:
        return Counts


def counted(y: Tensor, members: Tensor, offsets: Tensor, k: int) -> Tensor:
    """(bags, K) how many members are of each class."""
    owner = torch.arange(len(offsets) - 1).repeat_interleave(offsets[1:] - offsets[:-1])
    return torch.bincount(owner * k + y[members], minlength=(len(offsets) - 1) * k).reshape(-1, k)


def class_shares(prior: Any, k: int | None = None) -> Tensor:
    """(K,) shares of the classes from P(positive) or from the shares themselves."""
    value = torch.as_tensor(prior if isinstance(prior, Tensor) else np.asarray(prior)).to(torch.float64)
    shares = torch.stack([1 - value, value]) if value.ndim == 0 else value
    if shares.ndim != 1 or not bool((shares >= 0).all()) or abs(float(shares.sum()) - 1) > 1e-6:
        raise ParameterError(f"prior = {prior}", "P(positive) in [0, 1], or (K,) shares that sum to one")
    if k is not None and len(shares) != k:
        raise ShapeError(f"a prior of {len(shares)} classes for {k}", f"({k},) shares")
    return shares


@dataclass(frozen=True)
class Counts(GroupLaw):
    r"""Rows are put into bags without a look at them; a bag tells how many of its rows are of each class.

    P(c | x_1..g) = sum over y with counts c of prod_i P(y_i | x_i)

    Rewrite: r_k = mean_bags (1/g) sum_i (c_k - (g - 1) pi_k) l_k(z_i), since E[c_k | x_i] = P(k | x_i) + (g - 1) pi_k.

    Args: prior, P(positive) or (K,) shares of the classes, read off the labels (the likelihood does without);
    bag_sizes (G,) P(a bag has g rows), g = 1..G, read off the labels (only simulation looks at it). Errors: an exact
    likelihood over too many count states, by name.
    """

    prior: Any
    bag_sizes: Any
    eats = Bags
    head = SOFTMAX
    read_off = ("prior", "bag_sizes")
    exact_size: ClassVar[int] = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "prior", class_shares(self.prior))
        object.__setattr__(self, "bag_sizes", check_sizes(self.bag_sizes))

    @classmethod
    def read(cls, labels: Any) -> dict[str, Any]:
        sizes = labels.sizes()
        total = labels.counts.sum(0).double()
        return {"prior": total / total.sum(), "bag_sizes": torch.bincount(sizes)[1:].double() / len(sizes)}

    @classmethod
    def check_reach(cls, labels: Any) -> None:
        if labels.k > 2:
            check_cells(labels.counts)

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Bags:
        """Rows are dealt into bags at random; the last bag takes what is left."""
        y = check_codes(y, k, "true labels")
        members, offsets = dealt(len(y), self.bag_sizes, rng)
        return Bags(members, offsets, counted(y, members, offsets, k), k)

    def population(self, joint: Tensor) -> tuple[Tensor, Bags, Tensor]:
        joint = check_joint(joint, self.exact_size)
        k = joint.shape[1]
        x, members, offsets, told, weight = enumerated(
            joint, self.bag_sizes, lambda y: torch.nn.functional.one_hot(y, k).sum(1)
        )
        return x, Bags(members, offsets, told, k), weight

    def log_group(self, log_p: Tensor, labels: Any) -> Tensor:
        return log_count(log_p, labels.offsets, labels.counts)

    def rewrite(self, labels: Any, dtype: torch.dtype = torch.float32) -> Signed:
        prior = class_shares(self.prior, labels.k).to(labels.counts.device, dtype)
        sizes = labels.sizes().to(dtype)[:, None]
        coef = (labels.counts.to(dtype) - (sizes - 1) * prior) / sizes
        return Signed(labels.spread(coef), row=labels.members, owner=labels.owner)

    def clean(self, y: Tensor, k: int) -> Labels:
        """Every row a bag of its own."""
        y = check_codes(y, k, "true labels")
        return Bags(torch.arange(len(y)), torch.arange(len(y) + 1), torch.nn.functional.one_hot(y, k), k)
