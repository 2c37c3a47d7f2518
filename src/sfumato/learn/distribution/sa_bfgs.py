"""SA-BFGS: the maximum entropy model of label distributions, by L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Distribution, Hardened
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.maxent import chosen_ridge, maxent
from sfumato.parts.predictors import Affine, affine_of, as_float64, with_one


@method("sa-bfgs", paper="geng2016label", claims=("identity", "unbiased", "calibrated"), also=("soft-ce",))
@dataclass
class SABFGS(Objective):
    r"""Fit a linear maximum entropy model to label distributions by L-BFGS, all rows at once.

    p = softmax(W x + b),   R = sum_i w_i KL(d_i || p_i) / sum_i w_i + ridge |W|^2 / (2 sum_i w_i)

    The entropy of d, which no prediction moves, is left out of the value; the hook risk leaves the ridge to the solver.
    The paper has no bias and no ridge, and ends after some iterations on features as they come, which holds W small;
    here the search ends where it has converged, and the ridge (the precision of a normal prior on W) holds W small:
    without one, few rows with many features are fitted to the last digit.

    Args: ridge >= 0, or None for the best of 1, 3, 10, 30, ..., 1000 on the given labels of held-out thirds (every
    third row); tolerance > 0, where the Newton decrement ends the search. Assumes: log-odds linear in x. Shapes: X
    (n, d), shares (n, K).
    """

    law = Hardened
    predictor = Affine
    ridge: float | None = None
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        if self.ridge is not None:
            check_number("ridge", self.ridge, 0)
        check_number("tolerance", self.tolerance, 0, low_open=True)

    def risk(self, z: Tensor, s: Distribution, w: Tensor | None) -> Tensor:
        return mean(cross_entropy(z, s.shares.to(z)), w)

    def solve(self, x: Tensor, s: Distribution, w: Tensor | None) -> dict[str, Tensor]:
        rows, shares = with_one(x), as_float64(s.shares)
        weight = as_float64(x.new_ones(len(x)) if w is None else w)
        ridge = chosen_ridge(rows, shares, weight) if self.ridge is None else self.ridge
        return affine_of(maxent(rows, shares, weight, ridge, self.tolerance), x)
