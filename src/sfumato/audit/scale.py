"""Columns on one scale, so that no unit of measurement decides distances."""

from __future__ import annotations

import numpy as np

from sfumato.audit.section import Bools, Floats


def standardised(x: Floats) -> tuple[Floats, list[int]]:
    """Columns with mean 0 and spread 1, so that no unit of measurement decides distances; and the constant ones, at
    0."""
    mean, spread, flat = _moments(x)
    return ((x - mean) / np.where(flat, np.inf, spread)).astype(x.dtype), np.flatnonzero(flat).tolist()


def like(x: Floats, test: Floats) -> Floats:
    """The test rows on the scale of ``standardised(x)``; a column that is constant there keeps its unit."""
    mean, spread, flat = _moments(x)
    return ((test - mean) / np.where(flat, 1.0, spread)).astype(x.dtype)


def _moments(x: Floats) -> tuple[Floats, Floats, Bools]:
    mean, spread = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    return mean, spread, spread <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
