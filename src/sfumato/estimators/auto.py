"""method="auto": train the short list on a part, keep the best by held-out weak labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sfumato import estimate, portfolio, select
from sfumato.choice import card
from sfumato.core.errors import ParameterError, RefusedError
from sfumato.core.roles import Estimator
from sfumato.core.streams import rng
from sfumato.judge import LEVEL, DoubtedLawWarning, filled, law_of, uniformity
from sfumato.labels import Complementary, Labels, Law, UniformComplementary
from sfumato.learn.objective import Objective
from sfumato.meta import describe
from sfumato.train import needs as givers
from sfumato.train.assembly import PER_ROW
from sfumato.train.pool import Data, Job, run_jobs

from .door import Admitted
from .measured import measured

if TYPE_CHECKING:
    from .learner import Learner


def choose(clf: Learner, got: Admitted) -> tuple[Objective, dict[str, Any]]:
    """Train the short list on a part, measure the criterion on the weak labels of the rest; the best is trained
    on everything.
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
    given = estimated(x, labels, got.given, clf.seed)
    judge = judged_by(clf, labels, given)
    remarks = doubts(x, labels, judge, clf.seed)
    tables, sources = portfolio.read()
    table = None if select.biased(judge) else tables.get(labels.kind)  # a table knows the kind's own law
    learned = None if table is None else portfolio.learn(table, describe(labels, x.cpu().numpy(), given))
    first = select.default(labels.kind, judge) if table is None else table.criterion
    names = (clf.choose_by,) if clf.choose_by else select.in_turn(first, labels.kind, judge)
    candidates = select.short_list(labels.kind, judge) if learned is None else learned.methods
    order = torch.randperm(len(labels), generator=rng(clf.seed, "auto"))
    held, train = order[: max(1, len(order) // 5)].sort().values, order[max(1, len(order) // 5) :].sort().values
    train_rows, (held_rows, measured_on) = labels.cover(train)[0], labels.cover(held)
    jobs = []
    for candidate in candidates:
        objective = clf._named(candidate, labels)
        try:
            law, values = clf._bound(objective, x, labels, given)
        except RefusedError as error:  # these labels are out of its reach, whatever is given
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
    clf.choice_ = card(
        labels.kind, best, name, clf.scores_, table, learned, sources, tuple(remarks), bool(clf.choose_by)
    )
    objective = clf._named(best, labels)
    wanted = givers.required(objective, clf._law(objective, labels))
    return objective, {k: v for k, v in given.items() if k in wanted}


def judged_by(clf: Learner, labels: Labels, given: Mapping[str, Any]) -> Law | type[Law]:
    """The law by which candidates are measured: one for all of them."""
    return filled(clf.law if clf.law is not None else law_of(labels, given), labels, given)


def at(judge: Law | type[Law], rows: Tensor) -> Law | type[Law]:
    """A judge at some rows."""
    return judge.at(rows) if isinstance(judge, Law) else judge


def doubts(x: Tensor, labels: Labels, judge: Law | type[Law], seed: int) -> list[str]:
    """What the labels say against the law that judges them, also as a warning."""
    if not isinstance(labels, Complementary) or not isinstance(judge, UniformComplementary):
        return []
    found = uniformity(x.cpu().numpy(), labels, seed)
    if found is None or found.p >= LEVEL:
        return []
    warnings.warn(found.line(), DoubtedLawWarning, stacklevel=4)
    return [found.line()]


def estimated(x: Tensor, labels: Labels, given: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Estimators for the needs of the kind that nobody gave; their values are kept in needs_."""
    defaults: dict[str, Any] = {}
    if labels.kind == "noisy":
        defaults = {"transition": estimate.TransitionConfidentJoint(), "noise_rate": estimate.NoiseRate()}
    elif labels.kind == "pu":
        defaults = {"prior": estimate.PriorDEDPUL()}
    # one estimate for all candidates and for the law that judges them, also where the user gave an Estimator
    return {
        name: value.estimate(x.flatten(1).numpy(), labels, seed=seed)
        if isinstance(value, Estimator) and value.need == name
        else value
        for name, value in {**defaults, **given}.items()
    }
