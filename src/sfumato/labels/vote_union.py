"""Two containers of votes in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.errors import LabelError

from .vote_lines import small
from .votes import ABSTAIN, Votes

Ints = NDArray[np.integer[Any]]


def joined(old: Votes, new: Votes) -> Votes:
    """The votes of both; see ``Votes.joined``."""
    if (old.means is None) != (new.means is None) or not (
        old.means is None or new.means is None or torch.equal(old.means, new.means)
    ):
        raise LabelError("votes for other sets of classes", "the same statements on both sides")
    class_of, classes = _codes(old.classes, new.classes, old.k, new.k, "classes")
    if len(class_of) and int(class_of.max()) >= old.k:
        unknown = new.k - 1 if new.classes is None else new.classes[int(class_of.argmax())]
        raise LabelError(f"a class {unknown!r} in the new votes", f"the {old.k} classes of the old ones")
    source_of, who = _codes(old.who, new.who, old.sources, new.sources, "sources")
    item_of, items = _codes(old.items, new.items, len(old), len(new), "items")
    sources = max(old.sources, int(source_of.max(initial=-1)) + 1)
    n = max(len(old), int(item_of.max(initial=-1)) + 1)
    held, added = np.zeros(n, np.int64), np.zeros(n, np.int64)
    held[: len(old)] = old.counts().numpy()
    item = item_of[new.item().numpy()]
    added += np.bincount(item, minlength=n)
    offsets = np.concatenate([[0], np.cumsum(held + added)])
    first = np.repeat(offsets[:-1][: len(old)] - old.offsets.numpy()[:-1], old.counts().numpy())
    first += np.arange(len(first))
    order = np.argsort(item, kind="stable")
    last = np.empty(len(item), np.int64)
    last[order] = np.arange(len(item)) - np.repeat(np.cumsum(added) - added, added)
    last += (offsets[:-1] + held)[item]
    code = class_of if new.means is None else np.arange(new.statements)
    told = new.said.numpy().astype(np.int64)
    told = np.where(told >= 0, code[told], ABSTAIN)
    weight = _together(first, last, _weights(old), _weights(new), np.float64) if _weighted(old, new) else None
    source = _together(first, last, old.source.numpy(), source_of[new.source.numpy()], small(sources))
    said = _together(first, last, old.said.numpy(), told, small(old.statements))
    _sort(offsets, added, (source, said, weight), held)
    return Votes(
        torch.from_numpy(offsets),
        torch.from_numpy(source),
        torch.from_numpy(said),
        old.k,
        sources,
        None if weight is None else torch.from_numpy(weight),
        _gold(old, new, item_of, class_of, n),
        old.means,
        classes,
        items,
        who,
    )


def _codes(
    old: tuple[Any, ...] | None, new: tuple[Any, ...] | None, many: int, more: int, what: str
) -> tuple[Ints, tuple[Any, ...] | None]:
    """(code in the union of each code of the new side, names of the union: the old ones, then those that are new).
    What has no name is named by its number.
    """
    if old is None and new is None:
        return np.arange(more), None
    old, new = tuple(range(many)) if old is None else old, tuple(range(more)) if new is None else new
    if len({isinstance(name, int) for name in (*old, *new)}) > 1:
        raise LabelError(f"{what} with names on one side only", f"names of {what} on both sides, or numbers")
    place = {name: i for i, name in enumerate(old)}
    found = np.array([place.setdefault(name, len(place)) for name in new], np.int64)
    return found, tuple(place)


def _weighted(old: Votes, new: Votes) -> bool:
    return old.weight is not None or new.weight is not None


def _weights(votes: Votes) -> NDArray[np.float64]:
    return np.ones(len(votes.source)) if votes.weight is None else votes.weight.double().numpy()


def _together(first: Ints, last: Ints, old: Any, new: Any, kind: type) -> Any:
    out: Any = np.empty(len(first) + len(last), kind)
    out[first], out[last] = old, new
    return out


def _sort(offsets: Ints, added: Ints, columns: tuple[Any, ...], held: Ints) -> None:
    """Sources in order, in place, on the items that have new votes; without weights none twice."""
    touched = np.flatnonzero(added)
    sizes = (held + added)[touched]
    at = np.arange(int(sizes.sum())) + np.repeat(offsets[:-1][touched] - (np.cumsum(sizes) - sizes), sizes)
    item = np.repeat(touched, sizes)
    source, _, weight = columns
    order = np.lexsort((source[at], item))
    for column in columns:
        if column is not None:
            column[at] = column[at][order]
    twice = (source[at][1:] == source[at][:-1]) & (item[1:] == item[:-1])
    if weight is None and twice.any():
        i = int(twice.argmax())
        raise LabelError(
            f"source {int(source[at][i])} speaks of item {int(item[i])} again ({int(twice.sum())} votes)",
            "votes that are new",
            "leave out what was said before",
        )


def _gold(old: Votes, new: Votes, item_of: Ints, class_of: Ints, n: int) -> Tensor | None:
    if old.gold is None and new.gold is None:
        return None
    gold = np.full(n, -1)
    if old.gold is not None:
        gold[: len(old)] = old.gold.numpy()
    if new.gold is not None:
        known = np.flatnonzero(new.gold.numpy() >= 0)
        told = class_of[new.gold.numpy()[known]]
        at = item_of[known]
        unlike = (gold[at] >= 0) & (gold[at] != told)
        if unlike.any():
            raise LabelError(f"another gold label of item {int(at[unlike.argmax()])}", "one true class of an item")
        gold[at] = told
    return torch.from_numpy(gold)
