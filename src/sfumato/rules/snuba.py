"""Labeling functions one by one, each for rows that those before it left unsure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.core.card import method
from sfumato.core.errors import ParameterError, RefusedError
from sfumato.core.roles import FunctionMaker
from sfumato.labels import Semi

from .candidates import BETAS, Candidates, candidates, check, columns_of, folds_of, pool_of
from .functions import Floats, Functions, Ints, LabelingFunction, Told, door


@method("snuba", paper="varma2018snuba")
@dataclass
class Snuba(FunctionMaker):
    r"""Labeling functions from few labels: many small models, a choice by quality and novelty, and again.

    .. math:: \lambda^\ast = \arg\max_\lambda \tfrac12 F_1(\lambda) + \tfrac12 \Big(1 - \frac{|n_\lambda \cap N|}
              {|n_\lambda \cup N|}\Big), \qquad \max_k p_{ik} \le \tfrac1K + 2 \gamma \big(1 - \tfrac1K\big), \quad
              \gamma = \tfrac12 - m^{-3/2}

    with n the rows without labels of which a function speaks and N those of which any chosen one does. A function
    speaks where its probability reaches 1/K + beta, with the beta of highest weighted F1. The next models are fitted
    on the labelled rows that the m functions so far leave unsure (on the right). Differs from the paper where that
    overfits: F1, beta and the verifier's p come from out-of-fold statements, and the verifier weighs functions
    by their out-of-fold accuracy on the labels instead of learning them without. Several classes are taken as they are,
    not one against the rest. Assumes columns that say something by themselves.

    Args:
        heuristic: stump, logistic or neighbours.
        cardinality: columns of one function, 1 or 2 (stumps: 1).
        subsets: of columns that are tried, at least 1; where there are more, that many at random.
        first: functions of the first round, at least 1; later rounds add one each.
        rounds: at most, at least 1.
        folds: of the labelled rows, at least 2.
        betas: tried, at least one, each in [0, 1); a cut is at most 1.
    """

    heuristic: str = "stump"
    cardinality: int = 1
    subsets: int = 1000
    first: int = 3
    rounds: int = 23
    folds: int = 5
    betas: tuple[float, ...] = BETAS

    def make(self, X: Floats, labels: Semi, seed: int = 0) -> Functions:
        """The functions. Errors: RefusedError where no function is sure of any labelled row."""
        told = door(X, labels)
        check(self.heuristic, self.cardinality, self.subsets, self.folds, self.betas)
        if self.first < 1 or self.rounds < 1:
            raise ParameterError(f"first={self.first}, rounds={self.rounds}", "at least one each")
        columns = columns_of(told.x.shape[1], self.cardinality, self.subsets, seed)
        fold, pool = folds_of(told, self.folds, seed), pool_of(told, seed)
        active = np.ones(len(told.rows), bool)
        chosen: list[LabelingFunction] = []
        held, spoken = np.empty((0, len(told.rows)), int), np.empty((0, len(pool)), int)
        for turn in range(self.rounds):
            tried = candidates(told, self.heuristic, columns, fold, active, self.betas, pool)
            before = len(chosen)
            for _ in range(self.first if turn == 0 else 1):
                if (j := best(tried, spoken)) is not None:
                    chosen.append(tried.function(j))
                    held, spoken = np.vstack([held, tried.held[[j]]]), np.vstack([spoken, tried.pool[[j]]])
            if len(chosen) == before:
                break
            gamma = 0.5 - len(chosen) ** -1.5
            active = verified(held, told).max(1) <= 1 / told.k + 2 * gamma * (1 - 1 / told.k)
            if len(np.unique(told.y[active])) < 2:
                break
        if not chosen:
            raise RefusedError(
                f"no {self.heuristic} is sure of any labelled row",
                "columns that tell classes apart, or lower betas",
                "try more labels, other features, or a logistic regression on the labels",
            )
        return Functions(tuple(chosen), told.k, told.x.shape[1:], told.classes)


def best(tried: Candidates, spoken: Ints) -> int | None:
    """The candidate of highest F1 and novelty beside the statements (m, pool) of those chosen; None where none that
    speaks says anything but what a chosen one says already.
    """
    covered, new = (spoken >= 0).any(0), tried.pool >= 0
    union = (new | covered).sum(1)
    jaccard = np.divide((new & covered).sum(1), union, out=np.ones(len(union)), where=union > 0)
    again = (
        np.array([(spoken == said).all(1).any() for said in tried.pool]) if len(spoken) else np.zeros(len(new), bool)
    )
    score = np.where((tried.f1 > 0) & new.any(1) & ~again, (tried.f1 + 1 - jaccard) / 2, -np.inf)
    j = int(score.argmax())
    return j if np.isfinite(score[j]) else None


def verified(held: Ints, told: Told) -> Floats:
    r"""(l, K) :math:`p_k \propto \pi_k \prod_j a_j^{1[\lambda_j = k]} (\frac{1 - a_j}{K - 1})^{1[\lambda_j \ne k]}`
    over the functions that speak, a and pi the smoothed shares among the labels.
    """
    spoke, right = held >= 0, held == told.y
    accuracy = (right.sum(1) + 1) / (spoke.sum(1) + 2)
    weight = np.log(accuracy * (told.k - 1) / (1 - accuracy))
    prior = np.log((np.bincount(told.y, minlength=told.k) + 1) / (len(told.y) + told.k))
    score = prior + np.einsum("j,jlk->lk", weight, held[:, :, None] == np.arange(told.k))
    level = np.exp(score - score.max(1, keepdims=True))
    return np.asarray(level / level.sum(1, keepdims=True))
