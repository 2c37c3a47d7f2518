"""The parts of a store: parquet files of finished records, written once and never changed."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sfumato.core.errors import FileError
from sfumato.train.checkpoint import write_atomic

from .record import SCHEMA

_AGAIN = "restore it from a copy, or remove it and the index: what it held is then run again"
# Columns of a finished run that hold JSON, and what it is.
_JSON = {"criteria": dict, "history": list, "needs": dict, "judge": dict}


def write_part(folder: Path, texts: Sequence[str]) -> str:
    """A part of these records, as JSON texts; returns its name, the hash of what it holds."""
    table = pa.Table.from_pylist([json.loads(text) for text in texts], schema=SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    name = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] + ".parquet"
    write_atomic(folder / name, buffer.getvalue())
    return name


def read_part(path: Path) -> pa.Table:
    """The records of a part."""
    try:
        return pq.read_table(path, schema=SCHEMA, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        said = " ".join(str(error).split())[:200]
        raise FileError(f"{path} cannot be read: {said}", "a part that `sfumato bench run` wrote", _AGAIN) from None


def read_runs(path: Path, runs: Collection[str]) -> pa.Table:
    """The records of these runs in a part. Errors: one is missing, stands there twice, or is not what a run writes."""
    read = read_part(path)
    table = read.filter(pa.array([run in runs for run in read["run"].to_pylist()], pa.bool_()))
    if Counter(table["run"].to_pylist()) != Counter(runs):
        raise FileError(f"{path} holds {len(table)} of its {len(runs)} records", "all of them, each once", _AGAIN)
    for name, kind in _JSON.items():
        for text, status in zip(table[name].to_pylist(), table["status"].to_pylist(), strict=True):
            if status == "done" and not _is(text, kind):
                raise FileError(f"{path}: {name} = {str(text)[:80]!r}", "JSON as `sfumato bench run` writes it", _AGAIN)
    return table


def _is(text: str | None, kind: type) -> bool:
    try:
        return text is not None and isinstance(json.loads(text), kind)
    except ValueError:
        return False
