"""A csv of measurements: the rows of a unit are appended when it is finished, and what the file holds is not run again.

Lines end with a newline alone, whatever the system, and a row must have every field and no other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def append_rows(path: Path, fields: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Add the rows of a finished unit, below a header where the file is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        # in one write: a stop among the rows of a unit would leave a part, which ``finished`` takes for the whole
        file.write(_text(fields, rows, head=file.tell() == 0))


def write_rows(path: Path, fields: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Put the rows in the place of whatever the file held, all of them or none."""
    # not above: it comes with torch, which a script that only reads, or measures memory, should not pay for
    from sfumato.parts.files import write_atomic

    write_atomic(path, _text(fields, rows, head=True).encode())


def read_rows(path: Path) -> list[dict[str, str]]:
    """All rows of a file that must be there."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def finished(path: Path, *keys: str) -> set[tuple[str, ...]]:
    """The values of these fields that the file holds, in their order; none where there is no file."""
    return {tuple(row[key] for key in keys) for row in read_rows(path)} if path.exists() else set()


def _text(fields: Sequence[str], rows: Iterable[Mapping[str, Any]], head: bool) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    if head:
        writer.writeheader()
    for row in rows:
        if lost := [field for field in fields if field not in row]:
            raise ValueError(f"a row lacks {', '.join(lost)}")  # the csv module would leave the cell empty
        writer.writerow(row)
    return out.getvalue()
