"""The small real sets that come with scikit-learn, split once, and pictures of several digits made of one of them."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

CELLS, FILLED = 3, 0.5  # of a picture; the chance that a cell holds a digit (one always does)


@cache
def small_set(binary: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(X, y, X_test, y_test): scikit-learn's digits (10 classes), or its breast cancer set (malignant = 1)."""
    from sklearn.datasets import load_breast_cancer, load_digits

    X, y = (load_breast_cancer if binary else load_digits)(return_X_y=True)
    y = 1 - y if binary else y
    X = (X - X.mean(0)) / (X.std(0) + 1e-9)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0)).numpy()
    n = 380 if binary else 1000
    data, truth = torch.from_numpy(X[order]).float(), torch.from_numpy(y[order]).long()
    return data[:n], truth[:n], data[n:], truth[n:]


@cache
def pictures() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(X, Y, X_test, Y_test): rows of three cells with a digit each or none, and which of the ten digits they show.

    Pictures of training rows hold training digits alone. One to three of ten classes hold, so most of what nobody says
    is a "no", and a "no" to a digit that is there costs as much as the digit is worth.
    """
    X, y, X_test, y_test = small_set(False)
    rng = torch.Generator().manual_seed(0)
    return (*_pictures(X, y, 1000, rng), *_pictures(X_test, y_test, 600, rng))


def _pictures(X: Tensor, y: Tensor, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    filled = torch.rand(n, CELLS, generator=rng) < FILLED
    filled[torch.arange(n), torch.randint(CELLS, (n,), generator=rng)] = True
    at = torch.randint(len(X), (n, CELLS), generator=rng)
    shown = torch.nn.functional.one_hot(y[at], 10) * filled[:, :, None]
    return (X[at] * filled[:, :, None]).flatten(1), shown.amax(1)
