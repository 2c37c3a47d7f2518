"""Confidences in place of classes: of positive rows, of the difference or the likeness of two rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sfumato.core.errors import LabelError, NeedError, ParameterError, RefusedError, ShapeError

from .base import Law, Signed, check_joint, check_unit
from .drawn import laid, rows_of
from .encode import _plain, check_codes, column, is_missing
from .grouped import Grouped, tuples
from .heads import SOFTMAX
from .pointed import Pointed

HALF = 1e-6  # a prior nearer to one half than this: two rows are alike as often whatever they are


def check_values(values: Any, low: float, high: float, what: str) -> Tensor:
    """(n,) float64 numbers between low and high."""
    tensor = torch.as_tensor(values if isinstance(values, Tensor) else np.asarray(_plain(values, what)))
    if tensor.ndim != 1 or len(tensor) == 0:
        raise ShapeError(f"{what} of shape {tuple(tensor.shape)}", "(n,), n >= 1")
    if tensor.dtype == torch.bool or tensor.is_complex():
        raise LabelError(f"{what} of dtype {tensor.dtype}", "numbers")
    tensor = tensor.to(torch.float64)
    bad = ~((tensor >= low) & (tensor <= high))
    if bool(bad.any()):
        i = int(bad.nonzero()[0, 0])
        raise LabelError(f"{what}: entry {i} is {float(tensor[i]):.6g}", f"numbers in [{low:g}, {high:g}]")
    return tensor


def _two_classes(labels: Any) -> None:
    if labels.k != 2 or (labels.classes is not None and len(labels.classes) != 2):
        raise ParameterError(f"k = {labels.k}, classes {labels.classes}", "two classes: (negative, positive)")


def numbers(values: Any, what: str) -> list[float]:
    """A column of numbers; a missing one or a text is an error."""
    plain = _plain(values, what)
    for i, value in enumerate(plain):
        if is_missing(value) or isinstance(value, (str, bool)):
            raise LabelError(f"{what}: entry {i} is {value!r}", "a number on every row")
    return [float(value) for value in plain]


@dataclass(frozen=True, eq=False)
class Confidence(Pointed):
    """Rows that are all positive, each with how sure that could be told from it: r = P(positive | x).

    Args: value (n,) confidences in (0, 1]; classes (negative, positive) names; pointer (n,) the row of X that each
    observation speaks of, or None for row i. k is 2. Errors: a confidence outside (0, 1], wrong shape.
    """

    value: Tensor
    classes: tuple[Any, ...] | None = None
    pointer: Tensor | None = None
    k: int = 2
    kind: ClassVar[str] = "confidence"
    columns: ClassVar[tuple[str, ...]] = ("value", "pointer")

    def __post_init__(self) -> None:
        _two_classes(self)
        value = check_values(self.value, 0, 1, "confidences")
        if bool((value == 0).any()):
            raise LabelError(
                f"confidences: entry {int((value == 0).nonzero()[0, 0])} is 0",
                "numbers in (0, 1]",
                "a positive row cannot be surely negative",
            )
        object.__setattr__(self, "value", value)
        self._check_pointer()

    @classmethod
    def from_values(cls, values: Any, classes: tuple[Any, ...] | None = None) -> Self:
        """From one confidence per row of X."""
        return cls(torch.tensor(numbers(values, "confidences"), dtype=torch.float64), classes)

    @classmethod
    def from_frame(cls, frame: Any, name: str) -> Self:
        """From one column of a data frame."""
        return cls.from_values(column(frame, name))

    def reading(self) -> Tensor:
        """The confidence of this row."""
        return torch.stack([1 - self.value, self.value], 1).double()

    def default_law(self) -> type[Law]:
        return PositiveConfidence


class TwoRows(Grouped):
    """Each observation is a number about two rows. Abstract; subclasses say which number, between low and high.

    Args: members (2 len,) row numbers of X, pair after pair; offsets (len + 1,); value (len,); classes (negative,
    positive) names. k is 2. Errors: another number of rows than two, a row with itself, a number outside its range.
    """

    value: Tensor
    low: ClassVar[float]
    columns: ClassVar[tuple[str, ...]] = ("value",)

    def __post_init__(self) -> None:
        _two_classes(self)
        self._check_groups(self.kind)
        value = check_values(self.value, self.low, 1, self.kind)
        self._check_column(value, "numbers")
        if bool((self.sizes() != 2).any()):
            i = int((self.sizes() != 2).nonzero()[0, 0])
            raise LabelError(f"{self.kind}: entry {i} names {int(self.sizes()[i])} rows", "2")
        object.__setattr__(self, "value", value)

    @classmethod
    def from_lists(cls, pairs: Iterable[Any], values: Any, classes: tuple[Any, ...] | None = None) -> Self:
        """From pairs (i, j) of row numbers and one number each."""
        rows = rows_of(pairs, 2, "pairs")
        if len(rows) == 0:
            raise ShapeError("pairs is empty", "at least one")
        members, offsets, _ = laid([(0, rows)])
        told = values if isinstance(values, Tensor) else torch.tensor(numbers(values, cls.kind), dtype=torch.float64)
        return cls(members, offsets, told, classes)  # type: ignore[call-arg]

    @classmethod
    def from_column(cls, pair: Any, value: Any, classes: tuple[Any, ...] | None = None) -> Self:
        """From a column that names the pair of each row of X (rows with a blank are in none), and one of numbers."""
        names, told = _plain(pair, "pairs"), _plain(value, "numbers of pairs")
        if len(names) != len(told):
            raise ShapeError(f"{len(names)} pair names and {len(told)} numbers", "one of each per row")
        found: dict[Any, list[int]] = {}
        for row, name in enumerate(names):
            if not (is_missing(name) or name == ""):
                found.setdefault(name, []).append(row)
        each = []
        for name, rows in found.items():
            if len(rows) != 2:
                raise LabelError(f"pair {name!r} of {len(rows)} rows", "two rows")
            first, second = numbers([told[row] for row in rows], f"numbers of pair {name!r}")
            if first != (second if cls.low == 0 else -second):
                raise LabelError(
                    f"pair {name!r} with the numbers {first:g} and {second:g}",
                    "the same number on both rows" if cls.low == 0 else "opposite numbers: each row's lead",
                )
            each.append(second)
        return cls.from_lists(list(found.values()), each, classes)

    @classmethod
    def from_frame(cls, frame: Any, pair: str, value: str) -> Self:
        """From two columns of a data frame whose rows are those of X."""
        return cls.from_column(column(frame, pair), column(frame, value))


@dataclass(frozen=True, eq=False)
class ConfidenceDifferences(TwoRows):
    """Pairs (x, x') of rows with c = P(positive | x') - P(positive | x).

    Args: members, offsets; value (len,) c in [-1, 1]; classes (negative, positive) names. k is 2. In columns each row
    holds its lead over the other: c on x', -c on x.
    """

    members: Tensor
    offsets: Tensor
    value: Tensor
    classes: tuple[Any, ...] | None = None
    k: int = 2
    low = -1.0
    kind: ClassVar[str] = "confidence-differences"

    def reading(self) -> Tensor:
        """The likelier of the two is positive, the other negative; at a difference of 0 the second counts as such."""
        positive = torch.where(self.spread(self.value) < 0, self.leading(), ~self.leading())
        return one_hot(positive.long(), 2).double()

    def default_law(self) -> type[Law]:
        return DifferenceOfConfidence


@dataclass(frozen=True, eq=False)
class Similarities(TwoRows):
    """Pairs of rows with s = P(same class | x, x').

    Args: members, offsets; value (len,) s in [0, 1]; classes (negative, positive) names. k is 2. In columns both rows
    hold s.
    """

    members: Tensor
    offsets: Tensor
    value: Tensor
    classes: tuple[Any, ...] | None = None
    k: int = 2
    low = 0.0
    kind: ClassVar[str] = "similarities"

    def default_law(self) -> type[Law]:
        return ConfidenceOfSimilarity


class Confided(Law):
    """What is told is a function of P(positive | x), so it has no likelihood, only a rewrite. Abstract.

    To draw from it, the posterior must be given: law.given(P(positive | row)).sample(y, 2, rng).
    """

    head = SOFTMAX
    identifiable = False
    prior: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "prior", check_unit("prior", self.prior, low_open=True, high_open=True))

    def given(self, posterior: Any) -> Self:
        """This law with P(positive | row) (n,) in [0, 1], one per row of X, to draw from."""
        told = type(self).bound(prior=self.prior)
        told.__dict__["_posterior"] = check_values(posterior, 0, 1, "posterior")
        return told

    def at(self, rows: Any) -> Self:
        known = self.__dict__.get("_posterior")
        return self if known is None else self.given(known[rows])

    def _told(self, y: Any) -> tuple[Tensor, Tensor]:
        """(true labels, P(positive | row)) of the rows to draw from."""
        known = self.__dict__.get("_posterior")
        if known is None:
            raise NeedError(
                f"{type(self).__name__} draws from P(positive | row), which a class does not tell",
                "law.given(posterior).sample(y, 2, rng)",
            )
        y = check_codes(y, 2, "true labels")
        if len(known) != len(y):
            raise ShapeError(f"{len(known)} posteriors for {len(y)} rows", "one per row")
        return y, known

    def _checked(self, joint: Tensor) -> Tensor:
        joint = check_joint(joint, 2)
        if abs(float(joint[:, 1].sum()) - self.prior) > 1e-9:
            raise ParameterError(
                f"a joint of prior {float(joint[:, 1].sum()):.6g} under prior {self.prior:.6g}", "the same prior"
            )
        return joint


@dataclass(frozen=True)
class PositiveConfidence(Confided):
    r"""Rows are drawn from p(x | +), and r = P(+ | x) is told of each.

    Rewrite: pi mean [l_1(z) + (1 - r) / r l_0(z)].

    Args: prior pi = P(+) in (0, 1); read off the labels, since E_+[1 / r] = 1 / pi (rare small r make that rough).
    """

    prior: float
    eats = Confidence
    read_off = ("prior",)

    @classmethod
    def read(cls, labels: Confidence) -> dict[str, Any]:
        told = 1 / float((1 / labels.value).mean())
        return {"prior": told} if told < 1 else {}

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Confidence:
        """As many positive rows as there are rows, drawn with replacement."""
        y, known = self._told(y)
        rows = (y == 1).nonzero().squeeze(1)
        if len(rows) == 0:
            raise LabelError("no positive row to draw from", "at least one")
        rows = rows[torch.randint(len(rows), (len(y),), generator=rng)]
        return Confidence(known[rows], pointer=rows)

    def population(self, joint: Tensor) -> tuple[Tensor, Confidence, Tensor]:
        joint = self._checked(joint)
        x = (joint[:, 1] > 0).nonzero().squeeze(1)
        return x, Confidence((joint[:, 1] / joint.sum(1))[x]), joint[x, 1] / self.prior

    def rewrite(self, labels: Confidence, dtype: torch.dtype = torch.float32) -> Signed:
        r = labels.value
        return Signed((self.prior * torch.stack([(1 - r) / r, torch.ones_like(r)], 1)).to(dtype))


class ConfidedPairs(Confided):
    """Two rows drawn independently of each other, and a function of their posteriors. Abstract."""

    @staticmethod
    @abstractmethod
    def told(p: Tensor) -> Tensor:
        """(n,) the number told of P(positive | x), P(positive | x') (n, 2)."""

    @abstractmethod
    def weights(self, value: Tensor) -> Tensor:
        """(n, 2, 2) the weight of [first row, second row] and class in the clean risk."""

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Any:
        """The rows in random order, two by two; with an odd number the last is paired with the first again."""
        y, known = self._told(y)
        if len(y) < 2:
            raise LabelError(f"{len(y)} row to draw pairs from", "at least two")
        order = torch.randperm(len(y), generator=rng)
        order = torch.cat([order, order[: len(y) % 2]]).reshape(-1, 2)
        return self.eats.from_lists(order, self.told(known[order]))  # type: ignore[attr-defined]

    def population(self, joint: Tensor) -> tuple[Tensor, Any, Tensor]:
        joint = self._checked(joint)
        xs, weight = tuples(joint, 2)
        value = self.told((joint[:, 1] / joint.sum(1))[xs])
        return xs.reshape(-1), self.eats.from_lists(torch.arange(xs.numel()).reshape(-1, 2), value), weight  # type: ignore[attr-defined]

    def rewrite(self, labels: Any, dtype: torch.dtype = torch.float32) -> Signed:
        return Signed(self.weights(labels.value).to(dtype).reshape(-1, 2), row=labels.members, owner=labels.owner)


@dataclass(frozen=True)
class DifferenceOfConfidence(ConfidedPairs):
    r"""Two rows drawn independently, and c = P(+ | x') - P(+ | x).

    Rewrite: mean [(pi - c) l_1(z) + (1 - pi + c) l_0(z) + (pi + c) l_1(z') + (1 - pi - c) l_0(z')] / 2.

    Args: prior pi = P(+) in (0, 1).
    """

    prior: float
    eats = ConfidenceDifferences

    @staticmethod
    def told(p: Tensor) -> Tensor:
        return p[:, 1] - p[:, 0]

    def weights(self, value: Tensor) -> Tensor:
        positive = torch.stack([self.prior - value, self.prior + value], 1)
        return torch.stack([1 - positive, positive], 2) / 2


@dataclass(frozen=True)
class ConfidenceOfSimilarity(ConfidedPairs):
    r"""Two rows drawn independently, and s = P(y = y' | x, x') = p p' + (1 - p) (1 - p').

    Rewrite: mean [(s - 1 + pi) / (2 pi - 1) (l_1(z) + l_1(z')) + (pi - s) / (2 pi - 1) (l_0(z) + l_0(z'))] / 2.

    Args: prior pi = P(+) in (0, 1), not 1/2 for the rewrite.
    """

    prior: float
    eats = Similarities

    @staticmethod
    def told(p: Tensor) -> Tensor:
        return p[:, 0] * p[:, 1] + (1 - p[:, 0]) * (1 - p[:, 1])

    def weights(self, value: Tensor) -> Tensor:
        gap = 2 * self.prior - 1
        if abs(gap) < HALF:
            raise RefusedError(
                f"similarities under prior {self.prior:.6g}",
                "a prior other than 1/2",
                "rows are alike half the time whatever they are: use confidence differences",
            )
        positive = (value - 1 + self.prior) / gap
        each = torch.stack([1 - positive, positive], 1) / 2
        return each[:, None, :].expand(-1, 2, -1)
