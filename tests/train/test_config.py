"""Settings are checked once, and schedules are what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from sfumato.core.errors import ParameterError
from sfumato.train.config import Config


@pytest.mark.parametrize(
    "bad",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"epochs": True},
        {"epochs": "3"},
        {"epochs": None},
        {"batch_size": 0},
        {"batch_size": -1},
        {"lr": 0},
        {"lr": -1},
        {"lr": float("nan")},
        {"lr": float("inf")},
        {"lr": "x"},
        {"lr": True},
        {"weight_decay": -1},
        {"weight_decay": float("nan")},
        {"optimizer": "lion"},
        {"schedule": "warm"},
        {"precision": "float16"},
        {"average": 1},
        {"average": -0.1},
        {"average": "a"},
        {"average": False},
        {"teacher": 1.0},
        {"teacher": None},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": True},
    ],
    ids=str,
)
def test_a_bad_setting_is_named_with_its_bounds(bad: dict[str, Any]) -> None:
    (name,) = bad
    with pytest.raises(ParameterError, match=name):
        Config(**bad)


def test_schedules() -> None:
    assert [Config(schedule="constant").rate(p) for p in (0, 0.9)] == [1.0, 1.0]
    assert [Config(schedule="step").rate(p) for p in (0, 0.49, 0.5, 0.74, 0.75)] == [1.0, 1.0, 0.1, 0.1, 0.01]
    assert Config(schedule="cosine").rate(0) == 1.0
    assert abs(Config(schedule="cosine").rate(0.5) - 0.5) < 1e-15
    assert Config(schedule="cosine").rate(1) == 0.0
