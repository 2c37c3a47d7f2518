"""PiCO: prototypes of classes choose among the candidates; a contrast with past rows shapes the features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Partial
from sfumato.parts.bounds import check_number
from sfumato.parts.candidates import inside, shares
from sfumato.parts.contrast import even
from sfumato.parts.losses import cross_entropy
from sfumato.parts.queue import moved_prototypes, pushed

from .queue_contrast import QueueContrast, Step


@method("pico", paper="wang2022pico")
@dataclass
class PiCO(QueueContrast):
    r"""PiCO: cross entropy to beliefs that move towards the candidate of the nearest prototype, and supervised contrast
    with rows of the same pseudo-label.

    R = mean_i w_i [ - sum_j q_ij log p_j(x_i) + weight * contrast_i ],
    q_i <- phi q_i + (1 - phi) onehot(argmax_{j in S_i} h_i . mu_j) at each visit, before the loss; 1 / |S_i| at first
    contrast_i = - mean_{positives j of i} log softmax_j (h_i . h_j / temperature)  over all keys j but i itself

    h: a projection of the features of unit length. Keys: the batch, the averaged network's h of a strong view of it,
    and a queue of the latter from past steps; positives: keys of the same pseudo-label argmax_{j in S} p_j. mu: unit
    vectors, per step mu_c <- unit(momentum^n_c mu_c + (1 - momentum^n_c) mean h of the n_c rows of pseudo-label c)
    (released: row by row in their order). phi falls linearly from slow to fast. Up to t = warm, beliefs stand and the
    only positive is a row's own other view, against the queue. The queue begins empty (released: at random).

    Args: weight >= 0; temperature > 0; momentum in [0, 1] of prototypes; slow and fast in [0, 1]; size >= 1 of the
    queue; warm in [0, 1], a share of training. The averaged network's decay is the setting ``teacher``.
    Assumes: the truth is in the set; views keep the class; classes that can be told apart by angle. A row
    whose set holds every class has loss 0. Shapes: z and teacher_strong (n, K + 128); rows belief (n, K); bank queue
    (m, 128), label (m,), prototypes (K, 128).
    """

    recipe: ClassVar[Mapping[str, Any]] = {"teacher": 0.999}
    momentum: float = 0.99
    slow: float = 0.95
    fast: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("momentum", "slow", "fast"):
            check_number(name, getattr(self, name), 0, 1)

    def start(self, s: Partial) -> dict[str, Tensor]:
        return {"belief": shares(s.mask, torch.get_default_dtype())}

    def stock(self) -> dict[str, Tensor]:
        return {
            "queue": torch.zeros(0, 0),
            "label": torch.zeros(0, dtype=torch.long),
            "prototypes": torch.zeros(0, 0),
        }

    def likely(self, near: Tensor, s: Partial, bank: dict[str, Tensor]) -> Tensor:
        """(n,) the class whose prototype is nearest, of those that may be."""
        return inside(near, s.mask).argmax(1)

    def belief(self, step: Step) -> Tensor:
        """(n, K) the beliefs after this visit."""
        q, prototypes = step.rows["belief"], step.bank["prototypes"]
        if step.progress < self.warm or not len(prototypes):
            return q
        chosen = F.one_hot(self.likely(step.h.detach() @ prototypes.to(step.h.dtype).T, step.s, step.bank), step.s.k)
        phi = self.slow + (self.fast - self.slow) * step.progress
        return phi * q + (1 - phi) * chosen.to(q.dtype)

    def alike(self, step: Step, label: Tensor) -> Tensor:
        """(n,) the contrast that draws together what has the same pseudo-label (n,)."""
        every = torch.cat([label, label, step.bank["label"]])
        return self.apart(step, lambda keys: even((label[:, None] == every[None, :]) & ~keys.itself, step.h.dtype))

    def moved(self, step: Step, label: Tensor, sure: Tensor) -> dict[str, Tensor]:
        """The queue with this batch, and prototypes moved towards the rows that are sure."""
        bank = step.bank
        return {
            "queue": pushed(bank["queue"], step.views, self.size),
            "label": pushed(bank["label"], label, self.size),
            "prototypes": moved_prototypes(bank["prototypes"], step.h[sure], label[sure], step.s.k, self.momentum),
        }

    def alone(self, step: Step, w: Tensor | None) -> Tensor:
        """The risk on rows as they are."""
        fit = cross_entropy(step.z, self.belief(step).to(step.z.dtype))
        return self.joint(fit, self.alike(step, inside(step.z, step.s.mask).argmax(1)), step.s, w)

    def renewed(self, step: Step) -> dict[str, Any]:
        """Beliefs, queue and prototypes after the step."""
        label = inside(step.z, step.s.mask).argmax(1)
        sure = torch.ones_like(label, dtype=torch.bool)
        return {"rows": {"belief": self.belief(step)}, "bank": self.moved(step, label, sure)}

    def risk(
        self,
        z: Tensor,
        teacher_strong: Tensor,
        s: Partial,
        w: Tensor | None,
        rows: dict[str, Tensor],
        bank: dict[str, Tensor],
        progress: float,
    ) -> Tensor:
        return self.alone(Step.of(z, teacher_strong, s, rows, bank, progress), w)

    def renew(
        self,
        z: Tensor,
        teacher_strong: Tensor,
        s: Partial,
        rows: dict[str, Tensor],
        bank: dict[str, Tensor],
        progress: float,
    ) -> dict[str, Any]:
        return self.renewed(Step.of(z, teacher_strong, s, rows, bank, progress))
