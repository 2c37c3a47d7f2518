"""One run of an aggregation: all items of a set with their votes; nothing is split, since no truth is read."""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato import catalogue
from sfumato.core.errors import ShapeError
from sfumato.labels import Votes

from . import oracles, peers
from .cell import observe, planned
from .measure import ORACLE, check_sums, normalised
from .record import finite

FLOOR = 1e-10  # of probabilities, before their logarithm is taken: the vote says 0 of what nobody named


def shared_accuracy(p: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """Mean over items of 1[y is most likely] / how many classes are equally likely, to 1e-12."""
    top = p >= p.max(1, keepdims=True) - 1e-12
    return float((top[np.arange(len(y)), y] / top.sum(1)).mean())


def votes_of(job: dict[str, Any]) -> tuple[Votes, NDArray[np.int64]]:
    """(votes, true codes, -1 where nobody knows) of a job."""
    held = planned(job["dataset"])
    y = torch.from_numpy(held.y)
    x = torch.zeros(len(y), 0)  # who votes what depends on the truth alone
    drawn = observe(held, job["law"], x, y, np.arange(len(y)), job["seed"])
    assert isinstance(drawn.labels, Votes)
    return drawn.labels, held.y


def _peer(name: str, seed: int) -> Callable[[Votes], Any]:
    peer = peers.find(name)
    for module in getattr(peer, "modules", ()):
        importlib.import_module(module)

    def believe(votes: Votes) -> Any:
        items = np.arange(len(votes))[:, None]
        return peer.fit(items, votes, seed)(items)

    return believe


def _own(name: str, job: dict[str, Any]) -> Callable[[Votes], Any]:
    fields = job["method"]["fields"]
    method: Any = catalogue.method(name, "aggregate", (Votes.kind,)).cls(**fields)
    if hasattr(method, "seed") and "seed" not in fields:
        method = replace(method, seed=job["seed"])
    return lambda votes: method.fit(votes).posterior


def aggregated(job: dict[str, Any]) -> dict[str, Any]:
    """The columns of a record: beliefs in all items, measured on those whose truth is known."""
    votes, y = votes_of(job)
    name = job["method"]["name"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # doubts about sources; they are the same for every method
        believe = _peer(name, job["seed"]) if name.startswith(peers.PREFIX) else _own(name, job)
        start = time.process_time()
        p = np.asarray(believe(votes), np.float64)
        cpu = time.process_time() - start
    if p.shape != (len(y), votes.k) or not np.isfinite(p).all():
        raise ShapeError(f"{name} gave beliefs of shape {p.shape}", f"finite ones, ({len(y)}, {votes.k})")
    check_sums(normalised(p))
    known = y >= 0
    right = shared_accuracy(p[known], y[known])
    others = oracles.measured(normalised(np.maximum(p[known], FLOOR)), torch.from_numpy(y[known]))
    return {
        "oracle_test_accuracy": right,
        "oracles": {name: finite(value) for name, value in others.items()},
        "criteria": {},
        "history": [{"epoch": 0, "risk": None, ORACLE: right, "oracle-test": right}],
        "judge": {"law": ""},
        "needs": {},
        "n_train": len(y),
        "n_validation": 0,
        "n_test": int(known.sum()),
        "k": votes.k,
        "cpu_seconds": cpu,
        "estimate_cpu_seconds": 0.0,
    }
