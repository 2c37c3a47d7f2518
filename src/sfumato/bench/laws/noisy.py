"""One class per row: the truth, or what noise made of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sfumato import labels as kinds

from .entry import Drawn, Entry, drawn


def _clean(x: Tensor, y: Tensor, k: int, rng: torch.Generator) -> Drawn:
    return drawn(kinds.Clean(), y, k, rng)


def _symmetric(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, noise_rate: float) -> Drawn:
    law = kinds.Symmetric(noise_rate)
    return drawn(law, y, k, rng, transition=law.matrix(k))


def _pair_flip(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, noise_rate: float) -> Drawn:
    law = kinds.PairFlip(noise_rate)
    return drawn(law, y, k, rng, transition=law.matrix(k))


def _class_conditional(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, transition: list[list[float]]) -> Drawn:
    law = kinds.ClassConditional(torch.as_tensor(np.asarray(transition, np.float64)))
    t = law.matrix(k)
    rate = 1 - float(t.diagonal()[y].mean())
    return drawn(law, y, k, rng, noise_rate=rate)


def _instance_flips(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, noise_rate: float) -> Drawn:
    law = kinds.InstanceFlips.from_features(x, k, noise_rate, rng)
    told = law.transitions[torch.arange(len(y)), y]
    mean = torch.stack(
        [law.transitions[y == c, c].mean(0) if bool((y == c).any()) else torch.eye(k)[c] for c in range(k)]
    )
    return drawn(law, y, k, rng, transition=mean.double(), noise_rate=1 - float(told.gather(1, y[:, None]).mean()))


LAWS = {
    "clean": Entry("exact", _clean),
    "symmetric": Entry("noisy", _symmetric, asks=("noise_rate",)),
    "pair-flip": Entry("noisy", _pair_flip, asks=("noise_rate",)),
    "class-conditional": Entry("noisy", _class_conditional),
    "instance-flips": Entry("noisy", _instance_flips),
}
