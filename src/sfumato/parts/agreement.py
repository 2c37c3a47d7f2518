r"""How far annotators agree: Krippendorff's alpha for classes without an order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]


def vote_counts(votes: Ints, k: int) -> Ints:
    """How many votes each of k classes got on each item, (n, k), from class numbers (n, m), -1 where absent."""
    n, m = votes.shape
    out = np.zeros(n * k, np.int64)
    for column in votes.T:
        at = np.flatnonzero(column >= 0)
        out[at * k + column[at]] += 1
    return out.reshape(n, k)


def alpha(counts: NDArray[Any]) -> float:
    r"""Krippendorff's alpha for nominal values (krippendorff2011computing), from votes per item and class (n, k).

    With :math:`m_i` votes on item i, :math:`n_{ic}` of them for class c, N votes on the items that have at least two
    and :math:`n_c` of those for c,

    .. math:: \alpha = 1 - \frac{(N - 1) \sum_i \sum_{c \ne d} n_{ic} n_{id} / (m_i - 1)}{\sum_{c \ne d} n_c n_d}.

    1 is full agreement, 0 what votes drawn at random from all votes reach. NaN where no item has two votes, or all
    votes are for one class.
    """
    return alpha_of([counts])


def alpha_of(blocks: Iterable[NDArray[Any]]) -> float:
    """``alpha`` of items that come in blocks of counts (items, k)."""
    total, apart, per_class = 0, 0.0, np.zeros(0)
    for counts in blocks:
        m = counts.sum(axis=1)
        counts, m = counts[m > 1], m[m > 1].astype(np.float64)
        total += int(m.sum())
        per_class = counts.sum(axis=0) + (per_class if len(per_class) else 0.0)
        apart += float(((m**2 - (counts.astype(np.float64) ** 2).sum(axis=1)) / (m - 1)).sum())
    unlike = total**2 - float((per_class**2).sum())
    return 1 - (total - 1) * apart / unlike if unlike else float("nan")
