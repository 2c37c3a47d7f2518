"""SPEC.toml -> the grid that was asked for: one clear error per wrong key or value."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from sfumato.core.errors import FileError, ParameterError
from sfumato.core.words import NEEDS
from sfumato.data import labels as table_labels
from sfumato.train.config import OPTIMIZERS, SCHEDULES

from .draws import SETTINGS, Range, ranges, settings
from .fields import Fields, is_number, is_plain, is_whole, shown

NETWORKS = ("linear", "mlp", "residual", "resnet")
RUNS = 1_000_000  # of a grid at most: what one index keeps and one machine plans
SEEDS = 2**32  # scikit-learn takes no larger ones
# Needs that one number can tell, and where it lies; the others are matrices, or have a value per row, class or set.
NUMBERS = {
    "prior": "(0, 1)",
    "noise_rate": "[0, 1)",
    "flip": "[0, 1)",
    "observed": "(0, 1]",
    "seen": "[0, 1]",
    "share": "(0, 1)",
}


@dataclass(frozen=True)
class DatasetEntry:
    """A set by name (bundled or real), or a table: its path, the column of the truth, KIND:COLUMN of its labels.

    Args: positive, numbers of the true classes that become class 1 of two, all others class 0; rows, only so many,
    drawn once for all, beside official test rows; drop, missing: as on the command line.
    """

    name: str
    table: str | None = None
    truth: str | None = None
    labels: str | None = None
    positive: tuple[int, ...] = ()
    rows: int | None = None
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class LawEntry:
    """A law by name with its parameters; ``given`` = the labels that the set itself carries."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The law as tables show it."""
        inner = ", ".join(f"{k}={_short(v)}" for k, v in self.params.items())
        return f"{self.name}({inner})" if inner else self.name


@dataclass(frozen=True)
class MethodEntry:
    """A method by name (``peer:...`` for an external one), its fields and what its fields are drawn from.

    Args: kinds, the kinds of labels it is run on; empty = every kind of the grid that it takes.
    """

    name: str
    kinds: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    draw: Mapping[str, Range] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The method as tables show it."""
        inner = ", ".join(f"{k}={_short(v)}" for k, v in self.fields.items())
        return f"{self.name}({inner})" if inner else self.name


@dataclass(frozen=True)
class Train:
    """What all runs share: network, epochs and the optimiser's settings.

    Args: steps, train for so many steps, rounded up to whole epochs, in place of epochs; measures, how often the
    criteria are measured, evenly over training; stack, linear heads side by side on shared batches.
    """

    network: str = "mlp"
    hidden: tuple[int, ...] = (500,)
    dropout: float = 0.0
    epochs: int = 100
    batch_size: int = 128
    lr: float = 1e-3
    weight_decay: float = 1e-5
    optimizer: str = "adam"
    schedule: str | None = None
    average: float | None = None
    steps: int | None = None
    measures: int = 50
    stack: bool = False


@dataclass(frozen=True)
class Spec:
    """A grid: methods x laws x data sets x seeds x draws; ``name``, of letters, digits and ``.-_``: a folder is called
    by it; ``needs``, where facts of the world come from by name: a number, the name of an estimator, or ``law`` (the
    truth of the simulation: an oracle).
    """

    name: str
    datasets: tuple[DatasetEntry, ...]
    laws: tuple[LawEntry, ...]
    methods: tuple[MethodEntry, ...]
    seeds: tuple[int, ...] = (0,)
    draws: int = 1
    test: float = 0.1
    validation: float = 0.1
    train: Train = field(default_factory=Train)
    draw: Mapping[str, Range] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "matrix" if any(isinstance(v, list) for v in value) else "|".join(map(_short, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def presets() -> list[str]:
    """The names of the specs that are packaged."""
    folder = files("sfumato.bench").joinpath("presets")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read(source: str | Path, small: bool = False) -> Spec:
    """A spec from a file, or a packaged one by name.

    Args: source, a path that ends in .toml, or a name of ``presets()``; small, with the table [small] laid over the
    rest.
    """
    text = str(source)
    if text in presets():
        content = files("sfumato.bench").joinpath("presets", f"{text}.toml").read_text(encoding="utf-8")
    elif not text.endswith(".toml"):
        raise ParameterError(f"spec {text!r}", f"a .toml file, or one of {', '.join(presets())}")
    else:
        try:
            content = Path(source).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise FileError(
                f"no file {text}", "a .toml file that exists", "check the spelling and the folder"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"{text} cannot be read: {error}", "a TOML file in UTF-8") from None
    try:
        values = tomllib.loads(content)
    except (ValueError, RecursionError) as error:  # also what Python itself refuses: numbers too long, nested too deep
        raise FileError(f"{text} is not TOML: {error}", "a TOML file") from None
    return parse(values, small, base=Path(source).parent if text.endswith(".toml") else None)


def parse(values: Mapping[str, Any], small: bool = False, base: Path | None = None) -> Spec:
    """A spec from the values of a TOML file; relative paths of tables start at ``base``. The table [small] is checked
    whether it is asked for or not.
    """
    whole = Fields(values, "the spec").left
    over = whole.pop("small", None)
    if over is None:
        if small:
            raise ParameterError("the small scale of a spec that has none", "a table [small]", "leave --small out")
        return _grid(whole, base)
    reduced = _grid(_laid_over(whole, Fields(over, "small").left), base)
    return reduced if small else _grid(whole, base)


def _grid(values: Mapping[str, Any], base: Path | None) -> Spec:
    f = Fields(values, "the spec")
    spec = Spec(
        name=f.take(
            "name", _names, "a text of letters, digits and . - _, not of points alone: a folder is called by it"
        ),
        datasets=tuple(_dataset(v, base) for v in _entries(f, "datasets")),
        laws=tuple(_law(v) for v in _entries(f, "laws")),
        methods=tuple(_method(v) for v in _entries(f, "methods")),
        seeds=_seeds(f.take("seeds", lambda v: is_whole(v) or isinstance(v, list), "a number or a list of seeds", 1)),
        draws=f.whole("draws", 1, 1, RUNS),
        test=f.number("test", 0.01, 0.9, 0.1),
        validation=f.number("validation", 0.01, 0.9, 0.1),
        train=_train(f.take("train", lambda v: True, "a table", {})),
        draw=settings(f.take("draw", lambda v: True, "a table", {})),
        needs=_needs(f.take("needs", lambda v: True, "a table", {})),
    )
    f.done()
    listed: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("data set", spec.datasets),
        ("law", spec.laws),
        ("method", spec.methods),
    )
    for what, entries in listed:
        twice = [e for e in entries if entries.count(e) > 1]
        if twice:
            raise ParameterError(f"the {what} {getattr(twice[0], 'label', twice[0].name)!r} twice", "each once")
    return spec


def _laid_over(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(values)
    for key, value in over.items():
        out[key] = _laid_over(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


def _entries(f: Fields, key: str) -> list[Any]:
    wants = 'a list of names or tables, such as ["a", { name = "b" }], not empty'
    fits = lambda v: isinstance(v, list) and len(v) > 0 and all(isinstance(e, str | dict) for e in v)  # noqa: E731
    entries: list[Any] = f.take(key, fits, wants)
    return entries


def _names(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w.-]{1,100}", value) is not None and value.strip(".") != ""


def _seeds(value: Any) -> tuple[int, ...]:
    many = is_whole(value) and value > RUNS
    seeds = () if many else tuple(range(value)) if is_whole(value) else tuple(value)
    if not seeds or not all(is_whole(s) and 0 <= s < SEEDS for s in seeds) or len(set(seeds)) != len(seeds):
        wants = f"how many (1 to {RUNS}), or a list of distinct integers from 0 to {SEEDS - 1}"
        raise ParameterError(f"seeds = {shown(value)}", wants)
    return seeds


def _dataset(value: Any, base: Path | None) -> DatasetEntry:
    if isinstance(value, str):
        return DatasetEntry(value)
    f = Fields(value, "an entry of datasets")
    table = f.text("table", None)
    entry = DatasetEntry(
        name=f.text("name") if table is None else f.text("name", Path(table).name),
        table=None if table is None else str(table if base is None else base / table),
        truth=f.text("truth", None),
        labels=f.text("labels", None),
        positive=tuple(f.take("positive", _codes, "a list of class numbers >= 0, not empty", [])),
        rows=f.whole("rows", 10, None),
        drop=tuple(f.texts("drop", [])),
        missing=tuple(f.texts("missing", [])),
    )
    f.done()
    if entry.table is not None and entry.truth is None:
        raise ParameterError(f"the table {table} without a column of the truth", "truth = COLUMN: results are oracles")
    if entry.labels is not None and entry.truth in table_labels.parse(entry.labels).columns:
        raise ParameterError(
            f"{entry.name}: the truth {entry.truth!r} as a column of the labels {entry.labels}",
            "another column: the truth is read by oracles alone",
            "for the true labels leave labels out and add the law 'clean', or 'symmetric' for noise",
        )
    if entry.positive and entry.labels is not None:
        raise ParameterError(f"positive classes for labels {entry.labels}", "one of the two: labels keep their classes")
    if entry.table is None and (entry.truth or entry.labels or entry.drop or entry.missing):
        raise ParameterError(f"columns for {entry.name!r}", "table = FILE beside them: sets by name have no columns")
    return entry


def _codes(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(is_whole(v) and v >= 0 for v in value)


def _law(value: Any) -> LawEntry:
    if isinstance(value, str):
        return LawEntry(value)
    f = Fields(value, "an entry of laws")
    name = f.text("name")
    return LawEntry(name, dict(f.left))


def _method(value: Any) -> MethodEntry:
    if isinstance(value, str):
        return MethodEntry(value)
    f = Fields(value, "an entry of methods")
    entry = MethodEntry(
        name=f.text("name"),
        kinds=tuple(f.texts("kinds", [])),
        fields=f.take(
            "fields",
            lambda v: isinstance(v, dict) and is_plain(v),
            "a table of the method's fields: texts, finite numbers, true, false, lists",
            {},
        ),
        draw=ranges(f.take("draw", lambda v: True, "a table", {}), f"draw of {value.get('name')}"),
    )
    f.done()
    return entry


def _train(value: Any) -> Train:
    f, d = Fields(value, "train"), Train()
    widths = lambda v: isinstance(v, list) and len(v) > 0 and all(is_whole(e) and e >= 1 for e in v)  # noqa: E731
    out = Train(
        network=f.one_of("network", NETWORKS, d.network),
        hidden=tuple(f.take("hidden", widths, "a list of widths of at least 1", list(d.hidden))),
        dropout=float(f.number("dropout", *SETTINGS["dropout"], d.dropout)),
        epochs=f.whole("epochs", 1, d.epochs),
        batch_size=f.whole("batch_size", 1, d.batch_size),
        lr=float(f.number("lr", *SETTINGS["lr"], d.lr)),
        weight_decay=float(f.number("weight_decay", *SETTINGS["weight_decay"], d.weight_decay)),
        optimizer=f.one_of("optimizer", OPTIMIZERS, d.optimizer),
        schedule=f.one_of("schedule", SCHEDULES, None),
        average=f.number("average", 0, 0.999999, None),
        steps=f.whole("steps", 1, None),
        measures=f.whole("measures", 1, d.measures),
        stack=f.take("stack", lambda v: isinstance(v, bool), "true or false", d.stack),
    )
    f.done()
    if out.steps is not None and "epochs" in value:
        raise ParameterError("train: epochs and steps", "one of the two")
    if out.stack and (out.network != "linear" or out.optimizer != "adam" or out.average is not None):
        raise ParameterError(
            f"train: stack = true with network {out.network}, optimizer {out.optimizer}",
            "network = 'linear' and optimizer = 'adam', without average",
            "a stack trains linear heads by Adam",
        )
    return out


def _needs(value: Any) -> dict[str, Any]:
    f = Fields(value, "needs")
    for name, given in f.left.items():
        if name not in NEEDS:
            raise ParameterError(f"needs.{name}", f"one of {', '.join(NEEDS)}")
        wants, fits = "the name of an estimator, or 'law'", isinstance(given, str) and bool(given)
        if (interval := NUMBERS.get(name)) is not None:
            wants = f"a number in {interval}, {wants}"
            fits = fits or (is_number(given) and _within(given, interval))
        if not fits:
            raise ParameterError(f"needs.{name} = {shown(given)}", wants)
    return dict(f.left)


def _within(value: float, interval: str) -> bool:
    return 0 < value < 1 or (value == 0 and interval[0] == "[") or (value == 1 and interval[-1] == "]")
