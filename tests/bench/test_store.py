"""A run is recorded once: claims, deaths, parts and the index."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfumato.bench import store as module
from sfumato.bench.owner import SILENT, Owner, alive
from sfumato.bench.plan import ABSENT, Planned, plan
from sfumato.bench.record import SCHEMA, record
from sfumato.bench.spec import Spec
from sfumato.bench.store import DEATHS, Store
from sfumato.core.errors import FileError


@pytest.fixture
def runs(tiny: Spec) -> list[Planned]:
    return plan(tiny)


BLANK: dict[str, Any] = {"needs": {}, "criteria": {}, "history": [], "judge": {"law": "x"}}


def finish(store: Store, grid: str, me: Owner, most: int = 10**9, **values: Any) -> int:
    """Claim and record runs without doing them."""
    count = 0
    while count < most and (claimed := store.claim(grid, me)):
        rows = [record(run, job, **{"oracle_test_accuracy": 0.5, **BLANK, **values}) for run, job in claimed.items()]
        count += store.commit(rows, me)
    return count


def test_every_run_is_claimed_once_by_many_at_a_time(tmp_path: Path, runs: list[Planned]) -> None:
    store = Store(tmp_path, create=True)
    grid = store.add(runs)
    took: list[int] = []

    def work() -> None:
        mine, me = Store(tmp_path), Owner(store.living)
        took.append(finish(mine, grid, me))
        me.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(took) == len(runs) == 24
    table = store.table()
    assert table["run"].to_pylist() == sorted(r.id for r in runs)
    assert set(table["attempts"].to_pylist()) == {1}


def test_a_grid_may_be_added_again_and_grow(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    first = store.add(runs[:10])
    assert finish(store, first, me) == 10
    assert store.add(runs[:10]) == first
    assert store.counts(first)["done"] == 10
    whole = store.add(runs)
    assert whole != first
    assert store.counts(whole) == {"todo": 14, "claimed": 0, "done": 10, "failed": 0, "skipped": 0}
    assert finish(store, whole, me) == 14
    me.close()


def test_tasks_are_claimed_whole(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add([Planned(r.id, "one" if i < 5 else r.id, r.job) for i, r in enumerate(runs)])
    assert set(store.claim(grid, me)) == {r.id for r in runs[:5]}
    assert set(store.claim(grid, me)) == {runs[5].id}
    me.close()


def test_claims_of_the_dead_are_given_back(tmp_path: Path, runs: list[Planned]) -> None:
    store = Store(tmp_path, create=True)
    grid = store.add(runs)
    lost, me = Owner(store.living), Owner(store.living)
    held = store.claim(grid, lost)
    assert store.free_dead(me) == 0
    lost._stop.set()
    lost._file.close()  # as the kernel does for a process that ends
    assert store.free_dead(me) == 1
    assert finish(store, grid, me) == len(runs)
    # the dead come back: what they hold is no longer theirs
    late = [record(run, job, needs={}, criteria={}, history=[], judge={}) for run, job in held.items()]
    assert store.commit(late, lost) == 0
    assert store.table().num_rows == len(runs)
    assert {r["run"]: r["attempts"] for r in store.table().to_pylist()}[next(iter(held))] == 2
    me.close()


def test_released_claims_do_not_count_as_deaths(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs)
    for _ in range(DEATHS + 2):
        store.release(list(store.claim(grid, me)), me)
    assert store.counts(grid)["todo"] == len(runs)
    assert finish(store, grid, me) == len(runs)
    assert set(store.table()["attempts"].to_pylist()) == {1}
    me.close()


def test_a_run_that_many_processes_die_in_fails(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs)
    for _ in range(DEATHS):
        victim = Owner(store.living)
        store.claim(grid, victim)
        victim._stop.set()
        victim._file.close()
        store.free_dead(me)
    assert store.counts(grid)["failed"] == 1
    row = store.table().to_pylist()[0]
    assert row["status"] == "failed"
    assert f"{DEATHS} processes died" in row["error"]
    me.close()


def test_a_process_elsewhere_lives_as_long_as_it_beats(tmp_path: Path) -> None:
    import os
    import time

    me = Owner(tmp_path)
    other = tmp_path / "another-host-1-abc"
    other.touch()
    assert alive(tmp_path, other.name, me.path)
    before = time.time() - SILENT - 10
    os.utime(other, (before, before))
    assert not alive(tmp_path, other.name, me.path)
    assert not alive(tmp_path, "another-host-2-def", me.path)
    assert alive(tmp_path, me.name, me.path)
    me.close()
    assert not alive(tmp_path, me.name, other)


def test_parts_hold_everything_and_rebuild_the_index(
    tmp_path: Path, runs: list[Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs)
    finish(store, grid, me)
    loose = store.table()
    store.pack()
    parts = sorted((tmp_path / "parts").glob("*.parquet"))
    assert len(parts) == 4
    assert sum(pq.read_metadata(p).num_rows for p in parts) == len(runs)
    assert store.table().equals(loose)
    assert store.table().schema.equals(SCHEMA)
    store.index.unlink()
    again = Store(tmp_path)
    assert again.table().equals(loose)
    assert again.counts()["done"] == len(runs)
    assert again.add(runs) == grid
    assert again.claim(grid, me) == {}
    me.close()


def test_a_part_that_the_index_does_not_name_is_not_read(tmp_path: Path, runs: list[Planned]) -> None:
    """Killed after a part was written and before the index said so: the rows come from the index, once."""
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs)
    finish(store, grid, me)
    whole = store.table()
    with sqlite3.connect(store.index) as c:
        texts = [json.loads(t) for (t,) in c.execute("SELECT record FROM runs WHERE record IS NOT NULL")]
    c.close()
    orphan = whole.slice(0, 5)
    pq.write_table(orphan, store.parts / "orphan.parquet")
    assert len(texts) == len(runs)
    assert store.table().equals(whole)
    store.pack()
    assert store.table().equals(whole)
    store.index.unlink()
    assert Store(tmp_path).table().equals(whole)
    me.close()


def test_doors(tmp_path: Path, runs: list[Planned]) -> None:
    with pytest.raises(FileError, match="holds no results"):
        Store(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(FileError, match="is a file"):
        Store(file, create=True)
    broken = tmp_path / "broken"
    Store(broken, create=True).add(runs)
    (broken / "index.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 50)
    with pytest.raises(FileError, match="where it is damaged, remove it|Where it is damaged, remove it"):
        Store(broken)
    damaged = tmp_path / "damaged"
    store, me = Store(damaged, create=True), Owner(damaged / "alive")
    finish(store, store.add(runs), me)
    store.pack()
    part = next((damaged / "parts").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(FileError, match="cannot be read"):
        store.table()
    me.close()


def test_a_part_that_lost_records_or_holds_no_json_is_named(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    finish(store, store.add(runs), me)
    me.close()
    store.pack()
    (part,) = store.parts.glob("*.parquet")
    whole = store.table()
    pq.write_table(whole.slice(0, 2), part)
    with pytest.raises(FileError, match=f"{part.name} holds 2 of its 24 records"):
        store.table()
    pq.write_table(pa.concat_tables([whole.slice(0, 23), whole.slice(0, 1)]), part)
    with pytest.raises(FileError, match="each once"):
        store.table()
    at = whole.column_names.index("criteria")
    for wrong in ("{", "[]", None):
        texts = pa.array([wrong, *whole["criteria"].to_pylist()[1:]], pa.string())
        pq.write_table(whole.set_column(at, "criteria", texts), part)
        with pytest.raises(FileError, match="criteria = "):
            store.table()


def test_what_no_column_holds_is_a_failure_and_harms_no_other_record(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    odd = Planned("odd", "odd", runs[0].job | {"seed": 2**63})
    grid = store.add([odd, *runs[:4]])
    assert finish(store, grid, me, most=1) == 1
    for wrong in ({"oracle_test_accuracy": float("nan")}, {"k": 2**63}, {"error": "\ud800"}, {"cpu_seconds": "x"}):
        ((run, job),) = store.claim(grid, me).items()
        assert store.commit([{**record(run, job, **BLANK), **wrong}], me) == 1
    store.pack()
    me.close()
    rows = {r["run"]: r for r in store.table().to_pylist()}
    assert {r["status"] for r in rows.values()} == {"failed"}
    assert rows["odd"]["seed"] is None
    assert "no record can hold its seed = 9223372036854775808" in rows["odd"]["error"]
    assert Store(tmp_path).counts()["failed"] == 5


def test_failed_runs_are_tried_again_when_asked_and_the_old_failure_is_kept(
    tmp_path: Path, runs: list[Planned]
) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs[:3])
    assert finish(store, grid, me, most=1) == 1
    assert finish(store, grid, me, status="failed", error="disk full") == 2
    assert store.add(runs[:3]) == grid
    assert store.counts(grid)["failed"] == 2
    assert store.add(runs[:3], retry=True) == grid
    assert store.counts(grid) == {"todo": 2, "claimed": 0, "done": 1, "failed": 0, "skipped": 0}
    assert store.table().num_rows == 1
    assert finish(store, grid, me) == 2
    store.pack()
    me.close()
    table = store.table()
    assert set(table["status"].to_pylist()) == {"done"}
    assert sorted(table["attempts"].to_pylist()) == [1, 2, 2]
    parts = [row for p in store.parts.glob("*.parquet") for row in pq.read_table(p).to_pylist()]
    assert [r["error"] for r in parts if r["status"] == "failed"] == ["disk full"] * 2
    store.index.unlink()
    assert Store(tmp_path).table().equals(table)  # the later of two records counts


def test_a_finished_store_is_read_without_writing(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs[:3])
    finish(store, grid, me)
    me.close()
    store.parts.rmdir()
    with sqlite3.connect(store.index) as writer:
        writer.execute("BEGIN IMMEDIATE")  # whoever asked for the write lock now would wait
        again = Store(tmp_path)
        assert again.counts()["done"] == again.counts(grid)["done"] == again.table().num_rows == 3
        assert again.skipped() == []
        writer.rollback()
    writer.close()
    assert not store.parts.exists()


def test_a_store_of_before_is_brought_up_to_date_once_it_is_written_to(tmp_path: Path, runs: list[Planned]) -> None:
    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs)
    finish(store, grid, me, most=3)
    c = sqlite3.connect(store.index)
    for statement in ("INDEX by_place", "INDEX by_run", "INDEX fresh", "TRIGGER followed"):
        c.execute(f"DROP {statement}")
    c.execute("ALTER TABLE plan DROP COLUMN status")
    c.execute("PRAGMA user_version = 1")
    c.close()
    old = Store(tmp_path)
    assert old.counts()["done"] == old.table().num_rows == 3
    assert old.add(runs) == grid
    assert old.counts(grid) == {"todo": 21, "claimed": 0, "done": 3, "failed": 0, "skipped": 0}
    assert finish(old, grid, me) == 21
    me.close()


def test_neither_a_claim_nor_a_record_nor_the_counts_look_at_every_run(
    tmp_path: Path, runs: list[Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def connect(*given: Any, **named: Any) -> sqlite3.Connection:
        c = real(*given, **named)
        c.set_trace_callback(asked.append)
        return c

    store, me = Store(tmp_path, create=True), Owner(tmp_path / "alive")
    grid = store.add(runs)
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    store.release(list(store.claim(grid, me)), me)
    finish(store, grid, me, most=1)
    store.counts(grid)
    monkeypatch.undo()
    me.close()
    steps = {q for q in asked if q.startswith(("SELECT", "UPDATE"))}
    assert len(steps) >= 8
    with sqlite3.connect(store.index) as c:
        said = {row[3] for q in steps for row in c.execute(f"EXPLAIN QUERY PLAN {q}")}
    c.close()
    assert [line for line in said if line.startswith("SCAN")] == ["SCAN runs USING INDEX fresh"]  # what is in no part
    assert not [line for line in said if line.endswith("(grid=?)") and "COVERING" not in line]


def test_what_was_skipped_is_forgotten_once_its_set_is_here(tmp_path: Path, runs: list[Planned]) -> None:
    def of(run: Planned, name: str, digest: str, skip: str | None) -> Planned:
        job = run.job | {"dataset": run.job["dataset"] | {"name": name, "digest": digest}}
        return Planned(run.id, run.task, job, skip)

    store = Store(tmp_path, create=True)
    first = store.add([of(runs[0], "lost", ABSENT, "lost: no file"), of(runs[1], "bird", ABSENT, "bird: no file")])
    assert store.skipped(first) == [("bird: no file", 1), ("lost: no file", 1)]
    second = store.add([of(runs[2], "lost", "0", None)])
    assert store.skipped(second) == []
    assert store.skipped() == [("bird: no file", 1)]  # of a grid that may go on
    assert store.counts()["skipped"] == store.counts(first)["skipped"] == 1
