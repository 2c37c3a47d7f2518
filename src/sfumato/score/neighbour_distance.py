"""Outliers: rows far from their nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.roles import Score
from sfumato.parts.neighbours import Floats, Neighbourhood


@method("knn-distance", paper="ramaswamy2000efficient")
@dataclass
class NeighbourDistance(Score):
    r"""Mean distance to the k nearest rows, as a multiple of the median row's.

    .. math:: s_i = \bar d_i \,/\, \mathrm{median}_j\, \bar d_j, \quad \bar d_i = \tfrac1k \sum_{j \in N_k(i)} d(x_i,
    x_j)

    Args:
        k: neighbours, at least 1; with fewer other rows than that, all of them.
        metric: "euclidean" or "cosine".
        sample: with more than twice as many rows, neighbours are sought in a random sample of this size, so that the
            cost grows with the rows and not with their square.
        seed: of that sample.

    Shapes: features (n, d), n at least 2; scores (n,), 1 for a typical row; where more than half of the rows coincide
    with their neighbours, distances are left as they are.
    """

    k: int = 10
    metric: str = "euclidean"
    sample: int = 10_000
    seed: int = 0
    kind = "any"

    def score(self, features: ArrayLike) -> Floats:
        """(n,) scores; higher = look here first."""
        return self.among(Neighbourhood(features, self.metric, self.sample, self.seed))

    def among(self, near: Neighbourhood) -> Floats:
        """Scores (n,) of rows whose neighbours others ask for as well, by that search's metric and sample."""
        mean = near.nearest(min(self.k, near.room))[0].mean(axis=1)
        middle = float(np.median(mean))
        return np.asarray(mean / middle if middle > 0 else mean)
