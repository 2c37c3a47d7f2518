"""Predictions of each labelled row by a model that did not see it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor

from sfumato.core.errors import ParameterError
from sfumato.core.streams import numpy_rng

from .given import Bools, Floats, Ints

TREES, LEAF = 100, 5


def model(learner: Any, seed: int) -> Any:
    """A fresh regressor: a forest, or a copy of the one given."""
    if isinstance(learner, str) and learner == "forest":
        return RandomForestRegressor(TREES, min_samples_leaf=LEAF, random_state=seed)
    if not (hasattr(learner, "fit") and hasattr(learner, "predict")):
        raise ParameterError(f"learner={learner!r}", '"forest", or a regressor with fit and predict')
    return clone(learner)


def folds_of(labelled: Bools, clusters: Ints | None, folds: int, seed: int, split: int) -> Ints:
    """(rows,) fold of each row: labelled and unlabelled rows are dealt evenly; a cluster stays whole."""
    rng = numpy_rng(seed, "infer-folds", split)
    if not 2 <= folds <= labelled.sum():
        raise ParameterError(f"folds={folds}", f"from 2 to the number of labelled rows, {int(labelled.sum())}")
    if clusters is not None:
        dealt = np.arange(int(clusters.max()) + 1) % folds
        return np.asarray(rng.permutation(dealt)[clusters])
    fold = np.zeros(len(labelled), np.int64)
    for part in (labelled, ~labelled):
        fold[part] = rng.permutation(np.arange(int(part.sum())) % folds)
    return fold


def crossfit(
    learner: Any, features: Floats, target: Floats, labelled: Bools, fold: Ints, *, everywhere: bool, seed: int
) -> Floats:
    """(rows,) predictions of the target by models of the labelled rows outside a row's fold.

    ``everywhere``: (rows, K) instead, where an unlabelled row gets every model's prediction and a labelled one that of
    its own fold's K times.
    """
    count = int(fold.max()) + 1
    found = np.zeros((len(target), count))
    for f in range(count):
        seen = labelled & (fold != f)
        if seen.sum() < 2:
            raise ParameterError(
                f"{int(seen.sum())} labelled rows outside fold {f}", "at least 2", "ask for other folds, or more labels"
            )
        fitted = model(learner, seed).fit(features[seen], target[seen])
        own = labelled & (fold == f) if everywhere else fold == f
        for rows, columns in (
            ((own, slice(None)), (~labelled, slice(f, f + 1))) if everywhere else ((own, slice(None)),)
        ):
            if rows.any():
                found[rows, columns] = np.asarray(fitted.predict(features[rows]), np.float64)[:, None]
    return found if everywhere else found[:, 0]
