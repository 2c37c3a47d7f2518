"""What the estimators of this room work on: rows with a true part, a predicted part and two weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .given import Bools, Floats, Given, Ints


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
