"""Many runs: a pool of processes with one torch thread each, shared tensors, the same bits as one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core.errors import SfumatoError
from sfumato.labels import Labels, Law
from sfumato.learn.objective import Objective

from . import learned
from .config import Config
from .executor import Executor, Processes, executor
from .loop import Run
from .networks import build


@dataclass
class Data:
    """What all runs of a pool share: X (rows, ...), labels by name, weights."""

    X: Tensor
    labels: Mapping[str, Labels]
    w: Tensor | None = None


@dataclass
class Job:
    """One run: which labels, which rows (their numbers, or a mask), which objective, network and settings; ``watch``,
    told after each epoch, must be picklable where processes do the work.
    """

    objective: Objective
    config: Config
    law: Any
    labels: str = "labels"
    needs: Mapping[str, Any] = field(default_factory=dict)
    rows: Tensor | None = None
    network: Any = "mlp"
    hidden: Sequence[int] = (500,)
    dropout: float = 0.0
    predict: Tensor | None = None
    name: str = ""
    watch: Callable[[Run], None] | None = None


@dataclass
class Outcome:
    """What came of a job: weights per member, history, log p on the rows asked for, CPU seconds; or the error that
    ended it.
    """

    name: str
    weights: list[dict[str, Tensor]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    log_p: Tensor | None = None
    cpu_seconds: float = 0.0
    error: SfumatoError | None = None


def do(job: Job, data: Data) -> Outcome:
    """One job, here and now."""
    start = time.process_time()
    labels = data.labels[job.labels]
    obs = torch.arange(len(labels)) if job.rows is None else job.rows
    if obs.dtype == torch.bool:
        obs = obs.nonzero().squeeze(1)
    (rows, mine), law = labels.cover(obs), job.law
    if isinstance(law, Law):
        law = law.at(rows)
    head = job.objective.head_for(law if law is not None else job.objective.law_for(labels))
    width = head.width(labels.k)
    try:
        run = Run(
            data.X[rows],
            mine,
            job.objective,
            lambda m: build(
                job.network,
                tuple(data.X.shape[1:]),
                width,
                job.config.seed * 1009 + m,
                job.hidden,
                job.dropout,
                head.layer,
            ),
            job.config,
            law=law,
            needs=job.needs,
            w=None if data.w is None else data.w[obs],
        ).fit(on_epoch=job.watch)
    except SfumatoError as error:
        return Outcome(job.name, error=error, cpu_seconds=time.process_time() - start)
    log_p = None
    if job.predict is not None:
        log_p = predict(job.objective, run.final(), law, labels, data.X[job.predict], run)
    weights = [{k: v.cpu() for k, v in net.state_dict().items()} for net in run.final()]
    return Outcome(job.name, weights, run.history, log_p, time.process_time() - start)


def predict(objective: Objective, nets: list[nn.Module], law: Any, labels: Labels, X: Tensor, run: Run) -> Tensor:
    """log P(truth | x), averaged over members as probabilities, on the processor whatever device trained."""
    found = None if learned.named(run) else on_cpu(learned.law_on(run, X))
    # a decision rule may look at what was learned
    head = objective.head_for(found or (law if law is not None else objective.law_for(labels)))
    each = [objective.decoded(z.cpu(), head, bank) for z, bank in zip(run.logits(X, nets), banks_of(run), strict=True)]
    return (
        each[0]
        if len(each) == 1
        else torch.logsumexp(torch.stack(each), 0) - float(torch.tensor(float(len(each))).log())
    )


def on_cpu(law: Law | None) -> Law | None:
    """A law that a run has learned, with its tensors where labels and predictions are."""
    if law is None:
        return None
    fields = {name: getattr(law, name) for name in law.needs()}
    return type(law).bound(**{name: v.cpu() if isinstance(v, Tensor) else v for name, v in fields.items()})


def banks_of(run: Run) -> list[Any]:
    """Per member the memory that decisions look at, by name, on the processor; None where they look at none."""
    looked = [run.objective.looked_at(memory["bank"]) for memory in run.memory]
    return [None if bank is None else {name: v.detach().cpu() for name, v in bank.items()} for bank in looked]


def run_jobs(jobs: Sequence[Job], data: Data, workers: int | Executor = 1) -> Iterator[Outcome]:
    """The outcomes in the order of the jobs, each as soon as it and those before it are there.

    workers: a number of processes with one torch thread each (1 = in this process, same bits), or an Executor.
    """
    where = executor(workers)
    if isinstance(where, Processes):
        data.X.share_memory_()
    return where.map(do, jobs, data)
