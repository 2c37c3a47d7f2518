"""Learned matrices as estimates: nearer than no noise at all, what the interval is, and when they warn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sfumato.core.errors import ParameterError
from sfumato.estimate import NotIdentifiableWarning
from sfumato.labels import ClassConditional, Noisy, PairFlip
from sfumato.train.needs import supply
from sfumato.train.transition import LEARNERS, LearnedTransition

K = 10


def digits() -> tuple[np.ndarray, Noisy, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    law = PairFlip(0.4)
    return x, law.sample(torch.tensor(y), K, torch.Generator().manual_seed(0)), law.matrix(K).numpy()


@pytest.mark.parametrize("name", sorted(LEARNERS))
@pytest.mark.filterwarnings("ignore::sfumato.estimate.NotIdentifiableWarning")
def test_matrix_interval_and_condition(name: str) -> None:
    x, labels, truth = digits()
    found = LearnedTransition(method=name, repeats=20, epochs=20)
    value = found.estimate(x, labels, seed=1)
    assert value.shape == (K, K)
    np.testing.assert_allclose(value.sum(axis=1), 1, atol=1e-6)
    assert np.abs(value - truth).sum(axis=1).mean() < np.abs(np.eye(K) - truth).sum(axis=1).mean()
    assert found.condition == pytest.approx(np.linalg.cond(value))
    interval = found.interval
    assert np.array_equal(interval.value, value) and interval.repeats == 20
    assert (interval.low <= value + 1e-12).all() and (value <= interval.high + 1e-12).all()
    assert (interval.high > interval.low).any()
    again = LearnedTransition(method=name, repeats=20, epochs=20)
    np.testing.assert_array_equal(again.estimate(x, labels, seed=1), value)
    np.testing.assert_array_equal(again.interval.low, interval.low)


def test_it_warns_where_the_data_do_not_say() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 2)), rng.integers(2, size=60)
    with pytest.warns(NotIdentifiableWarning, match="no entry left its start"):
        LearnedTransition(repeats=0, epochs=1, batch_size=1000).estimate(x, Noisy(y, 2))
    with pytest.warns(NotIdentifiableWarning, match=r"classes \[2\] are never given"):
        LearnedTransition(repeats=0, epochs=1).estimate(x, Noisy(y, 3))


def test_it_serves_as_the_need_of_another_method() -> None:
    from sfumato.learn.noisy.forward import Forward

    x, labels, _ = digits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotIdentifiableWarning)
        mine = LearnedTransition(repeats=0, epochs=2)
        values = supply(Forward(), ClassConditional, {"transition": mine}, x, labels, 0)
    np.testing.assert_array_equal(values["transition"], mine.interval.value)


def test_unknown_method() -> None:
    with pytest.raises(ParameterError, match="one of"):
        LearnedTransition(method="gce")
