"""What a command says: tables on stdout, JSON where a machine reads, progress on stderr. Text from data never acts."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Interrupted(Exception):
    """Ctrl-C, with a line that says what was kept. Not a KeyboardInterrupt: the parser would swallow its line."""


def inert(text: Any) -> str:
    """Text for a terminal: control and format characters (escape sequences, overrides) appear as their code points."""
    return "".join(c if unicodedata.category(c)[0] != "C" else f"[U+{ord(c):04X}]" for c in str(text))


def one_line(text: str) -> str:
    """Text on one line, inert."""
    return inert(" ".join(text.split()))


def say(text: str) -> None:
    """One line on stdout."""
    print(one_line(text))


def as_json(value: Any) -> None:
    """A value as JSON on stdout; a number that is not finite is an error, not a word that JSON lacks."""
    print(json.dumps(value, indent=1, allow_nan=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """A table on stdout, as wide as its content; numbers stand right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Table(title=None if title is None else Text(inert(title)), title_justify="left", box=SIMPLE_HEAD)
    for j, name in enumerate(columns):
        right = bool(rows) and all(isinstance(row[j], int | float) for row in rows)
        out.add_column(Text(inert(name)), justify="right" if right else "left", overflow="fold")
    for row in rows:
        out.add_row(*(Text(f"{v:.4g}" if isinstance(v, float) else inert(v)) for v in row))
    # a file or a pipe has no width: wide enough for any content
    width = None if sys.stdout.isatty() else 1000
    Console(file=sys.stdout, highlight=False, width=width).print(out)


@contextmanager
def progress(text: str, total: int | None, unit: str) -> Iterator[Callable[[str | None, int], None]]:
    """A bar on stderr with rate and time left, where a person watches; its handle takes (new text or None, steps)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.3g} {unit}/s")

    watched = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=watched, disable=not watched.is_terminal, transient=True) as bar:
        task = bar.add_task(inert(text), total=total)

        def step(new: str | None, done: int) -> None:
            bar.update(task, advance=done, description=None if new is None else inert(new))

        yield step
