"""How a model reads new votes where no single table does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from .kernel import Floats, Kernel


@dataclass
class Reader(ABC):
    """New votes -> beliefs. Its fields are all it knows (arrays, plain values, results), so that it can be saved."""

    @abstractmethod
    def __call__(self, kernel: Kernel) -> Floats:
        """(n, K) beliefs about the items of new votes."""
