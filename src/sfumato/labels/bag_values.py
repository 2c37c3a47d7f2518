"""Bags of rows of which one value is known that follows from the count of positives: whether there is any (multiple
instance learning), its parity, a majority, or any function of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import binom
from torch import Tensor
from torch.nn.functional import one_hot

from sfumato.core.errors import LabelError, ParameterError, RefusedError, ShapeError

from .bags import counted
from .base import Law, Signed, check_joint, check_unit
from .counts import log_counts
from .encode import check_codes, column
from .exact import OFF
from .grouped import Grouped, GroupLaw, check_sizes, dealt, enumerated, from_column, from_lists, of_bag
from .heads import SOFTMAX

Rule = Callable[[Tensor, Tensor], Tensor]


def any_positive(count: Tensor, size: Tensor) -> Tensor:
    """1 where at least one row is positive."""
    return (count >= 1).long()


def parity(count: Tensor, size: Tensor) -> Tensor:
    """1 where the count is odd."""
    return count % 2


def majority(count: Tensor, size: Tensor) -> Tensor:
    """1 where more than half are positive."""
    return (2 * count > size).long()


def at_least(t: int) -> Rule:
    """The rule that tells whether at least ``t`` rows are positive, t >= 1."""
    if isinstance(t, bool) or not isinstance(t, int) or t < 1:
        raise ParameterError(f"t = {t!r}", "a whole number of at least 1")
    return any_positive if t == 1 else _AtLeast(t)


@dataclass(frozen=True)
class _AtLeast:
    t: int

    def __call__(self, count: Tensor, size: Tensor) -> Tensor:
        return (count >= self.t).long()


def _told(rule: Rule, size: Tensor) -> Tensor:
    """(len(size), G + 1) the value at each count 0..size; -1 beyond the size."""
    count = torch.arange(int(size.max()) + 1, device=size.device)[None, :]
    try:
        value = torch.as_tensor(rule(count.expand(len(size), -1), size[:, None]))
    except Exception as error:
        raise ParameterError(
            f"a rule that fails on counts: {error}", "a function (counts, sizes) -> whole numbers"
        ) from None
    if value.shape != (len(size), count.shape[1]) or value.dtype.is_floating_point:
        raise ParameterError(
            f"a rule that returns {tuple(value.shape)} {value.dtype} for {(len(size), count.shape[1])} counts",
            "one whole number per count",
        )
    return torch.where(count <= size[:, None], value.long(), -1)


@dataclass(frozen=True, eq=False)
class BagValues(Grouped):
    """Bags of rows, and one value per bag that follows from how many of its rows are positive (class 1).

    Args: members (r,) row numbers of X, bag after bag; offsets (m + 1,) where bags begin; value (m,) whole numbers
    >= 0; rule (counts, sizes) -> values, any_positive where nobody says; classes (negative, positive) names. k is 2.
    Errors: a value that no count of a bag of that size gives, wrong shape.
    """

    members: Tensor
    offsets: Tensor
    value: Tensor
    rule: Rule = any_positive
    classes: tuple[Any, ...] | None = None
    k: int = 2
    kind: ClassVar[str] = "bag-values"
    columns: ClassVar[tuple[str, ...]] = ("value",)

    def __post_init__(self) -> None:
        if self.k != 2 or (self.classes is not None and len(self.classes) != 2):
            raise ParameterError(f"k = {self.k}, classes {self.classes}", "two classes: (negative, positive)")
        self._check_groups("bags")
        value = torch.as_tensor(self.value if isinstance(self.value, Tensor) else np.asarray(self.value))
        if value.ndim != 1 or value.dtype.is_floating_point:
            raise ShapeError(f"values of shape {tuple(value.shape)} and type {value.dtype}", "(bags,) whole numbers")
        self._check_column(value, "values")
        sizes, which = torch.unique(self.sizes(), return_inverse=True)
        possible = (_told(self.rule, sizes)[which] == value[:, None]).any(1)
        if not bool(possible.all()):
            i = int((~possible).nonzero()[0, 0])
            raise LabelError(
                f"bag {i} of {int(self.sizes()[i])} rows has value {int(value[i])}",
                "a value that some count of its rows gives",
                "check the rule, or mend the value",
            )
        object.__setattr__(self, "value", value.long())

    @classmethod
    def from_lists(cls, lists: Iterable[Any], values: Any, rule: Rule = any_positive) -> Self:
        """From one list of row numbers and one value per bag."""
        members, offsets = from_lists(lists, "bags")
        return cls(members, offsets, _whole(values), rule)

    @classmethod
    def from_column(cls, bag: Any, values: Any, rule: Rule = any_positive) -> Self:
        """From a column that names the bag of each row of X (blank: in none), and one that repeats the bag's value on
        each of its rows.
        """
        members, offsets, names = from_column(bag, "bags")
        return cls(members, offsets, _whole(of_bag(values, members, offsets, names, len(bag))), rule)

    @classmethod
    def from_labels(cls, bag: Any, positive: Any, rule: Rule = any_positive) -> Self:
        """From a column that names the bag of each row and a known truth per row (booleans, True = positive)."""
        members, offsets, _ = from_column(bag, "bags")
        y = torch.as_tensor(np.asarray(positive))
        if y.dtype != torch.bool or y.shape != (len(bag),):
            raise LabelError(f"truths of shape {tuple(y.shape)} and type {y.dtype}", f"({len(bag)},) booleans")
        count = counted(y.long(), members, offsets, 2)[:, 1]
        return cls(members, offsets, rule(count, offsets[1:] - offsets[:-1]), rule)

    @classmethod
    def from_frame(cls, frame: Any, bag: str, value: str, rule: Rule = any_positive) -> Self:
        """From two columns of a data frame whose rows are those of X."""
        return cls.from_column(column(frame, bag), column(frame, value), rule)

    def reading(self) -> Tensor:
        """The value of its bag: positive where it is not 0."""
        return one_hot(self.spread((self.value != 0).long()), 2).double()

    def default_law(self) -> type[Law]:
        return LAWS.get(self.rule) or aggregate(self.rule)

    def law_for(self, law: type[Law]) -> type[Law]:
        if issubclass(law, Aggregate) and law.rule != self.rule:
            raise ParameterError(
                f"bags whose values follow {_named(self.rule)}",
                f"values that follow {_named(law.rule)}",
                "use a method that takes any rule, such as marginal-likelihood",
            )
        return law


def _named(rule: Any) -> str:
    return getattr(rule, "__name__", None) or repr(rule)


def _whole(values: Any) -> Tensor:
    told = np.asarray(np.asarray(values).tolist())  # what is left of a column with blanks has a type again
    if told.dtype.kind == "f" and bool((told == np.round(told)).all()):
        told = told.astype(np.int64)
    if told.dtype.kind not in "iub":
        raise LabelError(f"values of type {told.dtype}", "whole numbers, 0/1 or booleans")
    return torch.as_tensor(told).long()


@dataclass(frozen=True)
class Aggregate(GroupLaw):
    r"""Rows are put into bags without a look at them; a bag tells o = rule(count of positives, size). Abstract:
    subclasses have the rule.

    P(o | x_1..g) = sum over counts c with rule(c, g) = o of P(c | x_1..g)

    Rewrite: r_k = mean_bags (1/g) sum_i D_g[o, k] l_k(z_i), where D_g is the pseudo-inverse of M_g[y, o] =
    P(o | y_i = y) under g - 1 other rows that are positive with chance prior.

    Args: prior P(positive) in [0, 1], by maximum likelihood from the values where nobody gives it; bag_sizes (G,)
    P(a bag has g rows), read off the labels. Errors: a value that says nothing of a single row, where a rewrite is
    asked for.
    """

    prior: float
    bag_sizes: Any
    eats = BagValues
    head = SOFTMAX
    read_off = ("prior", "bag_sizes")
    rule: ClassVar[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "prior", check_unit("prior", self.prior, low_open=False, high_open=False))
        object.__setattr__(self, "bag_sizes", check_sizes(self.bag_sizes))

    @classmethod
    def read(cls, labels: Any) -> dict[str, Any]:
        sizes = labels.sizes()
        return {"prior": likeliest_prior(labels), "bag_sizes": torch.bincount(sizes)[1:].double() / len(sizes)}

    def sample(self, y: Any, k: int, rng: torch.Generator) -> BagValues:
        """Rows are dealt into bags at random; the last bag takes what is left."""
        y = check_codes(y, 2, "true labels")
        members, offsets = dealt(len(y), self.bag_sizes, rng)
        count = counted(y, members, offsets, 2)[:, 1]
        return BagValues(members, offsets, type(self).rule(count, offsets[1:] - offsets[:-1]), type(self).rule)

    def population(self, joint: Tensor) -> tuple[Tensor, BagValues, Tensor]:
        rule = type(self).rule

        def observe(y: Tensor) -> Tensor:
            told: Tensor = rule(y.sum(1), torch.full((len(y),), y.shape[1]))
            return told[:, None]

        x, members, offsets, told, weight = enumerated(check_joint(joint, 2), self.bag_sizes, observe)
        return x, BagValues(members, offsets, told[:, 0], rule), weight

    def log_group(self, log_p: Tensor, labels: Any) -> Tensor:
        table = log_counts(log_p, labels.offsets)
        allowed = _told(type(self).rule, labels.sizes()) == labels.value[:, None]
        return table.masked_fill(~allowed, OFF).logsumexp(1)

    def rewrite(self, labels: Any, dtype: torch.dtype = torch.float32) -> Signed:
        sizes, which = torch.unique(labels.sizes(), return_inverse=True)
        coef = torch.empty(len(labels), 2, dtype=torch.float64, device=labels.value.device)
        values = torch.unique(labels.value)
        for i, g in enumerate(sizes.tolist()):
            here = which == i
            coef[here] = self._table(g, values).to(coef.device)[torch.searchsorted(values, labels.value[here])] / g
        return Signed(labels.spread(coef.to(dtype)), row=labels.members, owner=labels.owner)

    def _table(self, g: int, values: Tensor) -> Tensor:
        """(values, 2) the pseudo-inverse of P(value | truth of one of g rows), at the values asked for."""
        told = _told(type(self).rule, torch.tensor([g]))[0]
        others = torch.from_numpy(binom.pmf(np.arange(g), g - 1, self.prior))
        every = torch.unique(told)
        seen = torch.zeros(2, len(every), dtype=torch.float64)
        for truth in (0, 1):
            at = torch.searchsorted(every, told[truth : g + truth])
            seen[truth].index_add_(0, at, others)
        weak = torch.linalg.svdvals(seen)
        if len(weak) < 2 or float(weak[-1]) < 1e-9 * float(weak[0]):
            raise RefusedError(
                f"values of bags of {g} rows at prior {self.prior:.4g} that say nothing of a single row",
                "smaller bags for a sign-weighted rewrite",
                "use a likelihood method",
            )
        out = torch.zeros(len(values), 2, dtype=torch.float64)
        place = torch.searchsorted(values.cpu(), every).clamp_max(len(values) - 1)
        held = values.cpu()[place] == every
        out[place[held]] = torch.linalg.pinv(seen)[held]
        return out

    def clean(self, y: Tensor, k: int) -> BagValues | None:
        """Every row a bag of its own, where its value tells its truth."""
        y = check_codes(y, 2, "true labels")
        told = _told(type(self).rule, torch.tensor([1]))[0]
        if int(told[0]) == int(told[1]):
            return None
        return BagValues(torch.arange(len(y)), torch.arange(len(y) + 1), told[y], type(self).rule)


def likeliest_prior(labels: BagValues) -> float:
    """P(positive) under which the values of the bags are likeliest, rows being drawn one by one. Where two priors are
    (parity of even bags), one of them.
    """
    pairs, times = torch.unique(torch.stack([labels.sizes(), labels.value], 1).cpu(), dim=0, return_counts=True)
    told = _told(labels.rule, pairs[:, 0])
    masks = [np.flatnonzero((row == value).numpy()) for row, value in zip(told, pairs[:, 1], strict=True)]

    def cost(logit: float) -> float:
        p = 1 / (1 + np.exp(-logit))
        chance = [binom.pmf(at, int(g), p).sum() for at, g in zip(masks, pairs[:, 0].tolist(), strict=True)]
        return -float(times.numpy() @ np.log(np.maximum(chance, 1e-300)))

    grid = np.linspace(-14, 14, 141)
    best = grid[int(np.argmin([cost(v) for v in grid]))]
    found = minimize_scalar(cost, bounds=(best - 0.2, best + 0.2), method="bounded", options={"xatol": 1e-9}).x
    return float(1 / (1 + np.exp(-found)))


@dataclass(frozen=True)
class AnyPositive(Aggregate):
    """Multiple instances: a bag tells whether at least one of its rows is positive."""

    rule = staticmethod(any_positive)


@dataclass(frozen=True)
class Parity(Aggregate):
    """A bag tells whether the count of its positives is odd."""

    rule = staticmethod(parity)


@dataclass(frozen=True)
class Majority(Aggregate):
    """A bag tells whether more than half of its rows are positive."""

    rule = staticmethod(majority)


LAWS: dict[Any, type[Aggregate]] = {any_positive: AnyPositive, parity: Parity, majority: Majority}


def aggregate(rule: Rule) -> type[Aggregate]:
    """The law of bags that tell ``rule`` (counts, sizes) -> whole numbers of their positives."""
    if rule not in LAWS:
        LAWS[rule] = type(
            f"Aggregate_{_named(rule)}", (Aggregate,), {"rule": staticmethod(rule), "__doc__": rule.__doc__}
        )
    return LAWS[rule]
