"""What is known of the labels of a cell: the facts that methods need, and the laws that criteria assume."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from sfumato import catalogue, select
from sfumato.core.errors import InputError, NeedError, ParameterError
from sfumato.labels import Labels, Law
from sfumato.train.assembly import PER_ROW

# Estimators of what nobody told; a kind that is not here gets its facts from the labels, from [needs], or not at all.
ESTIMATORS = {
    ("noisy", "transition"): "confident-joint",
    ("noisy", "noise_rate"): "confident-noise-rate",
    ("pu", "prior"): "dedpul",
    ("complementary", "prior"): "complementary-shares",
    ("partial", "flip"): "candidate-flips",
}


@dataclass(eq=False, kw_only=True)
class Known:
    """X, features of which the first ``train`` rows are those that the training observations show; observed, the weak
    labels of these; weak, those of the validation observations; facts, the truth of the simulation by need; law, the
    class of the law that drew the labels, None where nobody knows it; defaults, the estimators by need that a run was
    planned with.
    """

    X: Tensor
    observed: Labels
    weak: Labels
    train: int
    facts: dict[str, Any]
    seed: int
    law: type[Law] | None = None
    defaults: dict[str, str] = field(default_factory=dict)
    estimates: dict[tuple[str, str], tuple[Any, float]] = field(default_factory=dict)  # an error is one, too

    def need(self, name: str, told: dict[str, Any]) -> tuple[Any, str, float] | None:
        """(value, where it comes from, CPU seconds of estimating it) of a need; None where only the labels can tell.

        told: name -> a number, the name of an estimator, or "law" (the truth of the simulation: an oracle).
        """
        given = self._source(name, told)
        if given is None:
            return None
        if given == "law":
            if name not in self.facts:
                raise NeedError(f"needs.{name} = 'law', but the law knows no {name}", "a number or an estimator")
            value = self.facts[name]
            return (value[: self.train] if name in PER_ROW else value), "law", 0.0
        if not isinstance(given, str):
            return float(given), "told", 0.0
        value, seconds = self._estimate(name, given)
        if isinstance(value, Exception):
            raise value.with_traceback(None)
        return value, given, seconds

    def _source(self, name: str, told: dict[str, Any]) -> Any:
        return told.get(name, self.defaults.get(name, ESTIMATORS.get((self.observed.kind, name))))

    def _estimate(self, name: str, given: str) -> tuple[Any, float]:
        """(the value by the estimator of that name, or the error in which it ended; CPU seconds), made once."""
        if (name, given) not in self.estimates:
            estimator: Any = catalogue.method(given, "estimate").cls
            if getattr(estimator, "need", None) != name:
                raise ParameterError(f"needs.{name} = {given!r}", f"an estimator of {name}")
            start = time.process_time()
            # no bootstrap: nobody reads the interval here
            asked = estimator(repeats=0) if "repeats" in estimator.__dataclass_fields__ else estimator()
            value: Any
            try:
                value = asked.estimate(self.X[: self.train].flatten(1).numpy(), self.observed, seed=self.seed)
            except Exception as error:  # of any kind: estimators train forests and networks on whatever there is
                value = error.with_traceback(None)
            self.estimates[name, given] = (value, time.process_time() - start)
        return self.estimates[name, given]

    def fact(self, name: str, told: dict[str, Any]) -> tuple[Any, str] | None:
        """(value, where it comes from) of a need as a criterion asks for it: None also where its estimator fails, since
        only a method that needs the value fails with it.
        """
        given = self._source(name, told)
        if isinstance(given, str) and given != "law" and isinstance(self._estimate(name, given)[0], Exception):
            return None
        found = self.need(name, told)
        return None if found is None else found[:2]

    def judge(self, told: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        """(the default law of the labels, by which every run of this cell is judged, where its facts come from); the
        law's class where a fact is missing, refused or cannot be estimated: criteria that need it are then not
        measured.
        """
        law = self.observed.default_law()
        values, sources = dict(law.read(self.observed)), {}
        wanted = [name for name in law.needs() if name not in values]
        for name in wanted:
            asked = name in told or select.default(self.observed.kind) == "unbiased-accuracy"
            if asked and (found := self.fact(name, told)) is not None:
                values[name], sources[name] = found
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
        if law is None or law is self.observed.default_law():
            return None
        values, sources = dict(law.read(self.observed)), {}
        try:
            for name in law.needs():
                if name in values:
                    continue
                if (found := self.fact(name, told)) is None:
                    return None
                # a fact per row is wanted for every observation here, and an estimate knows the training rows alone
                values[name] = self.facts[name] if name in PER_ROW and found[1] == "law" else found[0]
                sources[name] = found[1]
            built = law(**{name: values[name] for name in law.needs()})
        except InputError:
            return None  # an estimate that the law refuses
        rows = len(self.observed) + len(self.weak)
        if any(name in PER_ROW and len(getattr(built, name)) != rows for name in law.needs()):
            return None
        return built, sources
