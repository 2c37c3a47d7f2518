"""Row numbers for items that are named, in tables that do not fit into memory. Needs DuckDB (``sfumato[duckdb]``)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfumato.core.errors import FileError, LabelError, ParameterError, TableError

VOTES, NAMES = "votes.parquet", "items.parquet"


def number_items(
    path: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    item: str = "item",
    source: str = "source",
    label: str = "label",
    memory: str = "1GB",
) -> Path:
    """Write the votes of parquet files anew with items numbered from 0 in the order of their names.

    Two files come to stand in ``out``: ``votes.parquet`` (item, source, label), which ``read_votes`` reads, and
    ``items.parquet`` (item, name), the name of each number. DuckDB spills to disk what ``memory`` does not hold.

    Args: path, one file or several; out, a folder; item, source, label: the columns, items of any type that has an
    order; memory, that DuckDB may hold, such as "500MB". Returns the path of the votes. Errors: DuckDB is not
    installed, no such file or column, an item without a name.
    """
    try:
        import duckdb
    except ImportError:
        raise ParameterError("number_items without DuckDB", "the extra", "pip install 'sfumato[duckdb]'") from None
    files = [str(p) for p in ([path] if isinstance(path, str | Path) else path)]
    for file in files:
        if not Path(file).is_file():
            raise FileError(f"no file {file}", "a parquet file that exists", "check the spelling and the folder")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as spill:
        db: Any = duckdb.connect(config={"temp_directory": spill, "preserve_insertion_order": "false"})
        try:
            db.execute("SET memory_limit = ?", [memory])
        except duckdb.Error as error:
            raise ParameterError(f"memory={memory!r}: {_said(error)}", "such as '500MB'") from None
        try:
            told = ", ".join(f"{_name(column)} AS c{i}" for i, column in enumerate((item, source, label)))
            votes = f"(SELECT {told} FROM read_parquet([{', '.join(map(_text, files))}]))"
            blank = db.execute(f"SELECT count(*) FROM {votes} WHERE c0 IS NULL").fetchone()[0]
            if blank:
                raise LabelError(f"{blank} empty cells in column {item!r}", "an entry on every line")
            db.execute(
                f"CREATE TABLE names AS SELECT (row_number() OVER (ORDER BY c0) - 1)::BIGINT AS item, c0 AS name "
                f"FROM (SELECT DISTINCT c0 FROM {votes})"
            )
            numbered = f"SELECT item, c1 AS source, c2 AS label FROM {votes} JOIN names ON c0 = name"
            for query, name in ((numbered, VOTES), ("SELECT * FROM names ORDER BY item", NAMES)):
                db.execute(f"COPY ({query}) TO {_text(str(Path(spill) / name))} (FORMAT parquet)")
        except duckdb.Error as error:
            raise TableError(f"{files[0]}: {_said(error)}", "whole parquet files with these columns") from None
        finally:
            db.close()
        for name in (NAMES, VOTES):  # the votes last: where they stand, their names do
            os.replace(Path(spill) / name, folder / name)
    return folder / VOTES


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
