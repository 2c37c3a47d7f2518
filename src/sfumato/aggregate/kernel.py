"""The two products that aggregation consists of: what votes say of items, and what items say of sources.

Votes are a sparse matrix V, items x (source, statement). Given a table W with one line per (source, statement),
``scores`` is V W: the sum of a table over the votes of each item. Given beliefs P, ``counts`` is V' P: how much mass of
each class every (source, statement) met. Both walk through blocks of items, so that nothing of the size of the votes is
ever made but the votes themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from .held import BLOCK, Floats, Held, Ints

__all__ = ["Floats", "Ints", "Kernel", "across", "normalised"]
FEW = 8  # columns


class Kernel(Held):
    """Votes with the two products; see ``Held`` for what it is made from."""

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
            add(part, beliefs[items], found)
        return found.reshape(self.sources, self.statements, beliefs.shape[1])

    def totals(self, beliefs: Floats) -> Floats:
        """(latent,) mass of each class over the items of which something was told: the others tell nothing of it."""
        found = np.zeros(beliefs.shape[1])
        for a in range(0, self.n, BLOCK):
            found += self.told[a : a + BLOCK].astype(float) @ beliefs[a : a + BLOCK]
        return found

    def heard(self) -> Floats:
        """(n, K) votes per class."""
        return self.scores(self.shares())

    def voted(self) -> Floats:
        """(n, K) shares of the votes; level where nothing was said."""
        found = self.heard()
        for a in range(0, self.n, BLOCK):
            part = found[a : a + BLOCK]
            total = across(np.add, part)[:, None]
            np.divide(part, total, out=part, where=total > 0)
            part[total[:, 0] <= 0] = 1 / self.k
        return found

    def shares(self) -> Floats:
        """(sources, statements, K) the table of one vote each: a statement of several classes is shared among them."""
        table = np.zeros(self.shape)
        table[:, : len(self.means)] = self.means / self.means.sum(1, keepdims=True)
        return table

    def sweep(
        self, table: Floats, log_prior: Floats, posterior: Floats, settle: Callable[[Floats], Floats] | None = None
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
            level = across(np.maximum, scores)
            scores -= level[:, None]
            belief = np.exp(scores, out=scores if settle is None else None)
            total = across(np.add, belief)
            belief /= total[:, None]
            settled = belief if settle is None else settle(belief)
            likelihood += float(told @ level)
            if settled is belief:
                likelihood += float(told @ np.log(total))
            else:
                held = (settled > 0) & self.told[items][:, None]
                likelihood += float((settled[held] * (scores[held] - np.log(settled[held]))).sum())
                belief = settled
            posterior[items] = belief
            totals += told @ belief
            del scores, belief, settled  # before the product is made
            add(part, posterior[items], counts)
        return counts.reshape(self.sources, self.statements, latent), totals, likelihood

    def clamp(self, beliefs: Floats) -> Floats:
        """Beliefs with the known truths put in; in place."""
        if self.gold is not None:
            known = np.flatnonzero(self.gold >= 0)
            beliefs[known] = np.eye(self.k)[self.gold[known]]
        return beliefs


def add(part: csr_array, beliefs: Floats, mass: Floats) -> None:
    """``mass`` (columns of V, latent) += part' beliefs, some classes at a time: a product of all would be as large as
    the mass itself."""
    for c in range(0, beliefs.shape[1], FEW):
        few = slice(c, c + FEW)
        mass[:, few] += part.T @ np.ascontiguousarray(beliefs[:, few])


def across(join: np.ufunc, table: Floats) -> Floats:
    """(n,) a ufunc over the columns of each row; one by one where they are few: numpy's own way is slow there."""
    if table.shape[1] > FEW:
        return np.asarray(join.reduce(table, axis=1))
    found = table[:, 0].copy()
    for column in table.T[1:]:
        join(found, column, out=found)
    return found


def normalised(mass: Floats) -> Floats:
    """Rows divided by their sums; a row of zeros becomes level."""
    total = mass.sum(-1, keepdims=True)
    return np.where(total > 0, mass / np.where(total > 0, total, 1), 1 / mass.shape[-1])
