"""Confidences of a model that saw the true labels of all rows it speaks of, as the papers have them: an oracle."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato import labels as kinds

from .entry import Drawn, Entry, drawn

STRENGTH = 0.01  # inverse strength of the ridge penalty: confidences of every size, not zeros and ones
LEAST = 1e-3  # of a confidence: its inverse is a weight


def posterior(x: Tensor, y: Tensor) -> Tensor:
    """(n,) P(positive | x) by logistic regression on standardised rows."""
    from sklearn.linear_model import LogisticRegression

    rows = x.flatten(1).double()
    rows = (rows - rows.mean(0)) / rows.std(0, unbiased=False).clamp_min(1e-12)
    fitted = LogisticRegression(C=STRENGTH, max_iter=1000).fit(rows.numpy(), y.numpy())
    return torch.from_numpy(fitted.predict_proba(rows.numpy())[:, 1]).clamp(LEAST, 1 - LEAST)


def _by(law: Any) -> Any:
    def draw(x: Tensor, y: Tensor, k: int, rng: torch.Generator, told: Tensor) -> Drawn:
        return drawn(law(float((y == 1).double().mean())).given(told), y, k, rng)

    return draw


LAWS = {
    "positive-confidence": Entry("confidence", _by(kinds.PositiveConfidence), apart=True, beside=posterior),
    "confidence-differences": Entry(
        "confidence-differences", _by(kinds.DifferenceOfConfidence), apart=True, beside=posterior
    ),
    "similarities": Entry("similarities", _by(kinds.ConfidenceOfSimilarity), apart=True, beside=posterior),
}
