"""The likelihood of pairs and triplets, and the prior to say which of the two classes is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import DrawnPairs, DrawnTriplets, Labels, Law
from sfumato.learn.families import MarginalLikelihood


class _Turned(MarginalLikelihood):
    """What both have: a share read off a clean pass, and the classes exchanged by it."""

    def stock(self, s: Labels) -> dict[str, Tensor]:
        return {"turned": torch.zeros((), dtype=torch.float64)}

    def epoch(self, z: Tensor, s: Labels, w: Tensor | None, law: Law, prior: float) -> dict[str, Any]:
        p = law.head.log_p(z).double()[:, 1].exp()
        each = torch.ones_like(p) if w is None else s.spread(w).double()
        apart = ((p * each).sum() / each.sum() - 0.5) * (prior - 0.5)
        return {"bank": {"turned": (apart < 0).double()}}

    def decode(self, z: Tensor, head: Any, bank: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        log_p: Tensor = head.log_p(z)
        return torch.where(bank["turned"] > 0, log_p.flip(1), log_p)


@method("turned-likelihood", paper="sugiyama2022machine")
@dataclass
class TurnedPairs(_Turned):
    r"""Maximise the likelihood of pairs, then exchange the two classes where the prior says so.

    R = - mean_i w_i log P(o_i | x_i),  then  p'(x) = 1 - p(x) where (mean p - 1/2) (pi - 1/2) < 0

    The likelihood is the same when both classes are exchanged, so that training finds a partition of the rows and not
    which side is positive. Over rows of similar pairs, of dissimilar ones and single rows alike, p is on average on the
    side of 1/2 where pi lies, since its mean over p(x) is pi. Its mean over the rows that training shows is taken anew
    from a clean pass after each epoch, and kept with the model. Derived here, not read anywhere; the likelihood is the
    family's.

    Args: none. Assumes: the law is right; a known prior pi. At pi = 1/2 nothing tells the classes, and none are
    exchanged. Shapes: z (rows, 2).
    """

    law = DrawnPairs


@method("turned-likelihood", paper="sugiyama2022machine")
@dataclass
class TurnedTriplets(_Turned):
    r"""Maximise the likelihood of triplets, then exchange the two classes where the prior says so.

    R = - mean_i w_i log P(o_i | x_i),  then  p'(x) = 1 - p(x) where (mean p - 1/2) (pi - 1/2) < 0

    As for pairs: an answer, yes or no, does not change when both classes are exchanged.

    Args: none. Assumes: the law is right; a known prior pi. At pi = 1/2 nothing tells the classes, and none are
    exchanged. Shapes: z (rows, 2).
    """

    law = DrawnTriplets
