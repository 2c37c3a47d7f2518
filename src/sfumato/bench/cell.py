"""What the runs of one (set, law, seed) share: the split, features standardised on training rows, weak labels,
judge.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato import catalogue, select
from sfumato.core.errors import FileError, InputError, NeedError, ParameterError
from sfumato.core.streams import numpy_rng, rng
from sfumato.data.encoder import TableEncoder
from sfumato.labels import PU, Labels, Law
from sfumato.train.assembly import PER_ROW

from . import laws, sets
from .spec import DatasetEntry

# Estimators of what nobody told; a kind that is not here gets its facts from the labels, from [needs], or not at all.
ESTIMATORS = {
    ("noisy", "transition"): "confident-joint",
    ("noisy", "noise_rate"): "confident-noise-rate",
    ("pu", "prior"): "dedpul",
    ("partial", "flip"): "candidate-flips",
}


@dataclass(eq=False)
class Cell:
    """X, the features of training observations, validation observations and test rows, in this order; labels of the
    first two; y, true codes of the last two, read by oracles alone; facts, the truth of the simulation by need; law,
    the class of the law that drew the labels, None where nobody knows it.
    """

    X: Tensor
    labels: Labels
    train: int
    held: int
    y_held: Tensor
    clean_held: Tensor
    y_test: Tensor
    facts: dict[str, Any]
    seed: int
    law: type[Law] | None = None
    estimates: dict[tuple[str, str], tuple[Any, float]] = field(default_factory=dict)

    @property
    def observed(self) -> Labels:
        """The weak labels of the training observations."""
        return self.labels[slice(0, self.train)]

    def need(self, name: str, told: dict[str, Any]) -> tuple[Any, str, float] | None:
        """(value, where it comes from, CPU seconds of estimating it) of a need; None where only the labels can tell.

        told: name -> a number, the name of an estimator, or "law" (the truth of the simulation: an oracle).
        """
        given = told.get(name, ESTIMATORS.get((self.labels.kind, name)))
        if given is None:
            return None
        if given == "law":
            if name not in self.facts:
                raise NeedError(f"needs.{name} = 'law', but the law knows no {name}", "a number or an estimator")
            value = self.facts[name]
            return (value[: self.train] if name in PER_ROW else value), "law", 0.0
        if not isinstance(given, str):
            return float(given), "told", 0.0
        if (name, given) not in self.estimates:
            estimator: Any = catalogue.method(given, "estimate").cls
            if getattr(estimator, "need", None) != name:
                raise ParameterError(f"needs.{name} = {given!r}", f"an estimator of {name}")
            start = time.process_time()
            # no bootstrap: nobody reads the interval here
            asked = estimator(repeats=0) if "repeats" in estimator.__dataclass_fields__ else estimator()
            value = asked.estimate(self.X[: self.train].flatten(1).numpy(), self.observed, seed=self.seed)
            self.estimates[name, given] = (value, time.process_time() - start)
        value, seconds = self.estimates[name, given]
        return value, given, seconds

    def judge(self, told: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        """(the default law of the labels, by which every run of this cell is judged, where its facts come from); the
        law's class where a fact is missing or refused: criteria that need it are then not measured.
        """
        law = self.labels.default_law()
        values, sources = dict(law.read(self.observed)), {}
        wanted = [name for name in law.needs() if name not in values]
        for name in wanted:
            asked = name in told or select.DEFAULT[self.labels.kind] == "unbiased-accuracy"
            if asked and (found := self.need(name, told)) is not None:
                values[name], sources[name] = found[0], found[1]
        if any(name not in values for name in law.needs()):
            return law, {}
        try:
            return law(**{name: values[name] for name in law.needs()}), sources
        except InputError:
            return law, {}  # an estimate that the law refuses (a prior of one) leaves some criteria out, not the run

    def own_judge(self, told: dict[str, Any]) -> tuple[Law, dict[str, str]] | None:
        """(the law that drew the labels, where its facts come from): known, told or estimated; None where it is the
        default law, or one of its facts is none of these.
        """
        law = self.law
        if law is None or law is self.labels.default_law():
            return None
        values, sources = dict(law.read(self.observed)), {}
        try:
            for name in law.needs():
                if name in values:
                    continue
                if (found := self.need(name, told)) is None:
                    return None
                # a fact per row is wanted for every observation here, and an estimate knows the training rows alone
                values[name] = self.facts[name] if name in PER_ROW and found[1] == "law" else found[0]
                sources[name] = found[1]
            built = law(**{name: values[name] for name in law.needs()})
        except InputError:
            return None  # an estimate that cannot be made here, or that the law refuses
        if any(name in PER_ROW and len(getattr(built, name)) != len(self.labels) for name in law.needs()):
            return None
        return built, sources


def prepare(job: dict[str, Any]) -> Cell:
    """The cell of a run; the last two are kept, since neighbours share theirs."""
    keep = ("dataset", "law", "seed", "test", "validation")
    return _prepare(json.dumps({k: job[k] for k in keep}, sort_keys=True))


@lru_cache(maxsize=2)
def _prepare(text: str) -> Cell:
    job = json.loads(text)
    held = planned(job["dataset"])
    train, valid, test = split(held, job["seed"], job["test"], job["validation"])
    used = np.concatenate([train, valid, test])
    encoder = TableEncoder().fit(_rows(held.x, train))
    X = torch.from_numpy(encoder.transform(_rows(held.x, used)))
    y = torch.from_numpy(held.y[used])
    seen = len(train) + len(valid)
    drawn = observe(held, job["law"], X[:seen], y[:seen], used[:seen], job["seed"])
    # observations stay in order: first those of training rows, then those of validation rows
    order = torch.cat([(drawn.at < len(train)).nonzero().squeeze(1), (drawn.at >= len(train)).nonzero().squeeze(1)])
    at, first = drawn.at[order], int((drawn.at < len(train)).sum())
    labels = drawn.labels[order].cover(torch.arange(len(order)))[1]
    facts = {k: (v[at] if k in PER_ROW else v) for k, v in drawn.facts.items()}
    # positives that were drawn apart are no sample of the rows: an oracle looks at each validation row once
    apart = torch.zeros(len(at) - first, dtype=torch.bool)
    if isinstance(labels, PU) and drawn.labels.row is not None:
        apart = labels.flag[first:]
    return Cell(
        X=torch.cat([X[at], X[seen:]]),
        labels=labels,
        train=first,
        held=len(at) - first,
        y_held=y[at[first:]],
        clean_held=~apart,
        y_test=y[seen:],
        facts=facts,
        seed=job["seed"],
        law=drawn.law,
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


def _rows(x: Any, rows: Any) -> Any:
    return x.take(rows) if hasattr(x, "schema") else x[rows]


def observe(held: sets.Set, law: dict[str, Any], x: Tensor, y: Tensor, rows: Any, seed: int) -> laws.Drawn:
    """The weak labels of some rows: the set's own, or drawn by a law, a function of set, law and seed."""
    if law["name"] == laws.GIVEN:
        assert held.labels is not None
        return laws.Drawn(held.labels[torch.from_numpy(rows)], torch.arange(len(y)))
    key = hashlib.sha256(json.dumps([held.name, law], sort_keys=True).encode()).hexdigest()[:16]
    entry = laws.law(law["name"], law["params"])
    return entry.draw(x, y, held.k, rng(seed, f"bench labels {key}"), **law["params"])


def at(judge: Any, rows: slice) -> Any:
    """A judge at some observations."""
    return judge.at(rows) if isinstance(judge, Law) else judge
