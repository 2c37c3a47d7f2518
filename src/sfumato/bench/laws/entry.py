"""What a law of a grid is: the kind of labels it makes, what truth it speaks of, and how it draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sfumato.core.errors import ParameterError
from sfumato.labels import Labels, Law


@dataclass(frozen=True, eq=False)
class Drawn:
    """Observations of a simulation: labels; facts, the truth by need; law, the class of the law that drew them, None
    where nobody knows it.
    """

    labels: Labels
    facts: dict[str, Any] = field(default_factory=dict)
    law: type[Law] | None = None

    @property
    def at(self) -> Tensor:
        """(rows shown,) the row that each row shown by the labels is."""
        return self.labels.cover(torch.arange(len(self.labels)))[0]


Draw = Callable[..., Any]  # Drawn, but for a law of bags that have a prior and no labels: ``shifted``


@dataclass(frozen=True)
class Entry:
    """A law of a grid.

    Args: kind of labels it makes, or the need that is judged; draw(x, y, k, rng, **parameters); truth, what y must be:
    ``class`` codes, ``classes`` (n, L) of which several may hold, ``shares`` (n, K) or a ``value``; apart, whether
    training and validation rows are drawn from apart, since an observation speaks of several rows or points at one
    again; beside(x, y), what a model of the true labels says of each row (an oracle), which draw is then given after
    rng; asks, facts of the law which estimators of the kind can supply to criteria by it.
    """

    kind: str
    draw: Draw
    truth: str = "class"
    apart: bool = False
    beside: Callable[[Tensor, Tensor], Tensor] | None = None
    asks: tuple[str, ...] = ()


def drawn(law: Any, y: Tensor, k: int, rng: torch.Generator, **facts: Any) -> Drawn:
    """What a law of ``sfumato.labels`` draws for y; its needs are the facts, and those that are named beside them."""
    known = {name: getattr(law, name) for name in law.needs()}
    return Drawn(law.sample(y, k, rng), known | facts, type(law))


def two_classes(name: str, k: int) -> None:
    """Refuse a law of two classes for more of them."""
    if k != 2:
        raise ParameterError(f"{name} on a set of {k} classes", "a set of two classes: class 1 is the positive one")
