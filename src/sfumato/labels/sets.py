"""Unlabeled sets that mix two classes at different shares (learning from m unlabeled sets)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sfumato.core.errors import LabelError, ParameterError, RefusedError, ShapeError

from .base import Channel, Law, Signed, check_joint, check_unit
from .contaminated import weights
from .drawn import allotted
from .encode import _plain, check_codes, column, is_missing
from .heads import SOFTMAX
from .pointed import Pointed


@dataclass(frozen=True, eq=False)
class Sets(Pointed):
    """The set that each row was drawn from, and what is known of the sets' shares of positives.

    Args: index (n,) number of the set in [0, m); m how many sets there are, >= 2; priors (m,) P(positive | set) in
    [0, 1], NaN where unknown, or None where none is known; order, pairs (a, b) of sets of which a is known to have the
    larger share; names of the sets; classes (negative, positive) names; pointer (n,) the row of X that each observation
    speaks of, or None for row i. k is 2. Errors: fewer than two sets, an empty set, an order against the priors or
    against itself, wrong shape.
    """

    index: Tensor
    m: int
    priors: Tensor | None = None
    order: tuple[tuple[int, int], ...] = ()
    names: tuple[Any, ...] | None = None
    classes: tuple[Any, ...] | None = None
    pointer: Tensor | None = None
    k: int = 2
    kind: ClassVar[str] = "sets"
    columns: ClassVar[tuple[str, ...]] = ("index", "pointer")

    def __post_init__(self) -> None:
        if self.k != 2 or (self.classes is not None and len(self.classes) != 2):
            raise ParameterError(f"k = {self.k}, classes {self.classes}", "two classes: (negative, positive)")
        m = self.m
        if isinstance(m, bool) or not isinstance(m, int) or m < 2:
            raise ParameterError(f"m = {m!r}", "how many unlabeled sets there are, at least two")
        index = check_codes(self.index, m, "set numbers")
        count = torch.bincount(index, minlength=m)
        if bool((count == 0).any()):
            raise LabelError(f"set {int((count == 0).nonzero()[0, 0])} of {m} has no row", "a row in every set")
        object.__setattr__(self, "index", index)
        if self.names is not None and len(self.names) != m:
            raise ShapeError(f"{len(self.names)} names for {m} sets", "one per set")
        if self.priors is not None:
            object.__setattr__(self, "priors", _priors(self.priors, m))
        object.__setattr__(self, "order", self._ordered(m))
        self._check_pointer()

    def _ordered(self, m: int) -> tuple[tuple[int, int], ...]:
        order = tuple((int(a), int(b)) for a, b in self.order)
        above = torch.zeros(m, m, dtype=torch.bool)
        for a, b in order:
            if not (0 <= a < m and 0 <= b < m) or a == b:
                raise LabelError(
                    f"order ({a}, {b}) among {m} sets", "two different sets, (larger share, smaller share)"
                )
            if self.priors is not None and float(self.priors[a]) <= float(self.priors[b]):
                raise LabelError(
                    f"set {a} above set {b}, with shares {float(self.priors[a]):.4g} and {float(self.priors[b]):.4g}",
                    "an order that the shares do not contradict",
                )
            above[a, b] = True
        for middle in range(m):
            above |= above[:, middle, None] & above[None, middle, :]
        if bool(above.diagonal().any()):
            raise LabelError(f"an order {order} that goes in a circle", "an order without circles")
        return order

    @classmethod
    def from_column(
        cls,
        names: Any,
        priors: Any = None,
        order: Iterable[tuple[Any, Any]] = (),
        classes: tuple[Any, ...] | None = None,
    ) -> Self:
        """From a column that names the set of each row of X (sets in order of first appearance).

        Args: names (n,); priors, {name: P(positive | set)} (sets left out are unknown), or one per row that repeats
        its set's, blank where unknown; order, pairs of names (larger share, smaller share).
        """
        plain = _plain(names, "set names")
        if any(is_missing(v) or v == "" for v in plain):
            raise LabelError("a row without a set", "a set for every row", "leave such rows out of X")
        code = {name: i for i, name in enumerate(dict.fromkeys(plain))}
        index = torch.tensor([code[v] for v in plain])
        pairs = []
        for a, b in order:
            for name in (a, b):
                if name not in code:
                    raise LabelError(f"an order that names set {name!r}", f"one of {list(code)[:20]}")
            pairs.append((code[a], code[b]))
        return cls(index, len(code), _by_set(priors, code, plain), tuple(pairs), tuple(code), classes)

    @classmethod
    def from_counts(cls, sizes: Sequence[int], priors: Any = None, order: Iterable[tuple[int, int]] = ()) -> Self:
        """For stacked sets X = [set 0; set 1; ...] of these sizes."""
        if any(isinstance(s, bool) or int(s) != s or s < 1 for s in sizes):
            raise LabelError(f"sizes {list(sizes)}", "whole numbers of at least 1")
        index = torch.arange(len(sizes)).repeat_interleave(torch.tensor([int(s) for s in sizes]))
        return cls(index, len(sizes), priors, tuple(order))

    @classmethod
    def from_pu(cls, flag: Any, prior: float) -> Self:
        """Positive and unlabeled rows as two sets with shares prior and 1 (PU is the case of one pure set)."""
        flags = torch.as_tensor(flag if isinstance(flag, Tensor) else np.asarray(flag))
        if flags.dtype != torch.bool or flags.ndim != 1:
            raise LabelError(f"flags of shape {tuple(flags.shape)} and type {flags.dtype}", "(n,) booleans")
        return cls(flags.long(), 2, torch.tensor([float(prior), 1.0], dtype=torch.float64))

    @classmethod
    def from_frame(cls, frame: Any, name: str, prior: str | None = None, order: Iterable[tuple[Any, Any]] = ()) -> Self:
        """From a data frame: the column that names the set of each row, and one that repeats its share of positives."""
        return cls.from_column(column(frame, name), None if prior is None else column(frame, prior), order)

    def reading(self) -> Tensor:
        """Positive in sets whose prior is above the mean of all sets' priors."""
        if self.priors is None:
            raise RefusedError("a naive reading of unlabeled sets without priors", "the priors of the sets")
        return one_hot((self.priors > self.priors.mean()).long()[self.index], 2).double()

    def strata(self) -> Tensor:
        return self.index

    def default_law(self) -> type[Law]:
        return DrawnSets


def _priors(value: Any, m: int) -> Tensor:
    priors = torch.as_tensor(value if isinstance(value, Tensor) else np.asarray(value, dtype=float)).to(torch.float64)
    if priors.shape != (m,):
        raise ShapeError(f"priors of shape {tuple(priors.shape)} for {m} sets", f"({m},)")
    if bool(((priors < 0) | (priors > 1)).any()):
        raise LabelError(f"priors {priors.tolist()}", "P(positive | set) in [0, 1], NaN where unknown")
    return priors


def _by_set(priors: Any, code: dict[Any, int], plain: list[Any]) -> Tensor | None:
    """(m,) priors from a mapping by name, or from a column that repeats them row by row."""
    if priors is None:
        return None
    out = torch.full((len(code),), float("nan"), dtype=torch.float64)
    if isinstance(priors, dict):
        for name, value in priors.items():
            if name not in code:
                raise LabelError(f"a prior for set {name!r}", f"one of {list(code)[:20]}")
            out[code[name]] = float(value)
        return out
    told = _plain(priors, "set priors")
    if len(told) != len(plain):
        raise ShapeError(f"{len(told)} priors for {len(plain)} rows", "one per row, or a mapping by name")
    seen: dict[Any, Any] = {}
    for name, given in zip(plain, told, strict=True):
        value = None if is_missing(given) or given == "" else given
        if isinstance(value, (str, bool)):
            raise LabelError(f"a prior {value!r} of set {name!r}", "numbers in [0, 1]")
        if seen.setdefault(name, value) != value:
            raise LabelError(f"set {name!r} has priors {seen[name]} and {value}", "one per set")
    for name, value in seen.items():
        out[code[name]] = float("nan") if value is None else float(value)
    return out


@dataclass(frozen=True)
class DrawnSets(Channel):
    r"""Set i is a sample of a world in which a share theta_i is positive; of all rows a share rho_i comes from it.

    P(set = i | x) is proportional to rho_i (theta_i / pi p + (1 - theta_i) / (1 - pi) (1 - p)), p = P(+ | x).

    Rewrite: weights diag(1 - pi, pi) M^+ on the means over sets, M[i, :] = (1 - theta_i, theta_i).

    Args: prior P(+) in (0, 1) where the model is used; thetas (m,) P(+ | set i) in [0, 1], read off the labels where
    they know them all; set_shares (m,) rho > 0, read off the labels. Errors: sets that are all pure of one class.
    """

    prior: float
    thetas: Any
    set_shares: Any
    eats = Sets
    head = SOFTMAX
    read_off = ("set_shares",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prior", check_unit("prior", self.prior, low_open=True, high_open=True))
        thetas, shares = (
            torch.as_tensor(v if isinstance(v, Tensor) else np.asarray(v)).to(torch.float64)
            for v in (self.thetas, self.set_shares)
        )
        if thetas.ndim != 1 or thetas.shape != shares.shape or len(thetas) < 2:
            raise ShapeError(f"thetas {tuple(thetas.shape)}, set_shares {tuple(shares.shape)}", "(m,) each, m >= 2")
        if not bool(((thetas >= 0) & (thetas <= 1)).all()):
            raise ParameterError(f"thetas {thetas.tolist()}", "P(positive | set) in [0, 1]")
        if not bool((shares > 0).all()) or abs(float(shares.sum()) - 1) > 1e-6:
            raise ParameterError(f"set_shares {shares.tolist()}", "positive shares that sum to one")
        mixed = float((shares * thetas).sum())
        if not 0 < mixed < 1:
            raise ParameterError(f"thetas {thetas.tolist()}", "both classes somewhere in the sets")
        object.__setattr__(self, "thetas", thetas)
        object.__setattr__(self, "set_shares", shares / shares.sum())

    @classmethod
    def read(cls, labels: Any) -> dict[str, Any]:
        told = {"set_shares": torch.bincount(labels.index, minlength=labels.m).double() / len(labels)}
        if labels.priors is not None and not bool(labels.priors.isnan().any()):
            told["thetas"] = labels.priors
        return told

    def _mixed(self) -> Tensor:
        """P(+) among all rows drawn."""
        mixed: Tensor = (self.set_shares * self.thetas).sum()
        return mixed

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Sets:
        """Each set draws its share of as many rows as there are, truth first, then a row of that truth with
        replacement, and points to them.
        """
        y = check_codes(y, 2, "true labels")
        index = allotted(self.set_shares, len(y), rng)
        truth = (torch.rand(len(y), generator=rng, dtype=torch.float64) < self.thetas[index]).long()
        pointer = torch.empty(len(y), dtype=torch.long)
        for label in (0, 1):
            pool, here = (y == label).nonzero().squeeze(1), (truth == label).nonzero().squeeze(1)
            if len(here) and not len(pool):
                raise LabelError(f"no row of class {label} to draw from", "rows of both classes")
            if len(here):
                pointer[here] = pool[torch.randint(len(pool), (len(here),), generator=rng)]
        return Sets(index, len(self.thetas), self.thetas, pointer=pointer)

    def population(self, joint: Tensor) -> tuple[Tensor, Sets, Tensor]:
        joint = check_joint(joint, 2)
        if abs(float(joint[:, 1].sum()) - self.prior) > 1e-9:
            raise ParameterError(
                f"a joint of prior {float(joint[:, 1].sum()):.6g} under prior {self.prior:.6g}", "the same prior"
            )
        sets = len(self.thetas)
        given = joint / joint.sum(0)  # P(x | class)
        weight = self.set_shares * (given[:, :1] * (1 - self.thetas) + given[:, 1:] * self.thetas)
        labels = Sets(torch.arange(sets).repeat(len(joint)), sets, self.thetas)
        return torch.arange(len(joint)).repeat_interleave(sets), labels, weight.reshape(-1)

    def tilt(self, log_p: Tensor) -> Tensor:
        mixed = self._mixed()
        lift = torch.stack([torch.log((1 - mixed) / (1 - self.prior)), torch.log(mixed / self.prior)])
        return torch.log_softmax(log_p + lift.to(log_p), dim=1)

    def log_likelihood(self, labels: Any, dtype: torch.dtype) -> Tensor:
        from .noisy import log_or_off

        mixed = self._mixed()
        table = self.set_shares * torch.stack([(1 - self.thetas) / (1 - mixed), self.thetas / mixed])  # (2, m)
        out: Tensor = log_or_off(table.to(dtype)).T[labels.index]
        return out

    def rewrite(self, labels: Any, dtype: torch.dtype = torch.float32) -> Signed:
        table = weights(self.thetas, self.prior).to(dtype)
        return Signed(table[labels.index], labels.index, len(table))

    def clean(self, y: Tensor, k: int) -> Sets | None:
        """Rows in pure sets."""
        y = check_codes(y, 2, "true labels")
        pure = [(self.thetas == float(label)).nonzero().squeeze(1) for label in (0, 1)]
        if not len(pure[0]) or not len(pure[1]) or len(self.thetas) != 2:
            return None
        return Sets(torch.where(y == 1, pure[1][0], pure[0][0]), 2, self.thetas)
