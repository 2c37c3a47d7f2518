"""Which observations ``method="auto"`` trains on and which it chooses by: those that share rows stay together."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.streams import rng
from sfumato.labels import Labels

SHARE = 5  # one observation in so many is held out


def together(labels: Labels, n: int) -> NDArray[np.int64]:
    """(len,) group number per observation of n rows: two that share a row, be it through others, are of one group."""
    rows, sizes = labels.cover(torch.arange(len(labels)))[0].numpy(), labels.sizes().numpy()
    first: NDArray[np.int64] = rows[np.cumsum(sizes) - sizes]
    return np.asarray(labels.ties(n)[first])  # all rows of an observation are tied


def hold_out(group: NDArray[np.int64], seed: int) -> tuple[Tensor, Tensor, str]:
    """(observations to train on, observations to choose by, what is wrong with the two).

    Whole groups are held out, in random order, until they hold a fifth. A group that is larger than that would leave
    too little on one side, and leaving it out of the draw would hold out observations of another sort: then single
    observations are held out, and that is said.
    """
    n = len(group)
    order, many = torch.randperm(n, generator=rng(seed, "auto")), max(1, n // SHARE)
    _, first, number, size = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    if size.max() > many:
        why = (
            f"{size.max()} of {n} observations hang together by rows that they share: held-out ones speak of rows that "
            "were trained on, which flatters methods that remember them"
        )
        return order[many:].sort().values, order[:many].sort().values, why
    place = np.empty(n, np.int64)
    place[order.numpy()] = np.arange(n)
    turn = place[first][number]  # a group is drawn when its first observation is
    held_out = turn <= np.sort(turn)[many - 1]
    return torch.from_numpy(np.flatnonzero(~held_out)), torch.from_numpy(np.flatnonzero(held_out)), ""
