r"""Meta-features: what labels tell about themselves before anything is trained; ``method="auto"`` looks them up.

An observation leaves the classes :math:`S_i` possible: the given class, the candidate set, what is not excluded, all of
them for a missing label, and for an unlabeled row of PU. What other kinds tell stands in ``meta_shares``. No clean
label is read. Renaming classes (but for PU, whose two are not alike) and reordering rows change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sfumato import meta_shares
from sfumato.core.errors import ShapeError
from sfumato.core.streams import numpy_rng
from sfumato.labels import PU, Complementary, Exact, Labels, Partial, Semi
from sfumato.parts.neighbours import nearest

MEANING = {
    "rows": "log10 of the number of observations",
    "columns": "log10 of the number of features",
    "classes": "log10 of the number of classes",
    "ambiguity": "mean of (|S| - 1) / (K - 1): 0 = one class is named, 1 = nothing is said",
    "tail": "1 - entropy of the class shares / log K, each observation spread evenly over S: 0 = balanced classes",
    "companion": "how surely a class's most frequent companion in S stands beside it: 1 = always",
    "disagreement": "Jaccard distance of what near rows say, over that of any two rows: 0 = alike, 1 = unrelated to X",
    "noise": "estimated share of wrong labels",
    "prior": "estimated share of positives",
    "one-sample": "1 = positives were labeled inside one sample, 0 = they were drawn apart",
    **meta_shares.MEANING,
}
FACTS = {"noise": "noise_rate", "prior": "prior"}
NEIGHBOURS, SAMPLE = 10, 1000
_BLOCK = 1 << 21  # entries (rows x classes) looked at at a time
Floats = NDArray[np.float64]


def _one_hot(y: torch.Tensor, k: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(y, k).bool()


def _semi(labels: Semi) -> torch.Tensor:
    return _one_hot(labels.y.clamp_min(0), labels.k) | (labels.y < 0)[:, None]


def _pu(labels: PU) -> torch.Tensor:
    return torch.stack([~labels.flag, torch.ones_like(labels.flag)], 1)


# kind -> the classes (n, K) that each observation leaves possible
_POSSIBLE: dict[type[Labels], Callable[[Any], torch.Tensor]] = {
    Exact: lambda labels: _one_hot(labels.y, labels.k),
    Semi: _semi,
    Partial: lambda labels: labels.mask,
    Complementary: lambda labels: ~labels.mask,
    PU: _pu,
}


def describe(labels: Labels, X: ArrayLike | None = None, facts: Mapping[str, Any] | None = None) -> dict[str, float]:
    r"""Meta-features of labels by name; ``MEANING`` defines each.

    .. math:: \mathrm{ambiguity} = \frac1n\sum_i\frac{|S_i| - 1}{K - 1}, \quad
        \mathrm{tail} = 1 - \frac{H(q)}{\log K},\ q_k = \frac1n\sum_i\frac{1[k \in S_i]}{|S_i|}, \quad
        \mathrm{companion} = \frac{\sum_k \max_{l \ne k} n_{kl}}{\sum_k n_k},

    where n_kl counts the sets that hold both k and l: an estimate, from sets alone, of the ambiguity degree
    (cour2011learning), averaged over classes. ``disagreement`` takes what is named (the given class, the set, the
    excluded classes, the flag), missing labels left out, and compares each row with its 10 nearest.

    Args:
        labels: n observations; of an unknown kind only rows, columns and classes are told.
        X: (rows, ...) features as the network sees them; without them what needs them is left out. Among more than
            1,000 rows that many are drawn, the same ones each time.
        facts: values of needs by name; a number for noise_rate or prior is taken over.
    """
    out = {"rows": math.log10(len(labels)), "classes": math.log10(labels.k)}
    x = None if X is None else np.asarray(X)
    if x is not None:
        if labels.n_rows() not in (None, len(x)):
            raise ShapeError(f"X with {len(x)} rows and {len(labels)} observations", "one row per observation")
        x = x.reshape(len(x), -1)
        out["columns"] = math.log10(x.shape[1])
    for name, need in FACTS.items():
        value = None if facts is None else facts.get(need)
        if isinstance(value, int | float) and math.isfinite(value):
            out[name] = float(value)
    possible = next((read for kind, read in _POSSIBLE.items() if isinstance(labels, kind)), None)
    if possible is None:
        return out | meta_shares.told(labels)
    out |= _sets(possible, labels)
    if isinstance(labels, PU):
        out["one-sample"] = float(labels.scheme == "single-sample")
    at = None if x is None or labels.row is None else labels.row.numpy()
    if x is not None and (value := _disagreement(possible, labels, x if at is None else x[at])) is not None:
        out["disagreement"] = value
    return out


def _blocks(possible: Callable[[Any], torch.Tensor], labels: Labels) -> Iterator[Floats]:
    step = max(1, _BLOCK // labels.k)
    for start in range(0, len(labels), step):
        yield possible(labels[start : start + step]).numpy().astype(np.float64)


def _sets(possible: Callable[[Any], torch.Tensor], labels: Labels) -> dict[str, float]:
    n, k = len(labels), labels.k
    size, share, pairs = 0.0, np.zeros(k), np.zeros((k, k))
    several = isinstance(labels, Partial | Complementary)
    for s in _blocks(possible, labels):
        size += float(s.sum())
        share += (s / s.sum(1, keepdims=True)).sum(0)
        if several:
            pairs += s.T @ s
    out = {"ambiguity": (size / n - 1) / (k - 1)}
    if not isinstance(labels, PU):  # there one class is never named
        q = share[share > 0] / n
        out["tail"] = 1 + float((q * np.log(q)).sum()) / math.log(k)
    if several:
        held = pairs.diagonal().copy()
        np.fill_diagonal(pairs, 0)
        out["companion"] = float(pairs.max(1).sum() / held.sum())
    return out


def _disagreement(possible: Callable[[Any], torch.Tensor], labels: Labels, x: Floats) -> float | None:
    said = np.flatnonzero((labels.y >= 0).numpy()) if isinstance(labels, Semi) else np.arange(len(labels))
    if len(said) > SAMPLE:
        said = np.sort(numpy_rng(0, "meta-features").choice(said, SAMPLE, replace=False))
    if len(said) < 3:
        return None
    some = labels[torch.from_numpy(said)]
    if isinstance(some, PU):
        named = _one_hot(some.flag.long(), 2)
    else:
        named = some.mask if isinstance(some, Complementary) else possible(some)
    s = named.numpy().astype(np.float64)
    both = s @ s.T
    size = both.diagonal()
    distance = 1 - both / (size[:, None] + size - both)
    overall = float(distance.sum()) / (len(s) * (len(s) - 1))
    if overall == 0:
        return 1.0  # everybody says the same: near rows are not more alike than any others
    near = nearest(x[said], min(NEIGHBOURS, len(s) - 1))[1]
    return float(np.take_along_axis(distance, near, 1).mean()) / overall
