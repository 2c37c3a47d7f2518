"""The contract of an aggregation: votes of many sources -> beliefs, on simulated crowds.

A method with ``classes_at_most`` is asked about that many classes, and one whose fit takes ``probabilities`` is given
those of a model that knows a little.
"""

from __future__ import annotations

import inspect
import warnings
from functools import cache
from typing import Any

import numpy as np
import torch

from sfumato.core.card import Card
from sfumato.core.errors import SfumatoError
from sfumato.core.streams import numpy_rng
from sfumato.labels import Votes

from .registry import ensure, rule

ITEMS, SOURCES, SAME = 120, 9, 1e-6


@cache
def crowd(k: int, adversaries: int = 0, n: int = ITEMS, asked: float = 0.8) -> tuple[Any, Any, Any]:
    """(votes (n, sources) with -1 where a source was not asked, truth, probabilities (n, K) of a weak model)."""
    draw = numpy_rng(k, "aggregators", adversaries, n)
    y = draw.integers(0, k, n)
    right = np.concatenate([draw.uniform(0.6, 0.9, SOURCES - adversaries), np.zeros(adversaries)])
    wrong = (y[:, None] + draw.integers(1, k, (n, SOURCES))) % k
    said = np.where(draw.random(wrong.shape) < right, y[:, None], wrong)
    said = np.where(draw.random(said.shape) < asked, said, -1)
    model = 0.5 / k + 0.5 * draw.dirichlet(np.ones(k), n)
    model[np.arange(n), y] += 0.2
    return said, y, model / model.sum(1, keepdims=True)


def classes(card: Card) -> int:
    """How many classes a method is asked about."""
    return min(3, getattr(card.cls, "classes_at_most", 3))


def fit(card: Card, votes: Votes, model: Any) -> Any:
    """The method's result on votes, warnings about the simulated sources aside."""
    told = {"probabilities": model} if "probabilities" in inspect.signature(card.cls.fit).parameters else {}  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return card.cls().fit(votes, **told)


def table(said: Any, k: int) -> Votes:
    """Votes of a dense array, one line per vote."""
    return Votes.from_matrix(said, k=k, absent=True)


@rule("beliefs", "aggregate")
def beliefs(card: Card) -> None:
    """Posterior rows and confusion rows are distributions, one posterior per item in order, none dropped; the same
    votes give the same bits and are left as they were.
    """
    k = classes(card)
    said, _, model = crowd(k)
    said = said.copy()
    said[[0, 40]] = -1
    votes = table(said, k)
    before = [votes.offsets.clone(), votes.source.clone(), votes.said.clone()]
    found, again = fit(card, votes, model), fit(card, votes, model)
    shape = (ITEMS, k)
    ensure(found.posterior.shape == shape, f"a posterior of shape {found.posterior.shape}", f"{shape}")
    ensure(
        bool((found.posterior >= 0).all()) and np.allclose(found.posterior.sum(1), 1, atol=1e-9),
        "posterior rows that are no distributions",
        "rows >= 0 that sum to one",
    )
    level = np.allclose(found.confusion.sum(2), 1, atol=1e-6) and found.confusion.shape[:2] == (SOURCES, k)
    ensure(level, f"a confusion of shape {found.confusion.shape} or rows without sum one", "(sources, K, statements)")
    ensure(bool((found.posterior == again.posterior).all()), "two posteriors of the same votes", "the same bits")
    after = (votes.offsets, votes.source, votes.said)
    same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    ensure(same, "votes changed", "inputs left as they were")
    ensure(found.n_votes[[0, 40]].tolist() == [0, 0], f"{found.n_votes[[0, 40]]} votes of items without", "0")


def _alone(card: Card) -> str:
    told = set(inspect.signature(card.cls.fit).parameters) & {"probabilities", "lengths"}  # type: ignore[attr-defined]
    return f"beliefs look at {', '.join(sorted(told))} too" if told else ""


@rule("new", "aggregate", _alone)
def new(card: Card) -> None:
    """An item without votes gets the same belief at fit and as a new item, and that belief is the prior of the result,
    or level where votes are counted; new votes of other sources than at fit are refused.
    """
    k = classes(card)
    said, _, model = crowd(k)
    said = said.copy()
    said[[0, 40]] = -1
    votes = table(said, k)
    found = fit(card, votes, model)
    alone = found.predict_proba(votes[[0]])[0]
    off = float(np.abs(found.posterior[[0, 40]] - alone).max())
    ensure(off <= SAME, f"beliefs {found.posterior[0]} of an item without votes", f"{alone}, as of a new item")
    near = min(float(np.abs(alone - prior).max()) for prior in (found.prior, np.full(k, 1 / k)))
    ensure(near <= 0.05, f"belief {alone} without votes", f"the prior {found.prior}, or a level one")
    try:
        found.predict_proba(table(said[:, :-1], k))
    except SfumatoError:
        pass
    else:
        ensure(False, "votes of fewer sources were read", "an error that names the sources of the fit")


@rule("unanimous", "aggregate")
def unanimous(card: Card) -> None:
    """Where all sources agree on every item, they are believed."""
    k = classes(card)
    y = np.arange(ITEMS) % k
    model = np.full((ITEMS, k), 1 / k)
    found = fit(card, table(np.repeat(y[:, None], 5, 1), k), model)
    ensure(bool((found.posterior.argmax(1) == y).all()), "labels that nobody gave", "the labels that all gave")


@rule("names", "aggregate")
def names(card: Card) -> None:
    """Other orders of the lines of votes change nothing; other names of classes permute the posterior and no more."""
    k = classes(card)
    said, _, model = crowd(k)
    base = fit(card, table(said, k), model).posterior
    item, source = np.nonzero(said >= 0)
    label = said[item, source]
    mixed = numpy_rng(0, "aggregators").permutation(len(item))
    lines = Votes.from_table(item[mixed], source[mixed], label[mixed], n=ITEMS, classes=range(k))
    off = float(np.abs(fit(card, lines, model).posterior - base).max())
    ensure(off <= SAME, f"beliefs that move by {off:.3g} with the order of votes", "the same beliefs")
    turned = np.roll(np.arange(k), 1)  # class c is now called turned[c]
    renamed = fit(card, table(np.where(said >= 0, turned[said], -1), k), model[:, np.argsort(turned)]).posterior
    off = float(np.abs(renamed[:, turned] - base).max())
    ensure(off <= SAME, f"beliefs that move by {off:.3g} with the names of classes", "the same beliefs")


@rule("adversaries", "aggregate")
def adversaries(card: Card) -> None:
    """With two sources of nine that are always wrong it is right more often than the vote."""
    k = classes(card)
    said, y, model = crowd(k, 2, 600)
    votes = table(said, k)
    found = fit(card, votes, model)
    right, voted = (_accuracy(p, y) for p in (found.posterior, found.majority))
    ensure(right > voted, f"{right:.4f} of items right", f"more than the vote's {voted:.4f}")


def _accuracy(posterior: Any, y: Any) -> float:
    """The share of items that are right, ties shared."""
    top = posterior >= posterior.max(1, keepdims=True) - 1e-12
    return float((top[np.arange(len(y)), y] / top.sum(1)).mean())


@rule("crowded", "aggregate")
def crowded(card: Card) -> None:
    """An item with 3600 divided votes, of probability below what a float64 holds, leaves finite beliefs, and where its
    sources are alike the majority of them wins.
    """
    k, each = classes(card), 400
    draw = numpy_rng(1, "aggregators")
    truth = np.arange(60) % k
    others = np.where(draw.random((60, SOURCES)) < 0.85, truth[:, None], (truth[:, None] + 1) % k)
    item = np.concatenate([np.zeros(SOURCES * each, int), np.repeat(np.arange(1, 61), SOURCES)])
    source = np.concatenate([np.repeat(np.arange(SOURCES), each), np.tile(np.arange(SOURCES), 60)])
    said = np.concatenate([(np.arange(SOURCES * each) % 5 < 3).astype(int), others.ravel()])
    votes = Votes.from_table(item, source, said, n=61, classes=range(k), duplicates="all")
    found = fit(card, votes, np.full((61, k), 1 / k))
    ensure(bool(np.isfinite(found.posterior).all()), "beliefs that are not finite", "log weights, shifted before exp")
    ensure(int(found.posterior[0].argmax()) == 1, f"beliefs {found.posterior[0]}", "the class of 2160 votes of 3600")
