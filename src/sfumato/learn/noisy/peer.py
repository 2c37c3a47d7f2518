"""Peer loss: a label that agrees with the prediction of another row earns nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.held_losses import held_log_losses
from sfumato.parts.losses import mean, mean_cross_entropy
from sfumato.parts.mixup import shuffled


@method("peer", paper="liu2020peer", also=("peer-loss",))
@dataclass
class Peer(Objective):
    r"""Peer loss: cross entropy less the cross entropy of one row's prediction with the label of another.

    R = - mean_i w_i log p_{i, y_i} + alpha(t) mean_i w_j w_k log(p_{j, y_k} + 1e-8),
    alpha(t) = weight min(t / ramp, 1)

    j and k are two independent shuffles of the batch, t the share of training done. 1e-8 bounds what a prediction can
    earn by being wrong about its peer. With weight 1 and noise that turns every class into class j with the same
    probability, the noisy risk of the bounded loss is the clean one up to a factor.

    Args: weight >= 0, 0 is cross entropy (the theory for balanced classes: 1; released schedules go up to 5); ramp in
    [0, 1]. Assumes: noise that keeps the true class the most frequent one. Shapes: z (n, K).
    """

    law = ClassConditional
    weight: float = 1.0
    ramp: float = 0.25

    def __post_init__(self) -> None:
        check_number("weight", self.weight, 0)
        check_number("ramp", self.ramp, 0, 1)

    def risk(self, z: Tensor, s: Noisy, w: Tensor | None, progress: float, rng: torch.Generator) -> Tensor:
        alpha = self.weight * (min(progress / self.ramp, 1.0) if self.ramp > 0 else 1.0)
        j, k = shuffled(len(z), z, rng), shuffled(len(z), z, rng)
        across = held_log_losses(z)[j].gather(1, s.y[k][:, None]).squeeze(1)
        return mean_cross_entropy(z, s.y, w) - alpha * mean(across, None if w is None else w[j] * w[k])
