"""The universal unbiased method for aggregate observations: every label of every row, by its importance."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Bags, BagValues
from sfumato.labels.grouped import Grouped, GroupLaw
from sfumato.learn.objective import Objective
from sfumato.parts.losses import class_losses, mean


@dataclass
class Importance(Objective):
    """What both kinds of aggregate observations share."""

    exact = True
    loss: str = "log"

    def __post_init__(self) -> None:
        class_losses(self.loss)

    def risk(self, z: Tensor, s: Grouped, w: Tensor | None, law: GroupLaw) -> Tensor:
        importance = law.posterior(law.head.log_p(z.detach()), s)
        return mean(s.gathered((importance * class_losses(self.loss)(z)[s.members]).sum(1)), w)


@method("aggregate-uum", paper="wei2023universal", claims=("identity",), also=("uum",))
@dataclass
class CountUUM(Importance):
    r"""Label proportions by the importance of each label for each row of its bag; any loss.

    R = mean_bags w_b sum_{i in b} sum_k q_ik l_k(z_i),  q_ik = P(y_i = k | x_1..g, counts)

    q comes from the current prediction, without gradient, by the exact count posterior. Where it is that of the true
    P(y | x), the expected risk is the clean one (times the mean size of the bags), for any loss. With loss = log it is
    ``marginal-likelihood`` by a theorem (Fisher's identity): q held fixed at the current prediction,
    d/dz sum_i sum_k q_ik (-log p_ik) = d/dz (-log P(counts | x_1..g)) at every z, bag by bag and so under any weights.
    Every step, and so every run, is the same; something new comes with the other losses only.

    Args: loss, one of log, mae, gce, squared. Assumes: rows are put into bags without a look at them. Shapes: z
    (rows, K). Errors: more count states than an exact likelihood takes, before training begins.
    """

    eats = Bags


@method("aggregate-uum", paper="wei2023universal", claims=("identity",), also=("uum",))
@dataclass
class ValueUUM(Importance):
    r"""Multiple instances, parity, majority or any rule of the count, by the importance of each label; any loss.

    R = mean_bags w_b sum_{i in b} sum_k q_ik l_k(z_i),  q_ik = P(y_i = k | x_1..g, value)

    For "any positive": q_i1 = p_i / (1 - prod_j (1 - p_j)) in a positive bag and 0 in a negative one. q comes from the
    current prediction, without gradient. Where it is that of the true P(y | x), the expected risk is the clean one
    (times the mean size of the bags). With loss = log every step is that of the likelihood (for "any positive"
    ``noisy-or``) by Fisher's identity, as for counts; something new comes with the other losses only.

    Args: loss, one of log, mae, gce, squared. Assumes: rows are put into bags without a look at them. Shapes: z
    (rows, 2).
    """

    eats = BagValues
