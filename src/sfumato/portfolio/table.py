"""The table behind auto: what each method reached on a grid of small runs, as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import FileError

FORMAT = 2
FILE = "table.json"
_BEYOND = 1e100  # standard deviations: the squares of larger ones are not all finite
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """What was measured for one kind of labels.

    Args: criterion, by which auto chooses, and trust, how much the past of near cells adds to it; methods (M,), the
    naive baseline first (where the kind has none, what the rest is set against); features (F,) names; sets, laws, seeds
    of the cells (C,); phi (C, F) meta-features; accuracy (C, M), larger is better, NaN where a run failed; value
    (C, M), the criterion; expected, what leaving one set out each time measured; measure, what ``accuracy`` holds (of
    an error, less it); grid, whose runs these are.
    """

    kind: str
    criterion: str
    trust: float
    methods: tuple[str, ...]
    features: tuple[str, ...]
    sets: tuple[str, ...]
    laws: tuple[str, ...]
    seeds: tuple[int, ...]
    phi: Floats
    accuracy: Floats
    value: Floats
    expected: Mapping[str, float]
    measure: str = "accuracy"
    grid: str = ""

    @property
    def naive(self) -> str:
        """The first method, which is always tried: the naive baseline of the kind, where it has one."""
        return self.methods[0]

    def take(self, keep: NDArray[np.bool_]) -> Table:
        """The table of some cells."""
        at = np.flatnonzero(keep)
        return replace(
            self,
            sets=tuple(self.sets[i] for i in at),
            laws=tuple(self.laws[i] for i in at),
            seeds=tuple(self.seeds[i] for i in at),
            phi=self.phi[at],
            accuracy=self.accuracy[at],
            value=self.value[at],
        )

    def nearness(self, phi: Floats) -> Floats:
        """(Q, C) weights of the cells for meta-features phi (Q, F), each row summing to one; what is not known (NaN) or
        beyond all numbers that a cell can be near to tells nothing.
        """
        spread = self.phi.std(0)
        told = spread > 1e-9  # a feature that never varied cannot say what is near
        z = (phi[:, None, told] - self.phi[None, :, told]) / spread[told]
        distance = (np.where(np.abs(z) < _BEYOND, z, 0) ** 2).sum(2) / max(1, int(told.sum()))
        w = np.exp(-0.5 * (distance - distance.min(1, keepdims=True)))
        return np.asarray(w / w.sum(1, keepdims=True))

    def gains(self) -> Floats:
        """(C, M) accuracy over the naive baseline."""
        return self.accuracy - self.accuracy[:, :1]


@lru_cache(maxsize=4)
def read(path: str | Path | None = None) -> tuple[dict[str, Table], dict[str, dict[str, Any]]]:
    """(tables by kind, where the runs of each grid come from): those of the package, or of another file. Errors:
    FileError.
    """
    where = files("sfumato.portfolio").joinpath(FILE) if path is None else Path(path)
    try:
        held = json.loads(where.read_text(encoding="utf-8"))
        if held["format"] != FORMAT:
            raise ValueError(f"format {held['format']}")
        sources = {str(grid): dict(source) for grid, source in held["provenance"].items()}
        return {kind: _table(kind, told, sources) for kind, told in held["kinds"].items()}, sources
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileError(
            f"{where} is damaged ({type(error).__name__}: {error})",
            "the table that benchmarks/auto.py and auto_kinds.py wrote",
            "install sfumato again, or name a method",
        ) from None


def _table(kind: str, told: Mapping[str, Any], known: Collection[str]) -> Table:
    cells, methods, features = told["cells"], tuple(map(str, told["methods"])), tuple(map(str, told["features"]))
    expected = {str(k): float(v) for k, v in told["expected"].items()}
    numbers = {}
    for name, width in (("phi", len(features)), ("accuracy", len(methods)), ("value", len(methods))):
        numbers[name] = np.array([[np.nan if v is None else v for v in c[name]] for c in cells], np.float64)
        if numbers[name].shape != (len(cells), width) or not width:
            raise ValueError(f"{kind}: {name} of shape {numbers[name].shape}")
    if np.isnan(numbers["accuracy"][:, 0] + numbers["value"][:, 0]).any():
        raise ValueError(f"{kind}: a cell without the naive baseline")
    if told["grid"] not in known:
        raise ValueError(f"{kind}: grid {told['grid']!r} comes from nowhere")
    return Table(
        kind,
        str(told["criterion"]),
        float(told["trust"]),
        methods,
        features,
        tuple(str(c["set"]) for c in cells),
        tuple(str(c["law"]) for c in cells),
        tuple(int(c["seed"]) for c in cells),
        **numbers,
        expected=expected,
        measure=str(told["measure"]),
        grid=str(told["grid"]),
    )


def to_dict(table: Table) -> dict[str, Any]:
    """A table as JSON holds it: four digits, None where a run failed."""

    def short(values: Floats) -> list[float | None]:
        return [None if np.isnan(v) else float(f"{v:.4g}") for v in values]

    cells = zip(table.sets, table.laws, table.seeds, table.phi, table.accuracy, table.value, strict=True)
    return {
        "grid": table.grid,
        "measure": table.measure,
        "criterion": table.criterion,
        "trust": table.trust,
        "methods": list(table.methods),
        "features": list(table.features),
        "expected": dict(table.expected),
        "cells": [
            {"set": s, "law": law, "seed": seed, "phi": short(p), "accuracy": short(a), "value": short(v)}
            for s, law, seed, p, a, v in cells
        ],
    }
