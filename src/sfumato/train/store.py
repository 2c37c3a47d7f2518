"""Files of rows that stay on disk: .npy and .parquet."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.core.errors import FileError, ParameterError, TableError

from .blocks import Store as Store
from .blocks import moments as moments
from .blocks import whole
from .checkpoint import sampled


class NpyStore(Store):
    """A .npy file of (n, ...) numbers, memory-mapped.

    Args: path; rows, the length of a block; window, blocks in memory.
    """

    def __init__(self, path: str | Path, rows: int = 4096, window: int = 16) -> None:
        self.path = Path(path).absolute()
        self._open()
        n = len(self.array)
        step = whole("rows", rows, "the length of a block")
        super().__init__(torch.tensor([*range(0, n, step), n]), self.array.shape[1:], window)

    def _open(self) -> None:
        try:
            self.array: Any = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise FileError(f"no file {self.path}", "a .npy file") from None
        except (ValueError, OSError, EOFError) as error:
            raise FileError(f"{self.path} cannot be read: {error}", "a whole .npy file of numbers") from None
        if not isinstance(self.array, np.ndarray):
            raise FileError(f"{self.path} holds several arrays", "a .npy file")
        kind, shape = self.array.dtype, self.array.shape
        if self.array.ndim < 2 or kind.kind not in "fiub" or 0 in shape:
            raise TableError(f"{self.path} holds {kind} of shape {shape}", "(n, ...) real numbers, at least one a row")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "array"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()
        _same(self.path, self.array.shape, self.shape)

    def read(self, block: int) -> NDArray[Any]:
        first, last = int(self.starts[block]), int(self.starts[block + 1])
        if not self.array.flags.c_contiguous:
            return np.array(self.array[first:last])
        # one long read: through the map every page would be a fault of its own, and count as this process's memory
        size = math.prod(self.row_shape)
        at = self.array.offset + first * size * self.array.dtype.itemsize
        flat: NDArray[Any] = np.fromfile(self.path, self.array.dtype, (last - first) * size, offset=at)
        if len(flat) != (last - first) * size:
            raise FileError(f"{self.path} ends before row {last}", "the file as it was opened")
        return flat.reshape(last - first, *self.row_shape)

    def fingerprint(self) -> str:
        return f"{self.array.shape} {self.array.dtype} {sampled(self.path, len(self.starts) - 1)}"


class ParquetStore(Store):
    """Numeric columns of a parquet file, a block per row group.

    A row group is read whole: a file of one group needs the memory of all its rows. Write more of them
    (``row_group_size=4096`` or so).

    Args: path; columns, their names (None: all); window, row groups in memory.
    """

    def __init__(self, path: str | Path, columns: Iterable[str] | None = None, window: int = 16) -> None:
        import pyarrow as pa

        self.path = Path(path).absolute()
        self._open()
        schema = self.file.schema_arrow
        if isinstance(columns, str) or not isinstance(columns, Iterable | None):
            raise ParameterError(f"columns = {columns!r}", "a list of column names, or None for all")
        self.columns = list(schema.names) if columns is None else list(columns)
        if not self.columns:
            raise TableError(f"no column of {self.path}", "at least one")
        for name in self.columns:
            if name not in schema.names:
                raise TableError(f"no column {name!r}", "one of " + ", ".join(map(repr, schema.names)))
            kind = schema.field(name).type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
                raise TableError(f"column {name!r} of type {kind}", "numbers", "leave it out by columns=[...]")
        sizes = [self.file.metadata.row_group(g).num_rows for g in range(self.file.num_row_groups)]
        if not sum(sizes):
            raise TableError(f"{path} has no rows", "at least one")
        self.groups = [g for g, size in enumerate(sizes) if size]  # writers may leave empty ones
        starts = torch.tensor([0, *(sizes[g] for g in self.groups)]).cumsum(0)
        super().__init__(starts, (len(self.columns),), window)

    def _open(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self.file = pq.ParquetFile(self.path)
        except FileNotFoundError:
            raise FileError(f"no file {self.path}", "a .parquet file") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise FileError(f"{self.path} cannot be read: {error}", "a whole .parquet file") from None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "file"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()
        _same(self.path, (self.file.metadata.num_rows, len(self.columns)), self.shape)

    def read(self, block: int) -> NDArray[Any]:
        table = self.file.read_row_group(self.groups[block], columns=self.columns)
        out = np.empty((table.num_rows, len(self.columns)), np.float32)
        for j, name in enumerate(self.columns):
            if table[name].null_count:
                raise TableError(f"column {name!r} has missing entries", "numbers on every row", "impute them first")
            out[:, j] = table[name].to_numpy()
        return out

    def fingerprint(self) -> str:
        return f"{self.shape} {self.columns} {sampled(self.path, len(self.groups))}"


def _same(path: Path, now: tuple[int, ...], then: tuple[int, ...]) -> None:
    """Refuse a file that has changed since the store that was copied or pickled was opened."""
    if now != then:
        raise FileError(f"{path} holds rows of shape {now}, not {then}", "the file as it was opened")


SETTINGS = {".npy": ("rows", "window"), ".parquet": ("columns", "window")}


def open_rows(path: str | Path, **settings: Any) -> Store:
    """A store for a .npy (settings: rows, window) or a .parquet file (columns, window)."""
    suffix = Path(path).suffix
    if suffix not in SETTINGS:
        raise FileError(f"{path} ends in {suffix!r}", "a .npy or .parquet file")
    for name in settings:
        if name not in SETTINGS[suffix]:
            raise ParameterError(f"{name} for a {suffix} file", "one of " + ", ".join(SETTINGS[suffix]))
    return NpyStore(path, **settings) if suffix == ".npy" else ParquetStore(path, **settings)
