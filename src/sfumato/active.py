"""Active learning with candidate sets: train, ask about the rows that would tell most, and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.core.streams import numpy_rng
from sfumato.estimators import Classifier
from sfumato.labels import Partial
from sfumato.learn.partial.worsenet import Beside
from sfumato.parts.bounds import check_count
from sfumato.score.counter_margin import CounterMargin

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
QUERIES = ("counter-margin", "margin", "entropy", "random")


@dataclass(frozen=True)
class Asked:
    """What is known: ``rows`` (m,) of X in the order they were asked about, their candidate sets ``labels``, and the
    ``model`` that was trained last (None before any)."""

    rows: Ints
    labels: Partial
    model: Classifier | None = None


def ask(
    X: Any,
    labeller: Callable[[Ints], Any],
    *,
    known: Asked | tuple[Any, Partial] | None = None,
    first: int = 20,
    per_round: int = 20,
    rounds: int = 8,
    query: str = "counter-margin",
    method: Any = "worsenet",
    seed: int = 0,
    on_answers: Callable[[Asked], None] | None = None,
    **settings: Any,
) -> Asked:
    r"""Ask a person, or anything that answers, for the candidate sets of few rows, each round of those with the
    smallest lead of the best class over the next in f - g (zhang2024exploiting).

    In every round a model is trained afresh on all answers, f on the candidates and its counter-network g on their
    complements, the counter-examples; ``per_round`` rows are asked about, highest score first, lowest row first among
    equals. The last model is trained on everything. A round depends on the answers so far and the seed alone, so a
    search that was stopped goes on from ``known`` as if it had never been.

    Args:
        X: features (n, ...) of the pool, in memory.
        labeller: row numbers (m,) -> their candidate sets in that order, ``Partial`` of m observations; all answers
            name the same classes.
        known: rows and their sets to begin with, an ``Asked`` or a pair; without it ``first`` >= 1 rows are drawn.
        per_round: rows per round, at least 1; the last round takes what is left.
        rounds: how many times to ask after the start, at least 0; it ends early where nothing is left.
        query: "counter-margin" (for ``worsenet`` alone); "margin", 1 - p of the best class + p of the next; "entropy",
            that of p over log K; or "random". p is f where there is a g.
        method: of the :class:`Classifier`, one that eats candidate sets.
        seed: of the draws and of every training.
        on_answers: told as soon as answers are in, before the next training, for instance to save them.
        settings: of the Classifier: network, epochs, ...

    Errors: ParameterError, an unknown query, or one that the method cannot answer; ShapeError, LabelError: answers of
    another number or kind, rows twice or beyond X.
    """
    n = len(X)
    for name, value in (("first", first), ("per_round", per_round)):
        check_count(name, value, "rows")
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 0:
        raise ParameterError(f"rounds = {rounds!r}", "a whole number, at least 0")
    if query not in QUERIES:
        raise ParameterError(f"query {query!r}", f"one of {', '.join(QUERIES)}")
    tell = on_answers or (lambda _: None)
    if known is None:
        drawn = numpy_rng(seed, "first rows").permutation(n)[:first]
        state = _answered(None, np.sort(drawn), labeller, None)
        tell(state)
    else:
        state = _begun(known, n)
    for _ in range(rounds):
        left = np.setdiff1d(np.arange(n), state.rows)
        if not len(left):
            break
        model = _trained(X, state, method, seed, settings)
        told = _urgency(query, model, X, left, numpy_rng(seed, "query", len(state.rows)))
        chosen = left[np.argsort(-told, kind="stable")[:per_round]]
        state = _answered(state, chosen, labeller, model)
        tell(state)
    return Asked(state.rows, state.labels, _trained(X, state, method, seed, settings))


def _begun(known: Asked | tuple[Any, Partial], n: int) -> Asked:
    rows, labels = (known.rows, known.labels) if isinstance(known, Asked) else known
    found = np.asarray(rows)
    if found.ndim != 1 or found.dtype.kind not in "iu" or len(np.unique(found)) != len(found):
        raise ShapeError(f"known rows of shape {found.shape} and type {found.dtype}", "(m,) distinct row numbers")
    if not len(found) or found.min() < 0 or found.max() >= n:
        raise ShapeError(f"{len(found)} known rows for {n} rows of X", f"at least one, from 0 to {n - 1}")
    return Asked(found.astype(np.int64), _checked(labels, len(found), None))


def _answered(state: Asked | None, rows: Ints, labeller: Callable[[Ints], Any], model: Classifier | None) -> Asked:
    """The state with the answers about further rows."""
    answer = _checked(labeller(rows.copy()), len(rows), None if state is None else state.labels)
    if state is None:
        return Asked(rows, answer, model)
    mask = torch.cat([state.labels.mask, answer.mask])
    return Asked(np.concatenate([state.rows, rows]), Partial(mask, answer.k, answer.classes), model)


def _checked(labels: Any, m: int, like: Partial | None) -> Partial:
    if not isinstance(labels, Partial):
        raise LabelError(f"an answer of type {type(labels).__name__}", "sf.labels.Partial, such as Partial.from_lists")
    if len(labels) != m:
        raise ShapeError(f"{len(labels)} candidate sets for {m} rows", "one per row, in their order")
    if like is not None and (labels.k, labels.classes) != (like.k, like.classes):
        raise LabelError(f"answers on classes {labels.classes or labels.k}", f"those before, {like.classes or like.k}")
    return labels


def _trained(X: Any, state: Asked, method: Any, seed: int, settings: dict[str, Any]) -> Classifier:
    return Classifier(method, seed=seed, **settings).fit(_taken(X, state.rows), state.labels)


def _taken(X: Any, rows: Ints) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else (X if hasattr(X, "shape") else np.asarray(X))[rows]


def _urgency(query: str, model: Classifier, X: Any, left: Ints, rng: np.random.Generator) -> Floats:
    """(len(left),) how soon to ask about each row; higher = sooner."""
    if query == "random":
        return rng.random(len(left))
    x, head = _taken(X, left), model.head_
    if isinstance(head, Beside):
        each = [head.both(z.double()) for z in model.outputs(x)]
        f, g = (torch.stack([pair[i].exp() for pair in each]).mean(0).numpy() for i in (0, 1))
    elif query == "counter-margin":
        raise ParameterError(
            f"query counter-margin with {type(model.objective_).__name__}", "a method with g: worsenet"
        )
    else:
        f, g = model.predict_proba(x), np.empty(0)
    if query == "counter-margin":
        return CounterMargin().score(f, g)
    if query == "margin":
        top = np.sort(f, axis=1)
        return cast(Floats, 1 - (top[:, -1] - top[:, -2]))
    return cast(Floats, -(f * np.log(np.clip(f, 1e-300, None))).sum(axis=1) / np.log(f.shape[1]))
