"""Bounds of tunable numbers, checked where a method is made."""

from __future__ import annotations

import math
from typing import Any

from sfumato.core.errors import ParameterError


def check_number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Raise ParameterError unless ``value`` is a finite number in the interval from ``low`` to ``high``, ends closed
    unless said."""
    try:
        number = float("nan") if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    inside = (low < number if low_open else low <= number) and (number < high if high_open else number <= high)
    if not (inside and math.isfinite(number)):
        left = "(" if low_open or low == -math.inf else "["
        right = ")" if high_open or high == math.inf else "]"
        raise ParameterError(f"{name} = {value!r}", f"a finite number in {left}{low:g}, {high:g}{right}")


def check_count(name: str, value: Any, of: str = "") -> None:
    """Raise ParameterError unless ``value`` is a whole number (``of`` something) of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ParameterError(f"{name} = {value!r}", f"a whole number{of and ' of ' + of}, at least 1")
