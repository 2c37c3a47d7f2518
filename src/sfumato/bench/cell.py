"""What the runs of one (set, law, seed) share: the split, features standardised on training rows, weak labels, and what
is known of them.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import FileError, ParameterError
from sfumato.core.streams import numpy_rng, rng
from sfumato.data.encoder import TableEncoder
from sfumato.judge import at
from sfumato.labels import PU, Labels, Law
from sfumato.train.assembly import PER_ROW

from . import laws, sets
from .known import ESTIMATORS, Known
from .spec import DatasetEntry

__all__ = ["ESTIMATORS", "Cell", "at", "observe", "planned", "prepare", "rows_of", "split", "stream"]


@dataclass(eq=False, kw_only=True)
class Cell(Known):
    """X holds the rows that training observations show, those that validation observations show, then validation rows
    that an oracle looks at where those would not do, and test rows. held, how many the second are; clean, places of
    the validation rows that an oracle looks at, counted from the end of the training ones; y_clean and y_test, true
    values, read by oracles alone.
    """

    held: int
    clean: Tensor
    y_clean: Tensor
    y_test: Tensor


@dataclass(frozen=True, eq=False)
class Shown:
    """Labels of training and of validation observations, each re-pointed into the rows that they show (their numbers
    are at, held_at); clean and y_clean as in ``Cell``, extra the rows that are shown to an oracle alone.
    """

    observed: Labels
    weak: Labels
    at: Tensor
    held_at: Tensor
    clean: Tensor
    y_clean: Tensor
    extra: Tensor
    facts: dict[str, Any]
    law: type[Law] | None


def prepare(job: dict[str, Any]) -> Cell:
    """The cell of a run; the last two are kept, since neighbours share theirs."""
    keep = ("dataset", "law", "seed", "test", "validation", "estimators")
    return _prepare(json.dumps({k: job[k] for k in keep if k in job}, sort_keys=True))


@lru_cache(maxsize=2)
def _prepare(text: str) -> Cell:
    job = json.loads(text)
    held = planned(job["dataset"])
    train, valid, test = split(held, job["seed"], job["test"], job["validation"])
    used = np.concatenate([train, valid, test])
    encoder = TableEncoder().fit(rows_of(held.x, train))
    X = torch.from_numpy(encoder.transform(rows_of(held.x, used)))
    y = torch.from_numpy(held.y[used])
    seen = len(train) + len(valid)
    told, rows = job["law"], (X[:seen], y[:seen])
    if told["name"] != laws.GIVEN and laws.law(told["name"], told["params"]).apart:
        shown = _in_parts(held, told, *rows, job["seed"], len(train))
    else:
        shown = _row_by_row(held, told, *rows, used[:seen], job["seed"], len(train))
    return Cell(
        X=torch.cat([X[shown.at], X[shown.held_at], X[shown.extra], X[seen:]]),
        observed=shown.observed,
        weak=shown.weak,
        train=len(shown.at),
        held=len(shown.held_at),
        clean=shown.clean,
        y_clean=shown.y_clean,
        y_test=y[seen:],
        facts=shown.facts,
        seed=job["seed"],
        law=shown.law,
        defaults=job.get("estimators", {}),
    )


def _row_by_row(held: sets.Set, law: dict[str, Any], X: Tensor, y: Tensor, rows: Any, seed: int, train: int) -> Shown:
    """Observations of one row each: drawn at once, and each goes where its row goes."""
    drawn = observe(held, law, X, y, rows, seed)
    at = drawn.at
    order = torch.cat([(at < train).nonzero().squeeze(1), (at >= train).nonzero().squeeze(1)])
    first, at = int((at < train).sum()), at[order]
    labels = drawn.labels[order].cover(torch.arange(len(order)))[1]
    observed, weak = labels[slice(0, first)], labels[slice(first, len(order))]
    clean = torch.arange(len(weak))
    if isinstance(weak, PU) and drawn.labels.row is not None:
        # positives that were drawn apart are no sample of the rows: an oracle looks at each validation row once
        clean = clean[~weak.flag]
    return Shown(
        observed=observed,
        weak=weak,
        at=at[:first],
        held_at=at[first:],
        clean=clean,
        y_clean=y[at[first:][clean]],
        extra=at[:0],
        facts={k: (v[at] if k in PER_ROW else v) for k, v in drawn.facts.items()},
        law=drawn.law,
    )


def _in_parts(held: sets.Set, law: dict[str, Any], X: Tensor, y: Tensor, seed: int, train: int) -> Shown:
    """Observations of several rows, or of rows drawn with replacement: none may lie in both parts."""
    entry = laws.law(law["name"], law["params"])
    beside = None if entry.beside is None else entry.beside(X, y)
    found = []
    for part, name in ((slice(0, train), "labels"), (slice(train, len(y)), "held labels")):
        own = () if beside is None else (beside[part],)
        found.append(entry.draw(X[part], y[part], held.k, stream(held, law, seed, name), *own, **law["params"]))
    (at, observed), (held_at, weak) = (d.labels.cover(torch.arange(len(d.labels))) for d in found)
    extra = torch.arange(train, len(y))
    return Shown(
        observed=observed,
        weak=weak,
        at=at,
        held_at=held_at + train,
        clean=len(held_at) + torch.arange(len(extra)),
        y_clean=y[extra],
        extra=extra,
        facts=found[0].facts,
        law=found[0].law,
    )


def planned(told: dict[str, Any]) -> sets.Set:
    """The set of a job. Errors: its data are no longer those that were planned for."""
    entry: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items() if k != "digest"}
    held = sets.load(DatasetEntry(**entry))
    if held.digest != told["digest"]:
        raise FileError(
            f"the set {held.name} is not the one that was planned for", "the same data", "start the grid anew"
        )
    return held


def split(held: sets.Set, seed: int, test: float, validation: float) -> tuple[Any, Any, Any]:
    """(training, validation, test) row numbers: seeded shares, or the set's official test rows."""
    order = numpy_rng(seed, "bench split").permutation(len(held.y))
    if held.test is not None:
        out, rest = order[held.test[order]], order[~held.test[order]]
    else:
        count = math.ceil(test * len(order))
        out, rest = order[:count], order[count:]
    count = math.ceil(validation * len(rest))
    if count >= len(rest) or not len(out):
        raise ParameterError(f"a split of {len(held.y)} rows by {test} and {validation}", "rows left for each part")
    return rest[count:], rest[:count], out


def rows_of(x: Any, rows: Any) -> Any:
    """Some rows of a table or an array."""
    return x.take(rows) if hasattr(x, "schema") else x[rows]


def observe(held: sets.Set, law: dict[str, Any], x: Tensor, y: Tensor, rows: Any, seed: int) -> laws.Drawn:
    """The weak labels of some rows: the set's own, or drawn by a law, a function of set, law and seed."""
    if law["name"] == laws.GIVEN:
        assert held.labels is not None
        return laws.Drawn(held.labels[torch.from_numpy(rows)])
    entry = laws.law(law["name"], law["params"])
    drawn: laws.Drawn = entry.draw(x, y, held.k, stream(held, law, seed, "labels"), **law["params"])
    return drawn


def stream(held: sets.Set, law: dict[str, Any], seed: int, name: str) -> torch.Generator:
    """The random numbers by which a law draws for a set."""
    key = hashlib.sha256(json.dumps([held.name, law], sort_keys=True).encode()).hexdigest()[:16]
    return rng(seed, f"bench {name} {key}")
