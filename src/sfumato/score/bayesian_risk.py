"""What a label is expected to cost under beliefs about the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Score
from sfumato.parts.confident import Floats, as_probabilities, blocks


def bayesian_risk(posterior: ArrayLike, labels: ArrayLike | None = None, loss: ArrayLike | None = None) -> Floats:
    r"""The expected loss of each label; higher means look here first.

    .. math:: r_i = \sum_k P_{ik} L[k, y_i], \qquad y_i = \arg\min_a \sum_k P_{ik} L[k, a] \text{ where none is given}

    With the 0-1 loss it is :math:`1 - P_{i y_i}`, and of the best label :math:`1 - \max_k P_{ik}`; for two classes and
    a consensus C that is :math:`\min(C, 1 - C)`, the risk of the crop-field study (estes2024region). It is a
    probability of error only as far as the posterior is one: a weighted vote share has no class prior, calibrate it
    first.

    Args:
        posterior: (n, K) beliefs in [0, 1], as from ``sf.aggregate`` or a model; read in blocks of rows.
        labels: (n,) the labels in use, 0 to K-1; None: the best ones.
        loss: (K, A) finite, [truth, label said]; None: 1 for any wrong class. With given labels A is K.

    Returns:
        (n,) expected losses, of the posterior's type.
    """
    p = np.asarray(posterior)
    y, p = as_probabilities(np.zeros(len(p), np.int64) if labels is None else labels, p)
    table = 1 - np.eye(p.shape[1]) if loss is None else np.asarray(loss, np.float64)
    if table.ndim != 2 or len(table) != p.shape[1] or not table.shape[1] or not np.isfinite(table).all():
        raise ParameterError(f"a loss of shape {table.shape}", f"finite numbers ({p.shape[1]}, labels)")
    if labels is not None and table.shape[1] != p.shape[1]:
        raise ParameterError(f"a loss for {table.shape[1]} labels", f"one column per class, {p.shape[1]}")
    out = np.empty(len(p), p.dtype)
    for start, block in blocks(p):
        here = slice(start, start + len(block))
        risk = block @ table
        out[here] = risk.min(1) if labels is None else risk[np.arange(len(block)), y[here]]
    return out


@method("bayesian-risk", paper="estes2024region", also=("expected-loss",))
@dataclass
class BayesianRisk(Score):
    r"""The expected loss of a given label under beliefs about the truth.

    .. math:: s_i = \sum_k P_{ik} L[k, y_i]

    Without a loss it is ``self-confidence``, :math:`1 - P_{i y_i}`, here of a posterior from votes.

    Args:
        loss: (K, K) finite, [truth, label]; None: 1 for any wrong class.

    Shapes: labels (n,), posterior (n, K); scores (n,).
    """

    loss: tuple[tuple[float, ...], ...] | None = None
    kind = "noisy"

    def score(self, labels: ArrayLike, posterior: ArrayLike) -> Floats:
        """(n,) scores; higher = look here first."""
        return bayesian_risk(posterior, labels, self.loss)
