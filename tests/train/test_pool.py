"""Runs in processes give the same bits as runs in turn; an error comes back as itself."""

import contextlib
import os
import sys
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sfumato.core.errors import DivergedError, ParameterError
from sfumato.labels import ClassConditional, Noisy, Symmetric
from sfumato.learn.families import MarginalLikelihood
from sfumato.learn.noisy.volminnet import VolMinNet
from sfumato.train.config import Config
from sfumato.train.executor import InTurn, Processes, Ray
from sfumato.train.pool import Data, Job, run_jobs

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here"))]


def work():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(120, 5, generator=g)
    data = Data(x, {"labels": Noisy((x[:, 0] > 0).long(), 2)}, torch.rand(120, generator=g))
    shared = {"rows": torch.arange(100), "hidden": (8,), "dropout": 0.3, "predict": torch.arange(100, 120)}
    jobs = [
        Job(MarginalLikelihood(), Config(epochs=2, seed=s), Symmetric(0.1), name=str(s), **shared) for s in range(4)
    ]
    return jobs, data


def test_two_processes_equal_one():
    jobs, data = work()
    one, two = list(run_jobs(jobs, data)), list(run_jobs(jobs, data, workers=2))
    assert [o.name for o in one] == [o.name for o in two] == ["0", "1", "2", "3"]
    for a, b in zip(one, two, strict=True):
        assert torch.equal(a.log_p, b.log_p)
        assert a.history == b.history
        assert all(torch.equal(a.weights[0][k], b.weights[0][k]) for k in a.weights[0])
    assert not torch.equal(one[0].log_p, one[1].log_p)


def test_a_ray_cluster_of_two_workers_equals_one_process():
    pytest.importorskip("ray", reason="the extra sfumato[ray] is not installed")
    jobs, data = work()
    one, there = list(run_jobs(jobs, data)), list(run_jobs(jobs, data, Ray(2)))
    for a, b in zip(one, there, strict=True):
        assert torch.equal(a.log_p, b.log_p)
        assert all(torch.equal(a.weights[0][k], b.weights[0][k]) for k in a.weights[0])


def test_an_error_is_the_outcome_of_its_run_alone():
    jobs, data = work()
    data.X[3] = float("inf")
    outcomes = list(run_jobs(jobs[:2], data))
    assert all(isinstance(o.error, DivergedError) for o in outcomes)
    assert "finite" in str(outcomes[0].error)


def test_a_mask_of_rows_is_their_numbers():
    jobs, data = work()
    numbers = torch.tensor([3, 5, 8, 13, 21, 34, 55, 89])
    mask = torch.zeros(120, dtype=torch.bool).index_fill(0, numbers, True)
    by_number, by_mask = (next(iter(run_jobs([replace(jobs[0], rows=rows)], data))) for rows in (numbers, mask))
    assert torch.equal(by_number.log_p, by_mask.log_p)


@pytest.mark.parametrize("device", DEVICES)
def test_what_comes_out_is_on_the_processor(device):
    jobs, data = work()
    told = Config(epochs=1, device=device)
    for job in (
        replace(jobs[0], config=told),
        replace(jobs[0], config=told, objective=VolMinNet(), law=ClassConditional),
    ):
        (outcome,) = run_jobs([job], data)
        assert outcome.error is None and outcome.log_p.device.type == "cpu"
        assert all(w.device.type == "cpu" for w in outcome.weights[0].values())


def test_workers_are_counted_from_one():
    jobs, data = work()
    with pytest.raises(ParameterError, match="workers = 0"):
        list(run_jobs(jobs, data, workers=0))


class Odd(Exception):
    """Cannot be unpickled: it takes two arguments and keeps one."""

    def __init__(self, text, number):
        super().__init__(text)


def fail(item, shared):
    raise Odd("what went wrong", 1)


def array(item, shared):
    return np.full(3, item)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_executors_count_their_workers(workers):
    for kind in (Processes, Ray):
        with pytest.raises(ParameterError, match="workers ="):
            kind(workers)


def test_no_items_have_no_results():
    for where in (InTurn(), Processes(2)):
        assert list(where.map(array, [], None)) == []


def test_the_caller_keeps_its_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        results = InTurn().map(lambda item, shared: torch.get_num_threads(), [1, 2], None)
        assert next(results) == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_processes_leave_the_environment_and_keep_no_result(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    results = Processes(1).map(array, [0, 1, 2], None)
    first = weakref.ref(next(results))
    assert "OMP_NUM_THREADS" not in os.environ
    assert next(results).tolist() == [1, 1, 1]
    assert first() is None
    assert next(results).tolist() == [2, 2, 2]


def test_an_error_that_cannot_travel_comes_back_as_its_text():
    with pytest.raises(RuntimeError, match="Odd: what went wrong"):
        list(Processes(1).map(fail, [0], None))


def test_without_an_address_ray_starts_a_cluster_here_whatever_the_environment_says(monkeypatch):
    told = {}
    ray = SimpleNamespace(is_initialized=lambda: False, init=lambda **given: told.update(given), shutdown=lambda: None)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with Ray(2).joined() as found:
        assert found is ray
    assert told["address"] == "local"


def test_tasks_that_nobody_waits_for_are_cancelled(monkeypatch):
    """As on a cluster that goes on after this program."""
    cancelled = []
    task = SimpleNamespace(remote=lambda item, shared: item)
    ray = SimpleNamespace(
        remote=lambda work: task, put=lambda shared: shared, get=lambda item: 1 // item, cancel=cancelled.append
    )
    monkeypatch.setattr(Ray, "joined", lambda self: contextlib.nullcontext(ray))
    assert list(Ray(3).map(array, [1, 1, 1, 1], None)) == [1, 1, 1, 1] and not cancelled
    with pytest.raises(ZeroDivisionError):
        list(Ray(3).map(array, [0, 2, 3, 4], None))
    assert cancelled == [2, 3]
    results = Ray(2).map(array, [1, 2, 3], None)
    next(results)
    results.close()
    assert cancelled == [2, 3, 2]
