"""Bounds of tunable numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sfumato.core.errors import ParameterError
from sfumato.parts.bounds import check_count, check_number


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_ends_belong_to_a_closed_interval(value: float) -> None:
    check_number("q", value, 0, 1)


@pytest.mark.parametrize("value", [0, 1, -0.1, math.nan, math.inf, "a", "0.5", None, True])
def test_what_is_outside_is_refused_with_name_value_and_interval(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^q = .*\(0, 1\)"):
        check_number("q", value, 0, 1, low_open=True, high_open=True)


def test_an_open_side_is_shown_as_infinite() -> None:
    check_number("lam", 1e9, 0)
    with pytest.raises(ParameterError, match=r"\[0, inf\)"):
        check_number("lam", -1, 0)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None])
def test_a_count_is_a_whole_number_of_at_least_one(value: Any) -> None:
    check_count("size", 1)
    with pytest.raises(ParameterError, match=r"^size = .*a whole number of rows, at least 1"):
        check_count("size", value, "rows")
