"""One run: what is measured, what is recorded, and that an error is a result."""

from __future__ import annotations

import json
import math
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sfumato.bench.cell import prepare
from sfumato.bench.peers import find, names
from sfumato.bench.perform import epochs_of, perform
from sfumato.bench.plan import plan
from sfumato.bench.record import SCHEMA, TIMINGS
from sfumato.bench.spec import parse
from sfumato.bench.stacked import perform_stack
from sfumato.estimators import Classifier
from sfumato.labels import PU, Exact

GOOD: dict[str, Any] = {
    "name": "g",
    "datasets": ["wine"],
    "laws": ["uniform-sets"],
    "methods": ["cc"],
    "train": {"hidden": [8], "epochs": 6, "measures": 3, "lr": 0.01, "batch_size": 32},
}


def one(**changes: Any) -> dict[str, Any]:
    run = plan(parse(GOOD | changes))[0]
    return perform(run.id, run.job)


def test_a_record_has_every_column_and_only_timings_differ() -> None:
    first, second = one(), one()
    assert list(first) == SCHEMA.names
    assert first["status"] == "done"
    assert {k for k in first if first[k] != second[k]} <= set(TIMINGS)
    assert json.loads(first["job"])["law"]["name"] == "uniform-sets"
    assert first["cpu_seconds"] >= 0
    assert first["peak_mb"] > 10


def test_measures_are_those_of_the_model() -> None:
    row = one()
    history, criteria = json.loads(row["history"]), json.loads(row["criteria"])
    assert [entry["epoch"] for entry in history] == [2, 4, 6]
    assert set(criteria) == {
        "likelihood",
        "covering-rate",
        "approximated-accuracy",
        "unbiased-accuracy",
        "oracle-accuracy",
    }
    for name, told in criteria.items():
        values = [entry[name] for entry in history]
        assert told["last"] == values[-1]
        assert told["chosen"] == max(values)
        assert told["epoch"] == history[values.index(max(values))]["epoch"]
        assert told["oracle_test"] == history[values.index(max(values))]["oracle-test"]
    assert row["oracle_test_accuracy"] == history[-1]["oracle-test"]
    # the same model, trained through the estimator on the cell's own rows
    cell = prepare(plan(parse(GOOD))[0].job)
    own = Classifier("cc", hidden=(8,), epochs=6, lr=0.01, batch_size=32, seed=0)
    own.fit(cell.X[: cell.train].numpy(), cell.observed)
    test = cell.X[cell.train + cell.held :]
    accuracy = float((own.predict(test.numpy()) == cell.y_test.numpy()).mean())
    assert accuracy == pytest.approx(row["oracle_test_accuracy"], abs=2 / len(test))


def test_an_error_is_a_result() -> None:
    row = one(methods=["peer:tests.bench.deadly:FAILING"])
    assert row["status"] == "failed"
    assert row["error"] == "ValueError: it does not work"
    assert row["oracle_test_accuracy"] is None
    diverged = one(train=GOOD["train"] | {"lr": 1000.0, "optimizer": "sgd", "weight_decay": 1000.0})
    assert diverged["status"] == "failed"
    assert diverged["error"].startswith("DivergedError")
    lacking = one(laws=["uniform-complementary"], methods=["forward"])
    assert lacking["error"].startswith("NeedError")


def test_facts_from_the_simulation_are_named() -> None:
    told = one(laws=["uniform-complementary"], methods=["forward"], needs={"transition": "law"})
    assert json.loads(told["needs"]) == {"transition": "law"}
    estimated = one(datasets=["breast_cancer"], laws=["scar"], methods=["nnpu"])
    assert json.loads(estimated["needs"]) == {"prior": "dedpul"}
    assert json.loads(estimated["judge"]) == {"law": "SingleSample", "prior": "dedpul"}


def test_steps_become_whole_epochs() -> None:
    assert epochs_of({"steps": None, "epochs": 7}, 100) == 7
    assert epochs_of({"steps": 100, "batch_size": 32}, 128) == 25
    assert epochs_of({"steps": 100, "batch_size": 32}, 129) == 20
    assert epochs_of({"steps": 1, "batch_size": 512}, 10) == 1


@pytest.mark.parametrize("name", [name for name in names() if find(f"peer:{name}").kind != "prior"])
def test_peers_run_beside(name: str) -> None:
    if (why := find(f"peer:{name}").missing()) is not None:
        pytest.skip(why)
    grids: dict[str, dict[str, Any]] = {
        "pu": {"datasets": ["breast_cancer"], "laws": [{"name": "scar", "labeled": 0.5}]},
        "noisy": {"laws": [{"name": "symmetric", "noise_rate": 0.2}]},
    }
    grids["exact"] = grids["noisy"]
    row = one(**grids[find(f"peer:{name}").kind], methods=[f"peer:{name}"])
    assert row["status"] == "done", row["error"]
    assert row["oracle_test_accuracy"] > 0.8
    assert len(json.loads(row["history"])) == 1


def test_the_peers_that_are_packaged() -> None:
    found = names()
    assert [name for name in found if not name.startswith(("crowd-kit-", "quapy-"))] == [
        "cleanlab",
        "flyingsquid",
        "logistic",
        "pulearn",
        "snorkel",
    ]
    assert {"crowd-kit-dawid-skene", "quapy-cc", "quapy-acc", "quapy-emq"} <= set(found)


class _Divided:
    """As pulearn answers: both columns divided by c, so that rows do not sum to one."""

    def __init__(self, estimator: Any, hold_out_ratio: float, random_state: int) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> None:
        assert sorted(set(y.tolist())) == [0, 1]
        self.estimator.fit(X, y)

    def predict_proba(self, X: Any) -> Any:
        return self.estimator.predict_proba(X) / 0.3


def test_pulearn_s_columns_become_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pulearn", SimpleNamespace(ElkanotoPuClassifier=_Divided))
    x = np.arange(40.0)[:, None] / 10
    p = find("peer:pulearn").fit(x, PU(torch.arange(40) % 3 == 0), 0)(x)
    assert np.allclose(p.sum(1), 1)
    assert ((p >= 0) & (p <= 1)).all()
    assert p[:, 1].max() == 1  # what exceeds one is cut


def test_a_peer_s_columns_are_the_classes() -> None:
    x = np.arange(12.0)[:, None]
    labels = Exact(torch.tensor([0] * 6 + [2] * 6), 3)
    p = find("peer:logistic").fit(x, labels, 0)(x)
    assert p.shape == (12, 3)
    assert not p[:, 1].any()
    assert np.allclose(p.sum(1), 1)


class Broken:
    name, kind = "broken", "exact"

    def missing(self) -> str | None:
        return None

    def fit(self, X: Any, labels: Any, seed: int) -> Any:
        return lambda rows: np.zeros((len(rows), 1))


class Elsewhere(Broken):
    def missing(self) -> str | None:
        return "its package is not installed"


BROKEN, ELSEWHERE = Broken(), Elsewhere()


def test_a_peer_that_answers_wrongly_fails_and_one_that_is_not_there_is_skipped() -> None:
    spec = GOOD | {"laws": ["clean"]}
    row = one(**spec | {"methods": [f"peer:{__name__}:BROKEN"]})
    assert row["status"] == "failed"
    assert "probabilities of shape" in row["error"]
    assert plan(parse(spec | {"methods": [f"peer:{__name__}:ELSEWHERE"]}))[0].skip == "its package is not installed"


def test_a_stack_equals_separate_runs_to_rounding() -> None:
    spec = GOOD | {
        "laws": ["uniform-sets", {"name": "symmetric", "noise_rate": 0.2}],
        "methods": ["cc", "proden", "average", "abs-gce", "ce", "gce", "regularised-ce", "co-teaching"],
        "train": GOOD["train"] | {"network": "linear", "stack": True},
    }
    tasks: dict[str, dict[str, dict[str, Any]]] = {}
    for run in plan(parse(spec)):
        tasks.setdefault(run.task, {})[run.id] = run.job
    assert len(tasks) == 2
    for jobs in tasks.values():
        records = {r["run"]: r for r in perform_stack(jobs)}
        assert set(records) == set(jobs)
        for name, job in jobs.items():
            assert records[name]["status"] == "done", records[name]["error"]
            stands_alone = job["method"]["name"] in ("regularised-ce", "co-teaching")
            assert (records[name]["stacked"] == 1) == stands_alone, job["method"]
            own = perform(name, job)
            for criterion, value in json.loads(records[name]["criteria"]).items():
                last = json.loads(own["criteria"])[criterion]["last"]
                near = 1e-3 if criterion == "likelihood" else 2 / 16
                assert math.isclose(value["last"], last, abs_tol=near), (job["method"], criterion)


def test_a_learned_need_that_learning_starts_from_is_estimated() -> None:
    """T-Revision learns a correction of a matrix that somebody has to give first."""
    row = one(laws=[{"name": "symmetric", "noise_rate": 0.2}], methods=["t-revision"])
    assert row["status"] == "done", row["error"]
    assert "transition" in json.loads(row["needs"])
