r"""How sure the quality of each source is: intervals from the curvature of the likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from sfumato.core.errors import ParameterError
from sfumato.parts.interval import wilson

from .kernel import Floats, Ints, Kernel

JOINT = 2000  # sources up to which the uncertainty about the others counts: a matrix of that side
IMAGINED = 1.0  # right and wrong votes of each source that keep its rate off 0 and 1


@dataclass(frozen=True)
class Quality:
    """``value`` (sources,) with ``low`` and ``high`` ends at ``level``; ``votes`` (sources,) how many clear votes each
    one is worth. A source without a vote has NaN, 0 and 1.
    """

    value: Floats
    low: Floats
    high: Floats
    votes: Floats
    level: float


def intervals(kernel: Kernel, posterior: Floats, quality: Floats, level: float = 0.95) -> Quality:
    r"""Intervals of the accuracy of each source.

    With :math:`P_{ij}` the belief that source j is right on item i and :math:`q_j` its mean,

    .. math:: s_{ij} = \frac{P_{ij} - q_j}{q_j (1 - q_j)}, \qquad J = S^\top S + \operatorname{diag} \frac{2}{q (1-q)},
              \qquad n_j = \min\Big(\frac{q_j (1 - q_j)}{(J^{-1})_{jj}}, m_j\Big)

    S is the score of the likelihood in the accuracies, so that J is its observed curvature (outer product of scores;
    berndt1974estimation): an item on which beliefs are level tells nothing, and sources that are only known by each
    other are less sure. The ends are Wilson's (wilson1927probable) at ``quality`` and :math:`n_j` votes, never more
    than the source's own :math:`m_j`.

    Args: kernel of the votes (silence that is a statement is not right); posterior (n, K) under them;
    quality (sources,) values the intervals are put around; level in (0, 1). Assumes a model that fits, errors that are
    alike in all classes, and sources that are independent given the truth; prior knowledge other than gold is not
    counted. Of simulated intervals at .95, .93 to .97 held where errors were alike in all classes, .91 to .94 of Dawid
    and Skene's model where they were not, and .79 of a one-coin model that did not fit (two unlike classes, six
    sources). A model that does not fit is off by bias, and no interval about its spread mends that: of a bootstrap over
    items (40 such crowds of 300 items, 30 draws; one-coin, naive-bayes) .84 and .82 held, of these .87 and .87, with
    the same widths. Above 2000 sources each is judged as if the others were known.
    """
    if not 0 < level < 1:
        raise ParameterError(f"level={level}", "in (0, 1)")
    right = kernel.right().astype(float)
    met, said, square = np.zeros(kernel.sources), np.zeros(kernel.sources), np.zeros(kernel.sources)
    for _, source, p, w in _beliefs(kernel, posterior, right):
        met += np.bincount(source, w * p, kernel.sources)
        said += np.bincount(source, w, kernel.sources)
        square += np.bincount(source, w * w, kernel.sources)
    q = (met + IMAGINED) / (said + 2 * IMAGINED)
    wide = q * (1 - q)
    joint = kernel.sources <= JOINT
    curve = np.zeros((kernel.sources,) * 2 if joint else kernel.sources)
    for items, source, p, w in _beliefs(kernel, posterior, right):
        pointer = kernel.offsets[items.start : items.stop + 1] - kernel.offsets[items.start]
        slope = w * (p - q[source]) / wide[source]
        scores = csr_array((slope, source.astype(np.int32), pointer), shape=(len(pointer) - 1, kernel.sources))
        curve += (scores.T @ scores).toarray() if joint else np.asarray(scores.power(2).sum(0))
    imagined = 2 * IMAGINED / wide
    if joint:
        curve[np.diag_indices_from(curve)] += imagined
        spread = np.diag(cho_solve(cho_factor(curve, lower=True), np.eye(kernel.sources)))
    else:
        spread = 1 / (curve + imagined)
    held = said > 0
    own = np.where(held, said**2 / np.where(held, square, 1), 0)
    worth = np.where(held, np.minimum(wide / spread, own), 0)
    value = np.clip(quality, 0, 1)
    low, high = wilson(value, np.where(held, worth, 1), level)
    return Quality(np.where(held, quality, np.nan), np.where(held, low, 0.0), np.where(held, high, 1.0), worth, level)


def _beliefs(kernel: Kernel, posterior: Floats, right: Floats) -> Iterator[tuple[slice, Ints, Floats, Floats]]:
    """Blocks of (items, source of each vote, belief that the vote is right, its weight); silence is no vote here."""
    for start, stop in kernel.spans():
        a, b = int(kernel.offsets[start]), int(kernel.offsets[stop])
        source = kernel.source[a:b]
        item = np.repeat(np.arange(stop - start), np.diff(kernel.offsets[start : stop + 1]))
        p = np.einsum("vk,vk->v", posterior[start:stop][item], right[kernel.said[a:b]])
        w = np.ones(b - a) if kernel.weight is None else kernel.weight[a:b]
        yield slice(start, stop), source, p, w
