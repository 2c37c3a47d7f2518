"""By which law held-out weak labels are judged, and whether complementary labels bear the uniform law out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom
from torch import Tensor

from sfumato.core.streams import numpy_rng
from sfumato.labels import BiasedComplementary, Complementary, Labels, Law, SelectedAtRandom
from sfumato.parts.linear import as_features, out_of_fold

# A fact that, once told, says which law the labels follow: their kind alone would assume another.
STATED: dict[tuple[str, str], type[Law]] = {
    ("complementary", "transition"): BiasedComplementary,
    ("pu", "propensity"): SelectedAtRandom,
}
ROWS = 5_000  # at most so many are looked at
FEWEST = 40
LEVEL = 1e-3  # of the test that makes auto speak up


class DoubtedLawWarning(UserWarning):
    """The labels do not look as the law that judges them says they should."""


def law_of(labels: Labels, facts: Mapping[str, Any]) -> type[Law]:
    """The law that the facts state, else the one that is assumed of such labels."""
    stated = (law for (kind, fact), law in STATED.items() if kind == labels.kind and fact in facts)
    return next(stated, None) or labels.default_law()


def filled(law: Law | type[Law], labels: Labels, facts: Mapping[str, Any]) -> Law | type[Law]:
    """A law with its fields filled in by facts, and by what the labels tell; its class where one is missing."""
    if isinstance(law, Law):
        return law
    values = {**law.read(labels), **facts}
    if any(name not in values for name in law.needs()):
        return law
    return law(**{name: values[name] for name in law.needs()})


def at(judge: Law | type[Law], obs: Tensor | slice) -> Law | type[Law]:
    """A judge at some observations: its fields per row are taken there."""
    return judge.at(obs) if isinstance(judge, Law) else judge


@dataclass(frozen=True)
class Named:
    r"""Whether classes are excluded more often than a uniform law can.

    Args: rows that were looked at; hits, how many exclude the class that a linear head, fitted to other rows, thinks is
    excluded most surely; most, the largest number that the uniform law expects; p, the chance of so many hits.
    """

    rows: int
    hits: int
    most: float
    p: float

    def line(self) -> str:
        """The finding in one sentence."""
        return (
            f"the excluded classes can be guessed from the rows more often than uniform exclusions allow: {self.hits} "
            f"of {self.rows}, where at most {self.most:.0f} are expected (p = {self.p:.1g}); no criterion or method "
            "that takes them for uniform can be trusted: pass needs={'transition': Q}, Q[i, j] = P(j excluded | true i)"
        )


def uniformity(X: ArrayLike, labels: Complementary, seed: int = 0) -> Named | None:
    r"""A test of the uniform law that no prior and no model of the truth enters.

    Where c_i wrong classes are drawn uniformly, :math:`P(j \in C_i \mid x_i) = (1 - p_j(x_i))\,c_i / (K - 1)
    \le c_i / (K - 1)` whatever p is. Half of the rows teach a linear head which class is excluded; of the others each
    is asked about that class. Given the first half, the hits are independent with chances of at most c_i / (K - 1),
    so that their number exceeds s with at most the chance that Binomial(n, mean c / (K - 1)) does, for s above its
    mean (hoeffding1956distribution): at level a the test errs in at most a share a of uniform data sets.

    Args: X (n, d) or (n, ...) finite features; labels of the rows; seed of the halves. None where there is nothing to
    test: fewer than 40 rows, or two classes. At most 5,000 rows are looked at.
    """
    if len(labels) < FEWEST or labels.k == 2:
        return None
    order = numpy_rng(seed, "uniformity").permutation(len(labels))[:ROWS]
    half = len(order) // 2
    mask = labels.mask.cpu().numpy()[order]
    x = as_features(np.asarray(X).reshape(len(labels), -1)[order])
    share = (mask / mask.sum(1, keepdims=True)).astype(np.float64)
    fold = (np.arange(len(order)) >= half).astype(np.int64)
    guess = out_of_fold(x, share, labels.k, fold=fold)[half:].argmax(1)
    asked = mask[half:]
    hits = int(asked[np.arange(len(asked)), guess].sum())
    chance = float(asked.sum(1).mean()) / (labels.k - 1)
    return Named(len(asked), hits, chance * len(asked), float(binom.sf(hits - 1, len(asked), chance)))
