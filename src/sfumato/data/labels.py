"""``KIND:COLUMN[,COLUMN]``: how labels of a table are named on a command line, read into their container."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import (
    PU,
    Bags,
    BagValues,
    Comparisons,
    Complementary,
    Confidence,
    ConfidenceDifferences,
    Distribution,
    Exact,
    Labels,
    Lower,
    Noisy,
    Pairs,
    Partial,
    Semi,
    Sets,
    Similarities,
    Targets,
    Triplets,
    Votes,
)
from sfumato.labels.encode import is_missing
from sfumato.labels.multilabel import MultiLabel

from .readers import Table

# kind -> how many columns it has at least and at most (None: no end)
SEVERAL = {
    "distribution": (2, None),
    "partial": (1, None),
    "complementary": (1, None),
    "multi-label": (1, None),
    "bags": (2, None),
    "bag-shares": (2, None),
    "bag-values": (2, 2),
    "sets": (1, 2),
    "set-ranks": (2, 2),
    "pairs": (2, 2),
    "comparisons": (2, 2),
    "triplets": (2, 2),
    "confidence-differences": (2, 2),
    "similarities": (2, 2),
    "votes": (2, None),
}
KINDS = ("exact", "noisy", "pu", "pu-single", "semi", "confidence", "targets", "lower", *SEVERAL)
FORMS = {
    "bags": "for example bags:bag,count or bags:bag,n_cat,n_dog",
    "bag-shares": "for example bag-shares:bag,share",
    "bag-values": "for example bag-values:bag,any",
    "sets": "for example sets:set or sets:set,prior",
    "set-ranks": "for example set-ranks:set,rank",
    "pairs": "for example pairs:pair,relation",
    "comparisons": "for example comparisons:pair,first",
    "triplets": "for example triplets:triplet,place",
    "confidence-differences": "for example confidence-differences:pair,lead",
    "similarities": "for example similarities:pair,chance",
}
MASKED: dict[str, type[Partial] | type[Complementary]] = {"partial": Partial, "complementary": Complementary}
TOLD: dict[str, type[ConfidenceDifferences] | type[Similarities]] = {
    "confidence-differences": ConfidenceDifferences,
    "similarities": Similarities,
}
TUPLES: dict[str, type[Pairs] | type[Comparisons] | type[Triplets]] = {
    "pairs": Pairs,
    "comparisons": Comparisons,
    "triplets": Triplets,
}
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class Spec:
    """What ``KIND:COLUMN[,COLUMN]`` said: kind, one of KINDS; columns, one name or more."""

    kind: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}:{','.join(self.columns)}"


def parse(text: str) -> Spec:
    """``noisy:label``, ``partial:candidates``, ``partial:is_cat,is_dog``, ``pu:flag``, ``semi:label``,
    ``bags:bag,count``, ``sets:set,prior``, ...

    A column name that holds a comma is put in double quotes. Errors: no colon, an unknown kind, an empty or doubled
    name, several columns where the kind has one.
    """
    kind, colon, rest = text.partition(":")
    if not colon or not rest:
        raise ParameterError(
            f"labels {text!r}", "KIND:COLUMN, for example noisy:label", f"the kinds are {', '.join(KINDS)}"
        )
    if kind not in KINDS:
        raise ParameterError(f"labels of kind {kind!r}", f"one of {', '.join(KINDS)}")
    columns = tuple(next(csv.reader([rest])))
    if not all(columns) or len(set(columns)) != len(columns):
        raise ParameterError(f"labels {text!r}", "distinct column names separated by single commas")
    least, most = SEVERAL.get(kind, (1, 1))
    if len(columns) < least or (most is not None and len(columns) > most):
        wanted = (
            f"{least} column" + "s" * (least > 1)
            if least == most
            else f"from {least} to {most or 'any number of'} columns"
        )
        hint = "several 0/1 columns fit partial and complementary" if kind not in SEVERAL else FORMS.get(kind, "")
        raise ParameterError(f"{len(columns)} columns for {kind} labels", wanted, hint)
    return Spec(kind, columns)


def read_labels(table: Table, spec: Spec | str, classes: Sequence[str] | None = None) -> Labels:
    """The labels that ``spec`` names in a table.

    Args: table; spec, or its text; classes, the class names in code order as texts, where the table does not show all.
    Forms: one label per row (exact, noisy; semi with blanks, -1 or an empty text where unknown; complementary);
    "a|b|c", lists or one label per row (partial, complementary), or one 0/1 column per class, or an (n, K) mask of an
    npz; what is known to hold of each row, or a column of 1, 0 and blanks per class (multi-label); 1/0, 1/-1,
    true/false, or one name with blanks (pu: positives drawn apart; pu-single: one sample); the bag of each row and its
    count of positives, or a count per class (bags), shares in their place (bag-shares), or whether it holds any
    positive (bag-values); the set of each row, and its share of positives where known (sets) or a number that is larger
    where its share is (set-ranks); the pair of each row, and "similar" or "dissimilar" (pairs), 1 on the row that is at
    least as positive (comparisons), the triplet of each row, and "anchor", "near" or "far" (triplets), the row's lead
    in P(positive) over the other (confidence-differences), or P(same class) (similarities); P(positive) of positive
    rows (confidence); the share of each class (distribution); a number per row (targets), or one that may be too low
    (lower); a column per source, blank where it gave no label (votes). Errors: a missing column, and those of the
    container.
    """
    spec = parse(spec) if isinstance(spec, str) else spec
    columns = [table.column(name) for name in spec.columns]
    for name, values in zip(spec.columns, columns, strict=True):
        if len(values) != table.n:
            raise ShapeError(
                f"{table.source.name}: {name!r} has {len(values)} entries", f"{table.n}, one per row of the features"
            )
    if spec.kind == "distribution":
        if any(is_missing(v) or isinstance(v, str) for values in columns for v in values):
            raise LabelError(
                "a missing entry or a text among the columns of distribution labels", "shares in every row"
            )
        return Distribution.from_matrix(np.column_stack([np.asarray(v) for v in columns]), classes or spec.columns)
    if spec.kind == "votes":
        return _votes(columns, spec, classes)
    if spec.kind in ("pu", "pu-single"):
        return _positive(columns[0], "single-sample" if spec.kind == "pu-single" else "case-control", classes)
    if spec.kind in ("targets", "lower"):
        return (Lower if spec.kind == "lower" else Targets).from_values(_listed(columns[0]))
    if spec.kind == "confidence":
        return Confidence.from_values(_listed(columns[0]), None if classes is None else tuple(classes))
    if spec.kind in MASKED:
        return _masked(MASKED[spec.kind], spec, columns, classes)
    if spec.kind == "multi-label":
        return _many(spec, columns, classes)
    if spec.kind in FORMS:
        return _grouped(spec, columns, classes)
    values, names = columns[0], _typed(classes, columns[0])
    if spec.kind == "semi":
        return Semi.from_labels(values, missing="" if _any_text(values) else -1, classes=names)
    return (Noisy if spec.kind == "noisy" else Exact).from_labels(values, names)


def _votes(columns: list[Any], spec: Spec, classes: Sequence[str] | None) -> Votes:
    """What each source, a column, says of each row; a blank is no vote."""
    told = [(i, name, v) for name, c in zip(spec.columns, columns, strict=True) for i, v in enumerate(_listed(c))]
    said = [line for line in told if line[2] is not None]
    if not said:
        raise LabelError(f"no entry in the columns {', '.join(spec.columns)}", "at least one vote")
    if len({isinstance(v, str) for _, _, v in said}) > 1:
        raise LabelError("numbers in some columns of votes, texts in others", "the same names of classes in all")
    item, source, label = (list(part) for part in zip(*said, strict=True))
    return Votes.from_table(np.array(item), source, label, n=len(columns[0]), classes=_typed(classes, label))


def _many(spec: Spec, columns: list[Any], classes: Sequence[str] | None) -> MultiLabel:
    """Classes that may hold at once: 1, 0 and blanks per class, or what is known to hold of each row."""
    if len(columns) > 1:
        table = [[None if is_missing(v) or v == "" else _flag(v) for v in _listed(values)] for values in columns]
        return MultiLabel.from_matrix(np.array(table, dtype=object).T, classes or spec.columns)
    values = columns[0]
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return MultiLabel.from_matrix(values, classes)
    if any(isinstance(v, list) for v in values):
        return MultiLabel.from_lists([[] if v is None else v for v in values], classes)
    if _any_text(values):
        return MultiLabel.from_strings(values, "|", classes)
    return MultiLabel.from_single(values, _typed(classes, values))


def _flag(value: Any) -> Any:
    """1 and 0 where a text says true or false."""
    return _FLAGS.get(value.lower(), value) if isinstance(value, str) else value


def _masked(
    cls: type[Partial] | type[Complementary], spec: Spec, columns: list[Any], classes: Sequence[str] | None
) -> Labels:
    if len(columns) > 1:
        if any(is_missing(v) for values in columns for v in values):
            raise LabelError(f"a missing entry among the 0/1 columns of {spec.kind} labels", "0 or 1 in every row")
        return cls.from_mask(np.column_stack([np.asarray(values) for values in columns]), classes or spec.columns)
    values = columns[0]
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return cls.from_mask(values, classes)
    if any(isinstance(v, list) for v in values):
        return cls.from_lists([[] if v is None else v for v in values], classes)
    if any(isinstance(v, str) and "|" in v for v in values):
        return cls.from_strings(values, "|", classes)
    return cls.from_labels(values, _typed(classes, values))


def _grouped(spec: Spec, columns: list[Any], classes: Sequence[str] | None) -> Labels:
    """Labels that speak of several rows, or of samples of rows, from columns that repeat what is known on each row."""
    group, told = _listed(columns[0]), [_listed(c) for c in columns[1:]]
    if spec.kind in ("bags", "bag-shares"):
        for name, values in zip(spec.columns[1:], told, strict=True):
            if any(is_missing(v) or isinstance(v, str) for v, g in zip(values, group, strict=True) if g is not None):
                raise LabelError(f"{name!r} of {spec.kind} labels: a missing entry or a text", "a number on every row")
        filled = [[0 if g is None else v for v, g in zip(values, group, strict=True)] for values in told]
        table = np.asarray(filled[0]) if len(filled) == 1 else np.column_stack([np.asarray(v) for v in filled])
        names = classes if classes is not None or len(told) == 1 else spec.columns[1:]
        if spec.kind == "bags":
            return Bags.from_column(group, counts=table, classes=names)
        return Bags.from_column(group, proportions=table, classes=names)
    names = None if classes is None else tuple(classes)
    if spec.kind == "bag-values":
        found = BagValues.from_column(group, _flags(told[0]))
        return found if names is None else BagValues(found.members, found.offsets, found.value, found.rule, names)
    if spec.kind == "sets":
        return Sets.from_column(group, told[0] if told else None, classes=names)
    if spec.kind == "set-ranks":
        return Sets.from_column(group, order=_steps(group, told[0]), classes=names)
    if spec.kind in TOLD:
        return TOLD[spec.kind].from_column(group, told[0], names)
    if spec.kind == "comparisons":
        told[0] = _flags(told[0])
    tuples = TUPLES[spec.kind].from_column(group, told[0])
    return tuples if names is None else type(tuples)(tuples.members, tuples.offsets, tuples.form, names)


def _steps(names: list[Any], ranks: list[Any]) -> list[tuple[Any, Any]]:
    """(more, less) positive sets of neighbouring ranks; sets without a rank are in no pair."""
    rank: dict[Any, float] = {}
    for name, told in zip(names, ranks, strict=True):
        if told is None:
            continue
        if isinstance(told, (str, bool)) or rank.setdefault(name, float(told)) != told:
            raise LabelError(f"set {name!r} with rank {told!r}", "one number per set, or a blank where it is unknown")
    levels = sorted(set(rank.values()), reverse=True)
    if len(levels) < 2:
        raise LabelError(f"sets of {len(levels)} rank", "at least two sets of different rank")
    at = [[name for name, told in rank.items() if told == level] for level in levels]
    return [(a, b) for high, low in pairwise(at) for a in high for b in low]


def _listed(values: Any) -> list[Any]:
    """A column as a list, None where it is blank."""
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    return [None if is_missing(v) or v == "" else v for v in plain]


def _flags(values: list[Any]) -> list[Any]:
    """true and false as truth values where the column holds these words."""
    return [_FLAGS.get(v.lower(), v) if isinstance(v, str) else v for v in values]


def _positive(values: Any, scheme: str, classes: Sequence[str] | None) -> Labels:
    plain = [
        None if is_missing(v) or v == "" else v for v in (values.tolist() if isinstance(values, np.ndarray) else values)
    ]
    found = {v for v in plain if not isinstance(v, list)} - {None}
    names = None if classes is None else tuple(classes)
    if None in plain and len(found) == 1:
        labels = PU.from_labels(plain, found.pop(), scheme)
        return labels if names is None else PU(labels.flag, scheme, names)
    if found and all(isinstance(v, str) and v.lower() in _FLAGS for v in found):
        plain = [v if v is None else _FLAGS[v.lower()] for v in plain]
    return PU.from_flags(plain, scheme, names)


def _any_text(values: Any) -> bool:
    return any(isinstance(v, str) for v in values)


def _typed(classes: Sequence[str] | None, values: Any) -> list[Any] | None:
    """Class names as texts in the type of the labels: 0,1,2 are numbers where the column holds numbers."""
    if classes is None or _any_text(values):
        return None if classes is None else list(classes)
    try:
        return [int(c) for c in classes]
    except ValueError:
        try:
            return [float(c) for c in classes]
        except ValueError:
            raise LabelError(
                f"classes {list(classes)} for a column of numbers", "numbers", "name the classes as the column does"
            ) from None
