"""Semi-supervised LCCN: the true labels that are known stay put, the others are drawn, and all of them are counted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.card import method
from sfumato.labels import SourceConfusion, Votes
from sfumato.learn.noisy.lccn import sampled, with_prior
from sfumato.learn.objective import Objective
from sfumato.parts.bounds import check_number
from sfumato.parts.losses import cross_entropy, mean


def counts(true: Tensor, s: Votes) -> Tensor:
    """(R, K, M) in float64 the weight of the votes of each kind [source, true, said]."""
    item, source, said, weight = s.spoken()
    cell = (source * s.k + true[item]) * s.statements + said
    each = torch.ones_like(said, dtype=torch.float64) if weight is None else weight.double()
    table = each.new_zeros(s.sources * s.k * s.statements).index_add(0, cell, each)
    return table.view(s.sources, s.k, s.statements)


def put(guess: Tensor, s: Votes) -> Tensor:
    """(n,) the known true classes, ``guess`` (n,) where none is."""
    return guess if s.gold is None else torch.where(s.gold >= 0, s.gold.to(guess), guess)


def informed(s: Votes) -> Tensor:
    """(n,) ones for items of which something is known, a vote or the true class."""
    heard = torch.zeros(len(s), dtype=torch.float64, device=s.offsets.device)
    heard = heard.index_fill(0, s.spoken()[0], 1.0)
    return heard if s.gold is None else torch.where(s.gold >= 0, 1.0, heard)


@method("semi-lccn", paper="yao2023latent", also=("semi-supervised-lccn",))
@dataclass
class SemiLCCN(Objective):
    r"""Latent class-conditional noise where some true labels are known: Gibbs sampling of the others alone.

    R = mean_i w_i (- log p_{t_i}),  t_i = the true class of i where it is known (``gold``), else
    t_i ~ P(t | x_i, votes) proportional to p_t(x_i) prod_{votes (r, m) on i} C_r[t, m],
    C_r[t, m] = (N_r[t, m] + alpha) / sum_m' (N_r[t, m'] + alpha)

    N counts the triples (r, t, m) of all votes, those on rows with a known truth included, and changes only by the
    rows of a batch. One source is one column of noisy labels: ``Votes.from_matrix(noisy[:, None], gold=known)``, with
    -1 in ``known`` where nobody looked; without ``gold`` that is ``lccn``. Rows of which nothing is known do not count:
    a label drawn from p has a gradient of mean zero. In warm-up t_i follows the prediction, the loss is cross entropy
    with the shares of votes.

    Derived, not read: the paper has a semi-supervised variant, whose text and code could not be had. This is
    conditioning on what is known in the sampler of ``lccn``, exact given C, and its extension to several sources.

    Args: alpha > 0, the prior's count per entry; warmup in [0, 1], a share of training. Assumes: as ``lccn``; which
    rows somebody looked at tells nothing of their noise, nor who was asked of the truth. Shapes: z (n, K), rows (n,)
    the drawn classes, bank (R, K, M) the counts.
    """

    law = SourceConfusion
    alpha: float = 1.0
    warmup: float = 0.2

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0, low_open=True)
        check_number("warmup", self.warmup, 0, 1)

    def start(self, s: Votes) -> Tensor:
        return put(s.shares().argmax(1), s)

    def stock(self, s: Votes) -> Tensor:
        return counts(self.start(s), s)

    def confusion(self, bank: Tensor) -> Tensor:
        """(R, K, M) the mean of C under its posterior."""
        return with_prior(bank, self.alpha)

    def posterior(self, z: Tensor, s: Votes, bank: Tensor) -> Tensor:
        """(n, K) P(true = k | x, votes, the known truths); all of it on the truth where that is known."""
        wide = torch.log_softmax(z.detach().to(torch.promote_types(z.dtype, torch.float32)), dim=1)
        return SourceConfusion.bound(confusion=self.confusion(bank)).posterior(wide, s)

    def risk(
        self, z: Tensor, s: Votes, w: Tensor | None, bank: Tensor, progress: float, rng: torch.Generator
    ) -> Tensor:
        if progress < self.warmup:
            losses = cross_entropy(z, s.shares().to(z))
            if s.gold is not None:
                losses = torch.where(s.gold >= 0, cross_entropy(z, s.gold.long().clamp_min(0)), losses)
        else:
            losses = cross_entropy(z, sampled(self.posterior(z, s, bank), rng))
        heard = informed(s).to(z.dtype)
        return mean(losses, heard if w is None else heard * w)

    def renew(
        self, z: Tensor, s: Votes, rows: Tensor, bank: Tensor, progress: float, rng: torch.Generator
    ) -> dict[str, Tensor]:
        new = put(z.argmax(1), s) if progress < self.warmup else sampled(self.posterior(z, s, bank), rng)
        return {"rows": new, "bank": bank - counts(rows, s) + counts(new, s)}
