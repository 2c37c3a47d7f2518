"""The contract of what makes labeling functions: they are the same for the same seed, speak of new rows as of old ones,
know more than chance, and refuse what they cannot read.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np

from sfumato.core.card import Card
from sfumato.core.errors import InputError
from sfumato.core.streams import numpy_rng
from sfumato.labels import Semi

from .registry import ensure, rule

ROWS, K = 240, 3


@cache
def setting() -> tuple[Any, Any, Any, Any]:
    """(X (n, 6) of three classes that overlap a little, truth, Semi labels of every fourth row, scores (n, 2, K))."""
    draw = numpy_rng(0, "rules")
    y = np.arange(ROWS) % K
    X = draw.normal(size=(ROWS, 6)) + 3 * np.eye(6)[y]
    scores = np.exp(draw.normal(size=(ROWS, 2, K)) + 2 * np.eye(K)[y][:, None])
    labels = Semi.from_labels(np.where(np.arange(ROWS) % 4 == 0, y, -1), missing=-1)
    return X, y, labels, scores


def made(card: Card, seed: int = 3, **changes: Any) -> tuple[Any, Any]:
    """(functions, the rows they were made on); an oracle is told the truth, a prior is that of the world."""
    X, y, labels, scores = setting()
    told: dict[str, Any] = {}
    asked = inspect.signature(card.cls.make).parameters  # type: ignore[attr-defined]
    if card.kind == "scores":
        told = {"X": scores, "prior": np.full(K, 1 / K)}
    else:
        told = {"X": X, "labels": labels}
    if "oracle" in asked:
        told["oracle"] = lambda function: bool(((said := function(X)) == y)[said >= 0].mean() > 0.5)
    if "seed" in asked:
        told["seed"] = seed
    told |= changes
    return card.cls().make(**told), told["X"]


@rule("functions", "rules")
def functions(card: Card) -> None:
    """Each function says a class code of a row, or -1 where it abstains; the votes are those statements, abstentions
    included; the same seed gives the same functions, and what was given is left as it was.
    """
    before = [np.asarray(v).copy() for v in (setting()[0], setting()[3])]
    found, X = made(card)
    said, again = found.matrix(X), made(card)[0].matrix(X)
    ensure(
        said.shape == (ROWS, len(found)) and said.dtype.kind == "i", f"codes {said.shape} {said.dtype}", "whole numbers"
    )
    ensure(bool(((said >= -1) & (said < K)).all()), f"codes from {said.min()} to {said.max()}", f"-1 to {K - 1}")
    ensure(np.array_equal(said, again), "other functions for the same seed", "the same")
    votes = found.votes(X)
    whole = bool((votes.said.numpy().reshape(ROWS, -1) == said).all()) and votes.sources == len(found)
    ensure(whole, "votes that are not what the functions say", "one per row and function, abstentions -1")
    kept = all(np.array_equal(a, b) for a, b in zip(before, (setting()[0], setting()[3]), strict=True))
    ensure(kept, "inputs changed", "inputs left as they were")


@rule("rows", "rules")
def rows(card: Card) -> None:
    """A function says the same of a row by itself, in another order, and among others; rows of another width are
    refused.
    """
    found, X = made(card)
    said = found.matrix(X)
    ensure(np.array_equal(found.matrix(X[::-1]), said[::-1]), "statements that change with the order", "the same")
    alone = np.concatenate([found.matrix(X[[i]]) for i in range(6)])
    ensure(np.array_equal(alone, said[:6]), "statements that change with the other rows", "the same")
    try:
        found.matrix(X[..., :-1])
    except InputError:
        return
    ensure(False, "rows of another width were read", "an error that names the width")


@rule("better", "rules")
def better(card: Card) -> None:
    """On rows whose labels it was not told, what the functions say is right more often than the commonest class."""
    found, X = made(card)
    y, unseen = setting()[1], np.arange(ROWS) % 4 != 0
    said = found.matrix(X)[unseen]
    right = float((said == y[unseen][:, None])[said >= 0].mean()) if (said >= 0).any() else 0.0
    share = float(np.bincount(y).max() / ROWS)
    ensure(
        right > share + 0.1, f"{right:.3f} of statements right", f"more than {share:.3f}, the commonest class, by .1"
    )


@rule("refuses", "rules")
def refuses(card: Card) -> None:
    """What is not finite, of the wrong length or without labels is refused with an error of this library."""
    X, _, labels, scores = setting()
    broken = np.array(scores if card.kind == "scores" else X)
    broken[5] = np.nan
    wrong: list[dict[str, Any]] = [{"X": broken}]
    wrong += [{"prior": np.array([0.5, 0.5])}] if card.kind == "scores" else [{"labels": labels[:-1]}, {"X": X[:, 0]}]
    for change in wrong:
        try:
            made(card, **change)
        except InputError:
            continue
        ensure(False, f"a wrong {next(iter(change))} was taken", "an InputError that says what is wanted")
