"""ALIM: PiCO that lets a class outside the set win where it beats the candidates by more than the noise rate allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Partial
from sfumato.labels.exact import OFF
from sfumato.parts.bounds import check_number
from sfumato.parts.candidates import inside

from .mixed_pico import MixedPiCO
from .queue_contrast import Step


@method(
    "alim",
    paper="xu2023alim",
    waived={
        "learns": "its default supposes that a fifth of the sets lack the truth, and lets a fifth of the rows choose "
        "outside; here every set holds it (with noise=0 it wins)"
    },
)
@dataclass
class ALIM(MixedPiCO):
    r"""ALIM: PiCO whose prototypes weigh candidates by 1 and other classes by lam, and which also fits mixed rows.

    R = R_PiCO + mixed * mean_i w_i CE(m q_i + (1 - m) q_j, p(m x_i + (1 - m) x_j)),  m = max(c, 1 - c), c ~ Beta
    chosen_i = argmax_j (1[j in S_i] + lam 1[j not in S_i]) softmax(h_i . mu)_j
    lam = the quantile at ``noise`` of max_{j in S_i} softmax(h_i . mu)_j / max_{j not in S_i} softmax(h_i . mu)_j

    lam is 0 up to t = start_at, then set after each epoch from what each row's last visit gave, so that about a share
    ``noise`` of the rows chooses outside its set. At noise = 0, no row does: PiCO with mixup.

    Args: those of PiCO; noise in [0, 1), the share of rows whose set lacks the truth; start_at in [0, 1] (released: 40
    epochs); alpha > 0 of Beta(alpha, alpha); mixed >= 0. Assumes: as PiCO, but some sets lack the truth, a known share.
    Shapes: as PiCO; rows ratio (n,), as a logarithm; bank lam (), as a logarithm.
    """

    start_at: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("start_at", self.start_at, 0, 1)

    def start(self, s: Partial) -> dict[str, Tensor]:
        return {**super().start(s), "ratio": torch.full((len(s),), 2.0)}

    def stock(self) -> dict[str, Tensor]:
        return {**super().stock(), "lam": torch.tensor(OFF)}

    def likely(self, near: Tensor, s: Partial, bank: dict[str, Tensor]) -> Tensor:
        return torch.where(s.mask, near, near + bank["lam"].to(near.dtype)).argmax(1)

    def renewed(self, step: Step) -> dict[str, Any]:
        new, prototypes = super().renewed(step), step.bank["prototypes"]
        if len(prototypes):
            near = step.h @ prototypes.to(step.h.dtype).T
            # cosines: no ratio of two of them is beyond e^2, and a set with nothing outside keeps that
            ratio = inside(near, step.s.mask).amax(1) - inside(near, ~step.s.mask).amax(1)
            new["rows"]["ratio"] = ratio.clamp(-2.0, 2.0)
        return new

    def epoch(self, rows: dict[str, Tensor], progress: float) -> dict[str, dict[str, Tensor]]:
        if progress < self.start_at:
            return {}
        ratio = rows["ratio"].sort().values
        return {"bank": {"lam": ratio[int(len(ratio) * self.noise)]}}
