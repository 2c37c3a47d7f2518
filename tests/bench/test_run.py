"""The executor: killed at random and resumed, a grid ends as if nobody had touched it."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sfumato.bench import worker
from sfumato.bench.record import TIMINGS
from sfumato.bench.run import run
from sfumato.bench.spec import Spec, parse
from sfumato.bench.store import Store
from sfumato.core.errors import ParameterError
from sfumato.train.executor import Ray


def results(path: Path) -> pa.Table:
    """Every record without what may differ between two runs of the same thing."""
    return Store(path).table().drop_columns(list(TIMINGS))


def finished(path: Path) -> int:
    counts = Store(path, create=True).counts()
    return counts["done"] + counts["failed"]


def _run_and_die(spec: Spec, path: Path, runs: int, seconds: float) -> None:
    """Work on the grid and be killed inside the given run: after so many seconds, or before its record is written."""
    started = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def perform(run: str, job: dict[str, Any]) -> dict[str, Any]:
        nonlocal started
        started += 1
        if started < runs:
            return real(run, job)
        threading.Timer(seconds, die).start()
        real(run, job)
        die()
        raise AssertionError("a killed process works on")

    real, worker.perform = worker.perform, perform  # this process is thrown away
    run(spec, path)


@pytest.mark.parametrize(("seed", "kills"), [(0, 2), pytest.param(1, 5, marks=pytest.mark.slow)])
def test_killed_and_resumed_equals_undisturbed(tiny: Spec, done: Path, tmp_path: Path, seed: int, kills: int) -> None:
    """SIGKILL at random moments of random runs: nothing lost, nothing done twice, every row the same bits."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sfumato.bench.worker"])
    dice, before = random.Random(seed), 0
    for _ in range(kills):
        runs = dice.randint(1, 4)
        process = context.Process(target=_run_and_die, args=(tiny, tmp_path, runs, dice.random() * 0.05))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert finished(tmp_path) == before + runs - 1
        before = finished(tmp_path)
    counts = run(tiny, tmp_path)
    assert counts == {"todo": 0, "claimed": 0, "done": 24, "failed": 0, "skipped": 0}
    assert results(tmp_path).equals(results(done))
    # a kill costs the one run that was under way
    attempts = Store(tmp_path).table()["attempts"].to_pylist()
    assert sum(attempts) - len(attempts) == kills


def test_a_finished_grid_is_not_run_again(tiny: Spec, done: Path) -> None:
    before = Store(done).table()
    assert run(tiny, done)["done"] == 24
    assert Store(done).table().equals(before)


# Workers import this file as their main module. In the first run they hang once six runs are done, however fast the
# machine is: the killed parent always leaves work behind, and only their own look at the parent ends them.
_SCRIPT = """
import os, signal, time
from sfumato.bench import parse, run, worker
from sfumato.bench.store import Store
from tests.bench.conftest import SMALL

real = worker.perform

def perform(name, job):
    while "FIRST" in os.environ and Store("store").counts()["done"] >= 6:
        time.sleep(0.01)
    return real(name, job)

worker.perform = perform

def watch(counts):
    if "FIRST" in os.environ and counts["done"] >= 6:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run(parse(SMALL), "store", workers=2, watch=watch)
"""


@pytest.mark.slow
def test_two_workers_and_a_killed_parent(tiny: Spec, done: Path, tmp_path: Path) -> None:
    """Workers give the same bits; those whose parent was killed stop, and their claims are taken over."""
    script = tmp_path / "go.py"
    script.write_text(_SCRIPT)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'src'}"}
    first = subprocess.run([sys.executable, str(script)], cwd=tmp_path, env={**environment, "FIRST": "1"}, timeout=300)
    assert first.returncode == -signal.SIGKILL
    assert 6 <= finished(tmp_path / "store") <= 8
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=environment, check=True, timeout=300)
    assert Store(tmp_path / "store").counts()["done"] == 24
    assert results(tmp_path / "store").equals(results(done))


@pytest.mark.slow
def test_two_tasks_on_ray_interrupted_and_gone_on(tiny: Spec, done: Path, tmp_path: Path) -> None:
    """Tasks of a Ray cluster take claims from the same store: the same bits, and Ctrl-C gives unfinished runs back."""
    pytest.importorskip("ray", reason="the extra sfumato[ray] is not installed")

    def press(counts: dict[str, int]) -> None:
        if counts["done"] >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tiny, tmp_path, Ray(2), press)
    counts = Store(tmp_path).counts()
    assert counts["done"] + counts["todo"] == 24
    assert counts["claimed"] == 0
    assert run(tiny, tmp_path, Ray(2))["done"] == 24
    assert results(tmp_path).equals(results(done))
    assert Store(tmp_path).table()["attempts"].to_pylist() == [1] * 24  # given back, not lost


def test_executors_are_named(tiny: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterError, match="workers = 0"):
        run(tiny, tmp_path, 0)
    with pytest.raises(ParameterError, match="workers = 0"):
        Ray(0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ParameterError, match="sfumato\\[ray\\]"):
        run(tiny, tmp_path, Ray(1))


def test_a_failing_run_does_not_stop_the_rest(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "name": "f",
        "datasets": ["wine"],
        "laws": ["uniform-sets", "uniform-complementary"],
        "methods": ["cc", "peer:tests.bench.deadly:FAILING", "forward"],
        "train": {"epochs": 2, "hidden": [4]},
    }
    seen: list[dict[str, int]] = []
    counts = run(parse(values), tmp_path, watch=lambda c: seen.append(c))
    assert (counts["done"], counts["failed"]) == (1, 2)
    assert seen[-1] == counts
    errors = sorted(r["error"] for r in Store(tmp_path).table().to_pylist() if r["error"])
    assert [e.split(":")[0] for e in errors] == ["NeedError", "ValueError"]


def test_skipped_runs_are_told_and_run_when_they_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sfumato.bench.peers import logistic

    values: dict[str, Any] = {"name": "s", "datasets": ["wine"], "laws": ["clean"], "methods": ["peer:logistic"]}
    with monkeypatch.context() as m:
        m.setattr(logistic.PEER, "missing", lambda: "not here", raising=False)
        assert run(parse(values), tmp_path)["skipped"] == 1
        assert Store(tmp_path).skipped() == [("not here", 1)]
    assert run(parse(values), tmp_path) == {"todo": 0, "claimed": 0, "done": 1, "failed": 0, "skipped": 0}
    assert Store(tmp_path).skipped() == []


def test_stacks_run_through_the_store(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "name": "stack",
        "datasets": ["wine"],
        "laws": ["uniform-sets"],
        "methods": ["cc", "proden", "average"],
        "seeds": 2,
        "draws": 2,
        "draw": {"lr": {"log10": [-3, -2]}},
        "train": {"network": "linear", "epochs": 2, "stack": True},
    }
    assert run(parse(values), tmp_path)["done"] == 12
    rows = Store(tmp_path).table().to_pylist()
    assert {r["stacked"] for r in rows} == {6}


def test_interrupted_runs_are_given_back(tiny: Spec, tmp_path: Path) -> None:
    told = 0

    def stop(counts: dict[str, int]) -> None:
        nonlocal told
        told += 1
        if told == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tiny, tmp_path, watch=stop)
    counts = Store(tmp_path).counts()
    assert counts["claimed"] == 0
    assert 0 < counts["done"] < 24
    assert not list((tmp_path / "alive").iterdir())


@pytest.mark.parametrize("workers", [0, True, 1.5])
def test_workers(tiny: Spec, done: Path, workers: Any) -> None:
    with pytest.raises(ParameterError, match="workers ="):
        run(tiny, done, workers=workers)


@pytest.mark.slow
def test_a_run_that_kills_its_process_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "name": "deadly",
        "datasets": ["wine"],
        "laws": ["clean"],
        "methods": ["peer:tests.bench.deadly:PEER", "peer:logistic", "ce"],
        "train": {"epochs": 1, "hidden": [4]},
    }
    counts = run(parse(values), tmp_path, workers=2)
    assert (counts["done"], counts["failed"], counts["todo"], counts["claimed"]) == (2, 1, 0, 0)
    (failed,) = [r for r in Store(tmp_path).table().to_pylist() if r["status"] == "failed"]
    assert "processes died in this run" in failed["error"]


def test_whatever_goes_wrong_in_a_task_is_a_result_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = worker.perform

    def perform(run: str, job: dict[str, Any]) -> dict[str, Any]:
        if job["label"] == "proden":
            raise RuntimeError("beside the method")
        return real(run, job)

    values: dict[str, Any] = {"name": "w", "datasets": ["wine"], "laws": ["uniform-sets"], "methods": ["proden", "cc"]}
    monkeypatch.setattr(worker, "perform", perform)
    counts = run(parse(values | {"train": {"network": "linear", "epochs": 1}}), tmp_path)
    assert counts == {"todo": 0, "claimed": 0, "done": 1, "failed": 1, "skipped": 0}
    (lost,) = [r for r in Store(tmp_path).table().to_pylist() if r["status"] == "failed"]
    assert (lost["method"], lost["error"]) == ("proden", "RuntimeError: beside the method")
