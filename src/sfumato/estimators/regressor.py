"""The scikit-learn face of the methods for real targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from torch import Tensor

from sfumato.core.errors import ParameterError
from sfumato.labels import ByRow, Labels, Targets
from sfumato.learn.objective import Objective

from .learner import Learner


class Regressor(RegressorMixin, Learner):
    """Learn a real number per row from targets, exact or of some seen too low.

    Targets are centred and scaled by what was seen before training; the training history and criteria are in units of
    that spread, predictions in the targets' own.

    Args:
        method: a name (``sfumato methods`` lists them), an Objective, or "auto": l1 for exact targets; for lower
            ones the better of l1 and u2-regression on held-out lower targets. All other settings are those of
            Classifier.

    Fitted: centre_, spread_, method_ (card), objective_, law_, needs_, history_, chosen_epoch_.
    Errors: as Classifier; labels of classes.
    """

    def _read(self, labels: Any, fresh: bool = False) -> Labels:
        if isinstance(labels, ByRow):
            labels = labels.unwrap()
        if not isinstance(labels, Labels):
            labels = Targets.from_values(labels)
        if not isinstance(labels, Targets):
            raise ParameterError(f"{labels.kind} labels for a Regressor", "real targets", "use sf.Classifier")
        if fresh:
            spread = float(labels.value.std(unbiased=False))
            self.centre_, self.spread_ = float(labels.value.mean()), spread if spread > 0 else 1.0
        scaled: Labels = labels.scaled(self.centre_, self.spread_)
        return scaled

    def _averaged(self, objective: Objective, each: list[Tensor], banks: list[Any]) -> Tensor:
        return torch.stack([objective.decoded(z, self.head_, b) for z, b in zip(each, banks, strict=True)]).mean(0)

    def predict(self, X: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(n,) the predicted numbers, in the units of the targets."""
        return np.asarray(self.centre_ + self.spread_ * self._log_p(X)[:, 0].double().numpy())

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R squared against plain true numbers; with labels the kind's criterion (higher is better)."""
        if isinstance(y, (Labels, ByRow)):
            return float(self.criterion(X, y))
        return float(super().score(X, y, sample_weight))
