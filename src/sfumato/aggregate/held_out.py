"""Votes that are hidden from an aggregation, and how well its beliefs predict them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from sfumato.labels import Votes

from .kernel import Floats, Ints, normalised

FOLDS = 5  # parts of the items: how a source answers is learned on the others
BORROWED = 5.0  # imagined votes of each source, drawn from what all sources do with its own habit
SMALL = 1e-12  # the least belief, so that a power of it exists
POWERS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of beliefs, so that nobody wins by being bolder or shyer


def places(votes: Votes, share: float, draw: np.random.Generator) -> Ints:
    """Where a third of the votes of this share of the items stand."""
    spoken = np.flatnonzero(votes.said.numpy() >= 0)
    item = votes.item().numpy()[spoken]
    many = np.bincount(item, minlength=len(votes))
    lost = np.where(draw.random(len(many)) < share, many // 3, 0)
    order = np.lexsort((draw.random(len(spoken)), item))  # the votes of each item shuffled
    place = np.arange(len(spoken)) - np.repeat(np.cumsum(many) - many, many)
    return np.sort(spoken[order[place < lost[item]]])


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


@dataclass(frozen=True)
class Hidden:
    """Votes (h,) that no aggregation saw, with the fold of their items, what sources say outside each fold (folds,
    sources, M), where they stood among all hidden votes, and the classes (M, K) of each statement. Votes of sources
    that say one thing only are left out: they need no truth to be predicted.
    """

    item: Ints
    source: Ints
    said: Ints
    fold: Ints
    habits: Floats
    kept: Ints
    means: Floats

    @classmethod
    def of(cls, votes: Votes, hidden: Ints, draw: np.random.Generator) -> Hidden:
        """From the places of hidden votes, of all drawings together."""
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
        return cls(item[at], source[at], said[at], fold[item[at]], habits, kept, means)

    def rises(self, beliefs: Floats) -> Floats:
        """(M,) how far beliefs (h, K) in what a hidden vote says lie above those in it elsewhere, as a share of the
        way to certainty; 0 where nobody says it. None at all: the classes of these beliefs are not those of the votes.
        """
        inside = beliefs @ self.means.T
        usual, many = inside.mean(0), np.bincount(self.said, minlength=len(self.means))
        at = np.bincount(self.said, inside[np.arange(len(inside)), self.said], minlength=len(self.means))
        return np.where(many > 0, (at / np.maximum(many, 1) - usual) / np.maximum(1 - usual, SMALL), 0)

    def scores(self, beliefs: Floats) -> Floats:
        """(items with hidden votes,) mean log probability of an item's hidden votes, from beliefs (h, K) about the
        items of these votes, raised to the power that does best.
        """
        _, at, many = np.unique(self.item, return_inverse=True, return_counts=True)
        found = [np.bincount(at, self._read(normalised(np.maximum(beliefs, SMALL) ** p))) / many for p in POWERS]
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
