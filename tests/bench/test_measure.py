"""What may be measured: probabilities that are some, and criteria that are not finite at some epoch."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from sfumato.bench.cell import prepare
from sfumato.bench.measure import Measures, check_sums, normalised
from sfumato.bench.perform import perform
from sfumato.bench.plan import plan
from sfumato.bench.spec import parse
from sfumato.core.errors import ParameterError

SPEC: dict[str, Any] = {"name": "g", "datasets": ["wine"], "laws": ["clean"], "methods": ["ce"]}


class Times:
    """A peer that answers with the same line for every row."""

    kind = "exact"

    def __init__(self, *line: float) -> None:
        self.name, self.line = f"line {line}", line

    def missing(self) -> str | None:
        return None

    def fit(self, X: Any, labels: Any, seed: int) -> Any:
        return lambda rows: np.tile(np.array(self.line), (len(rows), 1))


THOUSAND, NEGATIVE, HALF, NEAR = Times(1000, 0, 0), Times(-1, -1, -1), Times(0.5, 0, 0), Times(0.5, 0.4999, 0.0)


@pytest.mark.parametrize(
    ("peer", "said"),
    [("THOUSAND", "from 0 to 1000"), ("NEGATIVE", "from -1 to -1"), ("HALF", "sum to 0.5"), ("NEAR", None)],
)
def test_a_peer_answers_with_probabilities(peer: str, said: str | None) -> None:
    (one,) = plan(parse(SPEC | {"methods": [f"peer:{__name__}:{peer}"]}))
    row = perform(one.id, one.job)
    assert row["status"] == ("done" if said is None else "failed"), row["error"]
    assert said is None or said in row["error"]


class Believes(Times):
    kind = "votes"


BOTH, BELOW = Believes(0.9, 0.9, 0.9), Believes(1.0, 0.5, -0.5)


@pytest.mark.parametrize(("peer", "said"), [("BOTH", "sum to 2.7"), ("BELOW", "from -0.5 to 1")])
def test_so_does_one_that_aggregates_votes(peer: str, said: str) -> None:
    (one,) = plan(parse(SPEC | {"laws": ["crowd"], "methods": [f"peer:{__name__}:{peer}"]}))
    assert said in perform(one.id, one.job)["error"]


def test_what_is_no_probability_is_refused() -> None:
    for wrong in (math.nan, math.inf, -1e-6, 1.01):
        with pytest.raises(ParameterError, match="values from 0 to 1"):
            normalised([[wrong, 0.5]])
    both = normalised([[0.9, 0.9], [0.0, 1.0]])  # several classes at once: each is a share of its own
    assert torch.isfinite(both).all()
    with pytest.raises(ParameterError, match=r"row 0 that sum to 1.8"):
        check_sums(both)
    check_sums(normalised([[1e-10 + 1, 1e-10]]))


def test_a_criterion_that_is_not_finite_at_first_is_measured_later() -> None:
    (one,) = plan(parse(SPEC | {"laws": ["uniform-sets"], "methods": ["cc"]}))
    cell = prepare(one.job)
    measures = Measures(cell, {})
    n = len(cell.X) - cell.train
    level = torch.full((n, 3), 1 / 3).log()
    for epoch, log_p in enumerate((torch.full((n, 3), math.nan), level), 1):
        measures.add(log_p, epoch)
    found = measures.result()["criteria"]["likelihood"]
    assert measures.history[0]["likelihood"] is None
    assert (found["epoch"], found["last"]) == (2, found["chosen"])
    json.dumps(measures.history, allow_nan=False)
