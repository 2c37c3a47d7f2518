"""Candidate sets, and classes that do not hold."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato import labels as kinds
from sfumato.core.errors import ParameterError

from .entry import Drawn, Entry, drawn
from .propensity import propensity

# Of the nine wrong classes three come often, three seldom and three hardly: the shares of libcll, each shared by three.
TIERS = {"weak": (0.45, 0.30, 0.25), "strong": (0.75, 0.24, 0.01)}


def _uniform_sets(x: Tensor, y: Tensor, k: int, rng: torch.Generator) -> Drawn:
    return drawn(kinds.UniformSets(), y, k, rng)


def _flip_sets(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, flip: float) -> Drawn:
    return drawn(kinds.FlipSets(flip), y, k, rng)


def _instance_sets(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, flip: float) -> Drawn:
    if not 0 < flip <= 0.5:
        raise ParameterError(f"instance-sets: flip = {flip!r}", "a number in (0, 0.5]")
    each = torch.stack([propensity(x, flip, rng) for _ in range(k)], 1)
    return drawn(kinds.InstanceSets(each.clamp_max(0.999)), y, k, rng)


def _uniform_complementary(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, count: int = 1) -> Drawn:
    if not 1 <= count < k:
        raise ParameterError(f"uniform-complementary: count = {count}", f"an integer from 1 to {k - 1}")
    law = kinds.UniformComplementary(torch.eye(k - 1, dtype=torch.float64)[count - 1])
    matrix = {"transition": (1 - torch.eye(k, dtype=torch.float64)) / (k - 1)} if count == 1 else {}
    return drawn(law, y, k, rng, **matrix)


def biased(k: int, strength: str, noise: float, rng: torch.Generator) -> Tensor:
    """(K, K) Q: each row a shuffle of the tiers over the wrong classes, mixed with ``noise`` / K everywhere."""
    tiers = torch.tensor(TIERS[strength], dtype=torch.float64)
    size = torch.full((3,), (k - 1) // 3)
    size[: (k - 1) % 3] += 1
    shares = (tiers / size).repeat_interleave(size)
    q = torch.zeros(k, k, dtype=torch.float64)
    for i in range(k):
        wrong = torch.tensor([j for j in range(k) if j != i])
        q[i, wrong] = (shares / shares.sum())[torch.randperm(k - 1, generator=rng)]
    return (1 - noise) * q + noise / k


def _biased(x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, strength: str = "weak", noise: float = 0.0) -> Drawn:
    if strength not in TIERS:
        raise ParameterError(f"biased-complementary: strength = {strength!r}", f"one of {', '.join(TIERS)}")
    if not 0 <= noise < 1 or k < 4:
        raise ParameterError(
            f"biased-complementary: noise = {noise!r}, {k} classes", "0 <= noise < 1, 4 classes or more"
        )
    return drawn(kinds.BiasedComplementary(biased(k, strength, noise, rng)), y, k, rng)


LAWS = {
    "uniform-sets": Entry("partial", _uniform_sets),
    "flip-sets": Entry("partial", _flip_sets, asks=("flip",)),
    "instance-sets": Entry("partial", _instance_sets),
    "uniform-complementary": Entry("complementary", _uniform_complementary),
    "biased-complementary": Entry("complementary", _biased),
}
