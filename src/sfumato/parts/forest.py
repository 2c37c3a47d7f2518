"""Out-of-fold scores by a forest of random trees: for features whose classes no plane parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from sfumato.core.errors import LabelError

from .linear import stratified_folds

TREES = 100
LEAF = 3
ROWS = 10_000  # rows of one tree, at most: the cost of a forest then grows with n only where it is read


def folds_of_copies(x: NDArray[np.floating[Any]], flag: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.int64]:
    """(n,) stratified folds. Copies of a row share a fold: a copy with the other flag, as case-control samples of one
    table hold, would tell.
    """
    _, copy = np.unique(x, axis=0, return_inverse=True)
    of_copy = np.zeros(copy.max() + 1, np.int64)
    np.maximum.at(of_copy, copy, flag.astype(np.int64))
    return np.asarray(stratified_folds(of_copy, folds, seed)[copy])


def forest_out_of_fold(
    x: NDArray[np.floating[Any]], flag: NDArray[np.bool_], folds: int, seed: int, leaf: int = LEAF
) -> NDArray[np.float64]:
    """(n,) P(flag | x) of every row by a forest that was fitted without the row's fold (``folds_of_copies``). Errors:
    fewer than two different flagged rows.
    """
    fold = folds_of_copies(x, flag, folds, seed)
    if len(np.unique(fold[flag])) < 2:
        raise LabelError(f"{int(flag.sum())} flagged rows, all copies of one", "at least two different ones")
    found = np.zeros(len(x))
    for f in range(folds):
        mine, rest = fold == f, fold != f
        part = {"bootstrap": True, "max_samples": ROWS} if rest.sum() > ROWS else {}
        forest = ExtraTreesClassifier(TREES, min_samples_leaf=leaf, random_state=seed, **part).fit(x[rest], flag[rest])
        found[mine] = forest.predict_proba(x[mine])[:, list(forest.classes_).index(True)]
    return found
