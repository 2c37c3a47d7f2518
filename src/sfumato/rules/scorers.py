"""Votes of scorers, such as a language model under several prompts, made to keep the distribution of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from sfumato.core.card import method
from sfumato.core.errors import ParameterError, ShapeError
from sfumato.core.roles import FunctionMaker

from .functions import Floats, Functions, LabelingFunction

LEAST = 1e-12  # a probability of zero, as a logarithm needs it


@dataclass(frozen=True, eq=False)
class Offsets:
    """A scorer's logits with one number per class (K,) added; ``logs`` where it gives probabilities."""

    offset: Floats
    logs: bool

    def probabilities(self, z: Floats) -> Floats:
        """(1, n, K) of scores (1, n, 1, K)."""
        return np.asarray(softmax(_logits(z[:, :, 0], self.logs) + self.offset, axis=-1))


@method("scorer-votes", paper="gao2023promptre")
@dataclass
class ScorerVotes(FunctionMaker):
    r"""Weak votes of scorers whose classes are offset until their mean is the prior; the least sure rows abstain.

    .. math:: p_{ik} \propto e^{s_{ik} + b_k}, \qquad \tfrac1n \textstyle\sum_i p_{ik} = \pi_k, \qquad
              \lambda(i) = \arg\max_k p_{ik} \text{ unless } \max_k p_{ik} < q

    with q the quantile of the scorer's own confidences at ``abstain``. The offsets b are the one solution of a convex
    problem; whatever constant a scorer adds to the logit of a class, the votes stay the same. PromptRE takes prompts as
    labeling functions and the label distribution as a prior; how it does so we could not read, so this is the idea and
    not the paper's recipe. Offsets ask for no label, and new rows are read with those of the rows made on. Assumes
    that the prior holds there, and scorers whose logits are shifted by class rather than by row.

    Args:
        form: probabilities (n, scorers, K), rows not negative with a positive sum, or logits, finite.
        abstain: the share of rows on which each scorer abstains, in [0, 1); rows at the quantile speak, so fewer
            abstain where confidences tie.
    """

    form: str = "probabilities"
    abstain: float = 0.2
    kind = "scores"

    def make(self, X: Any, prior: Any = None, classes: tuple[Any, ...] | None = None) -> Functions:
        """One function per scorer. Args: X scores (n, scorers, K), or (n, K) of one; prior (K,) positive, the
        distribution of labels, or None: classes are not offset; classes: their names.
        """
        scores = np.asarray(X, np.float64)
        scores = scores[:, None] if scores.ndim == 2 else scores
        if self.form not in ("probabilities", "logits") or not 0 <= self.abstain < 1:
            raise ParameterError(
                f"form={self.form!r}, abstain={self.abstain}", "probabilities or logits, and in [0, 1)"
            )
        if scores.ndim != 3 or not len(scores) or scores.shape[2] < 2 or not np.isfinite(scores).all():
            raise ShapeError(f"scores of shape {np.shape(X)}", "(rows, scorers, K >= 2) finite numbers")
        logs, k = self.form == "probabilities", scores.shape[2]
        if logs and bool((scores.max(2) >= (1 - LEAST) * scores.sum(2)).all()):
            raise ShapeError(
                "scores that are all 0 or 1", "shades of belief", "votes go into Votes.from_matrix as they are"
            )
        share = None if prior is None else _distribution(prior, k)
        found = []
        for s in range(scores.shape[1]):
            z = _logits(scores[:, s], logs)
            model = Offsets(np.zeros(k) if share is None else matching(z, share), logs)
            sure = model.probabilities(scores[None, :, [s]])[0].max(1)
            cut = float(np.quantile(sure, self.abstain, method="lower")) if self.abstain else 0.0
            found.append(LabelingFunction(f"scorer {s}", (s,), model, cut))
        return Functions(tuple(found), k, scores.shape[1:], classes)


def matching(z: Floats, share: Floats) -> Floats:
    r"""(K,) offsets b of mean zero with :math:`\frac1n \sum_i \text{softmax}(z_i + b) = ` share: the minimum of
    :math:`\frac1n \sum_i \log \sum_k e^{z_{ik} + b_k} - \text{share} \cdot b`, which is convex.
    """

    def loss(b: Floats) -> tuple[float, Floats]:
        total = logsumexp(z + b, axis=1)
        return float(total.mean() - share @ b), np.asarray(np.exp(z + b - total[:, None]).mean(0) - share)

    start = np.log(share) - np.log(softmax(z, axis=1).mean(0) + LEAST)
    b = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-10}).x
    for _ in range(50):  # Newton's last digits, where a step still gains some
        p = softmax(z + b, axis=1)
        slope = p.mean(0) - share
        if np.abs(slope).max() < 1e-13:
            break
        curve = np.diag(p.mean(0)) - p.T @ p / len(p)
        step = np.linalg.pinv(curve) @ slope
        if loss(b - step)[0] > loss(b)[0] + 1e-15:
            break
        b = b - step
    return np.asarray(b - b.mean())


def restricted(posterior: Any, possible: Any, prior: Any) -> Floats:
    """Beliefs (n, K) without the classes that are impossible for an item, the rest scaled to one; an item that loses
    all its belief gets the prior over its possible classes, and one without a possible class the whole prior.

    Args: posterior (n, K) not negative; possible (n, K) booleans, such as the relations that two types of entity
    allow; prior (K,) positive.
    """
    p, mask = np.asarray(posterior, np.float64), np.asarray(possible)
    if p.ndim != 2 or mask.shape != p.shape or mask.dtype != bool or not np.isfinite(p).all() or (p < 0).any():
        raise ShapeError(
            f"beliefs {p.shape}, possible {mask.shape} {mask.dtype}", "(n, K) not negative, (n, K) booleans"
        )
    share = _distribution(prior, p.shape[1])
    mask = np.where(mask.any(1, keepdims=True), mask, True)
    emptied = ~(np.where(mask, p, 0).sum(1) > 0) | ~np.asarray(possible).any(1)
    kept = np.where(mask, np.where(emptied[:, None], share, p), 0)
    return np.asarray(kept / kept.sum(1, keepdims=True))


def _logits(scores: Floats, logs: bool) -> Floats:
    if not logs:
        return scores
    if (scores < 0).any() or (scores.sum(-1) <= 0).any():
        raise ShapeError(
            "probabilities that are negative or all zero", "rows >= 0 with a positive sum", "form='logits'"
        )
    return np.asarray(np.log(np.maximum(scores / scores.sum(-1, keepdims=True), LEAST)))


def _distribution(prior: Any, k: int) -> Floats:
    share = np.asarray(prior, np.float64)
    if share.shape != (k,) or not np.isfinite(share).all() or not (share > 0).all():
        raise ParameterError(f"prior={prior}", f"{k} positive numbers")
    return np.asarray(share / share.sum())
