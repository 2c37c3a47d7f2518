"""What the parts of an audit exchange: the data they look at, and what each of them has to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.parts.neighbours import Neighbourhood
from sfumato.parts.svg import number
from sfumato.score.near_duplicate import Twins

if TYPE_CHECKING:
    from sfumato.audit.judge import Judged

Light = Literal["good", "look", "act", "unknown"]
Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

_SAMPLE = 10_000  # rows that neighbours are sought in, where there are more than twice as many


@dataclass(frozen=True)
class Beside:
    """What the user gave beside features and labels, one entry per observation where it is an array; None: not given.

    ``raw`` are the features as given and ``at`` the row in them of each observation; ``columns`` their names;
    ``variables`` the columns of the table behind them; ``votes`` (n, m) class numbers of m annotators, -1 where one is
    absent; ``test`` features of a set at use.
    """

    raw: Floats
    at: Ints
    columns: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    variables: dict[str, Any] | None = None
    provenance: dict[str, str] | None = None
    groups: NDArray[Any] | None = None
    votes: Ints | None = None
    split: NDArray[Any] | None = None
    test: Floats | None = None
    truth: Ints | None = None


@dataclass(frozen=True)
class Data:
    """One dataset under audit. ``x`` has one row per observation; ``rows`` are the user's row numbers."""

    x: Floats
    labels: Any
    k: int
    names: tuple[str, ...]
    rows: Ints
    folds: int
    seed: int
    probabilities: Floats | None
    twins: Twins
    beside: Beside

    @property
    def kind(self) -> str:
        return str(self.labels.kind)

    @cached_property
    def said(self) -> NDArray[Any] | None:
        """(n,) the one class of each observation, -1 where it is unknown; None where a label is no single class."""
        y = getattr(self.labels, "y", None)
        return None if y is None or y.ndim > 1 else np.asarray(y)

    @cached_property
    def near(self) -> Neighbourhood:
        """The nearest rows of each, Euclidean: one search, in one sample of many rows, for all who ask."""
        return Neighbourhood(self.x, sample=_SAMPLE, seed=self.seed)

    def among(self, at: Ints) -> Neighbourhood:
        """The same among some of the rows."""
        return Neighbourhood(self.x[at], sample=_SAMPLE, seed=self.seed)


@dataclass(frozen=True)
class Seen:
    """What the modules before found: the judge of single labels, where there is one, the observations whose label is
    likely wrong, most urgent first, and the estimated noise rate."""

    judged: Judged | None = None
    doubtful: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    noise: float | None = None


@dataclass(frozen=True)
class Measure:
    """A number that two audits can be compared by; ``low`` and ``high`` are the ends of its interval."""

    name: str
    value: float | None
    better: Literal["lower", "higher"]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Issues:
    """Findings of one kind, most urgent first. ``row`` counts observations; texts may be empty and numbers NaN.
    ``found`` says per detector whether it would have marked the row by itself."""

    issue: str
    row: Ints
    score: Floats
    given: list[str] | None = None
    suggested: list[str] | None = None
    probability: Floats | None = None
    given_probability: Floats | None = None
    other_row: Ints | None = None
    found: dict[str, Bools] | None = None


@dataclass(frozen=True)
class Section:
    """One module of the report: plain sentences first, then numbers and pictures.

    ``light`` says in a word what to do: "good", "look", "act" or "unknown"; by default "act" where urgent, else "good".
    """

    name: str
    title: str
    verdict: str
    urgent: bool = False
    headline: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    issues: Issues | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    light: Light | None = None
    measures: tuple[Measure, ...] = ()

    @property
    def word(self) -> Light:
        """The traffic light."""
        return self.light or ("act" if self.urgent else "good")


def counted(number_of: int, name: str) -> str:
    """A number with its noun: "1 row", "2 rows"."""
    plural = name + ("es" if name.endswith("s") else "s")
    return f"{number(number_of)} {name if number_of == 1 else plural}"


def percent(share: float) -> str:
    """A share as text, in percent."""
    if 0 < share < 0.0005:
        return f"{100 * share:.2g} %"
    return f"{100 * share:.2f} %" if 0.9995 < share < 1 else f"{100 * share:.1f} %"
