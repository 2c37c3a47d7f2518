"""The roles that methods play. Objective stands in learn/, Law and Labels in labels/; the numpy roles stand here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Aggregator(ABC):
    """Votes of many sources -> a posterior over the true label."""

    role: ClassVar[str] = "aggregate"
    kind: ClassVar[str] = "votes"

    @abstractmethod
    def fit(self, votes: Any) -> Any:
        """The result with .posterior (items, K), .confusion [source, true, said], .quality and .history."""

    def update(self, result: Any, votes: Any, **told: Any) -> Any:
        """The result of ``fit`` on the votes of a result and new ones together; models that can start where the result
        ended say so. ``told`` is what ``fit`` takes besides votes.
        """
        return self.fit(result.votes.joined(votes), **told)


class Estimator(ABC):
    """Data -> the value of one need of the world; accepted wherever that need is."""

    role: ClassVar[str] = "estimate"
    kind: ClassVar[str]
    need: ClassVar[str]

    @abstractmethod
    def estimate(self, X: Array, labels: Any, seed: int = 0) -> Any:
        """The value of ``need`` from features and labels."""


class Score(ABC):
    """A model's output -> one number per sample; higher = look here first."""

    role: ClassVar[str] = "score"
    kind: ClassVar[str]

    @abstractmethod
    def score(self, *outputs: Any) -> NDArray[np.floating[Any]]:
        """(n,) numbers; higher = look here first."""


class Adapter(ABC):
    """A finished predictor -> another."""

    role: ClassVar[str] = "adapt"
    kind: ClassVar[str] = "any"

    @abstractmethod
    def __call__(self, output: Array) -> Array:
        """The adapted probabilities or logits."""


class FunctionMaker(ABC):
    """Features and a few labels, or scores -> labeling functions that vote on any row."""

    role: ClassVar[str] = "rules"
    kind: ClassVar[str] = "semi"

    @abstractmethod
    def make(self, X: Any, *args: Any, **kwargs: Any) -> Any:
        """The functions, with .matrix(X) (n, functions) codes, -1 where one abstains, and .votes(X)."""


class Inference(ABC):
    """Few true labels and many surrogate labels -> statistics with valid intervals."""

    role: ClassVar[str] = "infer"
    kind: ClassVar[str] = "surrogate"

    @abstractmethod
    def fit(self, truth: Any, *args: Any, **kwargs: Any) -> Any:
        """The table of estimates; ``truth`` is NaN where only the surrogate is known."""
