"""Votes of many sources on the truth of each row: annotators, rules, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError, ShapeError

from .base import Labels, Law
from .encode import column
from .exact import check_classes
from .vote_lines import blank, gold_codes, item_codes, line, name_codes, small

ABSTAIN = -1  # asked, and declined; a source that was never asked has no vote


@dataclass(frozen=True, eq=False)
class Votes(Labels):
    """What sources said of each item: row i of X is item i, its votes are entries offsets[i] to offsets[i + 1].

    A statement is a class, or (``means``) a set of classes; -1 is an abstention of a source that was asked. Absent
    votes are not stored, and items without votes stay.

    Args: offsets (n + 1,) where the votes of each item begin; source (v,) in [0, sources); said (v,) statements in
    [-1, M); k number of classes >= 2; sources how many there are; weight (v,) > 0 or None, for soft votes; gold (n,)
    true classes that are known, -1 elsewhere, or None; means (M, K) boolean, the classes that a statement stands for,
    or None where statements are classes; classes, items and names of the sources (``who``) in code order. Errors: a
    source that says two things of one item (unless weighted), codes outside their range.
    """

    offsets: Tensor
    source: Tensor
    said: Tensor
    k: int
    sources: int
    weight: Tensor | None = None
    gold: Tensor | None = None
    means: Tensor | None = None
    classes: tuple[Any, ...] | None = None
    items: tuple[Any, ...] | None = None
    who: tuple[Any, ...] | None = None
    kind: ClassVar[str] = "votes"
    columns: ClassVar[tuple[str, ...]] = ("gold",)
    spans: ClassVar[tuple[str, ...]] = ("offsets", "source", "said", "weight", "means")

    def __post_init__(self) -> None:
        check_classes(self.k, self.classes)
        offsets, source, said = (torch.as_tensor(v) for v in (self.offsets, self.source, self.said))
        if offsets.ndim != 1 or len(offsets) < 2 or source.shape != said.shape or source.ndim != 1:
            raise ShapeError(
                f"offsets {tuple(offsets.shape)}, source {tuple(source.shape)}, said {tuple(said.shape)}",
                "(n + 1,), (v,) and (v,), for at least one item",
            )
        if int(offsets[0]) != 0 or int(offsets[-1]) != len(source) or bool((offsets[1:] < offsets[:-1]).any()):
            raise ShapeError("offsets that do not run from 0 to the number of votes", "the bounds of each item's votes")
        _inside(source, 0, self.sources, "sources")
        _inside(said, ABSTAIN, self.statements, "statements")
        self._check_optional(len(offsets) - 1, len(source))

    def _check_optional(self, n: int, v: int) -> None:
        if self.weight is not None:
            weight = torch.as_tensor(self.weight)
            if weight.shape != (v,) or not bool(((weight > 0) & torch.isfinite(weight)).all()):
                raise LabelError("weights of votes that are not positive and finite, one per vote", "(v,) above 0")
        if self.gold is not None:
            gold = torch.as_tensor(self.gold)
            if gold.shape != (n,):
                raise ShapeError(f"gold labels of shape {tuple(gold.shape)}", f"({n},), -1 where unknown")
            _inside(gold, -1, self.k, "gold labels")
        if self.means is not None:
            means = torch.as_tensor(self.means)
            if means.ndim != 2 or means.shape[1] != self.k or means.dtype != torch.bool or not bool(means.any(1).all()):
                raise ShapeError(f"means of shape {tuple(means.shape)}", f"(M, {self.k}) booleans, no empty statement")
        for names, many, what in ((self.items, n, "items"), (self.who, self.sources, "sources")):
            if names is not None and len(names) != many:
                raise ShapeError(f"{len(names)} names of {what}", f"{many}")

    # ------------------------------------------------------------------ constructors

    @classmethod
    def from_table(
        cls,
        item: Any,
        source: Any,
        label: Any,
        *,
        n: int | None = None,
        items: Sequence[Any] | None = None,
        classes: Sequence[Any] | None = None,
        abstain: Any = None,
        weight: Any = None,
        gold: Mapping[Any, Any] | None = None,
        duplicates: str = "error",
    ) -> Self:
        """From a long table, one line per vote.

        Args: item: row numbers of X (whole numbers; ``n`` rows, or up to the largest) or names (``items`` in order, or
        by first appearance); source: names; label: names of classes (``classes`` in order, or sorted); abstain: the
        label that means the source declined; weight: of each line, then a source may say several things of an item;
        gold: item -> true class; duplicates: where a source speaks twice of an item: error, or last (the later line
        counts), or all.
        """
        if duplicates not in ("error", "last", "all"):
            raise ParameterError(f"duplicates={duplicates!r}", "error, last or all")
        lines = [line(v, what) for v, what in ((item, "items"), (source, "sources"), (label, "labels"))]
        if len({len(v) for v in lines}) != 1:
            raise ShapeError(
                f"{', '.join(str(len(v)) for v in lines)} items, sources and labels", "one of each per vote"
            )
        at, item_names, rows = item_codes(lines[0], n, items)
        who_names, who = name_codes(lines[1], None, "sources")
        said = np.full(len(at), ABSTAIN, np.int64)
        spoke = ~blank(lines[2]) if abstain is None else lines[2] != abstain
        if abstain is None and not spoke.all():
            raise LabelError(
                f"{int((~spoke).sum())} votes without a label",
                "a label per line",
                "pass abstain=..., or drop the lines",
            )
        class_names, said[spoke] = name_codes(lines[2][spoke], classes, "labels")
        w = None if weight is None else np.asarray(weight, np.float64)
        if w is not None and w.shape != at.shape:
            raise ShapeError(f"weights of shape {w.shape}", f"({len(at)},)")
        order = np.lexsort((np.arange(len(at)), who, at))
        twice = (np.diff(at[order]) == 0) & (np.diff(who[order]) == 0)
        if twice.any() and w is None and duplicates == "error":
            i = order[int(twice.argmax())]
            raise LabelError(
                f"source {str(lines[1][i])!r} speaks more than once of item {lines[0][i]} ({int(twice.sum())} lines)",
                "one vote of a source on an item",
                "pass duplicates='last' or 'all'",
            )
        if duplicates == "last":
            order = order[np.append(~twice, True)]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(at[order], minlength=rows))])
        k = len(class_names)
        return cls(
            torch.from_numpy(offsets),
            torch.from_numpy(who[order].astype(small(len(who_names)))),
            torch.from_numpy(said[order].astype(small(k))),
            k,
            len(who_names),
            None if w is None else torch.from_numpy(w[order]),
            None if gold is None else gold_codes(gold, item_names, class_names, rows),
            None,
            class_names,
            item_names,
            who_names,
        )

    @classmethod
    def from_matrix(
        cls,
        matrix: Any,
        *,
        abstain: int | None = -1,
        classes: Sequence[Any] | None = None,
        k: int | None = None,
        who: Sequence[Any] | None = None,
        gold: Any = None,
        absent: bool = False,
    ) -> Self:
        """From an (items, sources) matrix of class codes, as labeling functions give it.

        Args: abstain: the code of a source that declined, None where none does; classes or k: all there are (up to the
        largest code); who: names of the sources; gold (n,) codes, -1 unknown; absent: the code means that the source
        was never asked.
        """
        table = np.asarray(matrix)
        if table.ndim != 2 or table.dtype.kind not in "iu" or not table.size:
            raise ShapeError(f"votes of shape {table.shape} and type {table.dtype}", "(items, sources) whole numbers")
        declined = np.zeros(table.shape, bool) if abstain is None else table == abstain
        if (table[~declined] < 0).any():
            raise LabelError(
                f"a code {table[~declined].min()}", "codes >= 0, or the code of abstention", "pass abstain="
            )
        many = len(classes) if classes is not None else (k or max(int(table[~declined].max(initial=1)) + 1, 2))
        keep = ~declined if absent else np.ones(table.shape, bool)
        offsets = np.concatenate([[0], np.cumsum(keep.sum(1))])
        said = np.where(declined, ABSTAIN, table)[keep]
        return cls(
            torch.from_numpy(offsets),
            torch.from_numpy(np.nonzero(keep)[1].astype(small(table.shape[1]))),
            torch.from_numpy(said.astype(small(many))),
            many,
            table.shape[1],
            gold=None if gold is None else torch.as_tensor(np.asarray(gold)).long(),
            classes=None if classes is None else tuple(classes),
            who=None if who is None else tuple(who),
        )

    @classmethod
    def from_dict(cls, votes: Mapping[Any, Mapping[Any, Any]], **told: Any) -> Self:
        """From {item: {source: label}}; items in order of the dict, those without votes included."""
        lines = [(item, source, label) for item, said in votes.items() for source, label in said.items()]
        if not lines:
            raise LabelError("no vote at all", "at least one vote")
        item, source, label = zip(*lines, strict=True)
        names = np.empty(len(item), object)
        names[:] = item
        return cls.from_table(names, source, label, items=list(votes), **told)

    @classmethod
    def from_counts(cls, counts: Any, classes: Sequence[Any] | None = None) -> Self:
        """From (n, K) numbers of votes per class by nobody in particular: one source that says many things."""
        table = np.asarray(counts)
        if table.ndim != 2 or table.dtype.kind not in "iuf" or not (table >= 0).all() or not np.isfinite(table).all():
            raise ShapeError(f"counts of shape {table.shape} and type {table.dtype}", "(n, K) finite numbers >= 0")
        at, said = np.nonzero(table)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(table)))])
        return cls(
            torch.from_numpy(offsets),
            torch.zeros(len(at), dtype=torch.int32),
            torch.from_numpy(said.astype(small(table.shape[1]))),
            table.shape[1],
            1,
            torch.from_numpy(table[at, said].astype(np.float64)),
            classes=None if classes is None else tuple(classes),
        )

    @classmethod
    def from_sets(cls, item: Any, source: Any, sets: Sequence[Any], classes: Sequence[Any], **told: Any) -> Self:
        """From a long table whose statements are sets of classes: one list of class names per line."""
        codes = {name: i for i, name in enumerate(classes)}
        unknown = [name for entry in sets for name in entry if name not in codes]
        if unknown:
            raise LabelError(f"a class {unknown[0]!r} in a set", f"one of {list(classes)[:20]}")
        found = [tuple(sorted({codes[name] for name in entry})) for entry in sets]
        kinds = sorted(set(found))
        votes = cls.from_table(
            item, source, np.array([kinds.index(f) for f in found]), classes=range(max(len(kinds), 2)), **told
        )
        means = torch.zeros(len(kinds), len(classes), dtype=torch.bool)
        for i, entry in enumerate(kinds):
            means[i, list(entry)] = True
        if not bool(means.any(1).all()):
            raise LabelError("an empty set", "at least one class per vote", "pass abstain, or drop the line")
        return cls(**{**votes.__dict__, "k": len(classes), "means": means, "classes": tuple(classes)})

    @classmethod
    def from_frame(cls, frame: Any, item: str, source: str, label: str, **told: Any) -> Self:
        """From a data frame with one line per vote."""
        return cls.from_table(*(column(frame, name) for name in (item, source, label)), **told)

    # ------------------------------------------------------------------ as labels

    @property
    def statements(self) -> int:
        """M, how many things a source can say besides nothing."""
        return self.k if self.means is None else len(self.means)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def counts(self) -> Tensor:
        """(n,) votes per item, abstentions included."""
        return self.offsets[1:] - self.offsets[:-1]

    def item(self) -> Tensor:
        """(v,) the item of each vote."""
        return torch.arange(len(self), device=self.offsets.device).repeat_interleave(self.counts())

    def spoken(self, informative: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """(item, source, said, weight or None) of each vote that says something; where abstentions are
        ``informative`` they say M, a statement after the others.
        """
        item, source, said, weight = self.item(), self.source.long(), self.said.long(), self.weight
        silent = said < 0
        if informative:
            return item, source, torch.where(silent, self.statements, said), weight
        if not bool(silent.any()):
            return item, source, said, weight
        return item[~silent], source[~silent], said[~silent], None if weight is None else weight[~silent]

    def shares(self) -> Tensor:
        """(n, K) the share of each class among the votes on an item, a statement of several classes shared among them;
        zeros where nothing was said.
        """
        item, _, said, weight = self.spoken()
        table = torch.eye(self.k, dtype=torch.float64) if self.means is None else self.means.double()
        table = (table / table.sum(1, keepdim=True)).to(item.device)
        each = table[said] if weight is None else table[said] * weight[:, None]
        mass = each.new_zeros(len(self), self.k).index_add(0, item, each)
        total = mass.sum(1, keepdim=True)
        return mass / torch.where(total > 0, total, torch.ones_like(total))

    def reading(self) -> Tensor:
        """The majority's word, shared where it is tied."""
        shares = self.shares()
        most = (shares == shares.amax(1, keepdim=True)) & (shares > 0)
        return most.double() / most.sum(1, keepdim=True).clamp_min(1)

    def joined(self, more: Votes) -> Votes:
        """These votes and more of them. Items, sources and classes are matched by name where both sides name them, else
        by number; new items and sources follow the old ones, new classes are refused, and without weights so is a
        source that speaks of an item again. A side without weights has ones.
        """
        from .vote_union import joined

        return joined(self, more)

    def default_law(self) -> type[Law]:
        from .source_confusion import SourceConfusion

        return SourceConfusion

    def __getitem__(self, obs: Any) -> Self:
        if isinstance(obs, tuple) and len(obs) == 2 and obs[1] is Ellipsis:
            obs = obs[0]
        if isinstance(obs, (int, np.integer)):
            obs = [int(obs)]
        every = torch.arange(len(self), device=self.offsets.device)
        chosen = every[obs if isinstance(obs, (Tensor, slice)) else torch.as_tensor(np.asarray(obs))]
        sizes = self.counts()[chosen]
        ends = torch.cumsum(sizes, 0)
        at = torch.arange(int(sizes.sum()), device=sizes.device)
        at = at + (self.offsets[:-1][chosen] - (ends - sizes)).repeat_interleave(sizes)
        changes: dict[str, Any] = {"offsets": torch.cat([ends.new_zeros(1), ends])}
        changes |= {f: v[at] for f in ("source", "said", "weight") if (v := getattr(self, f)) is not None}
        if self.gold is not None:
            changes["gold"] = self.gold[chosen]
        if self.items is not None:
            changes["items"] = tuple(self.items[i] for i in chosen.tolist())
        return self._replaced(changes)

    def taken(self, obs: Tensor) -> Self:
        return self[obs]


def _inside(values: Tensor, low: int, high: int, what: str) -> None:
    if values.dtype.is_floating_point or values.dtype == torch.bool:
        raise LabelError(f"{what} of dtype {values.dtype}", "whole numbers")
    if len(values) and (int(values.min()) < low or int(values.max()) >= high):
        raise LabelError(f"{what} from {int(values.min())} to {int(values.max())}", f"codes in [{low}, {high - 1}]")
