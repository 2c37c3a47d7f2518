"""Real votes: on items alone, for aggregation, or on items with features, for methods that learn from both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import FileError
from sfumato.labels import Votes

from .found import Found, Reader, arrays


def _crowd(path: Path) -> Found:
    """Answers of people; a person who answered an item twice counts twice."""
    z = arrays(path)
    y, k = z["truth"].astype(np.int64), len(z["classes"])
    votes = Votes.from_table(
        z["task"], z["worker"], z["label"].astype(np.int64), n=len(y), classes=range(k), duplicates="all"
    )
    return Found(np.zeros((len(y), 0), np.float32), y, k, votes)


def _functions(path: Path) -> Found:
    """Labeling functions: each was asked about every item, and -1 is what it said where it declined."""
    z = arrays(path)
    y = z["y"].astype(np.int64)
    k = int(y.max()) + 1
    return Found(np.zeros((len(y), 0), np.float32), y, k, Votes.from_matrix(z["votes"].astype(np.int64), k=k))


def _embedded(path: Path) -> Found:
    """Labeling functions on texts, and their sentence embeddings; the official test rows."""
    z = arrays(path)
    x = np.load(path.with_name(f"{path.stem}_minilm384.npy"), allow_pickle=False).astype(np.float32)
    y = z["y"].astype(np.int64)
    if (y < 0).any():
        raise FileError(f"{path}: {int((y < 0).sum())} items without a true class", "a true class on every item")
    k = int(y.max()) + 1
    return Found(x, y, k, Votes.from_matrix(z["votes"].astype(np.int64), k=k), z["split"] == 2)


def _labelme(path: Path) -> Found:
    """Pictures (512 features) with the votes of people on the training ones; the official test rows have none."""
    z = arrays(path)
    y: NDArray[Any] = np.concatenate([z["y_train"], z["y_test"]]).astype(np.int64)
    x = np.concatenate([z["x_train"], z["x_test"]]).astype(np.float32)
    k = int(y.max()) + 1
    said = z["label"].astype(np.int64)
    votes = Votes.from_table(z["task"], z["worker"], said, n=len(y), classes=range(k), duplicates="all")
    return Found(x, y, k, votes, np.arange(len(y)) >= len(z["y_train"]))


CROWDS = ("rte", "bluebird", "dog", "product", "face_sentiment", "adult2")
FUNCTIONS = ("youtube_lf", "hausa_lf", "spear_trec")
READERS = {
    **{name: Reader("votes", f"crowd/{name}.npz", _crowd, bare=True) for name in CROWDS},
    **{name: Reader("votes", f"lf/{name}.npz", _functions, bare=True) for name in FUNCTIONS},
    **{f"{name}-embedded": Reader("votes", f"lf/{name}.npz", _embedded) for name in ("youtube_lf", "hausa_lf")},
    "labelme": Reader("votes", "crowd/labelme.npz", _labelme),
}
