"""The scikit-learn faces: a Classifier that takes any kind of labels, a Regressor that takes real targets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from .classifier import Classifier
from .door import as_labels
from .fitted import NotFittedError
from .learner import Learner
from .regressor import Regressor


def load(path: str | Path, network: Callable[..., nn.Module] | nn.Module | None = None) -> Classifier | Regressor:
    """Read a model directory back to identical predictions.

    Args: path, the directory; network, the module or factory, where the model was fitted with one of the user's own.
    """
    from sfumato.models import load as read

    return read(Path(path), network)


__all__ = ["Classifier", "Learner", "NotFittedError", "Regressor", "as_labels", "load"]
