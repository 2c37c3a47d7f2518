"""Pairs of rows of which one is known to be at least as positive as the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sfumato.core.errors import LabelError, ShapeError

from .base import Law
from .drawn import DrawnTuples, Form, Tuples, laid, rows_of
from .encode import _plain, column, is_missing


def answered(groups: Any, answer: Any, arity: int, what: str) -> tuple[Tensor, Tensor, Tensor]:
    """(members, offsets, form) of groups of rows with an answer each (None: yes to all)."""
    rows = rows_of(groups, arity, what)
    if len(rows) == 0:
        raise ShapeError(f"{what} is empty", "at least one")
    yes = np.ones(len(rows), dtype=bool) if answer is None else np.asarray(answer)
    if yes.shape != (len(rows),) or yes.dtype != bool:
        raise LabelError(f"answers of shape {yes.shape} and type {yes.dtype}", f"({len(rows)},) booleans")
    members, offsets, _ = laid([(0, rows)])
    return members, offsets, torch.from_numpy(yes).long()


@dataclass(frozen=True, eq=False)
class Comparisons(Tuples):
    """Pairs of rows asked whether the first is at least as positive as the second: y >= y'.

    Args: members (2 len,) row numbers of X, pair after pair; offsets (len + 1,); form (len,) 1 yes, 0 no; classes
    (negative, positive) names. k is 2. Errors: another number of rows than two, a row with itself.
    """

    members: Tensor
    offsets: Tensor
    form: Tensor
    classes: tuple[Any, ...] | None = None
    k: int = 2
    kind: ClassVar[str] = "comparisons"
    forms: ClassVar[tuple[Form, ...]] = (
        Form("less", 2, lambda y: y[:, 0] < y[:, 1]),
        Form("at-least", 2, lambda y: y[:, 0] >= y[:, 1]),
    )

    @classmethod
    def from_lists(cls, pairs: Iterable[Any], answer: Any = None) -> Self:
        """From pairs (i, j) of row numbers; answer (len,) booleans, None where the first is at least as positive in
        every pair.
        """
        return cls(*answered(pairs, answer, 2, "pairs"))

    @classmethod
    def from_counts(cls, n: int) -> Self:
        """For stacked rows X = [the more positive ones; the others] of n pairs."""
        if n < 1:
            raise LabelError(f"{n} pairs", "at least one")
        return cls.from_lists(torch.stack([torch.arange(n), torch.arange(n) + n], 1))

    @classmethod
    def from_column(cls, pair: Any, first: Any) -> Self:
        """From a column that names the pair of each row of X, and one that is True on the row that is at least as
        positive; rows with a blank pair are in none.
        """
        names, flags = _plain(pair, "pairs"), _plain(first, "flags")
        if len(names) != len(flags):
            raise ShapeError(f"{len(names)} pair names and {len(flags)} flags", "one of each per row")
        found: dict[Any, dict[bool, list[int]]] = {}
        for row, (name, flag) in enumerate(zip(names, flags, strict=True)):
            if is_missing(name) or name == "":
                continue
            if flag not in (True, False):
                raise LabelError(f"flag {flag!r} of row {row}", "True on the more positive row of a pair, else False")
            found.setdefault(name, {True: [], False: []})[bool(flag)].append(row)
        for name, sides in found.items():
            if len(sides[True]) != 1 or len(sides[False]) != 1:
                raise LabelError(
                    f"pair {name!r} with {len(sides[True])} rows flagged and {len(sides[False])} not", "one of each"
                )
        return cls.from_lists([(sides[True][0], sides[False][0]) for sides in found.values()])

    @classmethod
    def from_frame(cls, frame: Any, pair: str, first: str) -> Self:
        """From two columns of a data frame whose rows are those of X."""
        return cls.from_column(column(frame, pair), column(frame, first))

    def reading(self) -> Tensor:
        """The more positive of the two is positive, the other negative."""
        positive = torch.where(self.spread(self.form) == 1, self.leading(), ~self.leading())
        return one_hot(positive.long(), 2).double()

    def default_law(self) -> type[Law]:
        return DrawnComparisons


@dataclass(frozen=True)
class DrawnComparisons(DrawnTuples):
    r"""Pairs are drawn on condition that y >= y' (or, for the answer no, y < y').

    P(at least | x, x') is proportional to share / (1 - pi (1 - pi)) (1 - (1 - p) p'), P(less | x, x') to (1 - share) /
    (pi (1 - pi)) (1 - p) p'.

    Where every answer is yes its rewrite is the Pcomp risk: mean l_1(z) - (1 - pi) l_1(z') + l_0(z') - pi l_0(z); the
    likelihood then is one and says nothing.

    Args: prior P(+) in (0, 1); form_shares (2,) of the answers no and yes, read off the labels.
    """

    eats = Comparisons
