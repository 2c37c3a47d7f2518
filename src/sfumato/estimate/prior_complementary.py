"""The class prior from how often each class is named as wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.errors import LabelError, ShapeError
from sfumato.estimate.interval import Floats, Ints, Resampled
from sfumato.estimate.rows import Bools
from sfumato.parts.simplex import onto_simplex


def shares(mask: Bools) -> Floats:
    """(K,) the prior under which each class would be named as often as it is, moved onto the simplex."""
    named = mask.sum(axis=0) / mask.sum()
    found = onto_simplex(torch.from_numpy(1 - (mask.shape[1] - 1) * named))
    return np.asarray(found.numpy(), np.float64)


@method("complementary-shares", paper="ishida2019complementary")
@dataclass
class PriorComplementary(Resampled):
    r"""The prior of K classes from complementary labels that are drawn uniformly.

    .. math:: \hat\pi_k = 1 - (K - 1) \frac{\#\{i : k \in C_i\}}{\sum_i |C_i|}

    A wrong class is named with probability E|C| / (K - 1) wherever it is wrong, so that the seldom named are the
    frequent ones. The shares sum to one; where chance makes one negative, the nearest point of the simplex is taken.
    X is not looked at. With one label per row the standard error of a share is about sqrt((K - 1) (1 - pi_k) / n): many
    rows are needed where there are many classes.

    Assumes every wrong class is as likely to be named as any other (UniformComplementary), in sets of any sizes.

    Args:
        repeats, level: as in Resampled.

    Shapes: (K,).
    """

    kind = "complementary"
    need = "prior"

    def estimate(self, X: ArrayLike, labels: Any, seed: int = 0) -> Floats:
        """pi (K,) from complementary labels: a Complementary container or a boolean mask (n, K)."""
        mask = np.asarray(getattr(labels, "mask", labels))
        if mask.ndim != 2 or mask.dtype != bool or len(mask) != len(np.asarray(X)):
            raise ShapeError(
                f"labels of shape {mask.shape} and type {mask.dtype} for {len(np.asarray(X))} rows",
                "(n, K) booleans, True where the row is said not to be the class",
            )
        if not mask.any(axis=1).all() or mask.shape[1] < 2:
            raise LabelError("a row of which no class is named", "at least one complementary label per row")

        def statistic(rows: Ints) -> Floats:
            return shares(mask[rows])

        self.interval = self.resampled(statistic, [np.arange(len(mask))], seed)
        return np.asarray(self.interval.value, np.float64)
