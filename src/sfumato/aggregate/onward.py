"""From beliefs to labels that a classifier trains on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch

from sfumato.core.errors import ParameterError
from sfumato.labels import Distribution, Noisy, Partial

from .kernel import Floats, Ints


class Onward(ABC):
    """What is read off a posterior (n, K) over classes that may have names."""

    posterior: Floats

    @property
    @abstractmethod
    def classes(self) -> tuple[Any, ...] | None:
        """Names of the classes in code order."""

    def codes(self) -> Ints:
        """(n,) the most likely class of each item, lowest code on ties."""
        return np.asarray(self.posterior.argmax(1))

    def labels(self) -> Any:
        """(n,) the most likely class of each item, by name where classes have names."""
        return self.codes() if self.classes is None else np.asarray(self.classes)[self.codes()]

    def entropy(self) -> Floats:
        """(n,) of the beliefs, in nats."""
        p = np.clip(self.posterior, 1e-300, 1)
        return np.asarray(-(self.posterior * np.log(p)).sum(1))

    def to_distribution(self) -> Distribution:
        """The beliefs as soft labels."""
        return Distribution(torch.from_numpy(self.posterior.copy()), self.posterior.shape[1], self.classes)

    def to_noisy(self) -> Noisy:
        """The most likely classes, to be treated as noisy labels."""
        return Noisy(torch.from_numpy(self.codes()), self.posterior.shape[1], self.classes)

    def to_weighted(self) -> tuple[Noisy, Floats]:
        """The most likely classes and how sure each is, for ``sample_weight``."""
        return self.to_noisy(), self.posterior.max(1)

    def to_partial(self, mass: float = 0.95) -> Partial:
        """The smallest candidate set of each item that holds the truth with probability ``mass``."""
        if not 0 < mass <= 1:
            raise ParameterError(f"mass={mass}", "in (0, 1]")
        order = np.argsort(-self.posterior, axis=1, kind="stable")
        sorted_p = np.take_along_axis(self.posterior, order, 1)
        needed = (np.cumsum(sorted_p, 1) - sorted_p) < mass * (1 - 1e-12)
        mask = np.zeros(self.posterior.shape, bool)
        np.put_along_axis(mask, order, needed, 1)
        return Partial(torch.from_numpy(mask), self.posterior.shape[1], self.classes)
