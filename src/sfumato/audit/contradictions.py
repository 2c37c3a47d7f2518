"""Answers about pairs of rows that no split of the rows in two classes can all give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sfumato.audit.coverage import Coverage
from sfumato.audit.section import Bools, Ints


@dataclass(frozen=True)
class Contradictions:
    """``rows`` (n,) that would have to be of both classes; ``group`` (n,) the number of the group of rows that answers
    tie together, -1 for a row of which nothing was asked."""

    rows: Bools
    group: Ints

    @property
    def tied(self) -> int:
        """How many groups there are."""
        return len(np.unique(self.group[self.group >= 0]))


def contradictions(kind: str, form: Ints, cover: Coverage) -> Contradictions:
    """Of pairs and comparisons, by 2-satisfiability (aspvall1979linear): node 2 i + v says that row i has class v, each
    answer is an implication or two with their contrapositives, and a row contradicts itself where its two nodes imply
    each other.

    Args: kind, "pairs" (form 1 similar, 2 dissimilar, 0 a single row) or "comparisons" (1: y_i >= y_j, 0: y_i < y_j).
    """
    n, first = cover.rows, np.cumsum(cover.size) - cover.size
    two = cover.size == 2
    i, j, said = cover.members[first[two]], cover.members[first[two] + 1], form[two]
    if kind == "pairs":
        other = (said == 2).astype(np.int64)  # y_j = y_i, or the other class
        ways = [(2 * i + v, 2 * j + (v ^ other)) for v in (0, 1)]
        ways += [(b, a) for a, b in ways]
    else:
        least, less = said == 1, said == 0
        ways = [(2 * j[least] + 1, 2 * i[least] + 1), (2 * i[least], 2 * j[least])]
        ways += [(2 * i[less] + 1, 2 * i[less]), (2 * j[less], 2 * j[less] + 1)]
    source, target = (np.concatenate([way[end] for way in ways]) for end in (0, 1))
    graph = coo_array((np.ones(len(source), np.int8), (source, target)), shape=(2 * n, 2 * n))
    same = connected_components(graph, connection="strong")[1]
    ties = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n, n))
    group = connected_components(ties, directed=False)[1].astype(np.int64)
    asked = np.zeros(n, bool)
    asked[i], asked[j] = True, True
    return Contradictions(same[0::2] == same[1::2], np.where(asked, group, -1))
