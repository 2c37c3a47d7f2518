"""What the estimators of this room are given: rows with a true part, a predicted part and two weights."""

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
class Sample:
    r"""Rows of the moment equation :math:`\sum_i b_i m_i^{true}(\theta) + \lambda c_i m_i^{pred}(\theta) = 0`.

    y_true, y_pred (rows,), x_true, x_pred (rows, d): what is not known holds the prediction and has b = 0; labelled
    (rows,); b, c (rows,) weights of the true and the predicted moment; strata (rows,): rows that were drawn apart;
    clusters (rows,) codes or None; names of the coefficients that are shown, the first ones of d; pooled: the
    predicted moment is summed over all rows, the labelled included; each (rows, K): what several models predict, whose
    moments are averaged where they are not linear in the prediction (a quantile's), y_pred being their mean.
    """

    y_true: Floats
    y_pred: Floats
    x_true: Floats
    x_pred: Floats
    labelled: Bools
    b: Floats
    c: Floats
    strata: Ints
    clusters: Ints | None
    names: tuple[str, ...]
    pooled: bool
    each: Floats | None = None


@dataclass(frozen=True)
class Given:
    """What came through the door, checked: truth and design with NaN where unknown, and what stands in for them."""

    truth: Floats
    design: Floats
    labelled: Bools
    clusters: Ints | None
    groups: Ints | None
    names: tuple[str, ...] | None


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
) -> Given:
    """The true part, checked: which rows are labelled, and that what is unknown is unknown in the same rows."""
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
        y, x, np.asarray(labelled, bool), codes("clusters", clusters, len(y)), codes("groups", groups, len(y)), told
    )


def stand_in(name: str, known: Floats, predicted: Floats | None) -> Floats:
    """The predictions; what is known of every row where nobody predicted it."""
    if predicted is None:
        if np.isnan(known).any():
            raise NeedError(f"no predictions for {name}", "one for every row, the labelled included", f"pass {name}=")
        return known
    return predicted


def sample(
    estimand: str,
    was: Given,
    y_pred: Floats,
    x_pred: Floats,
    intercept: bool,
    *,
    chance: Floats | None = None,
    pooled: bool = False,
) -> Sample:
    r"""Weights of the design: two samples (PPI), or one whose rows were labelled by chance (DSL).

    PPI: b = 1/n on labelled rows; c = -1/n there and 1/N on the others; pooled, c = 1/(n+N) - R/n.
    With ``chance`` pi: b = R / (pi M), c = (1 - R / pi) / M, M = n + N.
    """
    r = was.labelled
    n, rows = int(r.sum()), len(r)
    if chance is not None:
        b = np.where(r, 1 / chance, 0.0) / rows
        c = 1 / rows - b
    else:
        b = np.where(r, 1 / n, 0.0)
        c = 1 / rows - b if pooled else np.where(r, -1 / n, 1 / (rows - n))
    one = chance is not None or pooled
    names = was.names or tuple(f"x{j + 1}" for j in range(was.design.shape[1]))
    y_true = np.where(r, was.truth, y_pred)
    x_true = np.where(r[:, None], was.design, x_pred)
    if estimand in ("mean", "quantile"):
        names = (estimand,)
    elif intercept:
        names = ("intercept", *names)
        x_true, x_pred = (np.column_stack([np.ones(rows), x]) for x in (x_true, x_pred))
    if was.groups is not None:
        dummies = (was.groups[:, None] == np.arange(int(intercept), was.groups.max() + 1)).astype(float)
        x_true, x_pred = np.hstack([x_true, dummies]), np.hstack([x_pred, dummies])
    strata = np.zeros(rows, np.int64) if one else (~r).astype(np.int64)
    return Sample(y_true, y_pred, x_true, x_pred, r, b, c, strata, was.clusters, names, one)


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
