"""Neighbours that say otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.roles import Score
from sfumato.parts.neighbours import Neighbourhood
from sfumato.score.neighbour_labels import Floats, neighbour_labels


@method("knn-disagreement", paper="wilson1972asymptotic")
@dataclass
class KnnDisagreement(Score):
    r"""The share of the k nearest rows with another label.

    .. math:: s_i = \frac1k \sum_{j \in N_k(i)} \mathbb 1[y_j \ne y_i]

    Needs features in which near rows share their true class. Above 1/2, Wilson's editing rule drops the row where two
    classes compete. Ties are many, as only k + 1 values occur.

    Args:
        k: neighbours, from 1 to n - 1.
        metric: "euclidean" or "cosine".
        sample: with more than twice as many rows, neighbours are sought in a random sample of this size.
        seed: of that sample.

    Shapes: features (n, d), labels (n,) class numbers; scores (n,) in [0, 1].
    """

    k: int = 20
    metric: str = "euclidean"
    sample: int = 10_000
    seed: int = 0
    kind = "noisy"

    def score(self, features: ArrayLike, labels: ArrayLike) -> Floats:
        """(n,) scores; higher = look here first."""
        y, around = neighbour_labels(self._among(features), labels, self.k)
        return np.asarray((around != y[:, None]).mean(axis=1))

    def _among(self, features: ArrayLike) -> Neighbourhood:
        return Neighbourhood(features, self.metric, self.sample, self.seed)
