"""Votes that are hidden from an aggregation, and how well its beliefs predict them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from sfumato.labels import Votes

from .kernel import Floats, Ints, Kernel, normalised

FOLDS = 5  # parts of the items: how a source answers is learned on the others
BORROWED = 5.0  # imagined votes of each source, drawn from what all sources do with its own habit
SMALL = 1e-12  # the least belief, so that a power of it exists
POWERS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of beliefs, so that nobody wins by being bolder or shyer


def places(votes: Votes, share: float, draw: np.random.Generator, group: Ints | None = None) -> Ints:
    """Where a third of the votes of this share of the items stand; of sources of one ``group`` (sources,), all or none
    of those on an item, and a third of its groups.
    """
    spoken, item, pair, owner = _groups(votes, group)
    many = np.bincount(owner, minlength=len(votes))
    lost = np.where(draw.random(len(many)) < share, many // 3, 0)
    order = np.lexsort((draw.random(len(owner)), owner))  # the groups of each item shuffled
    place = np.arange(len(owner)) - np.repeat(np.cumsum(many) - many, many)
    out = np.zeros(len(owner), bool)
    out[order[place < lost[owner]]] = True
    return np.asarray(spoken[out[pair]])


def parts(votes: Votes, hidden: Ints, group: Ints | None = None) -> Floats:
    """(hidden votes,) what each counts: those of one group on one item count as one together."""
    spoken, _, pair, owner = _groups(votes, group)
    at = pair[np.searchsorted(spoken, hidden)]
    return np.asarray(1 / np.bincount(at, minlength=len(owner))[at])


def _groups(votes: Votes, group: Ints | None) -> tuple[Ints, Ints, Ints, Ints]:
    """(places of votes that say something, the item of each, its group on this item, the item of each such group)."""
    spoken = np.flatnonzero(votes.said.numpy() >= 0)
    item = votes.item().numpy()[spoken].astype(np.int64)
    source = votes.source.numpy()[spoken].astype(np.int64)
    side = votes.sources + 1
    key, pair = np.unique(item * side + (source if group is None else group[source]), return_inverse=True)
    return spoken, item, pair, key // side


def without(votes: Votes, hidden: Ints) -> Votes:
    """Votes but those at these places."""
    keep = np.ones(len(votes.said), bool)
    keep[hidden] = False
    left = torch.from_numpy(keep)
    return replace(
        votes,
        offsets=torch.from_numpy(np.concatenate([[0], np.cumsum(keep)])[votes.offsets.numpy()]),
        source=votes.source[left],
        said=votes.said[left],
        weight=None if votes.weight is None else votes.weight[left],
    )


def meaning(votes: Votes, beliefs: Floats) -> Floats:
    """(M,) how far beliefs (n, K) in what a vote says lie above those in it at all votes, as a share of the way to
    certainty; 0 where nobody says it. None at all: the classes of these beliefs are not those of the votes.
    """
    kernel = Kernel(votes)
    met = kernel.counts(beliefs).sum(0)
    many = met.sum(1)
    return _rises((met * kernel.means).sum(1), many, kernel.means @ met.sum(0) / many.sum())


def _rises(met: Floats, many: Floats, usual: Floats) -> Floats:
    return np.where(many > 0, (met / np.where(many > 0, many, 1) - usual) / np.maximum(1 - usual, SMALL), 0)


@dataclass(frozen=True)
class Hidden:
    """Votes (h,) that no aggregation saw, with the fold of their items, what sources say outside each fold (folds,
    sources, M), where they stood among all hidden votes, and the classes (M, K) of each statement. Votes of sources
    that say one thing only are left out: they need no truth to be predicted. ``part`` (h,) is what each vote counts.
    """

    item: Ints
    source: Ints
    said: Ints
    fold: Ints
    habits: Floats
    kept: Ints
    means: Floats
    part: Floats

    @classmethod
    def of(cls, votes: Votes, hidden: Ints, draw: np.random.Generator, part: Floats | None = None) -> Hidden:
        """From the places of hidden votes, of all drawings together, and what each counts (None: one)."""
        item, source, said = (t.numpy().astype(np.int64) for t in (votes.item(), votes.source, votes.said))
        fold = draw.integers(0, FOLDS, len(votes))
        spoke = said >= 0
        shape = (FOLDS, votes.sources, votes.statements)
        flat = np.ravel_multi_index((fold[item[spoke]], source[spoke], said[spoke]), shape)
        counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(float)
        habits = counts.sum(0) - counts
        several = (habits > 0).sum(2) > 1
        kept = np.flatnonzero(several[fold[item[hidden]], source[hidden]])
        at = hidden[kept]
        means = np.eye(votes.k) if votes.means is None else votes.means.numpy().astype(float)
        counted = np.ones(len(at)) if part is None else part[kept]
        return cls(item[at], source[at], said[at], fold[item[at]], habits, kept, means, counted)

    def rises(self, beliefs: Floats) -> Floats:
        """(M,) ``meaning`` of beliefs (h, K) about the items of the hidden votes, none of which has made them."""
        inside = beliefs @ self.means.T
        own = self.part * inside[np.arange(len(inside)), self.said]
        counts = [np.bincount(self.said, w, len(self.means)).astype(float) for w in (own, self.part)]
        return _rises(counts[0], counts[1], self.part @ inside / self.part.sum())

    def scores(self, beliefs: Floats) -> Floats:
        """(items with hidden votes,) mean log probability of an item's hidden votes, from beliefs (h, K) about the
        items of these votes, raised to the power that does best.
        """
        at = np.unique(self.item, return_inverse=True)[1]
        many = np.bincount(at, self.part)
        powers = [normalised(np.maximum(beliefs, SMALL) ** p) for p in POWERS]
        found = [np.bincount(at, self.part * self._read(p)) / many for p in powers]
        return max(found, key=lambda score: float(score.mean()))

    def _read(self, beliefs: Floats) -> Floats:
        """(h,) log probabilities of the hidden votes, each read by what those of other folds tell of its source."""
        out = np.empty(len(self.item))
        _, sources, statements = self.habits.shape
        for fold, habit in enumerate(self.habits):
            here, other = self.fold == fold, self.fold != fold
            column = self.source[other] * statements + self.said[other]
            counts = np.stack([np.bincount(column, b, minlength=sources * statements) for b in beliefs[other].T])
            counts = counts.reshape(-1, sources, statements).transpose(1, 0, 2)
            level = normalised(habit.sum(0) + 1 / statements)
            together = normalised(counts.sum(0) + level)
            usual = normalised(habit + level)[:, None, :] * together / normalised(counts.sum((0, 1)) + level)
            theta = normalised(counts + BORROWED * normalised(usual))
            out[here] = np.log((beliefs[here] * theta[self.source[here], :, self.said[here]]).sum(1))
        return out
