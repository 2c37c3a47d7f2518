"""One accuracy per source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.core.card import method

from .em import EM, FLOOR
from .kernel import Floats, Kernel
from .skill import met


def spread(accuracy: Floats, kernel: Kernel) -> Floats:
    """(sources, M, K) log P(said | source, true) from accuracies (sources, K) or (sources, 1): right statements share
    the accuracy, wrong ones the rest.
    """
    right = kernel.right()
    many = right.sum(0)
    inside = np.maximum(accuracy / np.maximum(many, 1), FLOOR)
    outside = np.maximum((1 - accuracy) / np.maximum(len(right) - many, 1), FLOOR)
    inside, outside = (np.broadcast_to(p, (kernel.sources, kernel.k))[:, None, :] for p in (inside, outside))
    return np.log(np.where(right, inside, outside))


def rates(named: Floats, all_: Floats) -> Floats:
    """Shares of mass that named the truth; where nothing was met, the share of all mass together."""
    return np.where(all_ > 0, named / np.where(all_ > 0, all_, 1), named.sum() / all_.sum())


@method("one-coin", paper="zhang2014spectral")
@dataclass
class OneCoin(EM):
    r"""Dawid and Skene's model with one accuracy per source, errors spread evenly over the other classes.

    .. math:: \theta_j[k, k] = p_j, \quad \theta_j[k, l] = \frac{1 - p_j}{K - 1}, \qquad
              p_j = \frac{1}{n_j} \sum_i P_{i, l_{ij}}

    Assumes sources that err independently given the truth, as often on every class and in no direction, and that most
    of them name several classes: rules for one class are explained best by one class for everything (see DawidSkene).

    Args:
        iterations, tolerance: as in EM.
    """

    def m_step(self, counts: Floats, totals: Floats, kernel: Kernel) -> tuple[Floats, Floats]:
        named, all_ = (m.sum(1, keepdims=True) for m in met(counts, kernel))
        return spread(rates(named, all_), kernel), np.log(np.maximum(totals / totals.sum(), FLOOR))
