"""What is known of a cell: a fact that cannot be estimated takes its criteria with it, and no run that does without."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sfumato.bench import cell
from sfumato.bench.perform import perform
from sfumato.bench.plan import Planned, plan
from sfumato.bench.spec import parse
from sfumato.bench.stacked import perform_stack
from sfumato.core.errors import LabelError
from sfumato.estimate import PriorDEDPUL

PU: dict[str, Any] = {
    "name": "g",
    "datasets": [{"name": "wine", "positive": [0]}],
    "laws": [{"name": "scar", "labeled": 0.5}],
    "methods": ["naive", "upu"],
    "train": {"network": "linear", "epochs": 2, "measures": 1},
}


@pytest.fixture(params=[ValueError("True is not in list"), LabelError("no positive")])
def failing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The estimator of the prior ends in an error, its own or another's; how often it was asked."""
    cell._prepare.cache_clear()  # a cell keeps what was estimated of it
    asked: list[int] = []

    def estimate(self: Any, X: Any, labels: Any, seed: int = 0) -> float:
        asked.append(seed)
        raise request.param

    monkeypatch.setattr(PriorDEDPUL, "estimate", estimate)
    return asked


def runs(**changes: Any) -> list[Planned]:
    return plan(parse(PU | changes))


def test_only_a_run_that_needs_the_fact_fails_without_it(failing: list[int]) -> None:
    records = {r.job["label"]: perform(r.id, r.job) for r in runs()}
    assert records["naive"]["status"] == "done", records["naive"]["error"]
    assert json.loads(records["naive"]["judge"]) == {"law": "SingleSample"}
    assert "unbiased-accuracy" not in json.loads(records["naive"]["criteria"])
    assert records["upu"]["status"] == "failed"
    assert ("not in list" in records["upu"]["error"]) or ("no positive" in records["upu"]["error"])
    assert len(failing) == 1  # made once for all


def test_nor_does_it_stop_a_stack(failing: list[int]) -> None:
    made = runs(train=PU["train"] | {"stack": True})
    assert len({r.task for r in made}) == 1
    jobs = {r.id: r.job for r in made}
    records = {jobs[r["run"]]["label"]: r for r in perform_stack(jobs)}
    assert {name: r["status"] for name, r in records.items()} == {"naive": "done", "upu": "failed"}


def test_a_run_of_a_stack_that_cannot_be_measured_is_recorded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from sfumato.bench import perform as alone
    from sfumato.bench import stacked

    def refuse(*given: Any) -> Any:
        raise ValueError("no measures")

    monkeypatch.setattr(stacked, "Measures", refuse)
    jobs = {r.id: r.job for r in runs(methods=["naive", "unlabeled-as-negative"], train=PU["train"] | {"stack": True})}
    assert [r["status"] for r in perform_stack(jobs)] == ["done", "done"]
    monkeypatch.setattr(alone, "Measures", refuse)
    assert {(r["status"], r["error"]) for r in perform_stack(jobs)} == {("failed", "ValueError: no measures")}
