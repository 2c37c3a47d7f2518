"""Triplets of rows: is the first at least as close to the second as to the third?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from sfumato.core.errors import LabelError, ShapeError

from .base import Law
from .comparisons import answered
from .drawn import DrawnTuples, Form, Tuples
from .encode import _plain, column, is_missing

PLACES = ("anchor", "near", "far")


@dataclass(frozen=True, eq=False)
class Triplets(Tuples):
    """Triplets (anchor, second, third) asked whether the anchor is at least as close to the second as to the third: no
    only where it is of the third's class and not of the second's.

    Args: members (3 len,) row numbers of X, triplet after triplet; offsets (len + 1,); form (len,) 1 yes, 0 no;
    classes (negative, positive) names. k is 2. Errors: another number of rows than three, a row twice in a triplet.
    """

    members: Tensor
    offsets: Tensor
    form: Tensor
    classes: tuple[Any, ...] | None = None
    k: int = 2
    kind: ClassVar[str] = "triplets"
    forms: ClassVar[tuple[Form, ...]] = (
        Form("no", 3, lambda y: (y[:, 0] != y[:, 1]) & (y[:, 0] == y[:, 2])),
        Form("yes", 3, lambda y: (y[:, 0] == y[:, 1]) | (y[:, 0] != y[:, 2])),
    )

    @classmethod
    def from_lists(cls, triplets: Iterable[Any], answer: Any = None) -> Self:
        """From triplets (anchor, second, third) of row numbers; answer (len,) booleans, None where all are yes."""
        return cls(*answered(triplets, answer, 3, "triplets"))

    @classmethod
    def from_column(cls, triplet: Any, place: Any) -> Self:
        """From a column that names the triplet of each row of X, and one that says "anchor", "near" (the anchor is at
        least as close to it) or "far"; rows with a blank triplet are in none.
        """
        names, told = _plain(triplet, "triplets"), _plain(place, "places")
        if len(names) != len(told):
            raise ShapeError(f"{len(names)} triplet names and {len(told)} places", "one of each per row")
        found: dict[Any, dict[str, int]] = {}
        for row, (name, where) in enumerate(zip(names, told, strict=True)):
            if is_missing(name) or name == "":
                continue
            here = found.setdefault(name, {})
            if where not in PLACES or where in here:
                raise LabelError(
                    f"place {where!r} of row {row} in triplet {name!r}", "one each of anchor, near and far"
                )
            here[where] = row
        for name, here in found.items():
            if len(here) != 3:
                raise LabelError(f"triplet {name!r} with {', '.join(here)} alone", "one each of anchor, near and far")
        return cls.from_lists([[here[where] for where in PLACES] for here in found.values()])

    @classmethod
    def from_frame(cls, frame: Any, triplet: str, place: str) -> Self:
        """From two columns of a data frame whose rows are those of X."""
        return cls.from_column(column(frame, triplet), column(frame, place))

    def default_law(self) -> type[Law]:
        return DrawnTriplets


@dataclass(frozen=True)
class DrawnTriplets(DrawnTuples):
    r"""Triplets are drawn on condition that the answer holds of their classes.

    P(answer | x_1, x_2, x_3) is proportional to share / P(answer) times the chance of it under independent truths.
    The likelihood tells the classes up to an exchange.

    Args: prior P(+) in (0, 1), not 1/2 for the rewrite; form_shares (2,) of the answers no and yes, read off.
    """

    eats = Triplets
    identifiable = False
