"""What is kept of a run: one row of a table."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import pyarrow as pa

from . import provenance
from .spec import LawEntry

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()
SCHEMA = pa.schema(
    [
        ("run", _TEXT),
        ("dataset", _TEXT),
        ("law", _TEXT),
        ("kind", _TEXT),
        ("method", _TEXT),
        ("seed", _INT),
        ("draw", _INT),
        ("status", _TEXT),
        ("error", _TEXT),
        ("oracle_test_accuracy", _REAL),
        ("oracles", _TEXT),
        ("criteria", _TEXT),
        ("history", _TEXT),
        ("needs", _TEXT),
        ("judge", _TEXT),
        ("n_train", _INT),
        ("n_validation", _INT),
        ("n_test", _INT),
        ("k", _INT),
        ("stacked", _INT),
        ("job", _TEXT),
        ("cpu_seconds", _REAL),
        ("estimate_cpu_seconds", _REAL),
        ("wall_seconds", _REAL),
        ("peak_mb", _REAL),
        ("attempts", _INT),
        ("threads", _INT),
        ("version", _TEXT),
        ("git", _TEXT),
        ("machine", _TEXT),
        ("python", _TEXT),
        ("torch", _TEXT),
        ("finished", _TEXT),
    ]
)
# What may differ between two runs of the same thing; every other column is the same bits.
TIMINGS = (
    *("cpu_seconds", "estimate_cpu_seconds", "wall_seconds", "peak_mb", "attempts", "threads", "version", "git"),
    *("machine", "python", "torch", "finished"),
)


def record(run: str, job: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A row of SCHEMA: what determines the run, who ran it where, and ``values``."""
    row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    law = LawEntry(job["law"]["name"], job["law"]["params"])
    row |= {
        "run": run,
        "dataset": job["dataset"]["name"],
        "law": law.label,
        "kind": job["kind"],
        "method": job["label"],
    }
    row |= {"seed": job["seed"], "draw": job["draw"], "status": "done", "stacked": 1, "threads": 1}
    row |= {"job": json.dumps(job, sort_keys=True), **provenance.code(), **provenance.machine()}
    row["finished"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for name, value in values.items():
        row[name] = json.dumps(value, allow_nan=False) if isinstance(value, dict | list) else value
    return row


def failure(run: str, job: dict[str, Any], error: BaseException | str, **values: Any) -> dict[str, Any]:
    """A row for a run that ended in an error."""
    said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return record(run, job, status="failed", error=" ".join(said.split())[:2000], **values)


def fitting(row: dict[str, Any]) -> dict[str, Any]:
    """A row that SCHEMA holds: this one, or the failure that it is where a value fits no column."""
    wrong = [name for name in SCHEMA.names if not _fits(row[name], SCHEMA.field(name).type)]
    if not wrong:
        return row
    said = f"no record can hold its {wrong[0]} = {row[wrong[0]]!r}; wanted a finite {SCHEMA.field(wrong[0]).type}."
    lost = failure(row["run"], json.loads(row["job"]), said, attempts=row["attempts"])
    return {name: lost[name] if _fits(lost[name], SCHEMA.field(name).type) else None for name in SCHEMA.names}


def _fits(value: Any, kind: pa.DataType) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    try:
        pa.array([value], kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return False
    return True


def finite(value: float) -> float | None:
    """A number that JSON has, or None."""
    return float(value) if math.isfinite(value) else None
