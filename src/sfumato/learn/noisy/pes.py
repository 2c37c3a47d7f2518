"""PES: the later the layer, the fewer epochs it learns from noisy labels; then all learn from the labels the network
agrees with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.schedule import epochs_of

Layers = tuple[tuple[str, ...], ...]
Course = tuple[tuple[int, int], ...]


def names_of(layers: Layers, last: int) -> tuple[str, ...]:
    """The parameters of the last so many layers."""
    return tuple(name for layer in layers[len(layers) - last :] for name in layer)


def course(stops: tuple[tuple[float, int], ...], layers: Layers, epochs: int) -> tuple[Course, int]:
    """(((the epoch at which a stage begins, how many of the last layers learn in it), ...), the epoch after the last).

    ``stops``: (share of training, how many of the last layers) of each stage after the first, which has no number of
    layers of its own; every stage is whole epochs, rounded up, and one that would leave no layer fixed is left out.
    """
    at = epochs_of(stops[0][0], epochs)
    found: list[tuple[int, int]] = []
    for share, last in stops[1:]:
        if last < len(layers) and share > 0:
            found.append((at, last))
            at += epochs_of(share, epochs)
    return tuple(found), at


def balance(y: Tensor, kept: Tensor, k: int, highest: float | None = None) -> Tensor:
    """(K,) the mean count of the classes that occur over the count of each, at most ``highest``; 0 where none is."""
    counts = torch.zeros(k, dtype=torch.float64, device=y.device).index_add(0, y, kept.to(torch.float64))
    there = counts > 0
    typical = counts.sum() / there.sum().clamp_min(1)
    weight = torch.where(there, typical / torch.where(there, counts, torch.ones_like(counts)), 0.0)
    return weight if highest is None else weight.clamp_max(highest)


@dataclass
class ProgressiveStopping(Objective, ABC):
    """The course of training that PES and PES(semi) share: whole, then later and later layers anew, then whole.
    Abstract.
    """

    law = ClassConditional

    @abstractmethod
    def stops(self) -> tuple[tuple[float, int], ...]:
        """(share of training, how many of the last layers) of each stage; the first trains all."""

    def settled(self, layers: Layers, epochs: int) -> float:
        """The share of training after which all layers learn again."""
        return course(self.stops(), layers, epochs)[1] / epochs

    def afresh(self, layers: Layers, progress: float, epochs: int) -> tuple[tuple[str, ...], ...]:
        stages, _ = course(self.stops(), layers, epochs)
        return tuple(names_of(layers, last) for at, last in stages if progress >= at / epochs)

    def gradient(self, gradients: dict[str, Tensor], layers: Layers, progress: float, epochs: int) -> dict[str, Tensor]:
        stages, end = course(self.stops(), layers, epochs)
        begun = [last for at, last in stages if progress >= at / epochs]
        if not begun or progress >= end / epochs:
            return gradients
        learning = names_of(layers, begun[-1])
        return {name: gradients[name] for name in learning if name in gradients}


@method(
    "pes",
    paper="bai2021understanding",
    also=("progressive-early-stopping",),
    waived={
        "learns": "after an eighth of 20 epochs of 16 steps the network knows too little to judge labels: accuracy "
        ".66, naive .75; in a run of 60 epochs .88, naive .52"
    },
)
@dataclass
class PES(ProgressiveStopping):
    r"""Progressive early stopping: all layers learn for a while, then the last two anew with the others fixed, then the
    last one anew; from then on all layers learn from the rows whose label the network agrees with.

    R = mean_i v_i (- log p_{y_i}) with weights v_i:  w_i through the three stages,
    then v_i = w_i b_{y_i} 1[argmax p_i = y_i],  b_k = mean count of a class / count of class k among the rows kept

    The rows are chosen anew after each epoch from the end of the third stage on. "Anew" for layers: drawn as at the
    start, with the optimiser's memory emptied. A stage lasts whole epochs, rounded up; one that would leave no layer
    fixed is left out, so that two layers have one such stage and a linear network none. Where no row is kept all are.
    The paper's code turns from SGD to Adam with a rate of 1e-4 for the middle stages; here the run has one optimiser.

    Args: whole, later and last in [0, 1], the shares of training of the three stages (the paper: 25, 7 and 5 of 200
    epochs). Assumes: earlier layers learn features before they learn wrong labels; a network of a few layers or more.
    Shapes: z (n, K), rows (n,).
    """

    whole: float = 0.125
    later: float = 0.035
    last: float = 0.025

    def __post_init__(self) -> None:
        for name in ("whole", "later", "last"):
            check_number(name, getattr(self, name), 0, 1)

    def stops(self) -> tuple[tuple[float, int], ...]:
        return ((self.whole, 0), (self.later, 2), (self.last, 1))

    def start(self, n: int) -> Tensor:
        return torch.ones(n)

    def epoch(
        self, z: Tensor, s: Noisy, w: Tensor | None, k: int, layers: Layers, progress: float, epochs: int
    ) -> dict[str, Tensor]:
        if progress < self.settled(layers, epochs):
            return {}
        kept = (z.argmax(1) == s.y).to(z.dtype)
        chosen = kept * balance(s.y, kept if w is None else kept * w, k).to(z.dtype)[s.y]
        return {"rows": torch.where(kept.sum() > 0, chosen, torch.ones_like(chosen))}

    def risk(self, z: Tensor, s: Noisy, w: Tensor | None, rows: Tensor) -> Tensor:
        return mean(cross_entropy(z, s.y), rows if w is None else rows * w)
