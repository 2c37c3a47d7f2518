"""What a reader of a real set is, and what it finds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.labels import Labels


class Absent(Exception):
    """A set or a package that is not on this machine: its runs are recorded as skipped, with this reason."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a reader found: x (n, ...), y, the truth: (n,) codes (of votes, -1 where nobody knows) or what the reader
    says, k, the weak labels it carries, its official test rows.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    k: int
    labels: Labels | None = None
    test: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Reader:
    """How a set is read: kind of the labels it carries, or None; file, below the folder; load, path -> Found; truth, as
    ``laws.Entry`` tells it; bare, whether its items have no features.
    """

    kind: str | None
    file: str
    load: Callable[[Path], Found]
    truth: str = "class"
    bare: bool = False


def folder() -> Path:
    """The folder of the real sets; it need not exist."""
    told = os.environ.get("SFUMATO_REAL_DATA")
    return Path(told) if told else Path("..") / "shared" / "data"


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as z:
        return {name: z[name] for name in z.files}
