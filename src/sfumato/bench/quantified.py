"""One run that judges an estimated class prior: bags of test rows at drawn priors, against labeled training rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato import catalogue
from sfumato.core.errors import ShapeError
from sfumato.data.encoder import TableEncoder
from sfumato.labels import PU, Exact, Semi

from . import laws, peers
from .cell import planned, rows_of, split, stream
from .record import finite
from .truths import AE

Floats = NDArray[np.float64]
Guess = Callable[[Any], Any]
KINDS = ("semi", "pu")  # the labels that an estimator of this prior may take


def absolute_error(found: Floats, truth: Floats) -> float:
    """Mean over bags and classes of abs(q' - q)."""
    return float(np.abs(found - truth).mean())


def relative_error(found: Floats, truth: Floats, size: int) -> float:
    """Mean over bags and classes of abs(q' - q) / q, both smoothed by 1 / (2 size) towards even shares."""
    e, k = 1 / (2 * size), truth.shape[1]
    a, b = (found + e) / (1 + k * e), (truth + e) / (1 + k * e)
    return float((np.abs(a - b) / b).mean())


def _own(job: dict[str, Any], X: Any, y: Any, k: int) -> Guess:
    told = job["method"]
    card, fields = catalogue.method(told["name"], "estimate", (told["kind"],)), dict(told["fields"])
    make: Any = card.cls
    if "repeats" in make.__dataclass_fields__:
        fields.setdefault("repeats", 0)  # no bootstrap: nobody reads the interval here
    estimator = make(**fields)

    def semi(bag: Any) -> Any:
        labels = Semi(torch.cat([y, torch.full((len(bag),), -1)]), k)
        return estimator.estimate(np.concatenate([X, bag]), labels, seed=job["seed"])

    def positive(bag: Any) -> Any:
        """From the positive rows and the bag alone: the negative rows are not shown."""
        own = X[y.numpy() == 1]
        flag = torch.arange(len(own) + len(bag)) < len(own)
        share = estimator.estimate(np.concatenate([own, bag]), PU(flag, "case-control"), seed=job["seed"])
        return [1 - share, share]

    return positive if card.kind == "pu" else semi


def quantified(job: dict[str, Any]) -> dict[str, Any]:
    """The columns of a record: the error of the class prior, over bags."""
    held = planned(job["dataset"])
    train, valid, test = split(held, job["seed"], job["test"], job["validation"])
    source = np.concatenate([train, valid])  # nothing is chosen here: all labeled rows are trained on
    encoder = TableEncoder().fit(rows_of(held.x, source))
    X, pool = (encoder.transform(rows_of(held.x, rows)).reshape(len(rows), -1) for rows in (source, test))
    y, y_pool = (torch.from_numpy(held.y[rows]) for rows in (source, test))
    law = laws.law(job["law"]["name"], job["law"]["params"])
    drawn = stream(held, job["law"], job["seed"], "labels")
    bags, truth = law.draw(torch.from_numpy(pool), y_pool, held.k, drawn, **job["law"]["params"])
    name = job["method"]["name"]
    start = time.process_time()
    guess = (
        peers.find(name).fit(X, Exact(y, held.k), job["seed"])
        if name.startswith(peers.PREFIX)
        else _own(job, X, y, held.k)
    )
    found = np.stack([np.asarray(guess(pool[bag.numpy()]), np.float64) for bag in bags])
    cpu = time.process_time() - start
    if found.shape != truth.shape or not np.isfinite(found).all():
        raise ShapeError(f"{name} gave priors of shape {found.shape}", f"finite ones, {tuple(truth.shape)}")
    error = absolute_error(found, truth.numpy())
    return {
        "oracle_test_accuracy": None,
        "oracles": {
            AE: finite(error),
            "oracle-relative-error": finite(relative_error(found, truth.numpy(), bags.shape[1])),
        },
        "criteria": {},
        "history": [{"epoch": 0, "risk": None, "oracle-test": finite(-error)}],
        "judge": {"law": ""},
        "needs": {},
        "n_train": len(source),
        "n_validation": 0,
        "n_test": len(test),
        "k": held.k,
        "cpu_seconds": cpu,
        "estimate_cpu_seconds": 0.0,
    }
