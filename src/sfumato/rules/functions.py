"""What every maker of this room returns: labeling functions that speak of new rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import Semi, Votes
from sfumato.labels.votes import ABSTAIN
from sfumato.parts.linear import as_features

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


class Model(Protocol):
    """Columns of rows (1, n, ...) -> probabilities (1, n, K)."""

    def probabilities(self, z: Any) -> Any:
        """(1, n, K)."""


@dataclass(frozen=True, eq=False)
class LabelingFunction:
    r"""A small model that says its likeliest class where that has probability ``cut``, and else abstains.

    .. math:: \lambda(x) = \arg\max_k p_k(x) \text{ if } \max_k p_k(x) \ge \text{cut, else } -1

    Args: name; columns of X that it reads; model; cut in [0, 1]. Ties go to the lowest class.
    """

    name: str
    columns: tuple[int, ...]
    model: Model
    cut: float

    def beliefs(self, X: Floats) -> Floats:
        """(n, K) probabilities of the rows of X, those included on which it abstains."""
        return np.asarray(self.model.probabilities(X[None, :, list(self.columns)])[0])

    def __call__(self, X: Floats) -> Ints:
        """(n,) class codes, -1 where it abstains."""
        return speak(self.beliefs(X), self.cut)


def speak(beliefs: Floats, cut: Any) -> Ints:
    """(..., n) the likeliest class of beliefs (..., n, K), -1 where it has less than ``cut``."""
    return np.where(beliefs.max(-1) >= cut, beliefs.argmax(-1), ABSTAIN)


@dataclass(frozen=True, eq=False)
class Functions:
    """Labeling functions, in the order in which they were made.

    Args: functions; k number of classes; shape of one row of X; classes, names in code order or None.
    """

    functions: tuple[LabelingFunction, ...]
    k: int
    shape: tuple[int, ...]
    classes: tuple[Any, ...] | None = None

    def __len__(self) -> int:
        return len(self.functions)

    def __iter__(self) -> Iterator[LabelingFunction]:
        return iter(self.functions)

    @property
    def who(self) -> tuple[str, ...]:
        """The names of the functions."""
        return tuple(f.name for f in self.functions)

    def rows(self, X: Any) -> Floats:
        """Rows as the functions were made for, or one clear error."""
        x = np.asarray(X)
        if x.ndim == 2 and len(self.shape) == 2 and self.shape[0] == 1:  # the table of a single scorer
            x = x[:, None]
        flat = as_features(x.reshape(len(x), -1) if x.ndim > 1 else x)
        if x.shape[1:] != self.shape:
            raise ShapeError(f"rows of shape {x.shape[1:]}", f"{self.shape}, as the functions were made for")
        return flat.reshape(x.shape)

    def matrix(self, X: Any) -> Ints:
        """(n, functions) class codes, -1 where a function abstains."""
        x = self.rows(X)
        return np.stack([f(x) for f in self.functions], axis=1)

    def votes(self, X: Any, gold: Any = None, soft: bool = False) -> Votes:
        """What the functions say of rows, for any aggregation.

        Args: gold: ``Semi`` labels or (n,) codes with -1 of the rows whose truth is known, which aggregations then
        keep; soft: where a function speaks, all classes with its beliefs as weights.
        """
        known = None if gold is None else codes(gold, self.k, self.classes)
        x = self.rows(X)
        if known is not None and len(known) != len(x):
            raise ShapeError(f"{len(known)} gold labels for {len(x)} rows", "one per row, -1 where unknown")
        if not soft:
            return Votes.from_matrix(self.matrix(x), k=self.k, classes=self.classes, who=self.who, gold=known)
        beliefs = np.stack([f.beliefs(x) for f in self.functions], axis=1)
        spoke = beliefs.max(2) >= np.array([f.cut for f in self.functions])
        item, source, said = np.nonzero((beliefs > 0) & spoke[:, :, None])
        return Votes(
            torch.from_numpy(np.searchsorted(item, np.arange(len(x) + 1))),
            torch.from_numpy(source),
            torch.from_numpy(said),
            self.k,
            len(self),
            torch.from_numpy(beliefs[item, source, said]),
            None if known is None else torch.from_numpy(known),
            classes=self.classes,
            who=self.who,
        )

    def against(self, X: Any, labels: Any) -> list[dict[str, Any]]:
        """Coverage of each function on all rows, and its accuracy on the labelled rows of which it speaks (NaN where
        there are none): as good as those labels, and flattering on labels that the functions were fitted on.
        """
        table, y = self.matrix(X), codes(labels, self.k, self.classes)
        if len(y) != len(table):
            raise ShapeError(f"{len(y)} labels for {len(table)} rows", "one per row, -1 where unknown")
        lines = []
        for name, said in zip(self.who, table.T, strict=True):
            heard = (said >= 0) & (y >= 0)
            right = float((said == y)[heard].mean()) if heard.any() else float("nan")
            lines.append(
                {"function": name, "coverage": float((said >= 0).mean()), "accuracy": right, "labels": int(heard.sum())}
            )
        return lines


def codes(labels: Any, k: int, classes: tuple[Any, ...] | None = None) -> Ints:
    """(n,) class codes of ``Semi`` labels or of an array with -1 where nobody said."""
    if isinstance(labels, Semi):
        if labels.k != k or (classes is not None and labels.classes not in (None, classes)):
            raise LabelError(f"labels of {labels.k} classes {labels.classes or ''}", f"{k} classes {classes or ''}")
        return labels.y.numpy()
    y = np.asarray(labels)
    if y.ndim != 1 or y.dtype.kind not in "iu" or (len(y) and (y.min() < -1 or y.max() >= k)):
        raise LabelError(
            f"labels of shape {y.shape} and type {y.dtype}", f"(n,) codes from -1 to {k - 1}, or sf.labels.Semi"
        )
    return y.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Told:
    """What a maker was told, checked: x (n, d); rows (l,) those with labels; y (l,) their codes; k; classes."""

    x: Floats
    rows: Ints
    y: Ints
    k: int
    classes: tuple[Any, ...] | None


def door(X: Any, labels: Any) -> Told:
    """Features and a few labels, or one clear error."""
    x = as_features(X).astype(np.float64)
    if not isinstance(labels, Semi):
        raise ParameterError(
            f"labels of type {type(labels).__name__}", "sf.labels.Semi", "Semi.from_labels(y, missing=-1)"
        )
    if len(labels) != len(x):
        raise ShapeError(f"{len(labels)} labels for {len(x)} rows", "one per row, missing ones included")
    y = labels.y.numpy()
    rows = np.flatnonzero(y >= 0)
    counts = np.bincount(y[rows], minlength=labels.k)
    if (counts < 2).any():
        raise LabelError(
            f"{counts.min()} labelled rows of class {int(counts.argmin())}",
            "at least two of every class: one to fit on and one to judge by",
        )
    return Told(x, rows, y[rows], labels.k, labels.classes)
