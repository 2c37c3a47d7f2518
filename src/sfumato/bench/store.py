"""Results of a grid: parquet parts that are only ever added to, beside a SQLite index of every run.

A run is claimed in one transaction and its record committed in another, by its owner alone: however often processes are
killed, on however many machines that share the folder, a run is recorded once. A fresh record lies in the index,
durable, until enough of them are moved to a part. Parts that the index does not name (a kill between the two steps)
are not read.

The folder needs working POSIX locks; the index uses no write-ahead log, so that a network folder may hold it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from sfumato.core.errors import FileError

from .index import prepare, transaction, version
from .owner import Owner, alive
from .parts import read_part, read_runs, write_part
from .plan import ABSENT, Planned
from .record import SCHEMA, failure, fitting

DEATHS = 6  # processes that may die in one run before it counts as failed
BATCH = 256  # records per part
_MINE = "id = ? AND owner = ? AND status = 'claimed'"


class Store:
    """The results in a folder.

    Args: path, the folder; create, make it where it is not there. A finished store is opened and read without writing.
    Errors: no store there, an index that is damaged.
    """

    def __init__(self, path: str | Path, create: bool = False) -> None:
        self.path = Path(path)
        self.index, self.parts, self.living = self.path / "index.sqlite", self.path / "parts", self.path / "alive"
        if self.path.exists() and not self.path.is_dir():
            raise FileError(f"{self.path} is a file", "a folder of results")
        if not self.index.is_file() and not any(self.parts.glob("*.parquet")) and not create:
            raise FileError(f"{self.path} holds no results", "a folder that `sfumato bench run` wrote")
        if create or not self._filled():
            self.parts.mkdir(parents=True, exist_ok=True)
            with self._write():
                pass  # which makes the tables

    def _filled(self) -> bool:
        """Whether there is an index, and not one that was begun and left."""
        if not self.index.is_file():
            return False
        with self._read() as c:
            return version(c) > 0

    def _read(self) -> AbstractContextManager[sqlite3.Connection]:
        return transaction(self.index, "BEGIN")

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with transaction(self.index, "BEGIN IMMEDIATE") as c:
            prepare(c, self._rebuild)
            yield c

    def _rebuild(self, c: sqlite3.Connection) -> None:
        """An index from parts alone; of a run that was tried again the last record counts."""
        put = "INSERT INTO runs (id, task, job, status, attempts, part) VALUES (?, ?, ?, ?, ?, ?)"
        later = "SET job = excluded.job, status = excluded.status, attempts = excluded.attempts, part = excluded.part"
        for part in sorted(self.parts.glob("*.parquet")):
            for row in read_part(part).select(["run", "job", "status", "attempts"]).to_pylist():
                c.execute(
                    f"{put} ON CONFLICT (id) DO UPDATE {later} WHERE excluded.attempts > attempts",
                    (row["run"], row["run"], row["job"], row["status"], row["attempts"] or 1, part.name),
                )

    # ------------------------------------------------------------------ a grid and its claims

    def add(self, runs: Sequence[Planned], retry: bool = False) -> str:
        """Add a grid; runs that are here already stay as they are, but for failed ones that are to be tried again.
        Returns the grid's name.
        """
        grid = hashlib.sha256("".join(r.id for r in runs).encode()).hexdigest()[:16]
        with self._write() as c:
            if retry:
                self._pack(c)  # a part keeps the failure
                back = "UPDATE runs SET status = 'todo', part = NULL WHERE id = ? AND status = 'failed'"
                c.executemany(back, [(run.id,) for run in runs])
            for place, run in enumerate(runs):
                status = "todo" if run.skip is None else "skipped"
                job = json.dumps(run.job, sort_keys=True)
                values = (run.id, run.task, job, status, run.skip)
                c.execute("INSERT OR IGNORE INTO runs (id, task, job, status, reason) VALUES (?, ?, ?, ?, ?)", values)
                # what was skipped for want of a package may run now, and a table may lie elsewhere
                again = "UPDATE runs SET status = ?, reason = ?, task = ?, job = ? WHERE id = ?"
                c.execute(f"{again} AND status IN ('skipped', 'todo')", (status, run.skip, run.task, job, run.id))
                named = "INSERT OR IGNORE INTO plan (grid, id, place, status) SELECT ?, id, ?, status FROM runs"
                c.execute(f"{named} WHERE id = ?", (grid, place, run.id))
            self._forget(c, runs)
        return grid

    def _forget(self, c: sqlite3.Connection, runs: Sequence[Planned]) -> None:
        """Drop what earlier grids skipped since a set was not there, which is there now: its runs have other names."""
        here = {r.job["dataset"]["name"] for r in runs if r.job["dataset"]["digest"] != ABSENT}
        rows = c.execute("SELECT id, job FROM runs WHERE status = 'skipped'").fetchall()
        for run, dataset in [(run, json.loads(job)["dataset"]) for run, job in rows]:
            if dataset["digest"] == ABSENT and dataset["name"] in here:
                c.execute("DELETE FROM plan WHERE id = ?", (run,))
                c.execute("DELETE FROM runs WHERE id = ?", (run,))

    def claim(self, grid: str, me: Owner) -> dict[str, dict[str, Any]]:
        """The next task of a grid: its runs by name, now this process's own; empty where nothing is left to take."""
        for last in (False, True):
            with self._write() as c:
                first = c.execute(
                    "SELECT r.task FROM plan p JOIN runs r ON r.id = p.id WHERE p.grid = ? AND p.status = 'todo' "
                    "ORDER BY p.place LIMIT 1",
                    (grid,),
                ).fetchone()
                if first is not None:
                    rows = c.execute(
                        # CROSS and +: first the runs of the task, then their places
                        "SELECT r.id, r.job FROM runs r CROSS JOIN plan p ON p.id = r.id AND p.grid = ? "
                        "WHERE r.task = ? AND +r.status = 'todo' ORDER BY p.place",
                        (grid, first[0]),
                    ).fetchall()
                    own = "UPDATE runs SET status = 'claimed', owner = ?, attempts = attempts + 1 WHERE id = ?"
                    c.executemany(own, [(me.name, run) for run, _ in rows])
                    return {run: json.loads(job) for run, job in rows}
            if not last and not self.free_dead(me):
                break
        return {}

    def free_dead(self, me: Owner) -> int:
        """Give back the claims of processes that died; a run that many died in is recorded as failed. Returns how
        many.
        """
        with self._write() as c:
            owners = [
                o for (o,) in c.execute("SELECT DISTINCT owner FROM runs WHERE status = 'claimed'") if o != me.name
            ]
            freed = 0
            for owner in owners:
                if alive(self.living, owner, me.path):
                    continue
                rows = c.execute(
                    "SELECT id, job, attempts FROM runs WHERE owner = ? AND status = 'claimed'", (owner,)
                ).fetchall()
                for run, job, attempts in rows:
                    freed += 1
                    if attempts < DEATHS:
                        c.execute("UPDATE runs SET status = 'todo', owner = NULL WHERE id = ?", (run,))
                        continue
                    why = f"{attempts} processes died in this run (out of memory looks the same)"
                    lost = json.dumps(fitting(failure(run, json.loads(job), why, attempts=attempts)))
                    c.execute("UPDATE runs SET status = 'failed', owner = NULL, record = ? WHERE id = ?", (lost, run))
                (self.living / owner).unlink(missing_ok=True)
        return freed

    def release(self, runs: Sequence[str], me: Owner) -> None:
        """Give claims back unharmed: this process stops before they are done."""
        back = f"UPDATE runs SET status = 'todo', owner = NULL, attempts = attempts - 1 WHERE {_MINE}"
        with self._write() as c:
            c.executemany(back, [(run, me.name) for run in runs])

    def commit(self, records: Sequence[dict[str, Any]], me: Owner) -> int:
        """Record finished runs; one whose claim was lost meanwhile is left to its new owner. Returns how many were
        kept.
        """
        kept = 0
        with self._write() as c:
            for row in records:
                (attempts,) = c.execute("SELECT attempts FROM runs WHERE id = ?", (row["run"],)).fetchone()
                fits = fitting({**row, "attempts": attempts})
                put = f"UPDATE runs SET status = ?, record = ?, owner = NULL WHERE {_MINE}"
                text = json.dumps(fits, allow_nan=False)
                kept += c.execute(put, (fits["status"], text, row["run"], me.name)).rowcount
            (loose,) = c.execute("SELECT count(*) FROM runs WHERE record IS NOT NULL").fetchone()
            if loose >= BATCH:
                self._pack(c)
        return kept

    def pack(self) -> None:
        """Move fresh records from the index to a part."""
        with self._write() as c:
            self._pack(c)

    def _pack(self, c: sqlite3.Connection) -> None:
        rows = c.execute("SELECT id, record FROM runs WHERE record IS NOT NULL ORDER BY id").fetchall()
        if not rows:
            return
        name = write_part(self.parts, [text for _, text in rows])
        c.executemany("UPDATE runs SET part = ?, record = NULL WHERE id = ?", [(name, run) for run, _ in rows])

    # ------------------------------------------------------------------ reading

    def counts(self, grid: str | None = None) -> dict[str, int]:
        """How many runs are todo, claimed, done, failed and skipped, of one grid or of all."""
        where, own = ("runs", ()) if grid is None else ("plan WHERE grid = ?", (grid,))
        with self._read() as c:
            rows = c.execute(f"SELECT status, count(*) FROM {where} GROUP BY status", own).fetchall()
        return dict.fromkeys(("todo", "claimed", "done", "failed", "skipped"), 0) | dict(rows)

    def skipped(self, grid: str | None = None) -> list[tuple[str, int]]:
        """Why runs were skipped, and how many, of one grid or of all."""
        part, own = ("", ()) if grid is None else ("AND id IN (SELECT id FROM plan WHERE grid = ?)", (grid,))
        with self._read() as c:
            return c.execute(
                f"SELECT reason, count(*) FROM runs WHERE status = 'skipped' {part} GROUP BY reason ORDER BY reason",
                own,
            ).fetchall()

    def table(self) -> pa.Table:
        """Every record, one row per run, in the order of their names."""
        with self._read() as c:
            packed = c.execute("SELECT part, id FROM runs WHERE part IS NOT NULL").fetchall()
            loose = [json.loads(text) for (text,) in c.execute("SELECT record FROM runs WHERE record IS NOT NULL")]
        own: dict[str, set[str]] = {}
        for part, run in packed:
            own.setdefault(part, set()).add(run)
        tables = [pa.Table.from_pylist(loose, schema=SCHEMA)]
        tables += [read_runs(self.parts / part, runs) for part, runs in own.items()]
        return pa.concat_tables(tables).sort_by("run")
