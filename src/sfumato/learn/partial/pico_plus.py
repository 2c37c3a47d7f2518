"""PiCO+: PiCO on the rows nearest to their prototypes, guesses and neighbours on the others, and mixed rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Partial
from sfumato.parts.bounds import check_count, check_number
from sfumato.parts.candidates import inside, telling
from sfumato.parts.contrast import contrast, even
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.mixup import mixed_with
from sfumato.parts.projection import parted
from sfumato.parts.queue import pushed

from .pico import PiCO
from .queue_contrast import keys_of
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
class PiCOPlus(PiCO):
    r"""PiCO+: after each epoch the share 1 - noise of rows nearest to the prototype of their likeliest candidate counts
    as reliable, the sets of the others as possibly wrong.

    R = CE on mixed rows + fit * mean_reliable CE(q, p) + doubt * mean_others CE(g, p)
        + mean_i (weight or, of others, doubt) * contrast_i + doubt * mean_i contrast_i of PiCO,
    g = softmax(h_i . mu / guess);  mixed: m x_i + (1 - m) x_j with targets alike (q of reliable rows, g of others),
    m = max(c, 1 - c), c ~ Beta(4, 4)

    contrast_i has for positives: the row's own other view; of a reliable row, reliable keys of the same pseudo-label;
    of another, from t = near_from on, its ``neighbours`` nearest keys. Pseudo-label: argmax p in the set of a reliable
    row, over all classes of another. Prototypes move with reliable rows alone; q as in PiCO. Up to t = warm it is PiCO
    in its warm-up.

    Args: those of PiCO; noise in [0, 1), the share of rows whose set lacks the truth; neighbours >= 1; guess > 0; doubt
    >= 0; fit >= 0; near_from in [0, 1], a share of training (released: 5,000 of 60,000 steps); alpha > 0. Assumes: as
    PiCO, but some sets lack the truth, a known share. A row whose set holds every class has loss 0. Shapes: as PiCO;
    rows distance (n,) and reliable (n,); bank reliable (m,).
    """

    noise: float = 0.2
    neighbours: int = 16
    guess: float = 0.07
    doubt: float = 0.1
    fit: float = 2.0
    near_from: float = 0.08
    alpha: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("noise", self.noise, 0, 1, high_open=True)
        for name in ("guess", "alpha"):
            check_number(name, getattr(self, name), 0, low_open=True)
        for name in ("doubt", "fit"):
            check_number(name, getattr(self, name), 0)
        check_number("near_from", self.near_from, 0, 1)
        check_count("neighbours", self.neighbours)

    def start(self, s: Partial) -> dict[str, Tensor]:
        reliable = torch.ones(len(s), dtype=torch.bool, device=s.mask.device)
        return {**super().start(s), "distance": torch.zeros(len(s)), "reliable": reliable}

    def stock(self) -> dict[str, Tensor]:
        return {**super().stock(), "reliable": torch.zeros(0, dtype=torch.bool)}

    def drawn_near(
        self, h: Tensor, views: Tensor, label: Tensor, reliable: Tensor, bank: dict[str, Tensor], progress: float
    ) -> Tensor:
        """(n,) the contrast that trusts reliable rows and keys alone."""
        keys = keys_of(h, views, bank["queue"])
        same = label[:, None] == torch.cat([label, label, bank["label"]])[None, :]
        sure = torch.cat([reliable, reliable, bank["reliable"]])
        positive = trusted(h, keys, same, reliable, sure, self.neighbours if progress >= self.near_from else 0)
        return contrast(h, keys.every, even(positive, h.dtype), self.temperature, keys.itself)

    def risk(  # type: ignore[override]
        self,
        z: Tensor,
        x: Tensor,
        teacher_strong: Tensor,
        forward: Callable[[Tensor], Tensor],
        s: Partial,
        w: Tensor | None,
        rows: dict[str, Tensor],
        bank: dict[str, Tensor],
        progress: float,
        rng: torch.Generator,
    ) -> Tensor:
        if progress < self.warm or not len(bank["prototypes"]):
            return super().risk(z, teacher_strong, s, w, rows, bank, progress)
        (logits, h), views, reliable = parted(z), parted(teacher_strong)[1], rows["reliable"]
        tells, label = telling(s.mask), likeliest(logits, s, reliable)
        sure = reliable.to(logits.dtype) * (1.0 if w is None else w)
        other = (~reliable).to(logits.dtype) * (1.0 if w is None else w)
        q = self.belief(h, s, rows, bank, progress).to(logits.dtype)
        g = torch.softmax(h.detach() @ bank["prototypes"].to(h.dtype).T / self.guess, dim=1)
        target = torch.where(reliable[:, None], q, g)
        losses = cross_entropy(logits, target) * tells
        between, both, pair = mixed_with(x, target, self.alpha, rng)
        mix = cross_entropy(parted(forward(between))[0], both) * tells * tells[pair]
        weight = self.doubt + (self.weight - self.doubt) * reliable.to(h.dtype)
        apart = weight * self.drawn_near(h, views, label, reliable, bank, progress)
        apart = (apart + self.doubt * self.apart(h, views, label, bank, progress)) * tells
        return mean(mix + apart, w) + self.fit * mean(losses, sure) + self.doubt * mean(losses, other)

    def renew(
        self,
        z: Tensor,
        teacher_strong: Tensor,
        s: Partial,
        rows: dict[str, Tensor],
        bank: dict[str, Tensor],
        progress: float,
    ) -> dict[str, Any]:
        (logits, h), views, reliable = parted(z), parted(teacher_strong)[1], rows["reliable"]
        label, distance = likeliest(logits, s, reliable), rows["distance"]
        if len(bank["prototypes"]):
            likely = inside(logits, s.mask).argmax(1)
            distance = -(h * bank["prototypes"].to(h.dtype)[likely]).sum(1)
        return {
            "rows": {"belief": self.belief(h, s, rows, bank, progress), "distance": distance},
            "bank": {
                **self.moved(h, views, label, s, bank, reliable),
                "reliable": pushed(bank["reliable"], reliable, self.size),
            },
        }

    def epoch(self, rows: dict[str, Tensor], progress: float) -> dict[str, dict[str, Tensor]]:
        if progress < self.warm:
            return {}
        return {"rows": {"reliable": nearest(rows["distance"], 1 - self.noise)}}
