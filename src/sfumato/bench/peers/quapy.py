"""QuaPy's quantifiers around logistic regression; development-only peers."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Peer, PredictProba


class QuaPy:
    """One of QuaPy's aggregative quantifiers with its defaults, from labeled rows; bags go in, class priors come out.

    Args: name; learner, the name of its class.
    """

    kind = "prior"

    def __init__(self, name: str, learner: str) -> None:
        self.name, self.learner = name, learner

    def missing(self) -> str | None:
        """Where QuaPy is not installed."""
        return None if importlib.util.find_spec("quapy") else "quapy is not installed (pip install quapy)"

    def fit(self, X: NDArray[Any], labels: Any, seed: int) -> PredictProba:
        """Fit on rows and their classes; the result maps the rows of a bag (m, d) to a prior (K,)."""
        learner = getattr(importlib.import_module("quapy.method.aggregative"), self.learner)
        from sklearn.linear_model import LogisticRegression

        model = learner(LogisticRegression(max_iter=1000, random_state=seed))
        model.fit(X, labels.y.numpy().astype(np.int64))
        return lambda rows: np.asarray(model.predict(rows))


_ALL = tuple(QuaPy(f"quapy-{name}", name.upper()) for name in ("cc", "pcc", "acc", "pacc", "emq"))
PEERS: dict[str, Peer] = {peer.name: peer for peer in _ALL}
