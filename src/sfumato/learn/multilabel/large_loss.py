"""Large loss modification: unknown classes whose "no" is hard to fit are likely to hold."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import MultiLabel, SinglePositive
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import mean, softplus
from sfumato.parts.small_loss import small_loss_weights


def kept(losses: Tensor, open_: Tensor, share: float, w: Tensor | None) -> Tensor:
    """(n, L) in [0, 1]: 0 at the entries of ``open_`` with the largest losses, until ``share`` of all entries that are
    open is used up; 1 elsewhere. The entry at the border is kept in part.
    """
    weight = open_.to(losses.dtype) * (1.0 if w is None else w.to(losses.dtype)[:, None])
    left = small_loss_weights(losses.flatten(), 1 - share, weight.flatten()).view_as(losses)
    return torch.where(weight > 0, left / torch.where(weight > 0, weight, torch.ones_like(weight)), 1.0)


@method("ll-r", paper="kim2022large", also=("large-loss-rejection",))
@dataclass
class LargeLossRejection(Objective):
    r"""Assume negative, with the largest losses of the unknown left out.

    R = mean_i w_i sum_k [ 1[+] softplus(-z_ik) + 1[-] softplus(z_ik) + 1[unknown] v_ik softplus(z_ik) ]

    v = 0 for the share t * share of the unknown entries of the batch whose losses are largest, t being the part of
    training that is done, and 1 for the others. (The released code raises the share in steps, by .2 or .4 % of all
    entries per epoch of 10.)

    Args: share in [0, 1), what is left out at the end of training; 0 is ``an``. Assumes: the network learns true noes
    first. Shapes: z (n, L).
    """

    law = SinglePositive
    share: float = 0.02

    def __post_init__(self) -> None:
        check_number("share", self.share, 0, 1, high_open=True)

    def risk(self, z: Tensor, s: MultiLabel, w: Tensor | None, progress: float) -> Tensor:
        return mean(self.modified(z, s, w, self.share * progress).sum(1), w)

    def modified(self, z: Tensor, s: MultiLabel, w: Tensor | None, share: float) -> Tensor:
        """(n, L) the losses, ``share`` of the unknown modified."""
        v = kept(softplus(z), s.unknown, share, w)
        return torch.where(s.positive, softplus(-z), v * softplus(z) + (1 - v) * self.instead(z))

    def instead(self, z: Tensor) -> Tensor:
        """(n, L) the loss in place of a large one."""
        return torch.zeros_like(z)


@method("ll-ct", paper="kim2022large", also=("large-loss-temporary-correction",))
@dataclass
class LargeLossTemporaryCorrection(LargeLossRejection):
    r"""Assume negative, with the largest losses of the unknown taken as positive for the step.

    R = mean_i w_i sum_k [ 1[+] softplus(-z_ik) + 1[-] softplus(z_ik) +
    1[unknown] (v_ik softplus(z_ik) + (1 - v_ik) softplus(-z_ik)) ],  v as for ``ll-r``

    Args: share in [0, 1), what is taken as positive at the end of training; 0 is ``an``. Assumes: the network learns
    true noes first. Shapes: z (n, L).
    """

    def instead(self, z: Tensor) -> Tensor:
        return softplus(-z)


@method("ll-cp", paper="kim2022large", also=("large-loss-permanent-correction",))
@dataclass
class LargeLossPermanentCorrection(Objective):
    r"""Assume negative, with the largest losses of the unknown taken as positive for good.

    R = mean_i w_i sum_k [ y_ik softplus(-z_ik) + (1 - y_ik) softplus(z_ik) ],  y_ik = 1 where class k is known to hold
    or was taken so

    After every step from the second epoch on, of the unknown entries of the batch that are still taken as negative the
    share ``share / epochs`` with the largest losses is taken as positive (an entry at the border by its larger part).

    Args: share in [0, 1), about what is taken as positive by the end of training; 0 is ``an``. Assumes: the network
    learns true noes first. Shapes: z (n, L), rows (n, L), 1 where an unknown class is taken to hold.
    """

    law = SinglePositive
    share: float = 0.02

    def __post_init__(self) -> None:
        check_number("share", self.share, 0, 1, high_open=True)

    def start(self, s: MultiLabel) -> Tensor:
        return torch.zeros(s.signs.shape)

    def risk(self, z: Tensor, s: MultiLabel, w: Tensor | None, rows: Tensor) -> Tensor:
        return mean(torch.where(s.positive | (rows > 0), softplus(-z), softplus(z)).sum(1), w)

    def renew(
        self, z: Tensor, s: MultiLabel, w: Tensor | None, rows: Tensor, progress: float, epochs: int
    ) -> dict[str, Tensor]:
        share = self.share / epochs if progress >= 1 / epochs else 0.0
        large = kept(softplus(z), s.unknown & (rows == 0), share, w) < 0.5
        return {"rows": torch.where(large, torch.ones_like(rows), rows)}
