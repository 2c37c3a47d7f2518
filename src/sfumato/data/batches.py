"""Columns of parquet files, some lines at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sfumato.core.errors import FileError, LabelError, TableError
from sfumato.data.columns import quoted


def walk(files: Sequence[Path], columns: Sequence[str], batch: int) -> Iterator[list[pa.Array]]:
    """The columns of each batch, none with an empty cell; what cannot be read is one clear error."""
    from pyarrow import parquet

    for path in files:
        if not path.is_file():
            raise FileError(f"no file {path}", "a parquet file that exists", "check the spelling and the folder")
        try:
            with parquet.ParquetFile(path) as file:
                for name in columns:
                    if name not in file.schema_arrow.names:
                        raise TableError(
                            f"{path.name} has no column {name!r}", f"one of {quoted(file.schema_arrow.names)}"
                        )
                for part in file.iter_batches(batch, columns=list(dict.fromkeys(columns))):
                    if part.num_rows:
                        yield [plain(path, name, part.column(name)) for name in columns]
        except (OSError, pa.ArrowException) as error:
            if isinstance(error, FileError):
                raise
            said = " ".join(str(error).split())[:200]
            raise TableError(f"{path} cannot be read: {said}", "a whole parquet file") from None


def plain(path: Path, name: str, column: pa.Array) -> pa.Array:
    """A column without a dictionary and without an empty cell."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    blank = column.null_count
    if pa.types.is_floating(column.type):
        blank += pc.sum(pc.is_nan(column)).as_py() or 0
    if blank:
        raise LabelError(f"{path.name}: {blank} empty cells in column {name!r}", "an entry on every line")
    return column
