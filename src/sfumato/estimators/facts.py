"""What ``method="auto"`` knows of the world before it tries anything: told facts, estimates of the rest, the law that
judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from sfumato import estimate
from sfumato.core.errors import InputError
from sfumato.core.roles import Estimator
from sfumato.judge import filled, law_of
from sfumato.labels import Labels, Law


@dataclass
class Facts:
    """values by need, the same for all candidates and for the law that judges them; guessed, names of needs that were
    estimated, also where nothing came of it; remarks, what could not be known.
    """

    values: dict[str, Any] = field(default_factory=dict)
    guessed: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)

    def judge(self, law: Law | type[Law] | None, labels: Labels) -> Law | type[Law]:
        """The law by which candidates are measured, one for all of them; its class where a fact is missing. An estimate
        that the law refuses (a prior of one) is forgotten: some criteria and methods are then left out, not the fit.
        """
        law = law if law is not None else law_of(labels, self.values)
        try:
            return filled(law, labels, self.values)
        except InputError as error:
            bad = self.guessed & self.values.keys() & set(law.needs())
            if not bad:
                raise
            self._forget(bad, error)
            return filled(law, labels, self.values)

    def _forget(self, names: set[str], why: Exception) -> None:
        said = why.saw if isinstance(why, InputError) else f"{type(why).__name__}: {why}"
        for name in sorted(names):
            self.values.pop(name, None)
            self.remarks.append(
                f"{name} could not be estimated ({said}): what needs it is left out; pass needs={{{name!r}: ...}}"
            )


def known(x: Tensor, labels: Labels, given: Mapping[str, Any], seed: int) -> Facts:
    """Given facts, and estimates for those needs of the kind that nobody gave. Errors: those of an Estimator that was
    given; one that stands in where nothing was given may fail.
    """
    defaults: dict[str, Any] = {}
    if labels.kind == "noisy":
        defaults = {"transition": estimate.TransitionConfidentJoint(), "noise_rate": estimate.NoiseRate()}
    elif labels.kind == "pu":
        defaults = {"prior": estimate.PriorDEDPUL()}
    facts = Facts()
    for name, value in {**defaults, **given}.items():
        if not (isinstance(value, Estimator) and value.need == name):
            facts.values[name] = value
            continue
        facts.guessed.add(name)
        try:
            facts.values[name] = value.estimate(x.flatten(1).numpy(), labels, seed=seed)
        except (ValueError, ArithmeticError) as error:  # too few rows, or too few of a class: also what libraries raise
            if name in given:
                raise
            facts._forget({name}, error)
    return facts
