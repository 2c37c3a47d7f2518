"""Why votes may not tell who is right: too few sources, groups that share no item, a source against all others."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .kernel import Floats, Ints, Kernel

BELOW = 0.1  # chance, from which on a source is said to be against the others
PIECE = 1 << 15  # votes that are tied at a time: most walks end after the first


class SourcesWarning(UserWarning):
    """The votes cannot say who is right: too few sources, parts that share none, or a source against all others."""


def doubt(kernel: Kernel, confusion: Floats, prior: Floats) -> None:
    """Say aloud why the votes may not tell who is right."""
    spoken = spoke(kernel)
    if len(spoken) < 3 and kernel.gold is None:
        _say(f"{len(spoken)} sources have votes: fewer than three cannot tell who is right")
    if (apart := parts(kernel, spoken)) > 1:
        _say(f"the sources fall into {apart} groups that share no item")
    if kernel.statements == kernel.k:
        level = np.asarray(np.einsum("rkk,k->r", confusion, prior))
        against = spoken[level[spoken] < 1 / kernel.k - BELOW]
        if len(against):
            names = [kernel.votes.who[i] if kernel.votes.who else int(i) for i in against[:5]]
            _say(f"{len(against)} sources are right less often than chance, e.g. {names}")


def _say(text: str) -> None:
    warnings.warn(text, SourcesWarning, stacklevel=5)


def spoke(kernel: Kernel) -> Ints:
    """The sources that have a vote."""
    seen = np.zeros(kernel.sources, bool)
    for start, stop in kernel.spans():
        seen[kernel.source[kernel.offsets[start] : kernel.offsets[stop]]] = True
    return np.flatnonzero(seen)


def parts(kernel: Kernel, spoken: Ints) -> int:
    """How many groups of sources share no item. Each source is tied to the first one of its items; the walk through
    the items ends where all are tied.
    """
    group: Ints = np.arange(kernel.sources)
    many = len(spoken)
    for start, stop in kernel.spans(PIECE):
        offsets = kernel.offsets[start : stop + 1]
        sizes = np.diff(offsets)
        source = kernel.source[offsets[0] : offsets[-1]]
        first = np.repeat(kernel.source[offsets[:-1][sizes > 0]], sizes[sizes > 0])
        ends = np.concatenate([first, np.arange(kernel.sources)]), np.concatenate([source, group])
        graph = coo_array((np.ones(len(ends[0]), np.float32), ends), shape=(kernel.sources,) * 2)
        found = connected_components(graph, directed=False)[1]
        group = np.unique(found, return_index=True)[1][found]  # each source is tied to the first of its group
        many = len(np.unique(group[spoken]))
        if many == 1:
            break
    return many
