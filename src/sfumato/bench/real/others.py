"""Real sets whose truth is no class: several classes at once, a distribution over classes, a number."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .found import Found, Reader, arrays


def _classes(path: Path) -> Found:
    """Several classes hold at once; the official test rows."""
    z = arrays(path)
    y = z["y"].astype(bool)
    return Found(z["x"].astype(np.float32), y, y.shape[1], test=z["is_test"].astype(bool))


def _shares(path: Path) -> Found:
    z = arrays(path)
    d = z["d"].astype(np.float64)
    return Found(z["x"].astype(np.float32), d / d.sum(1, keepdims=True), d.shape[1])


def deviations(y: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers in the unit of their own standard deviation, their mean at zero."""
    y = y.astype(np.float64)
    return np.asarray((y - y.mean()) / y.std())


def _abalone(path: Path) -> Found:
    """Rings of a shell from its measures; the sex as three indicators."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    measures = [name for name in rows[0] if name not in ("sex", "rings")]
    x = [[*(float(r["sex"] == s) for s in "MFI"), *(float(r[name]) for name in measures)] for r in rows]
    return Found(np.array(x, np.float32), deviations(np.array([float(r["rings"]) for r in rows])), 1)


def _demand(path: Path) -> Found:
    """The demand for electricity from the time of day, the neighbour's demand, two prices and the transfer."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    names = ("period", "nswprice", "vicprice", "vicdemand", "transfer")
    x = np.array([[float(r[name]) for name in names] for r in rows], np.float32)
    return Found(x, deviations(np.array([float(r["nswdemand"]) for r in rows])), 1)


READERS = {
    **{
        name: Reader(None, f"multilabel/{name}.npz", _classes, "classes")
        for name in ("emotions", "scene", "yeast", "genbase", "medical")
    },
    **{
        name: Reader(None, f"ldl/{name}.npz", _shares, "shares")
        for name in ("sjaffe", "sbu_3dfe", "movie", "yeast_alpha", "yeast_cold", "yeast_spoem")
    },
    "abalone": Reader(None, "tabular/abalone.csv.gz", _abalone, "value"),
    "elec-demand": Reader(None, "shift/elec.csv.gz", _demand, "value"),
}
