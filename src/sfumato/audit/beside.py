"""The door for what is given beside features and labels: each thing is checked once, here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.audit.codes import class_numbers
from sfumato.audit.section import Beside, Floats, Ints
from sfumato.audit.sections.provenance import read_provenance
from sfumato.core.errors import LabelError, ParameterError, RefusedError, ShapeError
from sfumato.data.columns import frame_columns
from sfumato.parts.linear import as_features

MOST = 100_000_000  # entries of a matrix of votes
GIVEN = ("groups", "votes", "split", "X_test", "truth", "provenance", "variables")


def beside(
    given: dict[str, Any], X: Any, x: Floats, columns: Sequence[str], flat: Sequence[int], at: Ints, labels: Any
) -> Beside:
    """Everything in ``given`` (the names of GIVEN), checked; arrays follow the observations ``at``, not the rows."""
    n, k = len(x), labels.k
    _check_read(given, labels)
    plain = labels.kind == "votes" and labels.means is None and labels.weight is None
    if given["votes"] is None and plain and n * labels.sources <= MOST:
        given["votes"] = labels
    groups, split = (_named(given[name], name, n) for name in ("groups", "split"))
    if split is not None and given["X_test"] is not None:
        raise ParameterError("both split and X_test", "one of them", "name the test rows in split")
    if split is not None and len(np.unique(split[at])) < 2:
        raise ParameterError("a split with one name alone", "at least two")
    test = None
    if given["X_test"] is not None:
        test = as_features(given["X_test"])
        if test.shape[1] != x.shape[1]:
            raise ShapeError(f"X_test of shape {test.shape}", f"(rows, {x.shape[1]}), the columns of X")
    votes = None if given["votes"] is None else _votes(given["votes"], n, k, labels.classes)
    truth = None if given["truth"] is None else class_numbers(given["truth"], labels.classes, k, "truth", n)
    table = frame_columns(X if given["variables"] is None else given["variables"])
    if table is None and given["variables"] is not None:
        raise ParameterError(f"variables of type {type(given['variables']).__name__}", "a data frame")
    if table is not None and any(len(column) != n for column in table.values()):
        raise ShapeError(f"variables of {len(next(iter(table.values())))} rows", f"{n}, as many as X")
    return Beside(
        raw=x,
        at=at,
        columns=tuple(str(c) for c in columns),
        constant=tuple(str(columns[j]) if len(columns) else str(j) for j in flat),
        variables=table,
        provenance=None if given["provenance"] is None else read_provenance(given["provenance"]),
        groups=None if groups is None else groups[at],
        votes=None if votes is None else votes[at],
        split=None if split is None else split[at],
        test=test,
        truth=None if truth is None else truth[at],
    )


def _check_read(given: dict[str, Any], labels: Any) -> None:
    """Refuses what no module would read beside labels of that kind."""
    if getattr(labels, "y", None) is not None and labels.y.ndim == 1:
        return
    for name in ("groups", "truth") if labels.k > 1 else ("groups", "truth", "votes"):
        if given[name] is not None:
            raise ParameterError(f"{name} beside {labels.kind} labels", "single labels, which it is held against")


def _named(values: Any, name: str, n: int) -> NDArray[Any] | None:
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (n,):
        raise ShapeError(f"{name} of shape {array.shape}", f"({n},), one name per row")
    if array.dtype == object or array.dtype.kind in "US":
        if any(not isinstance(v, str | int | np.integer | bool) for v in array.tolist()):
            raise ParameterError(f"{name} with a missing entry or one of no name", "a text or a whole number per row")
        array = array.astype(str)
    if array.dtype.kind not in "Uiub":
        raise ParameterError(f"{name} of type {array.dtype}", "a text or a whole number per row")
    return array


def _votes(values: Any, n: int, k: int, classes: Sequence[Any] | None) -> Ints:
    votes = _matrix(values, classes) if getattr(values, "kind", None) == "votes" else np.asarray(values)
    if votes.ndim != 2 or len(votes) != n or votes.shape[1] < 1 or votes.dtype.kind not in "iu":
        raise ShapeError(
            f"votes of shape {votes.shape} and type {votes.dtype}", f"({n}, annotators) class numbers, -1 where absent"
        )
    votes = votes.astype(np.int64)
    if votes.min() < -1 or votes.max() >= k:
        raise LabelError(f"votes from {votes.min()} to {votes.max()}", f"class numbers from 0 to {k - 1}, or -1")
    return votes


def _matrix(votes: Any, classes: Sequence[Any] | None) -> Ints:
    """A container of votes as class numbers (items, sources), -1 where a source is absent or abstained."""
    if votes.means is not None or votes.weight is not None:
        raise RefusedError(
            "votes for sets of classes, or weighted ones", "one class per vote", "pass a matrix of votes"
        )
    n, m = len(votes.offsets) - 1, votes.sources
    if n * m > MOST:
        raise RefusedError(f"{n} items x {m} sources", f"at most {MOST:,} entries", "audit a part of the items")
    if None not in (votes.classes, classes) and [str(c) for c in votes.classes] != [str(c) for c in classes or ()]:
        raise LabelError("votes on other classes than the labels", "the same classes in the same order")
    out = np.full((n, m), -1, np.int64)
    out[np.repeat(np.arange(n), np.diff(np.asarray(votes.offsets))), np.asarray(votes.source)] = np.asarray(votes.said)
    return out
