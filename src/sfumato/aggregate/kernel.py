"""The two products that aggregation consists of: what votes say of items, and what items say of sources.

Votes are a sparse matrix V, items x (source, statement). Given a table W with one line per (source, statement),
``scores`` is V W: the sum of a table over the votes of each item. Given beliefs P, ``counts`` is V' P: how much mass of
each class every (source, statement) met. Both walk through blocks of items, so that nothing of the size of the votes is
ever made but the votes themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sfumato.core.errors import LabelError, ParameterError
from sfumato.labels import Votes

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
BLOCK = 1_000_000  # votes that are worked on at a time


class Kernel:
    """Votes ready for the two products.

    Args: votes; informative: abstentions are a statement of their own (the last), not silence; new: votes to be read
    by a model that is fitted already, which may be none.
    """

    def __init__(self, votes: Votes, informative: bool = False, new: bool = False) -> None:
        if not isinstance(votes, Votes):
            raise ParameterError(f"votes of type {type(votes).__name__}", "sf.labels.Votes", "Votes.from_table(...)")
        self.votes, self.k, self.sources = votes, votes.k, votes.sources
        self.statements = votes.statements + informative
        self.informative = informative
        self.shape = (self.sources, self.statements, self.k)
        self.gold: Ints | None = None if votes.gold is None else votes.gold.numpy()
        self.means: Floats = np.eye(self.k) if votes.means is None else votes.means.numpy().astype(float)
        source, said = votes.source.numpy(), votes.said.numpy()
        weight = None if votes.weight is None else votes.weight.numpy()
        offsets: Ints = votes.offsets.numpy()
        spoke = said >= 0
        if not (new or spoke.any()):
            raise LabelError("votes that are all abstentions", "at least one statement")
        if informative:
            said = np.where(spoke, said, np.asarray(self.statements - 1, said.dtype))
        elif not spoke.all():
            source, said = source[spoke], said[spoke]
            weight = None if weight is None else weight[spoke]
            offsets = np.concatenate([[0], np.cumsum(spoke)])[offsets]
        self.offsets = offsets
        self.n = len(offsets) - 1
        self.column: Ints = source.astype(np.int32) * np.int32(self.statements) + said
        self.weight: Floats | None = weight
        self.mass = float(len(self.column) if weight is None else weight.sum())
        self._ones = np.ones(min(len(self.column), 2 * BLOCK)) if weight is None else None
        known = np.diff(offsets) > 0
        self.told = known if self.gold is None else known | (self.gold >= 0)

    def only_classes(self, method: str) -> None:
        """Refuse statements that are sets of classes."""
        if self.votes.means is not None:
            raise LabelError(f"votes for sets of classes at {method}", "votes for classes", "try Nplm or DawidSkene")

    def right(self) -> NDArray[np.bool_]:
        """(statements, K) whether a statement names a class."""
        found = np.zeros((self.statements, self.k), bool)
        found[: len(self.means)] = self.means > 0
        return found

    def item(self) -> Ints:
        """(votes,) the item of each vote that counts."""
        return np.repeat(np.arange(self.n), np.diff(self.offsets))

    def blocks(self) -> Iterator[tuple[slice, csr_array]]:
        """Items, and their part of V."""
        start = 0
        while start < self.n:
            stop = int(np.searchsorted(self.offsets, self.offsets[start] + BLOCK, side="right")) - 1
            stop = min(max(stop, start + 1), self.n, start + BLOCK)
            a, b = int(self.offsets[start]), int(self.offsets[stop])
            if self.weight is not None:
                data = self.weight[a:b]
            elif self._ones is not None and b - a <= len(self._ones):
                data = self._ones[: b - a]
            else:  # one item with more votes than a block
                data = np.ones(b - a)
            pointer = (self.offsets[start : stop + 1] - a).astype(np.int32)
            size = (stop - start, self.sources * self.statements)
            yield slice(start, stop), csr_array((data, self.column[a:b], pointer), shape=size)
            start = stop

    def scores(self, table: Floats) -> Floats:
        """(n, K) sums of a table (sources, statements, K) over the votes of each item."""
        flat = np.ascontiguousarray(table.reshape(self.sources * self.statements, -1))
        found = np.empty((self.n, flat.shape[1]))
        for items, part in self.blocks():
            found[items] = part @ flat
        return found

    def counts(self, beliefs: Floats) -> Floats:
        """(sources, statements, K) mass of beliefs (n, K) that each statement of each source met."""
        found = np.zeros((self.sources * self.statements, beliefs.shape[1]))
        for items, part in self.blocks():
            found += part.T @ np.ascontiguousarray(beliefs[items])
        return found.reshape(self.sources, self.statements, beliefs.shape[1])

    def totals(self, beliefs: Floats) -> Floats:
        """(latent,) mass of each class over the items of which something was told: the others tell nothing of it."""
        return np.asarray(self.told.astype(float) @ beliefs)

    def heard(self) -> Floats:
        """(n, K) votes per class."""
        return self.scores(self.shares())

    def shares(self) -> Floats:
        """(sources, statements, K) the table of one vote each: a statement of several classes is shared among them."""
        table = np.zeros(self.shape)
        table[:, : len(self.means)] = self.means / self.means.sum(1, keepdims=True)
        return table

    def sweep(
        self, table: Floats, log_prior: Floats, posterior: Floats, settle: Callable[[Floats], Floats]
    ) -> tuple[Floats, Floats, float]:
        """One E-step and the mass of the M-step after it, in one walk: writes the posterior (n, K), returns counts
        (sources, statements, K), totals (K,) and the log likelihood of what was seen (where ``settle`` changes the
        beliefs: the bound on it that they reach). Each class may have several columns, next to each other.
        """
        flat = np.ascontiguousarray(table.reshape(self.sources * self.statements, -1))
        latent = flat.shape[1]
        owner = np.arange(latent) * self.k // latent
        counts, totals, likelihood = np.zeros(flat.shape), np.zeros(latent), 0.0
        for items, part in self.blocks():
            scores = part @ flat
            scores += log_prior
            if self.gold is not None:
                known = np.flatnonzero(self.gold[items] >= 0)
                scores[known] = np.where(owner == self.gold[items][known][:, None], scores[known], -np.inf)
            told = self.told[items].astype(float)
            level = scores.max(1, keepdims=True)
            belief = np.exp(scores - level)
            total = belief.sum(1, keepdims=True)
            belief /= total
            settled = settle(belief)
            if settled is belief:
                likelihood += float(told @ (level + np.log(total))[:, 0])
            else:
                held = (settled > 0) & self.told[items][:, None]
                likelihood += float((settled[held] * (scores[held] - np.log(settled[held]))).sum())
                belief = settled
            posterior[items] = belief
            counts += part.T @ belief
            totals += told @ belief
        return counts.reshape(self.sources, self.statements, latent), totals, likelihood

    def clamp(self, beliefs: Floats) -> Floats:
        """Beliefs with the known truths put in; in place."""
        if self.gold is not None:
            known = np.flatnonzero(self.gold >= 0)
            beliefs[known] = np.eye(self.k)[self.gold[known]]
        return beliefs


def normalised(mass: Floats) -> Floats:
    """Rows divided by their sums; a row of zeros becomes level."""
    total = mass.sum(-1, keepdims=True)
    return np.where(total > 0, mass / np.where(total > 0, total, 1), 1 / mass.shape[-1])
