"""PiCO where a known share of the sets lacks the truth: what its two successors share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.labels import Partial
from sfumato.parts.bounds import check_number
from sfumato.parts.candidates import telling
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.mixup import mixed_with
from sfumato.parts.projection import parted

from .pico import PiCO
from .queue_contrast import Step


@dataclass
class MixedPiCO(PiCO):
    r"""PiCO that also fits mixed rows, R = alone + mixed * mean_i w_i CE(m t_i + (1 - m) t_j, p(m x_i + (1 - m) x_j)),
    m = max(c, 1 - c), c ~ Beta(alpha, alpha), and believes that a share ``noise`` of the sets lacks the truth."""

    noise: float = 0.2
    alpha: float = 4.0
    mixed: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("noise", self.noise, 0, 1, high_open=True)
        check_number("alpha", self.alpha, 0, low_open=True)
        check_number("mixed", self.mixed, 0)

    def target(self, step: Step) -> Tensor | None:
        """(n, K) what mixed rows are fitted to; None while none are."""
        return self.belief(step)

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
        step = Step.of(z, teacher_strong, s, rows, bank, progress)
        alone, target = self.alone(step, w), self.target(step)
        if target is None:
            return alone
        between, both, other = mixed_with(x, target.to(step.z.dtype), self.alpha, rng)
        fit = cross_entropy(parted(forward(between))[0], both)
        return alone + self.mixed * mean(fit * telling(s.mask) * telling(s.mask)[other], w)
