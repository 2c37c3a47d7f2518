"""Runs that share their batches, as one stack of linear heads; those that cannot be stacked run on their own."""

from __future__ import annotations

import time
from typing import Any

import torch

from sfumato.core.errors import DivergedError, RefusedError
from sfumato.labels import Clean, Law
from sfumato.train.checkpoint import digest
from sfumato.train.config import Config
from sfumato.train.stack import Head, Stack

from .cell import prepare
from .measure import Measures
from .perform import bound, epochs_of, objective_of, perform
from .provenance import PeakMemory
from .record import failure, record

# run, law, head, where its needs come from, CPU seconds of the estimators
Member = tuple[str, Any, Head, dict[str, str], float]


def perform_stack(jobs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of runs that differ in method, learning rate or weight decay alone.

    CPU and wall seconds are the stack's, divided by its runs; criteria are measured at the last epoch only. Runs
    whose laws differ stand in stacks of their own.
    """
    torch.set_num_threads(1)
    alone: list[str] = []
    stacks: dict[str, list[Member]] = {}
    lawless: list[Member] = []
    failed: list[dict[str, Any]] = []
    for run, job in jobs.items():
        try:
            cell, objective = prepare(job), objective_of(job)
            if objective.recipe or objective.mix is not None:
                alone.append(run)  # a schedule, an average or batches of its own: the stack has one for all
                continue
            law, values, sources, seconds = bound(job, objective, cell)
            head = Head(objective, job["train"]["lr"], job["train"]["weight_decay"])
            member = (run, law, head, sources, seconds)
            if isinstance(law, Law):
                same = digest(type(law).__name__, *(getattr(law, name) for name in law.needs()))
                stacks.setdefault(same, []).append(member)
            elif values or objective.learned or objective.head_for(law) is not Clean.head:
                alone.append(run)
            else:
                lawless.append(member)
        except Exception as error:
            failed.append(failure(run, job, error))
    if lawless:  # no hook of theirs asks for the law: they may stand in any stack, whose head is the same
        stacks.setdefault(next(iter(stacks), "none"), []).extend(lawless)
    out = failed
    for members in stacks.values():
        out += _one(jobs, members, alone)
    return out + [perform(run, jobs[run]) for run in alone]


def _one(jobs: dict[str, dict[str, Any]], members: list[Member], alone: list[str]) -> list[dict[str, Any]]:
    job = jobs[members[0][0]]
    cell, told = prepare(job), job["train"]
    law = members[0][1] if isinstance(members[0][1], Law) else Clean()
    epochs = epochs_of(told, cell.train)
    config = Config(
        epochs=epochs, batch_size=told["batch_size"], schedule=told["schedule"] or "constant", seed=job["seed"]
    )
    able = []
    for member in members:
        try:
            Stack(cell.X[:1].flatten(1), cell.observed[slice(0, 1)], [member[2]], law, config)
            able.append(member)
        except RefusedError:
            alone.append(member[0])
    if not able:
        return []
    wall, cpu, peak = time.perf_counter(), time.process_time(), PeakMemory()
    try:
        stack = Stack(cell.X[: cell.train].flatten(1), cell.observed, [member[2] for member in able], law, config).fit()
        spent = (time.process_time() - cpu) / len(able)
        z = stack.logits(cell.X[cell.train :].flatten(1))
    except Exception:
        alone += [run for run, *_ in able]  # on their own only the one at fault fails
        return []
    out = []
    for i, (run, _, head, sources, seconds) in enumerate(able):
        if not bool(torch.isfinite(z[i]).all()):
            out.append(
                failure(run, jobs[run], DivergedError("a linear head that is not finite", "a smaller learning rate"))
            )
            continue
        try:
            measures = Measures(cell, jobs[run]["needs"])
            measures.add(head.objective.decode(z[i], law.head), config.epochs)
            measured = measures.result()
        except Exception:
            alone.append(run)  # on its own its error is recorded, and it stops no other
            continue
        timings = {
            "cpu_seconds": spent,
            "wall_seconds": (time.perf_counter() - wall) / len(able),
            "peak_mb": peak.megabytes(),
        }
        out.append(
            record(
                run,
                jobs[run],
                stacked=len(able),
                needs=sources,
                estimate_cpu_seconds=seconds,
                **timings,
                **measured,
            )
        )
    return out
