"""Plain arrays of features at the door."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import ShapeError, TableError

CHUNK = 8192  # rows that are worked on at a time: a second copy of the whole may not fit


def check_array(X: Any) -> NDArray[Any]:
    """A finite numeric array (n, d) or (n, c, h, w) with at least one row; the message names the first bad entry."""
    if hasattr(X, "detach"):
        X = X.detach().cpu().numpy()
    if hasattr(X, "tocsr"):
        raise TableError(
            f"a sparse {type(X).__name__}",
            "a dense array or a data frame",
            "call .toarray(), or reduce it with TruncatedSVD first",
        )
    try:
        x = np.asarray(X)
    except ValueError:
        raise ShapeError("X with rows of different lengths", "(n, d) numbers") from None
    if x.dtype.kind not in "fiub":
        raise TableError(f"X of type {x.dtype}", "numbers", "pass a data frame where columns hold texts")
    if x.ndim not in (2, 4):
        do = "add the channel axis: X[:, None]" if x.ndim == 3 else "one row per observation: X.reshape(n, -1)"
        raise ShapeError(f"X of shape {x.shape}", "(n, d), or (n, c, h, w) for images", do)
    if 0 in x.shape:
        raise ShapeError(f"X of shape {x.shape}", "at least one row and one column")
    if x.dtype.kind == "f":
        for i in range(0, len(x), CHUNK):
            bad = ~np.isfinite(x[i : i + CHUNK])
            if bad.any():
                place = np.argwhere(bad)[0]
                row, inside = i + int(place[0]), tuple(map(int, place[1:]))
                where = f"column {inside[0]}" if x.ndim == 2 else f"pixel {inside}"
                raise TableError(
                    f"X, row {row}, {where} is {x[row][inside]}",
                    "finite numbers",
                    "pass a data frame to have missing entries handled, or fill them",
                )
    return x
