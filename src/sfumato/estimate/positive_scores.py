"""Out-of-fold scores of positive-unlabeled rows, by the model that parts labelled rows from the others best."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from sfumato.estimate.interval import Floats
from sfumato.estimate.rows import Bools
from sfumato.parts.forest import folds_of_copies, forest_out_of_fold
from sfumato.parts.linear import out_of_fold

LEAVES = (3, 30)  # rows of a leaf, at least: fine and coarse trees


def positive_scores(x: Floats, flag: Bools, folds: int, seed: int) -> Floats:
    """(n,) P(labelled | x), by a model that did not see the row's fold: forests of random trees with leaves of 3 and of
    30 rows and a linear head are fitted on the same folds, and that of the largest area under the curve of labelled
    against unlabeled rows is taken, which asks for no true label; of equals the first.

    Copies of a row share a fold.
    """
    found = [forest_out_of_fold(x, flag, folds, seed, leaf) for leaf in LEAVES]
    fold = folds_of_copies(x, flag, folds, seed)
    found.append(out_of_fold(x, flag.astype(np.int64), 2, fold=fold)[:, 1].astype(np.float64))
    return max(found, key=lambda scores: float(roc_auc_score(flag, scores)))
