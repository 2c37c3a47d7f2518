"""The law of bags whose classes are of other sizes than in the labeled sample: label shift, at drawn class priors."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError

from .entry import Entry


def label_shift(
    x: Tensor, y: Tensor, k: int, rng: torch.Generator, *, bags: int = 20, size: int = 200
) -> tuple[Tensor, Tensor]:
    """(rows (bags, size), class priors (bags, k)): each prior is drawn evenly from the simplex and rounded to whole
    rows, which are drawn with replacement within their class (the artificial-prevalence protocol).
    """
    if bags < 1 or size < 1:
        raise ParameterError(f"label-shift of {bags} bags of {size} rows", "at least one of each")
    pools = [(y == c).nonzero().squeeze(1) for c in range(k)]
    if not all(len(pool) for pool in pools):
        raise LabelError("test rows that lack a class", "rows of every class to draw bags from")
    weight = -torch.rand(bags, k, generator=rng, dtype=torch.float64).clamp_min(1e-300).log()
    share = size * weight / weight.sum(1, keepdim=True)
    counts = share.floor()
    # the largest remainders take the rows that are left
    order = (share - counts).argsort(1, descending=True).argsort(1)
    counts = (counts + (order < (size - counts.sum(1, keepdim=True)))).long()
    rows = []
    for bag in counts:
        drawn = [pool[torch.randint(len(pool), (int(n),), generator=rng)] for pool, n in zip(pools, bag, strict=True)]
        rows.append(torch.cat(drawn))
    return torch.stack(rows), counts.double() / size


LAWS = {"label-shift": Entry("prior", label_shift)}
