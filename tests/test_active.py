"""The loop that asks for candidate sets: what it asks, that it goes on where it stopped, and what asking is worth."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import sfumato as sf
from sfumato.active import Asked, ask
from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import FlipSets, Noisy, Partial
from sfumato.score import CounterMargin

SETTINGS: dict[str, Any] = {"network": "linear", "epochs": 3, "lr": 1e-2}


@cache
def pool(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Partial]:
    """The digits in a random order, and the sets that an oracle would give."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    x, y = x[order].astype(np.float32) / 16, y[order]
    return x, y, FlipSets(0.3).sample(torch.tensor(y), 10, torch.Generator().manual_seed(seed))


class Oracle:
    """Gives the sets, and keeps what it was asked."""

    def __init__(self, seed: int = 0) -> None:
        self.sets, self.asked = pool(seed)[2], []

    def __call__(self, rows: np.ndarray) -> Partial:
        self.asked.append(rows.copy())
        return self.sets[torch.as_tensor(rows)]


def test_it_asks_once_about_each_row_and_keeps_the_answers() -> None:
    oracle, x = Oracle(), pool()[0][:120]
    found = ask(x, oracle, first=10, per_round=7, rounds=3, **SETTINGS)
    assert [len(rows) for rows in oracle.asked] == [10, 7, 7, 7] and len(np.unique(found.rows)) == 31
    assert np.array_equal(found.rows, np.concatenate(oracle.asked))
    assert torch.equal(found.labels.mask, oracle.sets.mask[torch.as_tensor(found.rows)])
    assert found.model is not None and found.model.predict(x).shape == (120,)
    fresh = sf.Classifier("worsenet", seed=0, **SETTINGS).fit(x[found.rows], found.labels)
    assert np.array_equal(fresh.predict_proba(x), found.model.predict_proba(x))  # trained on everything


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been() -> None:
    x = pool()[0][:120]
    for query in ("counter-margin", "random"):
        whole = ask(x, Oracle(), first=10, per_round=5, rounds=4, query=query, seed=3, **SETTINGS)
        half = ask(x, Oracle(), first=10, per_round=5, rounds=2, query=query, seed=3, **SETTINGS)
        for known in (half, (half.rows.tolist(), half.labels)):
            rest = ask(x, Oracle(), known=known, per_round=5, rounds=2, query=query, seed=3, **SETTINGS)
            assert np.array_equal(rest.rows, whole.rows)
            assert rest.model is not None and whole.model is not None
            assert np.array_equal(rest.model.predict_proba(x), whole.model.predict_proba(x))


def test_answers_are_told_before_the_next_training() -> None:
    kept: list[Asked] = []

    class Stop(Exception):
        pass

    def keep(asked: Asked) -> None:
        kept.append(asked)
        if len(kept) == 3:
            raise Stop

    x = pool()[0][:120]
    with pytest.raises(Stop):
        ask(x, Oracle(), first=10, per_round=5, rounds=9, on_answers=keep, **SETTINGS)
    assert [len(a.rows) for a in kept] == [10, 15, 20]
    assert kept[0].model is None and kept[1].model is not None
    rest = ask(x, Oracle(), known=kept[-1], per_round=5, rounds=1, **SETTINGS)
    assert np.array_equal(rest.rows, ask(x, Oracle(), first=10, per_round=5, rounds=3, **SETTINGS).rows)


def test_rows_are_asked_in_the_order_of_the_query() -> None:
    x = pool()[0][:60]
    start = ask(x, Oracle(), first=20, rounds=0, **SETTINGS)
    model, left = start.model, np.setdiff1d(np.arange(60), start.rows)
    assert model is not None
    f, g = (part.exp().numpy() for part in model.head_.both(model.outputs(x[left])[0].double()))
    top = np.sort(f, axis=1)
    scores = {
        "counter-margin": CounterMargin().score(f, g),
        "margin": 1 - (top[:, -1] - top[:, -2]),
        "entropy": -(f * np.log(f)).sum(1),
    }
    for query, score in scores.items():
        oracle = Oracle()
        ask(x, oracle, known=start, per_round=6, rounds=1, query=query, **SETTINGS)
        assert np.array_equal(oracle.asked[0], left[np.argsort(-score, kind="stable")[:6]])


def test_it_ends_where_nothing_is_left_and_works_without_a_counter_network() -> None:
    x = pool()[0][:30]
    found = ask(x, Oracle(), first=12, per_round=10, rounds=9, query="margin", method="proden", **SETTINGS)
    assert sorted(found.rows.tolist()) == list(range(30))
    assert len(ask(x, Oracle(), first=99, rounds=1, **SETTINGS).rows) == 30


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"query": "guess"}, ParameterError, "query 'guess'"),
        ({"method": "proden"}, ParameterError, "counter-margin with Proden"),
        ({"rounds": -1}, ParameterError, "rounds = -1"),
        ({"per_round": 0}, ParameterError, "per_round = 0"),
        ({"first": 2.5}, ParameterError, "first = 2.5"),
        ({"labeller": lambda rows: Noisy.from_labels([0, 1])}, LabelError, "an answer of type Noisy"),
        ({"labeller": lambda rows: Oracle()(rows[:3])}, ShapeError, "3 candidate sets for 10 rows"),
        ({"known": ([1, 1], Oracle()(np.array([1, 1])))}, ShapeError, "distinct row numbers"),
        ({"known": ([99], Oracle()(np.array([9])))}, ShapeError, "from 0 to 59"),
        ({"known": ([], Oracle().sets)}, ShapeError, "known rows"),
        ({"known": ([3], Partial.from_lists([["a", "b"]], ["a", "b", "c"]))}, LabelError, "those before"),
    ],
)
def test_bad_input(change: dict[str, Any], error: type[Exception], says: str) -> None:
    given = {"X": pool()[0][:60], "labeller": Oracle(), "first": 10, "rounds": 1, **SETTINGS} | change
    with pytest.raises(error, match=says):
        ask(**given)


def test_asking_where_the_gap_is_small_beats_asking_at_random() -> None:
    """Mean area under the accuracy curve over three seeds, 20 digits at first and 20 more five times."""

    def area(query: str, seed: int) -> float:
        x, y, _ = pool(seed)
        reached = []

        def measure(asked: Asked) -> None:
            if asked.model is not None:
                reached.append(float((asked.model.predict(x[1200:]) == y[1200:]).mean()))

        settings: dict[str, Any] = {"network": "mlp", "hidden": (64,), "epochs": 60, "lr": 3e-3, "batch_size": 32}
        ask(x[:1200], Oracle(seed), rounds=6, query=query, seed=seed, on_answers=measure, **settings)
        return float(np.mean(reached))

    assert np.mean([area("counter-margin", s) for s in range(3)]) > np.mean([area("random", s) for s in range(3)])
