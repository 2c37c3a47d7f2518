"""Measures of a prediction on true test labels beside accuracy. They use clean labels: oracles, in name and output."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.score.soft_labels import soft_calibration_error

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
BINS = 15


def balanced_accuracy(p: Floats, y: Codes) -> float:
    """Mean over the classes that occur of the share of their rows that are found."""
    hit = p.argmax(1) == y
    return float(np.mean([hit[y == c].mean() for c in np.unique(y)]))


def macro_f1(p: Floats, y: Codes) -> float:
    """Mean of 2 TP / (2 TP + FP + FN) over the classes that occur or are predicted."""
    said = p.argmax(1)
    each = [2 * np.sum((said == c) & (y == c)) / (np.sum(said == c) + np.sum(y == c)) for c in np.union1d(said, y)]
    return float(np.mean(each))


def auroc(p: Floats, y: Codes) -> float:
    """P(a positive has the higher p_1) + P(equal) / 2, for two classes that both occur; NaN otherwise."""
    if p.shape[1] != 2 or len(np.unique(y)) != 2:
        return math.nan
    from scipy.stats import rankdata

    ranks, positive = rankdata(p[:, 1]), y == 1
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def brier(p: Floats, y: Codes) -> float:
    """Mean of sum_k (p_k - 1[y = k])^2, in [0, 2]."""
    return float(((p - np.eye(p.shape[1])[y]) ** 2).sum(1).mean())


def calibration_error(p: Floats, y: Codes) -> float:
    """Expected calibration error: sum over 15 equal bins of the largest p of their share x |accuracy - mean p|."""
    return soft_calibration_error(np.eye(p.shape[1])[y], p, BINS)


_OF_P: dict[str, Callable[[Floats, Codes], float]] = {
    "oracle-balanced-accuracy": balanced_accuracy,
    "oracle-macro-f1": macro_f1,
    "oracle-auroc": auroc,
    "oracle-brier": brier,
    "oracle-ece": calibration_error,
}
MEASURES = (*_OF_P, "oracle-nll")


def measured(log_p: Tensor, y: Tensor) -> dict[str, float]:
    """Every measure of log P(truth | x) (n, K) on true codes y (n,): what is not finite is not defined here.

    Scores of classes that do not sum to one (one-vs-rest heads) are normalised first.
    """
    z = log_p.detach().cpu().double()
    z = z - z.logsumexp(1, keepdim=True)
    p, codes = z.exp().numpy(), y.cpu().numpy()
    own = z.gather(1, y.cpu()[:, None])
    return {name: measure(p, codes) for name, measure in _OF_P.items()} | {"oracle-nll": float(-own.mean())}
