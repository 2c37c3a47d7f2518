"""Votes weighted by how well each source did on items whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator

from .kernel import Floats, Kernel, normalised
from .result import Aggregated, finish
from .skill import decided


@method("quality-consensus", paper="estes2024region")
@dataclass
class QualityConsensus(Aggregator):
    r"""The share of votes, each weighted by its source's quality and by how well the source finds the class it named.

    .. math:: C_{ik} = \frac{\sum_j w_j(k) 1[l_{ij} = k]}{\sum_j w_j(l_{ij})}, \qquad
              w_j(k) = Q_j \cdot P(l_j = k \mid z = k)

    Both factors are shares on the reference items, those with gold labels: Q the right answers among all, the other the
    producer's accuracy of class k (for two classes sensitivity and specificity). Without gold labels the majority vote
    is the reference. A source that met no reference item, or a class that it never met, has what all sources together
    have (the paper skips such sources). An abstention is an unsure vote, shared evenly among the classes with the
    weight :math:`Q_j` times the mean producer's accuracy; the released code counts it above the line only, so that its
    C is no share. C is no posterior either, it has no prior: calibrate it before reading
    ``sf.score.bayesian_risk(C)``, :math:`1 - \max_k C_{ik}`, as a probability of error. Known truths stay.
    """

    def fit(self, votes: Any, quality: ArrayLike | None = None) -> Aggregated:
        """Shares of the weighted votes.

        Args: quality (sources,) in [0, 1]: Q judged elsewhere, e.g. by ``map_quality``; None: from the references.
        """
        kernel = Kernel(votes, True)
        kernel.only_classes("quality-consensus")
        k = kernel.k
        references = decided(kernel.heard())
        if kernel.gold is not None:
            references = kernel.clamp(np.zeros((kernel.n, k)))
        met = kernel.counts(references)
        right, all_ = np.einsum("rkk->rk", met[:, :k]), met[:, :k].sum(1)
        q = _share(right.sum(1), all_.sum(1), float(right.sum() / max(all_.sum(), 1e-300)))
        found = _share(right, all_, _share(right.sum(0), all_.sum(0), float(q.mean())))
        if quality is not None:
            q = np.asarray(quality, np.float64)
            if q.shape != (kernel.sources,) or not ((q >= 0) & (q <= 1)).all():
                raise ParameterError(f"quality of shape {q.shape}", f"({kernel.sources},) numbers in [0, 1]")
        table = np.zeros(kernel.shape)
        table[:, np.arange(k), np.arange(k)] = q[:, None] * found
        table[:, k:] = (q * found.mean(1) / k)[:, None, None]
        posterior = kernel.clamp(normalised(kernel.scores(table)))
        return finish(kernel, posterior, table, counts=met, product=False)


def _share(part: Floats, whole: Floats, otherwise: Floats | float) -> Floats:
    """part / whole, and ``otherwise`` where there is no whole."""
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), otherwise))
