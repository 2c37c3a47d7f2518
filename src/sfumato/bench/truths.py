"""What the truth of a set may be, and by which measure a prediction of it is judged: an oracle, in name and output."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.errors import InputError
from sfumato.parts import distances
from sfumato.parts.ranking import macro_auc, mean_average_precision

from . import oracles

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """A form of truth: how its oracle is called, and how it is measured on predictions log_p and true values y.

    Args: criterion, the oracle on validation rows; title, the oracle on test rows as tables show it; measure, its name
    among ``measured``; higher, whether larger is better; scale, that of tables; measured(log_p, y), every measure.
    """

    criterion: str
    title: str
    measure: str
    higher: bool
    scale: float
    measured: Callable[[Tensor, Tensor], dict[str, float]]

    def score(self, log_p: Tensor, y: Tensor) -> float:
        """The oracle, its sign such that higher is better; NaN where it is not defined."""
        return self.signed(self.measured(log_p, y)[self.measure])

    def signed(self, value: float) -> float:
        """A measured value as a score, and a score as the value measured."""
        return value if self.higher else -value

    def shown(self, score: float) -> float:
        """A score in the units of tables."""
        return self.scale * self.signed(score)


def accuracy(log_p: Tensor, y: Tensor) -> float:
    """The share of rows whose class is predicted."""
    return float((log_p.argmax(1) == y).double().mean())


def _class(log_p: Tensor, y: Tensor) -> dict[str, float]:
    return {"oracle-accuracy": accuracy(log_p, y)}


def _classes(log_p: Tensor, y: Tensor) -> dict[str, float]:
    p, truth = log_p.detach().double().exp().numpy(), y.numpy().astype(bool)
    said = p >= 0.5
    both = float(said.sum() + truth.sum())
    return {
        "oracle-map": _defined(mean_average_precision, truth, p),
        "oracle-macro-auc": _defined(macro_auc, truth, p),
        "oracle-micro-f1": 2 * float((said & truth).sum()) / both if both else math.nan,
        "oracle-hamming-loss": float((said != truth).mean()),
    }


def _defined(measure: Callable[[Any, Any], float], truth: NDArray[np.bool_], p: Floats) -> float:
    try:
        return measure(truth, p)
    except InputError:
        return math.nan  # no class holds on some rows and not on others


def _shares(log_p: Tensor, y: Tensor) -> dict[str, float]:
    z = log_p.detach().double()
    p, d = (z - z.logsumexp(1, keepdim=True)).exp().numpy(), y.double().numpy()
    return {f"oracle-{name}": value for name, value in distances.measures(d, p).items()}


def _value(log_p: Tensor, y: Tensor) -> dict[str, float]:
    gap = (log_p[:, 0].detach().double() - y.double()).abs()
    return {"oracle-mae": float(gap.mean()), "oracle-rmse": float((gap**2).mean().sqrt())}


def _prior(log_p: Tensor, y: Tensor) -> dict[str, float]:
    return {"oracle-absolute-error": float((log_p.detach().double().exp() - y.double()).abs().mean())}


PRIOR, AE = "prior", "oracle-absolute-error"
KL = "oracle-kullback-leibler"
TRUTHS = {
    "class": Truth("oracle-accuracy", "oracle accuracy %", "oracle-accuracy", True, 100, _class),
    "classes": Truth("oracle-map", "oracle mean average precision %", "oracle-map", True, 100, _classes),
    "shares": Truth(KL, "oracle Kullback-Leibler divergence x 100", KL, False, 100, _shares),
    "value": Truth("oracle-mae", "oracle absolute error, % of a deviation", "oracle-mae", False, 100, _value),
    PRIOR: Truth(AE, "oracle absolute error of the class prior x 100", AE, False, 100, _prior),
}
_OF_KIND = {"multi-label": "classes", "distribution": "shares", "targets": "value", "lower": "value"}
_OF_KIND |= {PRIOR: PRIOR}
ORACLES = frozenset(truth.criterion for truth in TRUTHS.values())
MEASURES = (
    *oracles.MEASURES,
    *("oracle-map", "oracle-macro-auc", "oracle-micro-f1", "oracle-hamming-loss", "oracle-mae", "oracle-rmse"),
    *(AE, "oracle-relative-error"),
    *(f"oracle-{name}" for name in distances.MEASURES),
)


def truth_of(kind: str) -> Truth:
    """The truth that labels of a kind are about."""
    return TRUTHS[_OF_KIND.get(kind, "class")]


def measured(kind: str, log_p: Tensor, y: Tensor) -> dict[str, float]:
    """Every measure beside accuracy: what is not finite is not defined."""
    truth = truth_of(kind)
    return oracles.measured(log_p, y) if truth is TRUTHS["class"] else truth.measured(log_p, y)
