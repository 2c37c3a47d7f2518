"""What comes in at ``fit``, checked once: labels, weights, groups, and where the observations point at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato import catalogue
from sfumato.core.errors import ParameterError, RefusedError, ShapeError
from sfumato.core.roles import Estimator
from sfumato.labels import ByRow, Labels, Noisy
from sfumato.learn.objective import Objective
from sfumato.train.assembly import PER_ROW

from .settings import Settings


@dataclass(frozen=True, eq=False)
class Admitted:
    """x (n, ...) features or rows on disk; labels over them; w (observations,) weights; group (n,); given, needs of
    the world by name.
    """

    x: Any
    labels: Labels
    w: Tensor | None
    group: Tensor | None
    given: dict[str, Any]


def as_labels(labels: Any) -> Labels:
    """Labels as they are; a plain array counts as noisy labels (exact until shown otherwise would be a claim)."""
    if isinstance(labels, ByRow):
        return labels.unwrap()
    if isinstance(labels, Labels):
        return labels
    return Noisy.from_labels(labels)


def admit(
    x: Any, labels: Labels, sample_weight: Any, group: Any, given: Mapping[str, Any], dtype: torch.dtype
) -> Admitted:
    """Rows and observations brought together. Errors: lengths that differ, labels that point outside X."""
    if labels.n_rows() is not None and labels.n_rows() != len(x):
        raise ShapeError(
            f"X with {len(x)} rows and {len(labels)} labels",
            "one label per row",
            "check that both come from the same table",
        )
    w = weights(sample_weight, len(x), dtype)
    groups = None if group is None else torch.as_tensor(np.asarray(group))
    if groups is not None and groups.shape != (len(x),):
        raise ShapeError(f"group of shape {tuple(groups.shape)}", f"({len(x)},)")
    given = dict(given)
    if labels.row is not None:
        # observations that point at rows: show each observation its own row, so that memories are kept per
        # observation
        if int(labels.row.max()) >= len(x):
            raise ShapeError(f"labels that point at row {int(labels.row.max())} of X with {len(x)} rows", "rows of X")
        at = labels.row
        x, w = x[at], None if w is None else labels.lift(w)
        groups = None if groups is None else groups[at]
        given = {name: np.asarray(v)[at.numpy()] if name in PER_ROW else v for name, v in given.items()}
        labels = labels.cover(torch.arange(len(labels)))[1]
    if labels.spans:
        largest = int(labels.cover(torch.arange(len(labels)))[0].max())
        if largest >= len(x):
            raise ShapeError(f"labels that speak of row {largest} of X with {len(x)} rows", "rows of X")
        w = None if w is None else labels.lift(w)
    return Admitted(x, labels, w, groups, given)


def weights(w: Any, n: int, dtype: torch.dtype) -> Tensor | None:
    """(n,) weights >= 0 of rows; None where none were given."""
    if w is None:
        return None
    tensor = torch.as_tensor(np.asarray(w)).to(dtype)
    if tensor.shape != (n,):
        raise ShapeError(f"sample_weight of shape {tuple(tensor.shape)}", f"({n},)")
    if not bool(torch.isfinite(tensor).all()) or bool((tensor < 0).any()) or float(tensor.sum()) <= 0:
        raise ParameterError("sample_weight with negative, non-finite or only zero entries", "weights >= 0, some > 0")
    return tensor


def sampling(name: str, labels: Labels, w: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """(sampling weights per observation or None, loss weights or None)."""
    if name == "uniform":
        return None, w
    if name == "weighted":
        if w is None:
            raise ParameterError("sampling='weighted' without weights", "sample_weight at fit")
        return w.double(), None
    if name == "balanced":
        y = getattr(labels, "y", None)
        if y is None or y.ndim != 1:
            raise ParameterError(
                f"sampling='balanced' with {labels.kind} labels",
                "labels that name one class per row",
                "use sampling='weighted'",
            )
        count = torch.bincount(y.clamp_min(0), minlength=labels.k).double()
        return torch.where(y >= 0, 1 / count.clamp_min(1)[y.clamp_min(0)], 1 / len(y)), w
    raise ParameterError(f"sampling = {name!r}", "'uniform', 'balanced' or 'weighted'")


def check_kind(objective: Objective, labels: Labels) -> None:
    """Refuse labels that the method does not take, and name methods that do."""
    if objective.eats is not None and not isinstance(labels, objective.eats):
        fits = ", ".join(sorted(card.name for card in catalogue.methods("learn", labels.kind)))
        raise ParameterError(
            f"{type(objective).__name__} takes {objective.eats.kind} labels, not {labels.kind} ones",
            f"a method for {labels.kind} labels: {fits}",
        )


def check_streamed(told: Settings, labels: Labels) -> None:
    """Rows on disk take one pass over their blocks per epoch: what needs them all at once is refused by name."""
    estimated = [name for name, value in (told.needs or {}).items() if isinstance(value, Estimator)]
    asked = {
        "method='auto'": told.method == "auto",
        "validation": told.validation != 0,
        f"an estimator of {', '.join(estimated)}": bool(estimated),
        "labels that point at rows": labels.row is not None or bool(labels.spans),
    }
    for name, wanted in asked.items():
        if wanted:
            raise RefusedError(
                f"{name} with rows on disk",
                "a named method, values for its needs, one label per row",
                "try it first on rows in memory",
            )
