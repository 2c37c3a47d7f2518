"""The report of a store as markdown, one self-contained HTML page, and csv."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfumato import __version__
from sfumato.core.errors import FileError
from sfumato.parts.escape import shown
from sfumato.parts.page import figures, links, notes
from sfumato.parts.page import page as framed
from sfumato.parts.page import table as cells
from sfumato.train.checkpoint import write_atomic

from .content import Figure, Section, content
from .store import Store

# What the figures' colours are where no page tells: in files of their own.
_ALONE = "<style>svg{--ink:#23211d;--soft:#7a746a;--accent:#4a6fa5;--warn:#b5532f;font-family:sans-serif}</style>"


def report(store: Store, out: str | Path, title: str = "Benchmark") -> list[Path]:
    """Write report.md with its figures, report.html, results.csv (a row per run) and one csv per table; returns the
    files.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise FileError(f"{out} is a file", "a folder")
    table = store.table()
    sections = content(store, table)
    done: dict[Path, str] = {
        out / "report.html": page(title, sections),
        out / "report.md": markdown(title, sections),
        out / "results.csv": _csv(table.column_names, [tuple(r.values()) for r in table.to_pylist()]),
    }
    for section in sections:
        for each in section.tables:
            done[out / f"{_slug(section.title)}-{_slug(_short(each.title))}.csv"] = _csv(each.columns, each.rows)
        for figure in section.figures:
            done[out / "figures" / f"{figure.name}.svg"] = _alone(figure)
    for path, text in done.items():
        write_atomic(path, text.encode())
    return list(done)


def _short(title: str) -> str:
    """The words of a title before its first detail."""
    return title.partition(":")[0].partition(" over ")[0].partition(",")[0]


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in text.lower()).split())


def _alone(figure: Figure) -> str:
    head, end, rest = figure.svg.partition(">")
    return head + end + _ALONE + rest


def _csv(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 10
        else f"{value:.1f}"
        if isinstance(value, float)
        else str(value)
    )


def markdown(title: str, sections: Sequence[Section]) -> str:
    """The report as markdown; figures are files beside it."""
    lines = [f"# {_inert(title)}", ""]
    for section in sections:
        lines += [f"## {_inert(section.title)}", ""]
        lines += [line for note in section.notes for line in (_inert(note), "")]
        for table in section.tables:
            lines += [f"### {_inert(table.title)}", "", _row(table.columns), "|" + " --- |" * len(table.columns)]
            lines += [_row([_cell(v) for v in row]) for row in table.rows] + [""]
        for figure in section.figures:
            lines += [f"![{_inert(figure.caption)}](figures/{figure.name}.svg)", "", _inert(figure.caption), ""]
    return "\n".join(lines)


def _row(values: Sequence[Any]) -> str:
    return "| " + " | ".join(_inert(str(v)) for v in values) + " |"


def _inert(text: str) -> str:
    """Text that markdown shows as it is."""
    safe = shown(text, 500)
    return "".join(f"\\{c}" if c in "\\|`*_[]" else c for c in safe)


def page(title: str, sections: Sequence[Section]) -> str:
    """The report as one page: no script, nothing fetched, light and dark."""
    main = links((_slug(s.title), s.title) for s in sections) + "".join(_section(s) for s in sections)
    return framed("sfumato bench", title, main, f"Made by sfumato {shown(__version__)}. Every run: results.csv.")


def _section(section: Section) -> str:
    tables = "".join(
        f"<h3>{shown(t.title)}</h3>" + cells(t.columns, ([shown(_cell(v), 500) for v in row] for row in t.rows))
        for t in section.tables
    )
    drawn = figures((f.caption, f.svg) for f in section.figures)
    return (
        f'<section id="{_slug(section.title)}"><h2>{shown(section.title)}</h2>'
        f"{notes(section.notes)}{tables}{drawn}</section>"
    )
