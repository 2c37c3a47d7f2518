"""Votes of a crowd."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato import labels as kinds
from sfumato.core.errors import ParameterError

from .entry import Drawn, Entry


def _crowd(
    x: Tensor,
    y: Tensor,
    k: int,
    rng: torch.Generator,
    *,
    sources: int = 40,
    each: int = 5,
    spammers: float = 0.2,
    adversaries: float = 0.1,
    tail: float = 1.0,
) -> Drawn:
    """Votes of a crowd: ``each`` per item, by sources whose chance to be asked falls as rank^-tail. Spammers answer at
    random, adversaries name the class after the truth with probability .9 and else the truth, all others are right with
    a probability of their own, uniform in [.5, .95].
    """
    if not (2 <= each <= sources and min(spammers, adversaries, tail) >= 0 and spammers + adversaries <= 1):
        told = f"sources = {sources}, each = {each}, spammers = {spammers}, adversaries = {adversaries}, tail = {tail}"
        raise ParameterError(f"crowd: {told}", "2 <= each <= sources, shares that are at most 1 together, tail >= 0")
    right = 0.5 + 0.45 * torch.rand(sources, generator=rng, dtype=torch.float64)
    role = torch.randperm(sources, generator=rng)
    spams, opposes = round(spammers * sources), round(adversaries * sources)
    right[role[:spams]] = 1 / k
    right[role[spams : spams + opposes]] = 0.1
    shift = torch.randint(1, k, (len(y), each), generator=rng)
    busy = torch.arange(1, sources + 1, dtype=torch.float64) ** -tail
    asked = torch.multinomial(busy.expand(len(y), -1), each, generator=rng).sort(1).values
    against = torch.isin(asked, role[spams : spams + opposes])
    shift = torch.where(against, 1, shift)
    hit = torch.rand(shift.shape, generator=rng, dtype=torch.float64) < right[asked]
    said = torch.where(hit, y[:, None], (y[:, None] + shift) % k)
    offsets = torch.arange(len(y) + 1) * each
    return Drawn(kinds.Votes(offsets, asked.flatten(), said.flatten(), k, sources))


LAWS = {"crowd": Entry("votes", _crowd)}
