"""Acknowledging the unknown: the most uncertain answer where nothing is known, and later cautious noes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import MultiLabel, SinglePositive
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean, softplus

from .assume_negative import yes_no


def entropies(z: Tensor) -> Tensor:
    """(n, L) H(sigmoid(z)) in nats."""
    return torch.sigmoid(z) * softplus(-z) + torch.sigmoid(-z) * softplus(z)


@method("spml-em", paper="zhou2022acknowledging", also=("entropy-maximisation",))
@dataclass
class EntropyMaximisation(Objective):
    r"""Fit what is known, and where nothing is, raise the entropy of the prediction.

    R = mean_i w_i sum_k [ - 1[+] log p_ik - 1[-] log(1 - p_ik) - alpha 1[unknown] H(p_ik) ],
    H(p) = - p log p - (1 - p) log(1 - p)

    An unknown class is neither pushed down, as by ``an``, nor followed: its gradient vanishes as p nears 0 or 1.

    Args: alpha >= 0, 0 fits what is known alone (the paper: .2, .01, .1 and .1 on VOC, CUB, NUS and COCO). Assumes: one
    known positive per row. Shapes: z (n, L).
    """

    law = SinglePositive
    alpha: float = 0.2

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0)

    def losses(self, z: Tensor, s: MultiLabel) -> Tensor:
        known = s.positive * softplus(-z) + s.negative * softplus(z)
        return known - s.unknown * (self.alpha * entropies(z))

    def risk(self, z: Tensor, s: MultiLabel, w: Tensor | None) -> Tensor:
        return mean(self.losses(z, s).sum(1), w)


@method("spml-em-apl", paper="zhou2022acknowledging", also=("em-apl",))
@dataclass
class AsymmetricPseudoLabelling(EntropyMaximisation):
    r"""Entropy maximisation, and after a warm-up soft pseudo-labels for the unknown that look most negative.

    R = R_em over what has no pseudo-label + beta mean_i w_i sum_k BCE(p_ik, q_ik) over what has one

    After each epoch that ends beyond the share warm_up of training, of each class the floor(theta u_k / (epochs (1 -
    warm_up))) unknown rows of smallest p get q = p as it then is, for good; u_k is how many are unknown. With alpha and
    beta 0 it fits what is known alone.

    Args: alpha >= 0; beta >= 0 (the paper: .02, .4, .2 and .9 on VOC, CUB, NUS and COCO); theta in [0, 1], the share of
    the unknown that gets pseudo-labels by the end; warm_up in [0, 1), a share of training (the paper: 3 to 5 epochs of
    10). Assumes: among the unknown, at most a share 1 - theta holds. Shapes: z (n, L), rows (n, L), -1 = none.
    """

    beta: float = 0.02
    theta: float = 0.9
    warm_up: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("beta", self.beta, 0)
        check_number("theta", self.theta, 0, 1)
        check_number("warm_up", self.warm_up, 0, 1, high_open=True)

    def start(self, s: MultiLabel) -> Tensor:
        return torch.full(s.signs.shape, -1.0)

    def risk(self, z: Tensor, s: MultiLabel, w: Tensor | None, rows: Tensor) -> Tensor:  # type: ignore[override]
        guessed = self.beta * yes_no(z, rows.clamp_min(0))
        return mean(torch.where(rows >= 0, guessed, self.losses(z, s)).sum(1), w)

    def epoch(self, z: Tensor, s: MultiLabel, rows: Tensor, progress: float, epochs: int) -> dict[str, Tensor]:
        if progress <= self.warm_up:
            return {"rows": rows}
        quota = torch.floor(self.theta * s.unknown.sum(0) / (epochs * (1 - self.warm_up)))
        open_ = s.unknown & (rows < 0)
        place = torch.where(open_, z, torch.inf).argsort(dim=0, stable=True).argsort(dim=0)
        return {"rows": torch.where(open_ & (place < quota), torch.sigmoid(z), rows)}
