"""DIRK: the averaged network teaches, its confidences rectified so that no class outside the set beats a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Partial
from sfumato.labels.heads import log_softmax
from sfumato.parts.bounds import check_number
from sfumato.parts.candidates import inside, softmax_inside
from sfumato.parts.losses import cross_entropy
from sfumato.parts.projection import parted
from sfumato.parts.queue import pushed

from .queue_contrast import Keys, QueueContrast, Step


def rectified(z: Tensor, mask: Tensor) -> Tensor:
    r"""(n, K) a q_S + (1 - a) q_out, q_S and q_out the prediction renormalised inside and outside the set.

    a = M u / (M u + v) with M = 1 / sum_S p, u = max q_out and v = min_{j in S} q_S: then a v >= (1 - a) u, so that
    every candidate is at least as confident as every other class. A set of every class has a = 1.
    """
    candidates, others = softmax_inside(z, mask), softmax_inside(z, ~mask)
    log_mass = torch.logsumexp(inside(log_softmax(z), mask), dim=1, keepdim=True)
    least = torch.where(mask, candidates, torch.ones_like(candidates)).amin(1, keepdim=True)
    most = others.amax(1, keepdim=True)
    # M u / (M u + v) = u / (u + v sum_S p): nothing overflows where the set has next to no mass
    share = most / (most + least * log_mass.exp()).clamp_min(torch.finfo(z.dtype).tiny)
    share = torch.where(most > 0, share, torch.ones_like(share))
    return share * candidates + (1 - share) * others


@method("dirk", paper="wu2024distilling")
@dataclass
class DIRK(QueueContrast):
    r"""Distilling reliable knowledge: cross entropy to the averaged network's rectified confidences, and a contrast
    that weighs positives by how alike their confidences are.

    R = mean_i w_i [ - sum_j r_ij log p_j(x_i) + weight * contrast_i ],
    r_i = a_i q_S + (1 - a_i) q_out of the averaged network, every candidate above every other class
    contrast_i = - sum_{b positive} softmax_b(cos(r_i, r_b) / alike) log softmax_b(h_i . h_b / temperature),
    positives: keys with a candidate in common and the same argmax r

    h: a projection of the features of unit length. Keys: the batch, the averaged network's h of a strong view of it,
    and a queue of the latter with their r and S. Up to t = warm the only positive is a row's own other view, against
    the queue. The averaged network has the released decay .99, the setting ``teacher``. The queue begins empty
    (released: at random).

    Args: weight >= 0; temperature > 0; alike > 0; size >= 1 of the queue; warm in [0, 1], a share of training
    (released: 178 steps). Assumes: the truth is in the set; views keep the class. A row whose set holds every class has
    loss 0. Shapes: z, teacher and teacher_strong (n, K + 128); bank queue (m, 128), r and mask (m, K).
    """

    recipe: ClassVar[Mapping[str, Any]] = {"teacher": 0.99}
    weight: float = 1.0
    alike: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("alike", self.alike, 0, low_open=True)

    def stock(self, k: int) -> dict[str, Tensor]:
        return {"queue": torch.zeros(0, 0), "r": torch.zeros(0, k), "mask": torch.zeros(0, k, dtype=torch.bool)}

    def share(self, keys: Keys, r: Tensor, mask: Tensor, bank: dict[str, Tensor]) -> Tensor:
        """(n, m) how much each key draws each row: as much as their confidences are alike, among its positives."""
        conf, sets = torch.cat([r, r, bank["r"].to(r.dtype)]), torch.cat([mask, mask, bank["mask"]])
        common = (mask.to(r.dtype) @ sets.to(r.dtype).T) > 0
        positive = common & (r.argmax(1)[:, None] == conf.argmax(1)[None, :]) & ~keys.itself
        cosine = F.normalize(r, dim=1) @ F.normalize(conf, dim=1).T / self.alike
        return torch.softmax(inside(cosine, positive), dim=1) * positive  # its own key is always a positive

    def risk(
        self,
        z: Tensor,
        teacher: Tensor,
        teacher_strong: Tensor,
        s: Partial,
        w: Tensor | None,
        bank: dict[str, Tensor],
        progress: float,
    ) -> Tensor:
        step, r = Step.of(z, teacher_strong, s, {}, bank, progress), rectified(parted(teacher)[0], s.mask)
        apart = self.apart(step, lambda keys: self.share(keys, r, s.mask, bank))
        return self.joint(cross_entropy(step.z, r), apart, s, w)

    def renew(self, teacher: Tensor, teacher_strong: Tensor, s: Partial, bank: dict[str, Tensor]) -> dict[str, Any]:
        return {
            "bank": {
                "queue": pushed(bank["queue"], parted(teacher_strong)[1], self.size),
                "r": pushed(bank["r"], rectified(parted(teacher)[0], s.mask), self.size),
                "mask": pushed(bank["mask"], s.mask, self.size),
            }
        }
