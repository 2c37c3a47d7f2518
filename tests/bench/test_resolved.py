"""A run's name carries the estimators that it falls back on, and the code's state is told from its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sfumato import labels as rooms
from sfumato.bench import provenance
from sfumato.bench.content import content
from sfumato.bench.entrants import CONTAINERS
from sfumato.bench.known import ESTIMATORS
from sfumato.bench.laws import LAWS
from sfumato.bench.perform import perform
from sfumato.bench.plan import identity, plan
from sfumato.bench.record import record
from sfumato.bench.resolved import ASSUMED
from sfumato.bench.spec import parse
from sfumato.bench.store import Store

NOISY = {"name": "g", "datasets": ["wine"], "laws": [{"name": "symmetric", "noise_rate": 0.2}]}
QUICK = {"epochs": 1, "measures": 1, "network": "linear"}


def jobs(**spec: Any) -> dict[str, dict[str, Any]]:
    return {r.job["label"]: r.job for r in plan(parse({**NOISY, **spec}))}


def test_a_changed_default_is_another_run_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = {"laws": ["case-control", "missing-completely"], "datasets": ["breast_cancer"]}
    grid["methods"] = ["nnpu", "supervised"]
    before = jobs(**grid)
    assert before["nnpu"]["estimators"] == {"prior": "dedpul"}
    monkeypatch.setitem(ESTIMATORS, ("pu", "prior"), "bbe")
    after = jobs(**grid)
    assert after["nnpu"]["estimators"] == {"prior": "bbe"}
    assert identity(after["nnpu"]) != identity(before["nnpu"])
    assert identity(after["supervised"]) == identity(before["supervised"])
    monkeypatch.setitem(ESTIMATORS, ("pu", "noise_rate"), "confident-noise-rate")  # a new default nobody asks for
    assert identity(jobs(**grid)["nnpu"]) == identity(after["nnpu"])


def test_what_nobody_estimates_leaves_the_name_as_it_was() -> None:
    for spec in (
        {"laws": ["uniform-sets"], "methods": ["cc"]},
        {"laws": ["clean"], "methods": ["ce"]},
        {"laws": [{"name": "counts", "size": 4}], "datasets": ["breast_cancer"], "methods": ["proportion"]},
        {"methods": ["forward"], "needs": {"transition": "law", "noise_rate": "law"}},
        {"laws": ["crowd"], "methods": ["majority-vote"]},
        {"laws": ["label-shift"], "methods": ["bbse"]},
    ):
        assert all("estimators" not in job for job in jobs(**spec).values()), spec
    told = jobs(methods=["forward"], needs={"transition": "law"})["forward"]
    assert told["estimators"] == {"noise_rate": "confident-noise-rate"}  # of the criteria, by the law that drew


@pytest.mark.parametrize(
    ("dataset", "law", "methods"),
    [
        ("wine", {"name": "symmetric", "noise_rate": 0.2}, ["ce", "forward", "peer:logistic"]),
        ("wine", {"name": "instance-flips", "noise_rate": 0.2}, ["ce", "reweight"]),
        ("wine", {"name": "class-conditional", "transition": [[0.8, 0.1, 0.1]] * 3}, ["ce"]),
        ("breast_cancer", "case-control", ["nnpu", "unlabeled-as-negative"]),
        ("breast_cancer", "sar", ["upu"]),
        ("wine", {"name": "flip-sets", "flip": 0.2}, ["cc"]),
        ("wine", "uniform-sets", ["proden"]),
        ("wine", "uniform-complementary", ["scl-nl"]),
        ("digits", "biased-complementary", ["scl-nl"]),
    ],
)
def test_a_record_names_the_estimators_of_its_job_and_no_others(dataset: str, law: Any, methods: list[str]) -> None:
    for planned in plan(parse({"name": "g", "datasets": [dataset], "laws": [law], "methods": methods, "train": QUICK})):
        row = perform(planned.id, planned.job)
        assert row["status"] == "done", row["error"]
        judge = json.loads(row["judge"])
        said = {**json.loads(row["needs"]), **judge.get("own", {}), **judge}
        used = {n: e for n, e in said.items() if n not in ("law", "own")}
        assert used == planned.job.get("estimators", {})


def test_a_run_uses_the_estimator_that_it_was_planned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(parse({**NOISY, "laws": ["scar"], "datasets": ["breast_cancer"], "methods": ["nnpu"], "train": QUICK}))[
        0
    ]
    monkeypatch.setitem(ESTIMATORS, ("pu", "prior"), "bbe")
    assert json.loads(perform(made.id, made.job)["needs"]) == {"prior": "dedpul"}


def test_laws_that_are_assumed_are_those_of_the_labels() -> None:
    g = torch.Generator().manual_seed(0)
    y = torch.arange(40) % 2
    drawn = {
        "noisy": rooms.Symmetric(0.2).sample(y, 2, g),
        "pu": rooms.CaseControl(0.5, 0.3).sample(y, 2, g),
        "complementary": rooms.UniformComplementary.single(2).sample(y, 2, g),
        "partial": rooms.UniformSets().sample(y, 2, g),
    }
    assert set(ASSUMED) == set(drawn) == {kind for kind, _ in ESTIMATORS} <= set(CONTAINERS)
    assert all(labels.default_law() is ASSUMED[kind] for kind, labels in drawn.items())
    known = {kind: {need for of, need in ESTIMATORS if of == kind} for kind in ASSUMED}
    assert all(set(entry.asks) <= known.get(entry.kind, set()) for entry in LAWS.values())


def test_two_states_of_the_code_are_told_apart_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.py").write_text("y = 2\n")
    first = provenance.files(tmp_path)
    assert first == provenance.files(tmp_path) and len(first) == 12
    (tmp_path / "notes.txt").write_text("not code")
    assert provenance.files(tmp_path) == first
    (tmp_path / "b" / "c.py").rename(tmp_path / "c.py")
    moved = provenance.files(tmp_path)
    (tmp_path / "c.py").write_text("y = 3\n")
    assert len({first, moved, provenance.files(tmp_path)}) == 3
    assert provenance.code()["git"] is not None


def test_a_report_says_where_the_runs_of_a_table_come_from_several_states(tmp_path: Path) -> None:
    from sfumato.bench.owner import Owner

    store = Store(tmp_path / "store", create=True)
    runs = plan(parse({**NOISY, "methods": ["ce", "gce"], "seeds": 2, "train": QUICK}))
    grid = store.add(runs)
    me = Owner(store.living)
    try:
        states = iter(["aaa", "aaa", "aaa", "files:bbb"])
        while claimed := store.claim(grid, me):
            rows = [record(run, job, error="x", status="failed") for run, job in claimed.items()]
            store.commit([{**row, "git": next(states)} for row in rows], me)
    finally:
        me.close()
    notes = "\n".join(content(store)[0].notes)
    assert "more than one state of the code" in notes
    assert "noisy (3 by 0.1.0 aaa, 1 by 0.1.0 files:bbb)" in notes
