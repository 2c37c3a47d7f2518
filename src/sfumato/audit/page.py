"""The report as one HTML file: a label on top to be read in two minutes, a search below, nothing fetched."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np

from sfumato.audit.items import Items
from sfumato.audit.search import searchable
from sfumato.audit.section import Bools, Ints, Light, Section
from sfumato.parts import page as frame
from sfumato.parts.escape import shown
from sfumato.parts.svg import number

FIRST = 12  # findings of one kind that the page shows at once; its search holds more, the table of issues all
# How a column's cells are set; all others hold a number.
_CELL = {"item": "item", "given": "t", "suggested": "t", "found by": "t"}
_SEARCH = """<section id="search" hidden><h2>Search all findings</h2>
<div class="find"><input type="search" id="words" placeholder="row number, class or text" aria-label="search">
<select id="kind" aria-label="kind"><option value="">every kind</option></select>
<select id="given" aria-label="given label"><option value="">any given label</option></select>
<select id="suggested" aria-label="suggested label"><option value="">any suggestion</option></select>
<button id="back" type="button">back</button><button id="on" type="button">on</button></div>
<p class="count" id="count"></p>%s
<div class="scroll"><table class="issues"><thead><tr><th>row</th><th>kind</th><th>item</th><th>given</th>
<th>suggested</th><th>P(suggested)</th><th>P(given)</th><th>score</th><th>repeats row</th></tr></thead>
<tbody id="found"></tbody></table></div></section>"""


def page(
    title: str,
    verdict: tuple[str, ...],
    summary: dict[str, Any],
    sections: tuple[Section, ...],
    rows: Ints,
    items: Items | None,
) -> str:
    """The whole page. Every text that may come from data is escaped where it is put in."""
    about = (
        f'<p class="about">{number(summary["rows"])} rows, {number(summary["columns"])} columns, '
        f"{number(summary['class_count'])} classes, {shown(summary['kind'])} labels, seed {shown(summary['seed'])}</p>"
    )
    lines = [
        [light(s.word), f'<a href="#{s.name}">{shown(s.title)}</a>', _number(s), shown(s.verdict, 400)]
        for s in sections
    ]
    label = frame.table(("", "module", "number", "in words"), lines, name="label")
    held = searchable(sections, rows, items)
    find = ""
    if held is not None:
        left = held["left_out"]
        note = f'<p class="note">{number(left)} less urgent findings are in issues.parquet alone.</p>' if left else ""
        find = _SEARCH % note + "<noscript><p>The search needs JavaScript; issues.parquet holds all.</p></noscript>"
    main = (
        f'<section class="verdict"><p class="lead">{shown(verdict[0], 500)}</p>{label}</section>'
        + "".join(_section(s, rows, items) for s in sections)
        + find
    )
    foot = (
        f"Made by sfumato {shown(summary['version'])}. Row numbers count from 0 and are those of the data as given. "
        "All findings: issues.parquet; all numbers: summary.json."
    )
    script = files("sfumato.audit").joinpath("page.js").read_text(encoding="utf-8") if held is not None else ""
    return frame.page("sfumato audit", title, main, foot, about=about, script=script, held=held)


def light(word: Light) -> str:
    """The traffic light, as a word and a colour."""
    return f'<span class="light {word}">{word}</span>'


def _number(section: Section) -> str:
    if section.headline is None:
        return ""
    what, value = section.headline
    return f'<b>{shown(value, 60)}</b><span class="what">{shown(what, 60)}</span>'


def _section(section: Section, rows: Ints, items: Items | None) -> str:
    facts = "".join(f"<tr><th>{shown(a)}</th><td>{shown(b, 500)}</td></tr>" for a, b in section.facts)
    return (
        f'<section id="{section.name}"><h2>{shown(section.title)}{light(section.word)}</h2>'
        f'<p class="{"say warn" if section.word == "act" else "say"}">{shown(section.verdict, 1000)}</p>'
        + (f'<table class="facts">{facts}</table>' if facts else "")
        + frame.figures(section.figures)
        + _table(section, rows, items)
        + frame.notes(section.notes)
        + "</section>"
    )


def _table(section: Section, rows: Ints, items: Items | None) -> str:
    found = section.issues
    if found is None or len(found.row) == 0:
        return ""
    n = min(FIRST, len(found.row))
    columns: list[tuple[str, list[str]]] = [("row", [str(r) for r in rows[found.row[:n]]])]
    if items is not None:
        columns.append(("item", [items.show(int(rows[r])) for r in found.row[:n]]))
    for name, texts in (("given", found.given), ("suggested", found.suggested)):
        if texts is not None:
            columns.append((name, [shown(t, 80) for t in texts[:n]]))
    for name, values in (
        ("P(suggested)", found.probability),
        ("P(given)", found.given_probability),
        ("score", found.score),
    ):
        if values is not None:
            columns.append(
                (name, [_meter(v) if name != "score" else number(v) for v in np.asarray(values[:n], np.float64)])
            )
    if found.found is not None and len(found.found) > 1:
        columns.append(("found by", [_found_by(found.found, i) for i in range(n)]))
    if found.other_row is not None:
        columns.append(("repeats row", [str(r) for r in rows[found.other_row[:n]]]))
    names = [name for name, _ in columns]
    lines = zip(*(cells for _, cells in columns), strict=True)
    total = len(found.row)
    count = f"All {number(total)} rows" if n == total else f"The first {number(n)} of {number(total)} rows"
    more = "" if n == total else "; the search below finds the others"
    table = frame.table(names, lines, [_CELL.get(name, "n") for name in names], "issues")
    return f'<p class="count">{count}, most urgent first{more}.</p>{table}'


def _found_by(found: dict[str, Bools], place: int) -> str:
    names = [name for name, by in found.items() if by[place]]
    return "both" if len(names) == 2 else shown(", ".join(names) or "together")


def _meter(share: float) -> str:
    return f'<span class="meter"><i style="width:{100 * min(max(share, 0), 1):.0f}%"></i></span>{share:.2f}'
