"""Outliers: rows far from their nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.roles import Score
from sfumato.core.streams import numpy_rng
from sfumato.parts.neighbours import Floats, Neighbourhood, nearest


@method("knn-distance", paper="ramaswamy2000efficient")
@dataclass
class NeighbourDistance(Score):
    r"""Mean distance to the k nearest rows, as a multiple of the median row's.

    .. math:: s_i = \bar d_i \,/\, \mathrm{median}_j\, \bar d_j, \quad \bar d_i = \tfrac1k \sum_{j \in N_k(i)} d(x_i,
    x_j)

    Args:
        k: neighbours, at least 1; with fewer other rows than that, all of them.
        metric: "euclidean" or "cosine".
        sample: with more than four times as many rows, neighbours are sought in a random sample of this size, so that
            the cost grows with the rows and not with their square.
        seed: of that sample.

    Shapes: features (n, d), n at least 2; scores (n,), 1 for a typical row; where more than half of the rows coincide
    with their neighbours, distances are left as they are.
    """

    k: int = 10
    metric: str = "euclidean"
    sample: int = 5_000
    seed: int = 0
    kind = "any"

    def score(self, features: ArrayLike) -> Floats:
        """(n,) scores; higher = look here first."""
        return self.among(Neighbourhood(features, self.metric))

    def among(self, near: Neighbourhood) -> Floats:
        """Scores (n,) of rows whose neighbours others ask for as well, by that search's metric."""
        x, n = near.x, len(near.x)
        if n <= 4 * self.sample:
            mean = near.nearest(min(self.k, n - 1))[0].mean(axis=1)
        else:
            chosen = np.sort(numpy_rng(self.seed, "knn-distance").choice(n, self.sample, replace=False))
            distance, index = nearest(x, min(self.k + 1, self.sample), metric=near.metric, reference=x[chosen])
            own = chosen[index] == np.arange(n)[:, None]  # a sampled row is not its own neighbour
            own[~own.any(axis=1), -1] = True
            mean = distance[~own].reshape(n, -1).mean(axis=1)
        middle = float(np.median(mean))
        return np.asarray(mean / middle if middle > 0 else mean)
