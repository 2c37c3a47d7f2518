"""Sources that repeat each other, and which sources are hidden together, lest one tell what another said."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sfumato.labels import Votes

from .correlations import Correlations, correlations
from .dawid_skene import DawidSkene
from .decorrelated import discounts, explained, weighted
from .kernel import Ints, Kernel
from .result import SourcesWarning

CHANCE = 0.01  # of a false link among all pairs of sources
ENOUGH = 20_000  # items that are looked at, at most


def repeats(votes: Votes) -> tuple[Correlations, Correlations]:
    """(pairs of sources that never differ, by more than their habits explain; all pairs that agree beyond Dawid and
    Skene's model of independent sources, those among them), on some items where there are many.
    """
    told = np.flatnonzero(np.diff(Kernel(votes).offsets))
    kernel = Kernel(votes if len(told) <= ENOUGH else votes[told[np.linspace(0, len(told) - 1, ENOUGH).astype(int)]])
    alike = correlations(kernel, None, None, CHANCE)
    with np.errstate(divide="ignore"):
        never = (alike.agreement == 1) & (alike.items * np.log(alike.expected) < np.log(CHANCE / max(len(alike.z), 1)))
    alike = replace(alike, linked=never)
    weight = discounts(kernel, alike)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SourcesWarning)  # said once, of the result
        theta, scores, heavy = explained(DawidSkene().fit(weighted(kernel, weight)), kernel, weight)
    found = correlations(heavy, theta, scores, CHANCE)
    return alike, replace(found, linked=found.linked | never)


def partitions(alike: Correlations, links: Correlations, sources: int) -> list[Ints]:
    """Groups of sources, each as (sources,) numbers of groups, under which a choice has to hold.

    The first takes linked sources for one. Sources that never differ tell nothing but what one of them tells, and that
    is all. But where linked sources do differ, two truths fit the same votes: either they repeat each other, or they
    alone know it and the rest repeat each other. The second takes the rest for one.
    """
    one, same = _joined(links.pairs[links.linked], sources), _joined(alike.pairs[alike.linked], sources)
    differ = links.pairs[links.linked & ~alike.linked]
    return [one, np.where(np.isin(same, same[differ]), same, sources)] if len(differ) else [one]


def _joined(pairs: Ints, sources: int) -> Ints:
    """(sources,) the lowest source that each is linked with by a chain of these pairs."""
    ones: NDArray[np.bool_] = np.ones(len(pairs), bool)
    table = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(sources, sources))
    found = connected_components(table, directed=False)[1]
    first = np.unique(found, return_index=True)[1]
    return np.asarray(first[found])
