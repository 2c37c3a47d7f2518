"""Peers that go wrong: one ends its process without a word, as one that is out of memory does, and one raises."""

from __future__ import annotations

import os
from typing import Any


class Deadly:
    name, kind = "deadly", "exact"

    def missing(self) -> str | None:
        return None

    def fit(self, X: Any, labels: Any, seed: int) -> Any:
        os._exit(9)


class Failing(Deadly):
    name, kind = "failing", "partial"

    def fit(self, X: Any, labels: Any, seed: int) -> Any:
        raise ValueError("it does not work")


PEER, FAILING = Deadly(), Failing()
