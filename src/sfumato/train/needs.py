"""The givers of needs: known (a value), estimated (an Estimator, before training), learned (a module, during
training).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sfumato.core.card import find
from sfumato.core.errors import NeedError, ParameterError, RefusedError
from sfumato.core.roles import Estimator
from sfumato.core.words import NEEDS
from sfumato.labels import Labels, Law
from sfumato.learn.objective import Objective

from .blocks import Store

SUPPLY = {
    "prior": "needs={'prior': 0.3}, or an estimator: needs={'prior': sf.estimate.PriorDEDPUL()}",
    "transition": "needs={'transition': T}, T[i, j] = P(observed j | true i), or an estimator: "
    "needs={'transition': sf.estimate.TransitionConfidentJoint()}",
    "flip": "needs={'flip': 0.3}, or an estimator: needs={'flip': sf.estimate.FlipFromCandidates()}",
    "confusion": "needs={'confusion': sf.aggregate.DawidSkene().fit(votes).confusion}, [source, true, said]",
}


def required(objective: Objective, law: type[Law] | Law | None) -> set[str]:
    """The needs of an objective under a law: words that are facts of the world, and the law's own fields where a
    hook names the law.
    """
    named = objective.named()
    found = named & set(NEEDS)
    if "law" in named and isinstance(law, type):
        found |= set(law.needs())
    return found


def left_to_training(objective: Objective) -> set[str]:
    """Learned needs that nobody has to give: all but those that learning starts from."""
    hooks = objective.hooks()
    begins = hooks["learns"][1] if "learns" in hooks else ()
    return set(objective.learned) - set(begins)


def supply(
    objective: Objective, law: type[Law] | Law, given: Mapping[str, Any], X: Any, labels: Labels, seed: int
) -> dict[str, Any]:
    """Every need with its value: as given, estimated by a given Estimator, or read off the labels; a missing one is
    an error that says how.
    """
    for name in given:
        if name not in NEEDS:
            raise ParameterError(f"a need named {name!r}", "one of " + ", ".join(NEEDS))
    if objective.exact:
        law.check_reach(labels)
    wanted = required(objective, law)
    fields = law.read(labels) if isinstance(law, type) else {name: getattr(law, name) for name in law.needs()}
    values: dict[str, Any] = {}
    for name in sorted(wanted - left_to_training(objective)):
        if name in given:
            value = given[name]
            if isinstance(value, Estimator):
                if value.need != name:
                    raise ParameterError(
                        f"{type(value).__name__} estimates {value.need!r}", f"an estimator of {name!r}"
                    )
                value = _estimated(value, X, labels, seed)
            values[name] = value
        elif name in fields:
            values[name] = fields[name]
        elif name in objective.estimated:
            values[name] = _estimated(_estimator(objective.estimated[name], labels), X, labels, seed)
        else:
            law_name = law.__name__ if isinstance(law, type) else type(law).__name__
            raise NeedError(
                f"{type(objective).__name__} under {law_name} needs {name!r}: {NEEDS[name]}",
                "a value, an Estimator, or a method that learns it",
                "pass " + SUPPLY.get(name, f"needs={{{name!r}: ...}}"),
            )
    return values


def _estimator(name: str, labels: Labels) -> Estimator:
    """The estimator that a method names as its own."""
    import sfumato.estimate  # noqa: F401 - declares them

    found = find(name, role="estimate", kinds=labels.kinds()).cls()
    assert isinstance(found, Estimator)
    return found


def _estimated(estimator: Estimator, X: Any, labels: Labels, seed: int) -> Any:
    """What an estimator makes of all rows at once."""
    if isinstance(X, Store):
        raise RefusedError(
            f"an estimator of {estimator.need!r} with rows on disk: {type(estimator).__name__} looks at all of them",
            f"a value, needs={{{estimator.need!r}: ...}}",
            "estimate it on rows in memory first",
        )
    return estimator.estimate(np.asarray(X).reshape(len(X), -1), labels, seed=seed)


def build_law(objective: Objective, law: type[Law] | Law, values: Mapping[str, Any]) -> Law | None:
    """The law with its needs filled in (checked once); None where a field is learned during training, or no hook
    asks for the law.
    """
    if not isinstance(law, type):
        return law
    if "law" not in objective.named() or set(law.needs()) & set(objective.learned):
        return None
    return law(**{name: values[name] for name in law.needs()})
