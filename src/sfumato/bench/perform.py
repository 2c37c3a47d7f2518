"""One run, here and now: a job -> a record. An error is recorded, never raised."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch

from sfumato import catalogue
from sfumato.core.errors import ShapeError
from sfumato.labels import Clean, Exact, Votes
from sfumato.learn.objective import Objective
from sfumato.train import needs as givers
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.pool import Data, Job, do, predict

from . import baselines, peers
from .aggregated import aggregated
from .cell import Cell, prepare
from .measure import Measures, normalised
from .provenance import PeakMemory
from .quantified import quantified
from .record import failure, record
from .truths import PRIOR


def perform(run: str, job: dict[str, Any]) -> dict[str, Any]:
    """The record of a run, trained on one thread of this process."""
    torch.set_num_threads(1)
    wall, cpu, peak = time.perf_counter(), time.process_time(), PeakMemory()
    try:
        if job["kind"] == Votes.kind and not job["train"]:
            values = aggregated(job)
        elif job["kind"] == PRIOR:
            values = quantified(job)
        else:
            values = _peer(job) if job["method"]["name"].startswith(peers.PREFIX) else _trained(job)
    except Exception as error:  # whatever a method does wrong is a result of the benchmark
        return failure(
            run,
            job,
            error,
            wall_seconds=time.perf_counter() - wall,
            cpu_seconds=time.process_time() - cpu,
            peak_mb=peak.megabytes(),
        )
    return record(run, job, wall_seconds=time.perf_counter() - wall, peak_mb=peak.megabytes(), **values)


def warm() -> None:
    """Load what the first training of a process loads, so that no run pays for it."""
    labels = Exact(torch.tensor([0, 1]), 2)
    objective: Objective = catalogue.method("ce", "learn", ("exact",)).cls()
    do(Job(objective, Config(epochs=1), Clean(), network="linear"), Data(torch.zeros(2, 1), {"labels": labels}))


def objective_of(job: dict[str, Any]) -> Objective:
    """The method of a run with its fields."""
    method = job["method"]
    if method["name"].startswith(baselines.PREFIX):
        return baselines.baseline(method["name"])
    objective: Objective = catalogue.method(method["name"], "learn", (method["kind"],)).cls()
    return objective.set_params(**method["fields"])


def epochs_of(train: dict[str, Any], rows: int) -> int:
    """How many epochs over so many rows were asked for."""
    if train["steps"] is None:
        return int(train["epochs"])
    steps, batch = int(train["steps"]), int(train["batch_size"])
    return math.ceil(steps / math.ceil(rows / batch))


def config_of(job: dict[str, Any], objective: Objective, rows: int) -> Config:
    """The training settings of a run; what the spec leaves open is the method's own."""
    t = job["train"]
    own = {name: t[name] for name in ("batch_size", "lr", "weight_decay", "optimizer")}
    own["epochs"] = epochs_of(t, rows)
    recipe = dict(objective.recipe) | {name: t[name] for name in ("schedule", "average") if t[name] is not None}
    return Config(**own | recipe, seed=job["seed"])


def bound(job: dict[str, Any], objective: Objective, cell: Cell) -> tuple[Any, dict[str, Any], dict[str, str], float]:
    """(law, values of needs, where each comes from, CPU seconds of the estimators) of a run."""
    law = objective.law_for(cell.observed)
    given, sources, seconds = {}, {}, 0.0
    read = law.read(cell.observed)
    for name in sorted(givers.required(objective, law) - givers.left_to_training(objective)):
        if name in read and name not in job["needs"]:
            continue
        if (found := cell.need(name, job["needs"])) is not None:
            given[name], sources[name] = found[0], found[1]
            seconds += found[2]
    values = givers.supply(objective, law, given, cell.X[: cell.train].numpy(), cell.observed, job["seed"])
    built = givers.build_law(objective, law, values)
    return (law if built is None else built), values, sources, seconds


def _trained(job: dict[str, Any]) -> dict[str, Any]:
    cell = prepare(job)
    objective, told = objective_of(job), job["train"]
    law, values, sources, estimating = bound(job, objective, cell)
    measures = Measures(cell, job["needs"])
    held = cell.X[measures.rows]
    measuring = 0.0

    def watch(run: Run) -> None:
        nonlocal measuring
        share = told["measures"] / run.config.epochs
        if math.floor(run.epoch * share) == math.floor((run.epoch - 1) * share) and run.epoch != run.config.epochs:
            return
        start = time.process_time()
        log_p = predict(objective, run.final(), law, cell.observed, held, run)
        measures.add(log_p, run.epoch, run.history[-1]["risk"])
        measuring += time.process_time() - start

    outcome = do(
        Job(
            objective,
            config_of(job, objective, cell.train),
            law,
            needs=values,
            network=told["network"],
            hidden=tuple(told["hidden"]),
            dropout=told["dropout"],
            watch=watch,
        ),
        Data(cell.X[: cell.train], {"labels": cell.observed}),
    )
    if outcome.error is not None:
        raise outcome.error
    cpu = outcome.cpu_seconds - measuring
    return {**measures.result(), "needs": sources, "cpu_seconds": cpu, "estimate_cpu_seconds": estimating}


def _peer(job: dict[str, Any]) -> dict[str, Any]:
    cell, peer = prepare(job), peers.find(job["method"]["name"])
    measures = Measures(cell, job["needs"])
    start = time.process_time()
    predict_proba = peer.fit(cell.X[: cell.train].flatten(1).numpy(), cell.observed, job["seed"])
    cpu = time.process_time() - start
    held = cell.X[measures.rows].flatten(1).numpy()
    p = np.asarray(predict_proba(held))
    if p.shape != (len(held), cell.observed.k) or not np.isfinite(p).all():
        raise ShapeError(
            f"{peer.name} gave probabilities of shape {p.shape}", f"finite ones, ({len(held)}, {cell.observed.k})"
        )
    measures.add(normalised(p), 0)
    return {**measures.result(), "needs": {}, "cpu_seconds": cpu, "estimate_cpu_seconds": 0.0}
