"""Random hyper-parameter draws: each a function of (seed, method, parameter, draw); draw 0 is the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfumato.core.errors import ParameterError
from sfumato.core.streams import numpy_rng

from .fields import WHOLE, Fields, is_number, is_plain, is_whole, shown

FORMS = (
    "one of { log10 = [low, high] }, { uniform = [...] }, { whole = [...] }, { choice = [...] } and { each = [...] }"
)
# The ends of a range reach so far from zero: every number between them is finite.
REACH = {"log10": 300, "uniform": 1e300, "whole": WHOLE}
# The settings of training that may be drawn, and the least and most that each may be, drawn or not.
SETTINGS: dict[str, tuple[float, float]] = {
    "lr": (1e-12, 1e3),
    "weight_decay": (0, 1e3),
    "batch_size": (1, WHOLE),
    "dropout": (0, 0.99),
}


@dataclass(frozen=True)
class Range:
    """What one parameter is drawn from.

    Args: form, log10 (10^U(low, high)), uniform (U(low, high)), whole (integers low..high, both ends), choice, or each
    (draw i takes entry i); values, the two ends or the choices.
    """

    form: str
    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that bound all draws: the two ends, or every choice."""
        return tuple(10.0**v for v in self.values) if self.form == "log10" else self.values

    def draw(self, seed: int, *place: str, draw: int) -> Any:
        """The value of this draw."""
        if self.form == "each":
            return self.values[draw % len(self.values)]
        rng = numpy_rng(seed, "bench draw " + " ".join(place), draw)
        if self.form == "choice":
            return self.values[int(rng.integers(len(self.values)))]
        low, high = self.values
        if self.form == "whole":
            return int(rng.integers(low, high + 1))
        value = float(rng.uniform(low, high))
        return 10.0**value if self.form == "log10" else value


def ranges(values: Any, where: str) -> dict[str, Range]:
    """A table of parameters and what they are drawn from."""
    table = Fields(values, where)
    return {name: _range(value, f"{where}.{name}") for name, value in table.left.items()}


def settings(values: Any) -> dict[str, Range]:
    """The table [draw]: settings of training and what they are drawn from."""
    found = ranges(values, "draw")
    for name, drawn in found.items():
        if name not in SETTINGS:
            raise ParameterError(
                f"draw.{name}",
                "lr, weight_decay, batch_size or dropout",
                "fields of a method are drawn in its own entry: { name = ..., draw = { ... } }",
            )
        low, high = SETTINGS[name]
        counts = name == "batch_size"
        fits = not (counts and drawn.form in ("log10", "uniform"))
        if not (fits and all((is_whole if counts else is_number)(v) and low <= v <= high for v in drawn.ends)):
            wants = f"{'integers, by whole, choice or each,' if counts else 'numbers'} from {low:g} to {high:.10g}"
            raise ParameterError(f"draw.{name}: {drawn.form} = {shown(list(drawn.values))}", wants)
    return found


def _range(value: Any, where: str) -> Range:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ParameterError(f"{where} = {shown(value)}", FORMS)
    (form, given), *_ = value.items()
    told = f"{where}: {form} = {shown(given)}"
    if form in ("choice", "each"):
        if not isinstance(given, list) or not given or any(isinstance(v, list | dict) for v in given):
            raise ParameterError(told, "a list of values, not empty")
        if not is_plain(given):
            raise ParameterError(told, "texts, finite numbers, true and false")
        return Range(form, tuple(given))
    if form not in REACH:
        raise ParameterError(f"{where} has a key {form!r}", FORMS)
    fits = is_whole if form == "whole" else is_number
    if not (isinstance(given, list) and len(given) == 2 and all(map(fits, given)) and given[0] <= given[1]):
        raise ParameterError(told, "two numbers [low, high], low first")
    if max(map(abs, given)) > REACH[form]:
        raise ParameterError(told, f"numbers from -{REACH[form]:.12g} to {REACH[form]:.12g}")
    return Range(form, tuple(given))
