"""The index of a store: a SQLite file with every run, and the grids that name them; its tables and transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sfumato.core.errors import FileError

VERSION = 2
_TABLES = (
    """CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, task TEXT NOT NULL, job TEXT NOT NULL, status TEXT NOT NULL, owner TEXT,
    attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, record TEXT, part TEXT)""",
    """CREATE TABLE IF NOT EXISTS plan (
    grid TEXT NOT NULL, id TEXT NOT NULL, place INTEGER NOT NULL, status TEXT, PRIMARY KEY (grid, id))""",
)
# The state of a run stands beside its place as well, so that the next one and all counts are read off an index.
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS by_status ON runs (status)",
    "CREATE INDEX IF NOT EXISTS by_task ON runs (task)",
    "CREATE INDEX IF NOT EXISTS fresh ON runs (id) WHERE record IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS by_place ON plan (grid, status, place)",
    "CREATE INDEX IF NOT EXISTS by_run ON plan (id)",
    """CREATE TRIGGER IF NOT EXISTS followed AFTER UPDATE OF status ON runs WHEN NEW.status <> OLD.status
    BEGIN UPDATE plan SET status = NEW.status WHERE id = NEW.id; END""",
)


@contextmanager
def transaction(index: Path, begin: str) -> Iterator[sqlite3.Connection]:
    """One transaction: ``BEGIN`` sees one state of the index and writes nothing, as in a folder that is read only;
    ``BEGIN IMMEDIATE`` writes, and no other process writes meanwhile.
    """
    try:
        connection = sqlite3.connect(index, timeout=120, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # rolls back what was not committed
    except sqlite3.Error as error:
        raise FileError(
            f"{index}: {error}",
            "an index that can be read and written",
            "where it is damaged, remove it: it is made anew from the parts",
        ) from None


def version(c: sqlite3.Connection) -> int:
    """Of the tables of an index; 0 where it has none."""
    found: int = c.execute("PRAGMA user_version").fetchone()[0]
    return found


def prepare(c: sqlite3.Connection, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Bring an index to this version; a new one is filled."""
    before = version(c)
    if before == VERSION:
        return
    for statement in _TABLES:
        c.execute(statement)
    if "status" not in {name for _, name, *_ in c.execute("PRAGMA table_info(plan)")}:
        c.execute("ALTER TABLE plan ADD COLUMN status TEXT")
        c.execute("UPDATE plan SET status = (SELECT status FROM runs WHERE runs.id = plan.id)")
    for statement in _INDEXES:
        c.execute(statement)
    if not before:
        fill(c)
    c.execute(f"PRAGMA user_version = {VERSION}")
