"""The small real sets that come with scikit-learn, split once, and pictures of several digits made of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from sfumato.labels import Law, OneVsRest
from sfumato.parts.ranking import mean_average_precision

from .world import classes

CELLS, FILLED = 3, 0.5  # of a picture; the chance that a cell holds a digit (one always does)


@dataclass(frozen=True)
class SmallSet:
    """Rows X (n, d) and truths y, (n,) codes or (n, k) zeros and ones where classes may hold at once; test rows too."""

    X: Tensor
    y: Tensor
    X_test: Tensor
    y_test: Tensor
    k: int

    @property
    def several(self) -> bool:
        """Whether several classes may hold at once."""
        return self.y.ndim == 2

    def prior(self) -> Tensor | float:
        """The share of each class; of the second one where there are two."""
        if self.several:
            return self.y.double().mean(0)
        share = torch.bincount(self.y, minlength=self.k).double() / len(self.y)
        return float(share[1]) if self.k == 2 else share

    def score(self, p: Tensor) -> float:
        """Of probabilities of the test rows: accuracy, or mean average precision where several classes may hold."""
        if self.several:
            return mean_average_precision(self.y_test, p)
        return float((p.argmax(1) == self.y_test).double().mean())


def set_for(law: type[Law]) -> SmallSet:
    """The set that a law's labels are drawn on: pictures of several digits, breast cancer, or digits."""
    if isinstance(law.head, OneVsRest):
        return SmallSet(*pictures(), 10)
    k = 2 if classes(law) == 2 else 10
    return SmallSet(*small_set(k == 2), k)


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
