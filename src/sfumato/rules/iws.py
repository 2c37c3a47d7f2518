"""Labeling functions that a person, asked yes or no, finds useful."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.card import method
from sfumato.core.errors import ParameterError, RefusedError, ShapeError
from sfumato.core.roles import FunctionMaker
from sfumato.core.streams import numpy_rng
from sfumato.labels import Semi

from .candidates import BETAS, Candidates, candidates, check, columns_of, folds_of, pool_of
from .functions import Floats, Functions, Ints, LabelingFunction, door

Oracle = Callable[[LabelingFunction], bool]


@method("iws", paper="boecking2021interactive")
@dataclass
class IWS(FunctionMaker):
    r"""Interactive weak supervision: an oracle says which functions are useful, and a model learns from its answers.

    .. math:: j^\ast = \arg\max_j z\, \sigma_j - |\mu_j - \tfrac12|, \qquad
              \text{kept: } \mu_j \ge \tfrac12, \text{ by } \mu_j\, \text{coverage}_j

    mu and sigma are mean and spread, over bags of the answers, of a ridge regression of the answer on what a function
    says (the leading singular directions of the functions' statements on rows without labels); the next question goes
    where they straddle the threshold. The first questions are drawn at random. An answer stands: functions that were
    refused are never kept, those that were confirmed are kept first. Ridge regressions stand where the paper
    bags networks. Candidates are all small models on subsets of columns, cut as in ``Snuba``. Assumes an oracle that is
    mostly right.

    Args:
        heuristic, cardinality, subsets, folds, betas: of the candidates, as in ``Snuba``.
        queries: questions at most, at least 1.
        at_random: of them, the first ones, at least 1.
        size: functions kept at most, at least 1.
        bags: at least 2.
        directions: of the statements, at least 1.
        z: weight of the spread, not negative.
    """

    heuristic: str = "stump"
    cardinality: int = 1
    subsets: int = 1000
    folds: int = 5
    betas: tuple[float, ...] = BETAS
    queries: int = 30
    at_random: int = 4
    size: int = 50
    bags: int = 50
    directions: int = 50
    z: float = 1.96

    def make(self, X: Floats, labels: Semi, oracle: Oracle, seed: int = 0) -> Functions:
        """The functions. ``oracle`` is told a function and answers whether it is useful: better than chance by so much
        that it is worth its votes. Errors: RefusedError where no candidate speaks, or none is found useful.
        """
        told = door(X, labels)
        check(self.heuristic, self.cardinality, self.subsets, self.folds, self.betas)
        least = min(self.queries, self.at_random, self.size, self.directions, self.bags - 1)
        if least < 1 or not self.z >= 0:
            raise ParameterError(f"{self}", "queries, at_random, size and directions of at least 1, 2 bags, z >= 0")
        if not callable(oracle):
            raise ParameterError(
                f"oracle of type {type(oracle).__name__}", "a function of a labeling function to a bool"
            )
        columns = columns_of(told.x.shape[1], self.cardinality, self.subsets, seed)
        every = np.ones(len(told.rows), bool)
        pool = pool_of(told, seed)
        tried = candidates(told, self.heuristic, columns, folds_of(told, self.folds, seed), every, self.betas, pool)
        speaks = np.flatnonzero((tried.pool >= 0).any(1))
        if not len(speaks):
            raise RefusedError(
                f"no {self.heuristic} is sure of any row", "columns that tell classes apart", "lower betas"
            )
        answers, mean = self._ask(tried, speaks, told.k, oracle, seed)
        coverage = (tried.pool[speaks] >= 0).mean(1)
        rank = np.where([answers.get(j, True) for j in range(len(speaks))], mean * coverage, -np.inf)
        rank = np.where(mean >= 0.5, rank, -np.inf)
        rank[[j for j, yes in answers.items() if yes]] += 2  # what was confirmed comes first, whatever the model says
        kept = [int(j) for j in np.argsort(-rank, kind="stable") if np.isfinite(rank[j])][: self.size]
        if not kept:
            raise RefusedError(
                f"no useful function after {len(answers)} questions", "one at least", "more queries, or other features"
            )
        found = tuple(tried.function(int(speaks[j])) for j in kept)
        return Functions(found, told.k, told.x.shape[1:], told.classes)

    def _ask(
        self, tried: Candidates, speaks: Ints, k: int, oracle: Oracle, seed: int
    ) -> tuple[dict[int, bool], Floats]:
        """(answers by place in ``speaks``, probability of being useful) after the questions."""
        features = directions(tried.pool[speaks], k, self.directions)
        first = numpy_rng(seed, "questions").permutation(len(speaks))[: self.at_random]
        answers: dict[int, bool] = {}
        mean: Floats
        spread: Floats
        mean, spread = np.full(len(speaks), 0.5), np.zeros(len(speaks))
        for turn in range(min(self.queries, len(speaks))):
            if turn < len(first):
                j = int(first[turn])
            else:
                straddle = self.z * spread - np.abs(mean - 0.5)
                straddle[list(answers)] = -np.inf
                j = int(straddle.argmax())
            answers[j] = bool(oracle(tried.function(int(speaks[j]))))
            if turn + 1 >= len(first):
                mean, spread = self._learned(features, answers, seed, turn)
        return answers, mean

    def _learned(self, features: Floats, answers: dict[int, bool], seed: int, turn: int) -> tuple[Floats, Floats]:
        """(mean, spread) over bags of ridge regressions, clipped to [0, 1]."""
        asked, said = np.array(list(answers)), np.array(list(answers.values()), float)
        draw = numpy_rng(seed, "bags", turn)
        guesses: Floats = np.empty((self.bags, len(features)))
        for bag in range(self.bags):
            some = draw.integers(0, len(asked), len(asked))
            a, b = features[asked[some]], said[some]
            slope = np.linalg.solve(a.T @ a + np.eye(a.shape[1]), a.T @ (b - b.mean()))
            guesses[bag] = np.clip(b.mean() + features @ slope, 0, 1)
        return guesses.mean(0), guesses.std(0)


def directions(said: Ints, k: int, many: int) -> Floats:
    """(c, q) functions by the leading singular directions of their one-hot statements (c, rows), scaled to mean square
    length one.
    """
    shown = (said[:, :, None] == np.arange(k)).reshape(len(said), -1).astype(float)
    left, size, _ = np.linalg.svd(shown - shown.mean(0), full_matrices=False)
    found = (left * size)[:, :many]
    length = np.sqrt((found**2).sum(1).mean())
    return np.asarray(found / length if length > 0 else found)


def simulated_oracle(X: Any, truth: Any, threshold: float = 0.7) -> Oracle:
    """An oracle that looks at the true labels of all rows: yes where a function is right on more than ``threshold`` of
    the rows of which it speaks. For measurements only, whose results are to be called oracle.

    Args: X (n, d) as given to ``make``; truth (n,) codes; threshold in [0, 1).
    """
    x, y = np.asarray(X, np.float64), np.asarray(truth)
    if x.ndim != 2 or y.shape != (len(x),) or not 0 <= threshold < 1:
        raise ShapeError(f"X {x.shape}, truth {y.shape}, threshold={threshold}", "(n, d), (n,) and [0, 1)")

    def oracle(function: LabelingFunction) -> bool:
        said = function(x)
        spoke: NDArray[np.bool_] = said >= 0
        return bool(spoke.any() and (said == y)[spoke].mean() > threshold)

    return oracle
