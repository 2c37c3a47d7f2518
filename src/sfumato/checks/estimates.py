"""The contract of an estimator of a fact about the world: it recovers what the law put in, and the same seed gives the
same value.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from sfumato.core.card import Card
from sfumato.core.streams import numpy_rng, rng
from sfumato.core.words import NEEDS
from sfumato.labels import CaseControl, ClassConditional, Labels, Semi

from .registry import ensure, rule

# how far the estimate may be from the truth on 1500 well separated rows
TOLERANCE = {"prior": 0.1, "noise_rate": 0.05, "transition": 0.1}


@cache
def setting(kind: str, n: int = 1500) -> tuple[Any, Labels, dict[str, Any]]:
    """(X, labels, the truth per need) of Gaussian classes that hardly overlap, seen through a law over that kind."""
    draw = numpy_rng(0, "estimates")
    k = 2 if kind == "pu" else 3
    y = draw.choice(k, size=n, p=[0.6, 0.4] if k == 2 else [0.5, 0.3, 0.2])
    X = draw.normal(size=(n, 4)) + 4 * np.eye(4)[y]
    truth = torch.from_numpy(y)
    if kind == "pu":
        prior = float((y == 1).mean())
        labels: Labels = CaseControl(prior, 0.3).sample(truth, 2, rng(0, "estimates"))
        rows, labels = labels.cover(torch.arange(len(labels)))
        return X[rows.numpy()], labels, {"prior": prior}
    if kind == "semi":  # labeled rows of these classes, unlabeled rows of which the last is the largest
        shifted = draw.choice(k, size=n, p=[0.2, 0.3, 0.5])
        other = draw.normal(size=(n, 4)) + 4 * np.eye(4)[shifted]
        told = Semi(torch.cat([truth, torch.full((n,), -1)]), k)
        return np.concatenate([X, other]), told, {"prior": np.bincount(shifted, minlength=k) / n}
    T = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.1, 0.1, 0.8]])
    noisy = ClassConditional(torch.from_numpy(T)).sample(truth, 3, rng(0, "estimates"))
    return X, noisy, {"transition": T, "noise_rate": float((noisy.y != truth).double().mean())}


def _known(card: Card) -> str:
    if card.kind not in ("noisy", "pu", "semi"):
        return f"no world for {card.kind} labels stands here"
    return "" if getattr(card.cls, "need", None) in TOLERANCE else "no tolerance is set for what it estimates"


@rule("need", "estimate")
def need(card: Card) -> None:
    """An estimator names the one need it estimates."""
    ensure(
        getattr(card.cls, "need", None) in NEEDS,
        f"need = {getattr(card.cls, 'need', None)!r}",
        "one of " + ", ".join(NEEDS),
    )


@rule("recovers", "estimate", _known)
def recovers(card: Card) -> None:
    """On 1500 rows of well separated classes it finds the truth that the law put in; the same seed gives the same
    value, and X and labels are left as they were.
    """
    X, labels, truth = setting(card.kind)
    name: str = card.cls.need  # type: ignore[attr-defined]
    before = X.copy()
    found = [np.asarray(card.cls().estimate(X, labels, seed=3), dtype=float) for _ in range(2)]
    ensure(bool((found[0] == found[1]).all()), "two values for one seed", "the same value")
    ensure(np.array_equal(before, X), "X changed", "inputs left as they were")
    off = float(np.abs(found[0] - np.asarray(truth[name])).max())
    ensure(off < TOLERANCE[name], f"{name} off by up to {off:.3g}", f"at most {TOLERANCE[name]}")
