"""AA-kNN: the mean label distribution of the nearest rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Distribution, Hardened
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_count
from sfumato.parts.predictors import Neighbours


@method("aa-knn", paper="geng2016label")
@dataclass
class AAKNN(Objective):
    r"""Predict the mean label distribution of the nearest training rows.

    p(x) = sum_{i in N(x)} w_i d_i / sum_{i in N(x)} w_i,   N(x) the ``neighbours`` rows nearest to x (Euclidean)

    All rows where there are fewer. Rows without weight are left out. It keeps the training rows, and so does a saved
    model.

    Args: neighbours, at least 1. Assumes: near rows have like distributions. Shapes: X (n, d), shares (n, K).
    """

    law = Hardened
    predictor = Neighbours
    neighbours: int = 5

    def __post_init__(self) -> None:
        check_count("neighbours", self.neighbours)

    def solve(self, x: Tensor, s: Distribution, w: Tensor | None) -> dict[str, Tensor]:
        weight = x.new_ones(len(x)) if w is None else w
        kept = weight > 0
        count = min(self.neighbours, int(kept.sum()))
        return {
            "rows": x.flatten(1)[kept],
            "shares": s.shares.to(x)[kept],
            "weight": weight[kept],
            "count": torch.tensor(count),
        }
