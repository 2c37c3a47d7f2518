"""The door of this room: what a user passes, checked once, into one record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.core.errors import LabelError, NeedError, ParameterError, ShapeError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Given:
    """What came through the door, checked: truth (rows,) and design (rows, d) with NaN where unknown, and what was
    predicted of each, None where nobody predicted it.
    """

    truth: Floats
    design: Floats
    predicted: Floats | None
    design_predicted: Floats | None
    labelled: Bools
    clusters: Ints | None
    groups: Ints | None
    names: tuple[str, ...] | None

    def stand_ins(self) -> tuple[Floats, Floats]:
        """Outcome and design of every row as predicted; as known where nobody predicted them."""
        told = ("predicted", self.truth, self.predicted), ("X_predicted", self.design, self.design_predicted)
        for name, known, predicted in told:
            if predicted is None and np.isnan(known).any():
                raise NeedError(
                    f"no predictions for {name}", "one for every row, the labelled included", f"pass {name}="
                )
        y, x = (known if predicted is None else predicted for _, known, predicted in told)
        return y, x


def column(name: str, value: ArrayLike, rows: int | None = None, *, nan: bool = False) -> Floats:
    """``value`` as (rows,) float64; finite, or NaN where ``nan`` allows it."""
    found = _numbers(name, value)
    if found.ndim != 1 or (rows is not None and len(found) != rows):
        raise ShapeError(f"{name} of shape {found.shape}", f"({'rows' if rows is None else rows},)")
    return _finite(name, found, nan)


def table(name: str, value: ArrayLike, rows: int, *, nan: bool = False) -> Floats:
    """``value`` as (rows, columns) float64; one column may be given flat."""
    found = _numbers(name, value)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or len(found) != rows or found.shape[1] == 0:
        raise ShapeError(f"{name} of shape {found.shape}", f"({rows}, columns)")
    return _finite(name, found, nan)


def codes(name: str, value: ArrayLike | None, rows: int) -> Ints | None:
    """(rows,) whole numbers from 0 for names of clusters or groups."""
    if value is None:
        return None
    found = np.asarray(value)
    if found.shape != (rows,):
        raise ShapeError(f"{name} of shape {found.shape}", f"({rows},)")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise LabelError(f"{name} with missing values", "one name per row")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def given(
    estimand: str,
    truth: ArrayLike,
    X: ArrayLike | None,
    clusters: ArrayLike | None,
    groups: ArrayLike | None,
    names: Sequence[str] | None,
    predicted: ArrayLike | None = None,
    X_predicted: ArrayLike | None = None,
) -> Given:
    """All parts, checked: which rows are labelled, and that what is unknown is unknown in the same rows."""
    y = column("truth", truth, nan=True)
    plain = estimand in ("mean", "quantile")
    if plain and (X is not None or groups is not None):
        raise ParameterError(f"a {estimand} with X or groups", "neither", "choose linear, logistic or poisson")
    if not plain and X is None:
        raise NeedError(f"no X for the {estimand} model", "(rows, columns)", "pass X=")
    x = np.ones((len(y), 1)) if X is None else table("X", X, len(y), nan=True)
    missing = np.isnan(np.column_stack([y, x]))
    partly = missing.any(0)
    if not partly.any():
        raise LabelError("no row without its true label", "NaN in truth (or X) where only the prediction is known")
    labelled = ~missing.any(1)
    if (missing[:, partly].any(1) != missing[:, partly].all(1)).any():
        raise LabelError("rows that are labelled in part", "truth and X to be unknown (NaN) in the same rows")
    if labelled.sum() < 2 or (~labelled).sum() < 2:
        raise LabelError(
            f"{int(labelled.sum())} labelled and {int((~labelled).sum())} unlabelled rows", "at least two of each"
        )
    known = y[~np.isnan(y)]
    if estimand == "logistic" and ((known < 0) | (known > 1)).any():
        raise LabelError("truth outside [0, 1]", "0 or 1 for the logistic model")
    if estimand == "poisson" and (known < 0).any():
        raise LabelError("negative truth", "counts for the poisson model")
    if names is not None and len(names) != x.shape[1]:
        raise ShapeError(f"{len(names)} names", f"one per column of X: {x.shape[1]}")
    told = None if names is None else tuple(str(name) for name in names)
    return Given(
        y,
        x,
        None if predicted is None else column("predicted", predicted, len(y)),
        None if X_predicted is None else table("X_predicted", X_predicted, len(y)),
        np.asarray(labelled, bool),
        codes("clusters", clusters, len(y)),
        codes("groups", groups, len(y)),
        told,
    )


def _numbers(name: str, value: ArrayLike) -> Floats:
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError):
        raise LabelError(f"{name} that are no numbers", "numbers, NaN where unknown") from None


def _finite(name: str, found: Floats, nan: bool) -> Floats:
    bad = np.isinf(found) if nan else ~np.isfinite(found)
    if bad.any():
        raise LabelError(
            f"{name} with {int(bad.sum())} values that are not finite", "numbers" + (" or NaN" if nan else "")
        )
    return found
