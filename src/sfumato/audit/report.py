"""The result of an audit: findings as a table, numbers as a dict, a page for people."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.audit.detect import DETECTORS
from sfumato.audit.items import Items
from sfumato.audit.page import page
from sfumato.audit.section import Ints, Section
from sfumato.audit.write import atomically, write

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "sfumato.audit/1"


@dataclass(frozen=True)
class Report:
    """What an audit found.

    ``summary`` holds every number, ready for JSON. ``sections`` are the parts in the page's order; ``rows`` maps
    observations to the user's row numbers.
    """

    title: str
    verdict: tuple[str, ...]
    summary: dict[str, Any]
    sections: tuple[Section, ...]
    rows: Ints
    items: Items | None

    @property
    def issues(self) -> pa.Table:
        """The findings as a ``pyarrow.Table`` (``.to_pandas()`` makes a data frame), most urgent first within each
        kind.

        Columns: ``row`` int64, the user's row number; ``issue`` "label", "near-duplicate", "outlier", "outvoted" or
        "mask";
        ``score`` float64, higher = look here first, comparable within one kind only; ``given`` and ``suggested`` class
        names; ``probability`` of the suggested class; ``given_probability`` of the given one; ``other_row`` int64, the
        row that a near-duplicate repeats; ``found_by_confident_learning`` and ``found_by_simifeat`` bool, whether that
        detector alone would have marked the label. What does not apply is null.
        """
        import pyarrow as pa

        kinds = [
            ("row", pa.int64()),
            ("issue", pa.string()),
            ("score", pa.float64()),
            ("given", pa.string()),
            ("suggested", pa.string()),
            ("probability", pa.float64()),
            ("given_probability", pa.float64()),
            ("other_row", pa.int64()),
            *((_column(name), pa.bool_()) for name in DETECTORS),
        ]
        schema = pa.schema(kinds)
        tables = []
        for section in self.sections:
            found = section.issues
            if found is None:
                continue
            n = len(found.row)
            columns: dict[str, Any] = {
                "row": self.rows[found.row],
                "issue": [found.issue] * n,
                "score": found.score,
                "given": _text(found.given),
                "suggested": _text(found.suggested),
                "probability": found.probability,
                "given_probability": found.given_probability,
                "other_row": None if found.other_row is None else self.rows[found.other_row],
                **{_column(name): (found.found or {}).get(name) for name in DETECTORS},
            }
            tables.append(
                pa.table(
                    {
                        f.name: pa.nulls(n, f.type) if (c := columns[f.name]) is None else pa.array(c, f.type)
                        for f in schema
                    }
                )
            )
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the page: one file that needs nothing else and works offline."""
        text = page(self.title, self.verdict, self.summary, self.sections, self.rows, self.items)
        return write(path, text.encode())

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write ``{"summary": ..., "issues": [...]}``; what is missing is null."""
        whole = {"summary": self.summary, "issues": self.issues.to_pylist()}
        return write(path, _json(whole))

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write the table of issues."""
        import pyarrow.parquet as pq

        return atomically(path, lambda file: pq.write_table(self.issues, file))

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``report.html``, ``issues.parquet`` and ``summary.json`` to a folder, each of them whole or not at
        all."""
        where = Path(folder)
        self.to_parquet(where / "issues.parquet")
        write(where / "summary.json", _json(self.summary))
        self.to_html(where / "report.html")
        return where


def _column(detector: str) -> str:
    return "found_by_" + detector.replace("-", "_")


def _text(names: list[str] | None) -> list[str | None] | None:
    # Lone surrogates cannot be written as UTF-8; everything else stays as it is. An empty name stands for no label.
    return None if names is None else [n.encode("utf-8", "backslashreplace").decode() or None for n in names]


def _json(value: Any) -> bytes:
    return json.dumps(plain(value), indent=1, allow_nan=False, ensure_ascii=True).encode()


def module_line(section: Section) -> dict[str, Any]:
    """One module's line of the label, for JSON."""
    what, value = section.headline or (None, None)
    return {
        "name": section.name,
        "title": section.title,
        "light": section.word,
        "verdict": section.verdict,
        "number": value,
        "what": what,
        "measures": [asdict(m) for m in section.measures],
    }


def plain(value: Any) -> Any:
    """Python's own types, with null for what is not finite."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
