"""CDR: only the weights that matter most follow the gradient; the others decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean_cross_entropy

from .co_teaching import kept_share


@method("cdr", paper="xia2021robust", claims=("identity",), also=("robust-early-learning",))
@dataclass
class CDR(Objective):
    r"""Robust early-learning: of all weights those with the largest |gradient times weight| learn, more slowly; the
    others feel the weight decay alone.

    R = mean_i w_i (- log p_{y_i});  the optimiser is given (1 - tau(t)) g_j where |g_j v_j| is among the share
    1 - tau(t) of the largest, and 0 elsewhere;  tau(t) = tau min(t / ramp, 1)

    v are the weights (matrices and convolutions; biases and norms keep their gradient), g their gradients, t the share
    of training done. At least one weight learns; equal products stay together. With tau = 0 it is plain training. A
    factor on the gradient means nothing to Adam, so the optimiser is part of the method. Stop early on validation
    labels, as the paper does.

    Args: ramp in [0, 1], the share of training over which tau(t) rises (0 as published; the released code names 10 of
    100 epochs and then overwrites them); the need ``noise_rate`` tau = P(observed != true), known or estimated.
    Assumes: a share of the weights as large as that of the wrong labels is not needed. Shapes: z (n, K).
    """

    law = ClassConditional
    recipe: ClassVar[Mapping[str, Any]] = {"optimizer": "sgd", "lr": 0.01, "weight_decay": 1e-3}
    ramp: float = 0.0

    def __post_init__(self) -> None:
        check_number("ramp", self.ramp, 0, 1)

    def risk(self, z: Tensor, s: Noisy, w: Tensor | None) -> Tensor:
        return mean_cross_entropy(z, s.y, w)

    def gradient(
        self, gradients: dict[str, Tensor], parameters: dict[str, Tensor], noise_rate: float, progress: float
    ) -> dict[str, Tensor]:
        share = kept_share(noise_rate, progress, self.ramp)
        weights = [name for name in gradients if parameters[name].ndim >= 2]
        if not weights:
            return gradients
        matter = {name: (gradients[name] * parameters[name]).abs() for name in weights}
        every = torch.cat([each.flatten() for each in matter.values()])
        least = torch.topk(every, max(1, round(share * len(every))), sorted=False).values.min()
        return gradients | {name: share * torch.where(matter[name] >= least, gradients[name], 0.0) for name in weights}
