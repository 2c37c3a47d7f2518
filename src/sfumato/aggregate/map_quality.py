"""How well a labeller's map matches a reference: area, number of fields, edges, categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, label

from sfumato.core.errors import LabelError, ParameterError, ShapeError

Map = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MapQuality:
    """Shares in [0, 1], and their weighted sum."""

    area: float
    fields: float
    edges: float
    category: float
    score: float


def map_quality(
    drawn: ArrayLike,
    reference: ArrayLike,
    buffer: float = 3.0,
    weights: tuple[float, float, float, float] = (0.55, 0.225, 0.1, 0.125),
) -> MapQuality:
    r"""The quality score of a map of fields, for labellers that drew sites whose fields are known (estes2024region).

    .. math:: Q = 0.55\, area + 0.225\, fields + 0.1\, edges + 0.125\, category

    area: the share of cells on which both say field or both none. Fields are cells that touch by their sides; a drawn
    field matches a reference field where their overlap is more than half of each. fields: matched among the reference's
    fields. edges: mean over matches of the share of the reference's boundary cells within ``buffer`` cells of the drawn
    boundary (the released code divides a thin band's area by a wide one's, so that a perfect map falls short of 1).
    category: the share of matches with the same commonest category. Where neither has a field the last three are 1;
    where nothing matches they are 0.

    Args:
        drawn, reference: (H, W) whole numbers >= 0: 0 for no field, else the category.
        buffer: cells, at least 0.
        weights: of the four, at least 0 and of sum one.
    """
    if len(weights) != 4 or min(weights) < 0 or abs(sum(weights) - 1) > 1e-9 or not buffer >= 0:
        raise ParameterError(f"weights={weights}, buffer={buffer}", "four numbers >= 0 of sum one, and at least 0")
    a, b = _map("drawn", drawn), _map("reference", reference)
    if a.shape != b.shape:
        raise ShapeError(f"a map of shape {a.shape} beside one of {b.shape}", "one shape")
    area = float(((a > 0) == (b > 0)).mean())
    (own, many), (true, fields) = label(a > 0), label(b > 0)
    if many == 0 and fields == 0:
        return _scored((area, 1.0, 1.0, 1.0), weights)
    both = np.bincount((true * (many + 1) + own).ravel(), minlength=(fields + 1) * (many + 1))
    both = both.reshape(fields + 1, many + 1)
    half = (2 * both > both.sum(1, keepdims=True)) & (2 * both > both.sum(0))
    matched = np.argwhere(half[1:, 1:]) + 1
    if not len(matched):
        return _scored((area, 0.0, 0.0, 0.0), weights)
    near, same = [], []
    for t, o in matched:
        edge = _boundary(true == t)
        near.append(float((distance_transform_edt(~_boundary(own == o))[edge] <= buffer).mean()))
        same.append(np.bincount(b[true == t]).argmax() == np.bincount(a[own == o]).argmax())
    return _scored((area, len(matched) / fields, float(np.mean(near)), float(np.mean(same))), weights)


def _scored(parts: tuple[float, float, float, float], weights: tuple[float, ...]) -> MapQuality:
    return MapQuality(*parts, sum(w * part for w, part in zip(weights, parts, strict=True)))


def _boundary(field: Mask) -> Mask:
    """Cells of a field with a side outside it; the map's rim is outside."""
    return np.asarray(field & ~binary_erosion(field))


def _map(name: str, value: ArrayLike) -> Map:
    found = np.asarray(value)
    if found.ndim != 2 or not found.size or found.dtype.kind not in "iub":
        raise ShapeError(f"{name} of shape {found.shape} and type {found.dtype}", "(H, W) whole numbers")
    if found.min() < 0:
        raise LabelError(f"{name} with {found.min()}", "0 for no field, a category above 0 for a field")
    return found.astype(np.int64)
