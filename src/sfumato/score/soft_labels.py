"""Predictions held against soft labels: what people said of each row, with their disagreement."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Score
from sfumato.parts import distances
from sfumato.parts.distances import Floats, as_distributions

TIE = 1e-9  # shares nearer than this are equal: votes are divided by their number


def soft_cross_entropy(truth: ArrayLike, predicted: ArrayLike) -> Floats:
    """(n,) :math:`-\\sum_k d_k \\log p_k` of soft labels d and predictions p, both (n, K) rows that sum to one; p is at
    least 1e-12 (peterson2019human)."""
    return distances.cross_entropy(*as_distributions(truth, predicted))


def jensen_shannon(truth: ArrayLike, predicted: ArrayLike) -> Floats:
    """(n,) :math:`H(\\frac{d + p}2) - \\frac{H(d) + H(p)}2` in nats, in [0, log 2] (lin1991divergence); arguments as in
    ``soft_cross_entropy``."""
    return distances.jensen_shannon(*as_distributions(truth, predicted))


def entropy_correlation(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Pearson's correlation over rows of the entropies of soft labels and of predictions: is the model unsure where
    people are (uma2021learning)? In [-1, 1]; NaN where either has the same entropy everywhere."""
    d, p = as_distributions(truth, predicted)
    h = np.stack([distances.entropy(d), distances.entropy(p)])
    h -= h.mean(1, keepdims=True)
    spread = np.sqrt((h**2).sum(1))
    if not (spread > 1e-12 * math.sqrt(len(d))).all():
        return math.nan
    return float(np.clip((h[0] @ h[1]) / spread.prod(), -1, 1))


def soft_calibration_error(truth: ArrayLike, predicted: ArrayLike, bins: int = 15) -> float:
    r"""Expected calibration error against soft labels.

    .. math:: \sum_b \frac{n_b}{n} \Big| \operatorname{mean}_{i \in b} d_{i \hat y_i} -
              \operatorname{mean}_{i \in b} p_{i \hat y_i} \Big|, \qquad \hat y_i = \arg\max_k p_{ik}

    over ``bins`` equal bins of the largest p: how far the confidence is from the share of people who agree. With labels
    that are sure of one class it is the usual one (naeini2015obtaining).
    """
    d, p = as_distributions(truth, predicted)
    if bins < 1:
        raise ParameterError(f"bins={bins}", "at least 1")
    rows, said = np.arange(len(p)), p.argmax(1)
    at = np.minimum((p[rows, said] * bins).astype(int), bins - 1)
    gap = np.bincount(at, d[rows, said], bins) - np.bincount(at, p[rows, said], bins)
    return float(np.abs(gap).sum() / len(p))


def inclusive_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Macro F1 of the all-inclusive rule: a class belongs to a row where its share is above 1 / K, in the soft label
    and in the prediction (chou2025revisiting).

    A row that shares its votes evenly among all classes names none and is left out; so is a class that nobody names.
    NaN where no row is left.
    """
    d, p = as_distributions(truth, predicted)
    bar = 1 / d.shape[1] + TIE
    a, b = d > bar, p > bar
    a, b = a[d.max(1) > bar], b[d.max(1) > bar]
    named = a.any(0) | b.any(0)
    if not named.any():
        return math.nan
    return float((2 * (a & b).sum(0)[named] / (a.sum(0) + b.sum(0))[named]).mean())


def soft_label_measures(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """All of them: means over rows of cross-entropy, kullback-leibler, jensen-shannon and brier
    (:math:`\\sum_k (d_k - p_k)^2`); entropy-correlation; calibration-error; inclusive-f1; accuracy, the share of rows
    whose favourite is a favourite of the soft label, ties shared.

    Args: truth, predicted (n, K) rows that sum to one. Errors: ShapeError, ParameterError for anything else.
    """
    d, p = as_distributions(truth, predicted)
    top = d >= d.max(1, keepdims=True) - TIE
    hit = top[np.arange(len(p)), p.argmax(1)] / top.sum(1)
    return {
        "cross-entropy": float(distances.cross_entropy(d, p).mean()),
        "kullback-leibler": float(distances.kullback_leibler(d, p).mean()),
        "jensen-shannon": float(distances.jensen_shannon(d, p).mean()),
        "brier": float((distances.euclidean(d, p) ** 2).mean()),
        "entropy-correlation": entropy_correlation(d, p),
        "calibration-error": soft_calibration_error(d, p),
        "inclusive-f1": inclusive_f1(d, p),
        "accuracy": float(hit.mean()),
    }


@method("soft-label-divergence", paper="lin1991divergence")
@dataclass
class SoftLabelDivergence(Score):
    r"""How far a given soft label is from what a model says of the row.

    .. math:: s_i = H\Big(\frac{d_i + p_i}2\Big) - \frac{H(d_i) + H(p_i)}2

    Shapes: soft labels (n, K), out-of-sample probabilities (n, K), rows that sum to one; scores (n,) in [0, log 2].
    """

    kind = "distribution"

    def score(self, labels: ArrayLike, probabilities: ArrayLike) -> Floats:
        """(n,) scores; higher = look here first."""
        return jensen_shannon(labels, probabilities)
