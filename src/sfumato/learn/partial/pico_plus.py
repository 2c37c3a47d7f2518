"""PiCO+: PiCO on the rows nearest to their prototypes, guesses and neighbours on the others, and mixed rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Partial
from sfumato.parts.bounds import check_count, check_number
from sfumato.parts.candidates import inside, telling
from sfumato.parts.contrast import even
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.queue import pushed

from .mixed_pico import MixedPiCO
from .queue_contrast import Step
from .reliable import likeliest, nearest, trusted


@method(
    "pico-plus",
    paper="wang2024picoplus",
    also=("pico+",),
    waived={
        "learns": "its default supposes that a fifth of the sets lack the truth, and guesses for a fifth of the rows "
        "over all classes; here every set holds it (with noise=0 it wins)"
    },
)
@dataclass
class PiCOPlus(MixedPiCO):
    r"""PiCO+: after each epoch the share 1 - noise of rows nearest to the prototype of their likeliest candidate counts
    as reliable, the sets of the others as possibly wrong.

    R = mixed * CE on mixed rows + fit * mean_reliable CE(q, p) + doubt * mean_others CE(g, p)
        + mean_i (weight or, of others, doubt) * contrast_i + doubt * mean_i contrast_i of PiCO,
    g = softmax(h_i . mu / guess);  mixed: m x_i + (1 - m) x_j with targets alike (q of reliable rows, g of others),
    m = max(c, 1 - c), c ~ Beta(alpha, alpha)

    contrast_i has for positives: the row's own other view; of a reliable row, reliable keys of the same pseudo-label;
    of another, from t = near_from on, its ``neighbours`` nearest keys. Pseudo-label: argmax p in the set of a reliable
    row, over all classes of another. Prototypes move with reliable rows alone; q as in PiCO. Up to t = warm it is PiCO
    in its warm-up.

    Args: those of PiCO; noise in [0, 1), the share of rows whose set lacks the truth; neighbours >= 1; guess > 0; doubt
    >= 0; fit >= 0; near_from in [0, 1], a share of training (released: 5,000 of 60,000 steps); alpha > 0; mixed >= 0.
    Assumes: as PiCO, but some sets lack the truth, a known share. A row whose set holds every class has loss 0. Shapes:
    as PiCO; rows distance (n,) and reliable (n,); bank reliable (m,).
    """

    neighbours: int = 16
    guess: float = 0.07
    doubt: float = 0.1
    fit: float = 2.0
    near_from: float = 0.08

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("guess", self.guess, 0, low_open=True)
        for name in ("doubt", "fit"):
            check_number(name, getattr(self, name), 0)
        check_number("near_from", self.near_from, 0, 1)
        check_count("neighbours", self.neighbours)

    def start(self, s: Partial) -> dict[str, Tensor]:
        reliable = torch.ones(len(s), dtype=torch.bool, device=s.mask.device)
        return {**super().start(s), "distance": torch.zeros(len(s)), "reliable": reliable}

    def stock(self) -> dict[str, Tensor]:
        return {**super().stock(), "reliable": torch.zeros(0, dtype=torch.bool)}

    def drawn_near(self, step: Step, label: Tensor, reliable: Tensor) -> Tensor:
        """(n,) the contrast that trusts reliable rows and keys alone."""
        same = label[:, None] == torch.cat([label, label, step.bank["label"]])[None, :]
        sure = torch.cat([reliable, reliable, step.bank["reliable"]])
        count = self.neighbours if step.progress >= self.near_from else 0
        return self.apart(step, lambda keys: even(trusted(step.h, keys, same, reliable, sure, count), step.h.dtype))

    def target(self, step: Step) -> Tensor | None:
        prototypes = step.bank["prototypes"].to(step.h.dtype)
        if step.progress < self.warm or not len(prototypes):
            return None
        guesses = torch.softmax(step.h.detach() @ prototypes.T / self.guess, dim=1)
        return torch.where(step.rows["reliable"][:, None], self.belief(step).to(guesses.dtype), guesses)

    def alone(self, step: Step, w: Tensor | None) -> Tensor:
        target = self.target(step)
        if target is None:
            return super().alone(step, w)
        reliable = step.rows["reliable"]
        label, tells = likeliest(step.z, step.s, reliable), telling(step.s.mask)
        sure, other = (part.to(step.z.dtype) * (1.0 if w is None else w) for part in (reliable, ~reliable))
        losses = cross_entropy(step.z, target) * tells
        weight = self.doubt + (self.weight - self.doubt) * reliable.to(step.h.dtype)
        apart = weight * self.drawn_near(step, label, reliable) + self.doubt * self.alike(step, label)
        return mean(apart * tells, w) + self.fit * mean(losses, sure) + self.doubt * mean(losses, other)

    def renewed(self, step: Step) -> dict[str, Any]:
        reliable, distance, prototypes = step.rows["reliable"], step.rows["distance"], step.bank["prototypes"]
        if len(prototypes):
            likely = inside(step.z, step.s.mask).argmax(1)
            distance = -(step.h * prototypes.to(step.h.dtype)[likely]).sum(1)
        return {
            "rows": {"belief": self.belief(step), "distance": distance},
            "bank": {
                **self.moved(step, likeliest(step.z, step.s, reliable), reliable),
                "reliable": pushed(step.bank["reliable"], reliable, self.size),
            },
        }

    def epoch(self, rows: dict[str, Tensor], progress: float) -> dict[str, dict[str, Tensor]]:
        if progress < self.warm:
            return {}
        return {"rows": {"reliable": nearest(rows["distance"], 1 - self.noise)}}
