"""method="auto": train the short list on a part, keep the best by held-out weak labels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato import portfolio, select
from sfumato.choice import card
from sfumato.core.errors import InputError, NeedError, ParameterError, RefusedError
from sfumato.judge import LEVEL, DoubtedLawWarning, at, uniformity
from sfumato.labels import Complementary, Labels, Law, UniformComplementary
from sfumato.learn.objective import Objective
from sfumato.meta import describe
from sfumato.train import needs as givers
from sfumato.train.assembly import PER_ROW
from sfumato.train.pool import Data, Job, run_jobs

from .door import Admitted
from .facts import known
from .hold_out import hold_out
from .measured import measured

if TYPE_CHECKING:
    from .learner import Learner


def choose(clf: Learner, got: Admitted, group: NDArray[np.int64]) -> tuple[Objective, dict[str, Any]]:
    """Train the short list on a part, measure the criterion on the weak labels of the rest; the best is trained
    on everything.

    Args: clf; got; group (observations,), numbers of those that share rows.
    """
    x, labels = got.x, got.labels
    if labels.kind not in select.SHORT_LIST:
        raise ParameterError(
            f"method='auto' for {labels.kind} labels",
            f"one of the kinds {sorted(select.SHORT_LIST)}",
            "name a method",
        )
    only = select.SHORT_LIST[labels.kind]
    if len(only) == 1:
        return clf._named(only[0], labels), got.given
    if len(labels) < 2:
        raise ParameterError(
            "method='auto' with a single observation",
            "two at least, one to train on and one to choose by",
            "name a method",
        )
    facts = known(x, labels, got.given, clf.seed)
    judge = facts.judge(clf.law, labels)
    given, remarks = facts.values, facts.remarks + doubts(x, labels, judge, clf.seed)
    tables, sources = portfolio.read()
    table = None if select.biased(judge) else tables.get(labels.kind)  # a table knows the kind's own law
    learned = None if table is None else portfolio.learn(table, describe(labels, x.cpu().numpy(), given))
    first = select.default(labels.kind, judge) if table is None else table.criterion
    names = (clf.choose_by,) if clf.choose_by else select.in_turn(first, labels.kind, judge)
    candidates = select.short_list(labels.kind, judge) if learned is None else learned.methods
    train, held, leak = hold_out(group, clf.seed)
    remarks += [leak] if leak else []
    if got.w is not None:
        remarks.append("every held-out observation counts alike in the criterion: weights are for training alone")
    train_rows, (held_rows, measured_on) = labels.cover(train)[0], labels.cover(held)
    clf.scores_ = {candidate: {} for candidate in candidates}  # in this order, whoever fails first
    jobs = []
    for candidate in candidates:
        objective = clf._named(candidate, labels)
        ours = (facts.guessed | set(objective.estimated)) & givers.required(objective, clf._law(objective, labels))
        try:
            law, values = clf._bound(objective, x, labels, given)
        except (InputError, NeedError) as error:
            if not ours and not isinstance(error, RefusedError):
                raise  # what was given is at fault, not an estimate of ours nor the reach of the method
            clf.scores_[candidate] = {"error": str(error)}
            continue
        values = {k: (v[train_rows] if k in PER_ROW else v) for k, v in values.items()}
        jobs.append(
            Job(
                objective,
                clf._config(objective),
                law,
                needs=values,
                rows=train,
                network=clf.network,
                hidden=clf.hidden,
                dropout=clf.dropout,
                predict=held_rows,
                name=candidate,
            )
        )
    predicted: dict[str, Tensor] = {}
    for outcome in run_jobs(jobs, Data(x, {"labels": labels}, got.w), clf.workers):
        if outcome.error is not None or outcome.log_p is None:
            clf.scores_[outcome.name] = {"error": str(outcome.error)}
            continue
        predicted[outcome.name] = outcome.log_p
        clf.scores_[outcome.name] = {"cpu_seconds": outcome.cpu_seconds}
    if not predicted:
        raise ParameterError(
            "every method of the short list failed: " + "; ".join(f"{c}: {s['error']}" for c, s in clf.scores_.items()),
            "one that trains",
        )
    name, values_of, why = measured(names, predicted, measured_on, at(judge, held_rows))
    for c, value in values_of.items():
        clf.scores_[c] |= {"criterion": name, "value": float(value), "low": value.low, "high": value.high}
    scores = {c: float(value) for c, value in values_of.items()} or dict.fromkeys(predicted, 0.0)
    if table is not None and learned is not None and name == table.criterion:
        scores = learned.scores(scores)
        for c, score in scores.items():
            clf.scores_[c] |= {"past": learned.past[c], "score": score}
    best = max(scores, key=lambda c: (scores[c], -list(scores).index(c)))  # of equals the earlier, naive first
    if why:
        remarks.append(f"{why}: {name or best} instead")
    tried, told, asked = clf.scores_, tuple(remarks), bool(clf.choose_by)
    clf.choice_ = card(labels.kind, best, candidates[0], name, tried, table, learned, sources, told, asked)
    objective = clf._named(best, labels)
    wanted = givers.required(objective, clf._law(objective, labels))
    return objective, {k: v for k, v in given.items() if k in wanted}


def doubts(x: Tensor, labels: Labels, judge: Law | type[Law], seed: int) -> list[str]:
    """What the labels say against the law that judges them, also as a warning."""
    if not isinstance(labels, Complementary) or not isinstance(judge, UniformComplementary):
        return []
    found = uniformity(x.cpu().numpy(), labels, seed)
    if found is None or found.p >= LEVEL:
        return []
    warnings.warn(found.line(), DoubtedLawWarning, stacklevel=4)
    return [found.line()]
