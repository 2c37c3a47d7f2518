"""Label errors from neighbours alone: a ranking, a vote, and a threshold per class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.errors import ShapeError
from sfumato.core.roles import Score
from sfumato.parts.neighbours import Neighbourhood
from sfumato.score.history import Bools
from sfumato.score.neighbour_labels import Floats, Ints, neighbour_labels


@method("simifeat", paper="zhu2022detecting")
@dataclass
class SimiFeat(Score):
    r"""One minus the cosine between the given label and the labels around it.

    .. math:: s_i = 1 - \frac{v_{i y_i}}{\lVert v_i \rVert_2}, \quad
        v_i = e_{y_i} + \sum_{j \in N_k(i)} e_{y_j}

    The row itself counts among its neighbours. Unlike the plain share, the score also asks whether those who say
    otherwise agree on what. Training-free: needs features in which near rows share their true class.

    Args:
        k: neighbours, from 1 to n - 1.
        metric: "cosine" or "euclidean".
        sample: with more than twice as many rows, neighbours are sought in a random sample of this size.
        seed: of that sample.

    Shapes: features (n, d), labels (n,) class numbers; scores (n,) in [0, 1).
    """

    k: int = 10
    metric: str = "cosine"
    sample: int = 10_000
    seed: int = 0
    kind = "noisy"

    def score(self, features: ArrayLike, labels: ArrayLike) -> Floats:
        """(n,) scores; higher = look here first."""
        y, around = neighbour_labels(self._among(features), labels, self.k)
        return cosine_gap(y, around)

    def judged(self, features: ArrayLike | Neighbourhood, labels: ArrayLike, group: ArrayLike) -> tuple[Floats, Bools]:
        """Scores (n,) and the vote of :meth:`flag` (n,) from one search, where near-duplicates never vouch for each
        other. The search may be one that others ask as well, by its own metric and sample.

        ``group`` (n,) are whole numbers, equal for near-duplicates and negative for rows on their own. A group counts
        as one neighbour, with the label that most of it carry (ties: that of the lowest row), and not for its members.
        """
        near = features if isinstance(features, Neighbourhood) else self._among(features)
        y, around = neighbour_labels(near, labels, self.k, group)
        return cosine_gap(y, around), _outvoted(y, around)

    def flag(self, features: ArrayLike, labels: ArrayLike, wrong: ArrayLike | None = None) -> Bools:
        """Mark (n,) rows as wrong.

        Without ``wrong``: where the most frequent label among the row and its neighbours is another one; the given
        label wins ties. With ``wrong`` (K,), the shares P(true differs | given k) in [0, 1], say from a transition
        matrix T and prior p as 1 - p_k T_kk / sum_i p_i T_ik: in each class that share of rows, rounded, those of
        highest score first and ties by lowest row.
        """
        y, around = neighbour_labels(self._among(features), labels, self.k)
        if wrong is None:
            return _outvoted(y, around)
        share = np.asarray(wrong, np.float64)
        if share.ndim != 1 or len(share) <= y.max() or not ((share >= 0) & (share <= 1)).all():
            raise ShapeError(f"shares of shape {share.shape}", f"at least {y.max() + 1} numbers from 0 to 1, per class")
        score, marked = cosine_gap(y, around), np.zeros(len(y), bool)
        for given in np.unique(y):
            rows = np.flatnonzero(y == given)
            number = int(np.round(len(rows) * share[given]))
            marked[rows[np.argsort(-score[rows], kind="stable")[:number]]] = True
        return marked

    def _among(self, features: ArrayLike) -> Neighbourhood:
        return Neighbourhood(features, self.metric, self.sample, self.seed)


def cosine_gap(y: Ints, around: Ints) -> Floats:
    """1 - v_y / |v|: the squared length of counts is the number of ordered pairs that agree."""
    everyone = np.concatenate([y[:, None], around], axis=1)
    own = (everyone == y[:, None]).sum(axis=1)
    pairs = np.zeros(len(y), np.int64)
    for j in range(everyone.shape[1]):
        pairs += (everyone == everyone[:, j : j + 1]).sum(axis=1)
    return np.asarray(1 - own / np.sqrt(pairs))


def _outvoted(y: Ints, around: Ints) -> Bools:
    """Whether some other label is strictly more frequent among the row and its neighbours than its own."""
    everyone = np.concatenate([y[:, None], around], axis=1)
    most = np.zeros(len(y), np.int64)
    for j in range(everyone.shape[1]):
        np.maximum(most, (everyone == everyone[:, j : j + 1]).sum(axis=1), out=most)
    return np.asarray(most > (everyone == y[:, None]).sum(axis=1))
