"""Maps that several labellers drew: their cells as votes, and the consensus as a map with its risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import Votes
from sfumato.labels.votes import ABSTAIN

from .kernel import Floats, Ints
from .result import Aggregated

RISKY = 0.34  # of the study


@dataclass(frozen=True)
class ConsensusMap:
    """share (H, W, K) of each class; label (H, W) the likeliest, lowest code on ties; risk (H, W) = 1 - its share."""

    share: Floats
    label: Ints
    risk: Floats

    @property
    def mean_risk(self) -> float:
        """Over all cells."""
        return float(self.risk.mean())

    def risky(self, above: float = RISKY) -> float:
        """The share of cells whose risk is larger than ``above``."""
        return float((self.risk > above).mean())


def map_votes(
    maps: ArrayLike, classes: int, *, reference: ArrayLike | None = None, drawn: ArrayLike | None = None
) -> Votes:
    """Votes on the cells of a map, row by row.

    Args: maps (labellers, H, W) classes 0 to K-1, -1 where a labeller was unsure; classes K, at least 2; reference
    (H, W) the true classes, -1 where unknown: they become gold labels; drawn (labellers, H, W) booleans, False where a
    labeller was not asked; None: everywhere.

    Errors: ShapeError, LabelError for other shapes and codes.
    """
    said = _codes("maps", maps, 3, classes)
    gold = None if reference is None else _codes("reference", reference, 2, classes)
    if gold is not None and gold.shape != said.shape[1:]:
        raise ShapeError(f"a reference of shape {gold.shape}", f"{said.shape[1:]}, as the maps")
    asked = np.ones(said.shape, bool) if drawn is None else np.asarray(drawn)
    if asked.shape != said.shape or asked.dtype != bool:
        raise ShapeError(f"drawn of shape {asked.shape} and type {asked.dtype}", f"{said.shape} booleans")
    absent = ABSTAIN - 1
    cells = np.where(asked, said, absent).reshape(len(said), -1).T
    at, who = np.nonzero(cells != absent)
    return Votes.from_table(
        at,
        who,
        cells[at, who],
        n=len(cells),
        classes=range(classes),
        abstain=ABSTAIN,
        gold=None if gold is None else {i: g for i, g in enumerate(gold.ravel().tolist()) if g >= 0},
    )


def consensus_map(found: Aggregated | ArrayLike, shape: tuple[int, int]) -> ConsensusMap:
    """The beliefs (H W, K) about the cells of ``map_votes``, as a map of ``shape`` (H, W).

    Weights judged on sites with a reference serve other sites by ``result.predict_proba(map_votes(...))``.
    """
    p = np.asarray(found.posterior if isinstance(found, Aggregated) else found, np.float64)
    if p.ndim != 2 or len(shape) != 2 or len(p) != shape[0] * shape[1]:
        raise ShapeError(f"beliefs of shape {p.shape} for a map of {shape}", "(H W, K), a row per cell")
    share = p.reshape(*shape, -1)
    return ConsensusMap(share, np.asarray(share.argmax(2)), np.asarray(1 - share.max(2)))


def _codes(name: str, value: Any, axes: int, classes: int) -> NDArray[np.int64]:
    found = np.asarray(value)
    if found.ndim != axes or found.dtype.kind not in "iu" or not found.size:
        raise ShapeError(f"{name} of shape {found.shape} and type {found.dtype}", f"whole numbers on {axes} axes")
    if classes < 2:
        raise ParameterError(f"classes={classes}", "at least 2")
    if found.min() < ABSTAIN or found.max() >= classes:
        raise LabelError(f"{name} with codes from {found.min()} to {found.max()}", f"-1 to {classes - 1}")
    return found.astype(np.int64)
