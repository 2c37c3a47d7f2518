"""The all-inclusive rule: every vote on every item counts, none is settled by a majority."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import SourceConfusion, Votes
from sfumato.learn.objective import Objective
from sfumato.parts.losses import cross_entropy, mean


@method(
    "all-inclusive",
    paper="chou2025revisiting",
    claims=("identity",),
    also=("vote-shares", "soft-votes"),
    waived={
        "learns": "it learns what sources say, and here most of them are often wrong: the majority is right more often"
    },
)
@dataclass
class AllInclusive(Objective):
    r"""Cross entropy towards the shares of votes, all items and all votes included.

    R = mean_i w_i sum_k q_ik (- log p_k(x_i)),  q_ik = the share of class k among the votes on item i

    The mean is over items with votes. Equal, up to a constant, to the KL divergence from the shares. What it estimates
    is what raters say, which is the aim where labels are subjective; it corrects nobody's mistakes. The rule's measure
    on all items is ``sf.score.inclusive_f1``; ``penalised-all-inclusive`` adds a penalty matrix of co-occurrence.

    Args: none. Assumes: each vote deserves the same weight. Shapes: z (n, K).
    """

    law = SourceConfusion

    def risk(self, z: Tensor, s: Votes, w: Tensor | None) -> Tensor:
        shares = s.shares().to(z)
        heard = (shares.sum(1) > 0).to(z.dtype)
        return mean(cross_entropy(z, shares), heard if w is None else heard * w)
