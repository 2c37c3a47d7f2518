r"""Pairs of sources that agree more than a model of independent sources explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from .held import BLOCK
from .kernel import Floats, Ints, Kernel

LEAST = 10  # items that a pair shares before anything is said of it


@dataclass(frozen=True)
class Correlations:
    """Pairs of sources that share at least ten items, and what is left of their agreement.

    pairs (p, 2) sources, the lower one first; items (p,) that both spoke of; agreement (p,) the share of those on which
    they say the same; expected (p,) that share under the model; excess (p,) (agreement - expected) / (1 - expected); z
    (p,) how many standard errors that is; linked (p,) whether it counts.
    """

    pairs: Ints
    items: Ints
    agreement: Floats
    expected: Floats
    excess: Floats
    z: Floats
    linked: NDArray[np.bool_]

    def strength(self, first: Ints, second: Ints) -> Floats:
        """Excess, within [0, 1], of couples of sources that are linked; zero of all others."""
        top = 1 + max((int(v.max()) for v in (first, second, self.pairs) if v.size), default=0)
        key = self.pairs[:, 0].astype(np.int64) * top + self.pairs[:, 1]
        found, at = _find(key, np.minimum(first, second).astype(np.int64) * top + np.maximum(first, second))
        return np.asarray(np.where(found & self.linked[at], np.clip(self.excess[at], 0, 1), 0) if len(key) else found)


def correlations(kernel: Kernel, theta: Floats | None, scores: Floats | None, chance: float) -> Correlations:
    r"""Agreement of pairs of sources beside what is expected of it.

    .. math:: E_{ab} = \frac{1}{n_{ab}} \sum_i \sum_k P^{-ab}_{ik} \sum_l \theta_a[k, l] \theta_b[k, l], \qquad
              \rho_{ab} = \frac{A_{ab} - E_{ab}}{1 - E_{ab}}, \qquad
              z_{ab} = \sqrt{n_{ab}} \frac{A_{ab} - E_{ab}}{\sqrt{E_{ab} (1 - E_{ab})}}

    with :math:`P^{-ab}` the beliefs without the votes of the two. Without a model :math:`E_{ab}` is the agreement of
    independent draws from what each says overall (Cohen's kappa), and every excess counts; with one, those whose z a
    normal variable exceeds with probability ``chance`` over all pairs together (Bonferroni).

    Args: kernel; theta (sources, statements, K) P(said | true) and scores (n, K) log beliefs, unnormalised, in which
    each vote stands with its weight times log theta; or None and None. chance in (0, 1).
    """
    pairs, items = _met(kernel)
    m, r = kernel.statements, kernel.sources
    key = pairs[:, 0] * r + pairs[:, 1]
    same, mass = np.zeros(len(key)), np.zeros((len(key), kernel.k))
    log_theta = None if theta is None else np.log(theta)
    for left, right, item in couples(kernel) if len(key) else ():
        a, b = _sources(kernel, left, right)
        found, at = _find(key, a * r + b)
        left, right, item, at = left[found], right[found], item[found], at[found]
        said = kernel.column[left] % m, kernel.column[right] % m
        same += np.bincount(at, said[0] == said[1], len(key))
        if log_theta is not None and scores is not None:
            rest = scores[item]
            for place, code in zip((left, right), said, strict=True):
                w = 1.0 if kernel.weight is None else kernel.weight[place][:, None]
                rest -= w * log_theta[kernel.source[place], code]
            belief = np.exp(rest - logsumexp(rest, axis=1, keepdims=True))
            for c in range(kernel.k):
                mass[:, c] += np.bincount(at, belief[:, c], len(key))
    if theta is None:
        overall = kernel.counts(np.ones((kernel.n, 1)))[:, :, 0]
        overall /= np.maximum(overall.sum(1, keepdims=True), 1)
        expected = np.einsum("pm,pm->p", overall[pairs[:, 0]], overall[pairs[:, 1]])
    else:
        expected = np.zeros(len(key))
        for c in range(kernel.k):
            both = np.einsum("pm,pm->p", theta[pairs[:, 0], :, c], theta[pairs[:, 1], :, c])
            expected += mass[:, c] * both / items
    agreement = same / items
    off = agreement - np.minimum(expected, 1 - 1e-12)
    z = np.sqrt(items) * off / np.sqrt(np.maximum(expected * (1 - expected), 1e-12))
    linked = off > 0 if theta is None else z > norm.isf(chance / max(len(key), 1))
    return Correlations(pairs, items, agreement, expected, off / np.maximum(1 - expected, 1e-12), z, linked)


def couples(kernel: Kernel) -> Iterator[tuple[Ints, Ints, Ints]]:
    """(place, place, item) of two votes of different sources on one item, each couple once, about a block at a time."""
    for start, stop in kernel.spans():
        offsets = kernel.offsets[start : stop + 1]
        left = np.arange(offsets[0], offsets[-1])
        item = np.repeat(np.arange(start, stop), np.diff(offsets))
        kept: list[tuple[Ints, Ints, Ints]] = []
        step, held = 0, 0
        while len(left):
            step += 1
            inside = left + step < kernel.offsets[item + 1]
            left, item = left[inside], item[inside]
            apart = kernel.source[left] != kernel.source[left + step]
            kept.append((left[apart], left[apart] + step, item[apart]))
            held += len(kept[-1][0])
            if held >= BLOCK or (held and not len(left)):
                first, second, where = (np.concatenate(part) for part in zip(*kept, strict=True))
                yield first, second, where
                kept, held = [], 0


def _met(kernel: Kernel) -> tuple[Ints, Ints]:
    """((p, 2) pairs of sources that share at least ``LEAST`` items, (p,) how many)."""
    key, many = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for left, right, _ in couples(kernel):
        a, b = _sources(kernel, left, right)
        new, often = np.unique(a * kernel.sources + b, return_counts=True)
        merged, place = np.unique(np.concatenate([key, new]), return_inverse=True)
        many = np.bincount(place, np.concatenate([many, often]), len(merged)).astype(np.int64)
        key = merged
    enough = many >= LEAST
    return np.stack([key[enough] // kernel.sources, key[enough] % kernel.sources], 1), many[enough]


def _sources(kernel: Kernel, left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """The two sources of each couple, the lower one first."""
    one, other = kernel.source[left].astype(np.int64), kernel.source[right].astype(np.int64)
    return np.minimum(one, other), np.maximum(one, other)


def _find(key: Ints, wanted: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """(whether it is among the sorted keys, where) of each."""
    if not len(key):
        return np.zeros(len(wanted), bool), np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return key[at] == wanted, at
