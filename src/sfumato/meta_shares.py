"""Meta-features of the kinds whose observations leave no set of classes, but say how much speaks for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sfumato.labels import (
    Bags,
    BagValues,
    Confidence,
    ConfidenceDifferences,
    Distribution,
    Labels,
    MultiLabel,
    Sets,
    Similarities,
    Votes,
)
from sfumato.labels.drawn import Tuples
from sfumato.labels.grouped import Grouped

MEANING = {
    "size": "log10 of the mean number of rows that an observation speaks of",
    "undecided": "mean entropy of the shares that an observation tells / log of how many: 0 = it names one",
    "sets": "log10 of the number of unlabeled sets",
    "votes": "log10 of 1 + the mean number of votes on an item, abstentions left out",
    "sources": "log10 of the number of sources",
    "agreement": "share of the pairs of votes on one item that say the same",
    "cardinality": "mean share of the classes that are known to hold for a row",
    "unknown": "share of the classes of rows of which nothing is known",
}


def _two(p: Tensor) -> Tensor:
    return torch.stack([1 - p, p], 1)


def _sets(labels: Sets) -> Tensor | None:
    if labels.priors is None or bool(labels.priors.isnan().any()):
        return None
    return _two(labels.priors.double()[labels.index])


def _tuples(labels: Tuples) -> Tensor:
    return torch.nn.functional.one_hot(labels.form, len(labels.forms)).double()


def _votes(labels: Votes) -> Tensor:
    shares = labels.shares().double()
    return shares[shares.sum(1) > 0]


# kind -> (observations, options) shares, each line summing to one; options are classes, or forms of answers
_SHARES: dict[type[Labels], Callable[[Any], Tensor | None]] = {
    Bags: lambda labels: labels.counts.double() / labels.sizes()[:, None],
    BagValues: lambda labels: _two((labels.value > 0).double()),
    Sets: _sets,
    Tuples: _tuples,
    Confidence: lambda labels: _two(labels.value),
    ConfidenceDifferences: lambda labels: _two(labels.value.abs()),
    Similarities: lambda labels: _two(labels.value),
    Distribution: lambda labels: labels.shares.double(),
    Votes: _votes,
}


def told(labels: Labels) -> dict[str, float]:
    r"""Meta-features by name, those of ``MEANING`` that the kind has, and ``tail``.

    .. math:: \mathrm{undecided} = \frac1n\sum_i\frac{H(q_i)}{\log K},\quad
        \mathrm{tail} = 1 - \frac{H(\bar q)}{\log K},\quad \bar q = \frac1n\sum_i q_i,

    q_i the shares that observation i tells: of the classes in its bag, in its set or among the votes on it, and for
    pairs and their kin of the answers that may be given.
    """
    out: dict[str, float] = {}
    if isinstance(labels, Grouped):
        out["size"] = math.log10(float(labels.sizes().double().mean()))
    read = next((read for kind, read in _SHARES.items() if isinstance(labels, kind)), None)
    shares = None if read is None else read(labels)
    if shares is not None and len(shares):
        span = math.log(shares.shape[1])
        out["undecided"] = float(_entropy(shares).mean()) / span
        out["tail"] = 1 - float(_entropy(shares.mean(0, keepdim=True))) / span
    if isinstance(labels, Sets):
        out["sets"] = math.log10(labels.m)
    if isinstance(labels, MultiLabel):
        out["cardinality"] = float(labels.positive.double().mean())
        out["unknown"] = float(labels.unknown.double().mean())
    if isinstance(labels, Votes):
        out |= _crowd(labels)
    return out


def _entropy(shares: Tensor) -> Tensor:
    return -torch.xlogy(shares, shares).sum(1)


def _crowd(labels: Votes) -> dict[str, float]:
    item, _, said, _ = labels.spoken()
    out = {"votes": math.log10(1 + len(said) / len(labels)), "sources": math.log10(labels.sources)}
    counts = torch.unique(item * labels.statements + said, return_counts=True)[1].double()  # same item, same word
    own = torch.bincount(item).double()
    pairs = float((own * (own - 1)).sum())
    return out | {"agreement": float((counts * (counts - 1)).sum()) / pairs} if pairs else out
