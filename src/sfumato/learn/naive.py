"""The naive baseline of every kind whose labels suggest a class for each row."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import Labels
from sfumato.parts.losses import cross_entropy, mean

from .objective import Objective


@method("naive", paper="sugiyama2022machine")
@dataclass
class Naive(Objective):
    r"""What somebody would do who knows no better: cross entropy towards the naive reading of the labels.

    R = - mean_i w_i sum_k t_ik log p_ik,  t_i = ``labels.reading()``: the label as it is, every candidate alike, the
    unlabeled as negatives, the shares or the value of the bag, the set with the larger prior as positive, the first of
    a comparison as positive, the majority of the votes

    The mean is over rows of which something is told. Every table has it, and no method is worth its name below it.
    Args: none. Assumes: nothing, and that is what is wrong with it. Shapes: z (rows, K). Errors: labels that suggest no
    class for a row (pairs, triplets), by name.
    """

    def risk(self, z: Tensor, s: Labels, w: Tensor | None) -> Tensor:
        target = s.reading().to(z)
        told = (target.sum(1) > 0).to(z.dtype)
        return mean(cross_entropy(z, target), told if w is None else told * s.spread(w))
