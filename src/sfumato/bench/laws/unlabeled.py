"""Rows of which many are unlabeled: beside positive ones, or beside labeled ones."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato import labels as kinds
from sfumato.core.errors import ParameterError

from .entry import Drawn, Entry, drawn, two_classes
from .propensity import propensity


def _case_control(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, share: float = 0.1) -> Drawn:
    two_classes("case-control", k)
    prior = float((y == 1).double().mean())
    return drawn(kinds.CaseControl(prior, share), y, k, rng)


def _scar(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, labeled: float = 0.3) -> Drawn:
    two_classes("scar", k)
    prior = float((y == 1).double().mean())
    return drawn(kinds.SingleSample(prior, labeled * prior), y, k, rng)


def _sar(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, labeled: float = 0.3) -> Drawn:
    two_classes("sar", k)
    if not 0 < labeled <= 0.5:
        raise ParameterError(f"sar: labeled = {labeled!r}", "a number in (0, 0.5]")
    law = kinds.SelectedAtRandom(propensity(x, labeled, rng))
    return drawn(law, y, k, rng, prior=float((y == 1).double().mean()))


def _missing(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, observed: float = 0.1) -> Drawn:
    return drawn(kinds.MissingCompletely(observed), y, k, rng)


LAWS = {
    "case-control": Entry("pu", _case_control, asks=("prior",)),
    "scar": Entry("pu", _scar, asks=("prior",)),
    "sar": Entry("pu", _sar, asks=("prior",)),
    "missing-completely": Entry("semi", _missing),
}
