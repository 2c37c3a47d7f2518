"""Labels of which several may hold at once: each is judged by itself, and the row by its labels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sfumato.core.card import method
from sfumato.core.errors import LabelError, ShapeError
from sfumato.core.roles import Score
from sfumato.parts.confident import Bools, Floats, Ints
from sfumato.score.issues import PredictionsAsLabelsWarning, find_label_issues
from sfumato.score.pool import check_pool, pooled
from sfumato.score.quality import label_quality


def multilabel_quality(
    labels: ArrayLike,
    probabilities: ArrayLike,
    score: str = "self_confidence",
    pool: str | None = "ema",
    *,
    alpha: float = 0.8,
    temperature: float = 0.1,
    quality: bool = False,
) -> Floats:
    r"""Score rows of a multi-label set from out-of-sample probabilities; higher means look here first.

    Every class is a question of two answers with probabilities :math:`(1 - p_k, p_k)`, scored as ``label_quality``
    does; ``pool`` makes one number per row of them (thyagarajan2022identifying): ``ema`` sorts from best to worst and
    takes :math:`e \leftarrow \alpha q + (1 - \alpha) e`, ``softmin``, ``min`` and ``mean`` are what they say.

    Args:
        labels: (n, K) zeros and ones, or booleans.
        probabilities: (n, K) floats in [0, 1]; rows need not add up to one.
        score: one of the names of ``label_quality``.
        pool: one of the four names, or None for the scores of every label (n, K).
        alpha: weight of the next worse label in ``ema``, in [0, 1].
        temperature: of ``softmin``, above 0.
        quality: give 1 minus the score, where lower means look here first.
    """
    if pool is not None:
        check_pool(pool, temperature, alpha)
    y, p = _checked(labels, probabilities)
    q: Floats = np.empty(y.shape)
    for k in range(y.shape[1]):
        q[:, k] = label_quality(y[:, k], _two(p[:, k]), score, quality=True)
    if pool is not None:
        q = pooled(q.reshape(-1), np.arange(len(y) + 1) * y.shape[1], pool, temperature, alpha)
    return q if quality else 1 - q


def find_multilabel_issues(labels: ArrayLike, probabilities: ArrayLike, filter: str = "prune_by_noise_rate") -> Bools:
    """Mark (n, K) which single labels of which rows are likely wrong: ``find_label_issues`` for each class against the
    rest.

    Args:
        labels: (n, K) zeros and ones, or booleans.
        probabilities: (n, K) floats in [0, 1], out of sample.
        filter: one of the names of ``find_label_issues``.

    Warns:
        PredictionsAsLabelsWarning: the labels equal the probabilities' own answers in every entry.
    """
    y, p = _checked(labels, probabilities)
    mask = np.zeros(y.shape, bool)
    with warnings.catch_warnings():  # one class may agree throughout; all of them are suspicious
        warnings.simplefilter("ignore", PredictionsAsLabelsWarning)
        for k in range(y.shape[1]):
            mask[:, k] = find_label_issues(y[:, k], _two(p[:, k]), filter)
    if ((p > 0.5) == (y == 1)).all():
        warnings.warn(
            "every label is what its probability says: the labels look like this model's own predictions, so nothing "
            "can be found; pass the labels as they were given, and out-of-sample probabilities",
            PredictionsAsLabelsWarning,
            stacklevel=2,
        )
    return mask


def _two(p: Floats) -> Floats:
    return np.stack([1 - p, p], axis=1)


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Ints, Floats]:
    y = np.asarray(labels)
    if y.ndim != 2 or y.dtype.kind not in "iub" or not np.isin(y, (0, 1)).all():
        raise LabelError(
            f"labels of shape {y.shape} and type {y.dtype}",
            "zeros and ones of shape (rows, classes)",
            "turn lists of classes into one column per class",
        )
    p = probabilities if isinstance(probabilities, np.ndarray) else np.asarray(probabilities)
    if p.shape != y.shape or p.dtype.kind != "f" or not y.size:
        raise ShapeError(
            f"probabilities of shape {p.shape} and type {p.dtype}", f"{y.shape} floating point numbers, one per label"
        )
    return y.astype(np.int64), p


@method("multilabel-quality", paper="thyagarajan2022identifying")
@dataclass
class MultilabelQuality(Score):
    r"""One minus the pooled quality of a row's labels, the worst of them counting most.

    .. math:: s_i = 1 - e_K, \quad e_k = \alpha q_{(k)} + (1 - \alpha) e_{k-1},
        \quad e_1 = q_{(1)} \ge q_{(2)} \ge \dots

    with q the probability of what each label says.

    Args:
        alpha: weight of the next worse label, in [0, 1].

    Shapes: labels (n, K) zeros and ones, out-of-sample probabilities (n, K); scores (n,) in [0, 1].
    """

    alpha: float = 0.8
    kind = "multi-label"

    def score(self, labels: ArrayLike, probabilities: ArrayLike) -> Floats:
        """(n,) scores; higher = look here first."""
        return multilabel_quality(labels, probabilities, alpha=self.alpha)
