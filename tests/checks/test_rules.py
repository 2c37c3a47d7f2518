"""Planted mistakes in makers of labeling functions: each must be caught by a check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pytest

from sfumato.checks import CheckFailed, run
from sfumato.core.card import Card
from sfumato.rules import Goggles, ScorerVotes, Snuba
from sfumato.rules.functions import Functions, LabelingFunction
from tests.checks.toys import card_of


def maker(cls: type, kind: str = "semi") -> Card:
    return replace(card_of(cls), role="rules", kind=kind)


def told(found: Functions, cls: type[LabelingFunction]) -> Functions:
    """The same functions as another class."""
    return replace(found, functions=tuple(cls(f.name, f.columns, f.model, f.cut) for f in found.functions))


@dataclass(frozen=True, eq=False)
class AbstainsAsK(LabelingFunction):
    def __call__(self, X):
        said = super().__call__(X)
        return np.where(said < 0, 3, said)


@dataclass(frozen=True, eq=False)
class LooksAtOtherRows(LabelingFunction):
    def beliefs(self, X):
        return super().beliefs(X - X.mean(0))


@dataclass(frozen=True, eq=False)
class SaysTheNextClass(LabelingFunction):
    def beliefs(self, X):
        return np.roll(super().beliefs(X), 1, axis=1)


@dataclass
class WrongCode(Snuba):
    def make(self, X, labels, seed=0):
        return told(super().make(X, labels, seed), AbstainsAsK)


@dataclass
class Leaning(Snuba):
    def make(self, X, labels, seed=0):
        return told(super().make(X, labels, seed), LooksAtOtherRows)


@dataclass
class Rolled(Snuba):
    def make(self, X, labels, seed=0):
        return told(super().make(X, labels, seed), SaysTheNextClass)


CALLS = count()


@dataclass
class Unseeded(Goggles):
    affinities: int = 2  # of few rows: their clusters depend on the draw
    prototypes: int = 2

    def make(self, X, labels, seed=0):
        return super().make(X, labels, next(CALLS))


@dataclass
class Touching(Snuba):
    def make(self, X, labels, seed=0):
        found = super().make(X, labels, seed)
        X *= 1.5
        return found


class AnyWidth(Functions):
    def rows(self, X):
        x = np.asarray(X)
        return np.pad(x, ((0, 0), (0, self.shape[0] - x.shape[1])))


@dataclass
class TakesAnyWidth(Snuba):
    def make(self, X, labels, seed=0):
        found = super().make(X, labels, seed)
        return AnyWidth(found.functions, found.k, found.shape)


@dataclass
class Trusting(Snuba):
    def make(self, X, labels, seed=0):
        n = min(len(X), len(labels))
        return super().make(np.nan_to_num(X)[:n], labels[:n], seed)


@dataclass
class AnyPrior(ScorerVotes):
    def make(self, X, prior=None, classes=None):
        return super().make(np.nan_to_num(X), None, classes)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (WrongCode, "functions"),
        (Unseeded, "functions"),
        (Touching, "functions"),
        (Leaning, "rows"),
        (TakesAnyWidth, "rows"),
        (Rolled, "better"),
        (Trusting, "refuses"),
    ],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_mistakes_in_a_maker_are_caught(wrong: type, name: str) -> None:
    from sfumato.checks import rules

    sound = Goggles if issubclass(wrong, Goggles) else Snuba
    assert run(maker(sound), name).outcome == "passed"
    try:
        with pytest.raises(CheckFailed, match=name):
            run(maker(wrong), name)
    finally:
        rules.setting.cache_clear()  # one of them changes what it was given


def test_a_scorer_that_reads_anything_is_caught() -> None:
    assert run(maker(ScorerVotes, "scores"), "refuses").outcome == "passed"
    with pytest.raises(CheckFailed, match="refuses"):
        run(maker(AnyPrior, "scores"), "refuses")
