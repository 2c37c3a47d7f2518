"""Kinds of several rows, of confidences, and of truths that are no class, through the same grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sfumato.bench.cell import planned, prepare, split
from sfumato.bench.content import content
from sfumato.bench.perform import perform
from sfumato.bench.plan import plan
from sfumato.bench.results import board, results
from sfumato.bench.run import run
from sfumato.bench.spec import Spec, parse, read
from sfumato.bench.store import Store
from sfumato.core.errors import ParameterError
from sfumato.labels import Bags

DIGITS = {"name": "digits", "positive": [0, 1, 2, 3, 4, 5, 6], "rows": 200}
TINY: dict[str, Any] = {"hidden": [8], "epochs": 2, "measures": 2, "batch_size": 32, "lr": 0.01}
CLASSES = ("bags", "instances", "sets", "pairs", "confidence", "votes")


def job(law: Any, method: str, **changes: Any) -> dict[str, Any]:
    values = {"name": "g", "datasets": [DIGITS], "laws": [law], "methods": [method], "validation": 0.3, "train": TINY}
    return plan(parse(values | changes))[0].job


@pytest.mark.parametrize(
    ("law", "method", "needs"),
    [
        ({"name": "counts", "size": 5}, "proportion", {}),
        ({"name": "sets", "thetas": [0.7, 0.3]}, "um-ssc", {"prior": "law"}),
        ({"name": "pairs", "similar": 0.4, "dissimilar": 0.3}, "sdu", {"prior": "law"}),
        ("confidence-differences", "confdiff", {"prior": "law"}),
        ("positive-confidence", "pconf", {"prior": "law"}),
    ],
)
def test_no_observation_lies_in_both_parts(law: Any, method: str, needs: dict[str, Any]) -> None:
    asked = job(law, method, needs=needs)
    cell = prepare(asked)
    held = planned(asked["dataset"])
    train, valid, test = split(held, 0, 0.1, 0.3)
    for labels, rows in ((cell.observed, cell.train), (cell.weak, cell.held)):
        shown, again = labels.cover(torch.arange(len(labels)))
        assert torch.equal(shown, torch.arange(rows))
        assert int(again.sizes().sum()) == rows
    parts = np.split(cell.X.numpy().round(4), [cell.train, cell.train + cell.held, len(cell.X) - len(test)])
    seen, weak, clean, _ = ({tuple(row) for row in part.tolist()} for part in parts)
    assert not seen & (weak | clean)
    assert weak <= clean
    # the oracle looks at each validation row once
    assert len(parts[2]) == len(cell.clean) == len(valid)
    assert np.array_equal(cell.y_clean.numpy(), held.y[valid])
    assert np.array_equal(cell.y_test.numpy(), held.y[test])
    if isinstance(cell.observed, Bags):
        assert cell.observed.counts.sum(0).tolist() == np.bincount(held.y[train]).tolist()
        assert cell.weak.sizes()[:-1].tolist() == [5] * (len(cell.weak) - 1)


def tiny(name: str) -> Spec:
    """The small scale of a preset, on its first set, one seed and no draws, hardly trained."""
    whole = read(name, small=True)
    values = {**vars(whole), "datasets": whole.datasets[:1], "seeds": (0,), "draws": 1}
    train = vars(whole.train) | {"hidden": (8,), "epochs": 2, "measures": 2}
    return Spec(**values | {"train": type(whole.train)(**train)})


@pytest.mark.parametrize("name", [*CLASSES, "regression", "multilabel", "distribution"])
def test_a_packaged_protocol_runs(name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in ("multilabel", "distribution"):  # their sets are on this machine or nowhere
        monkeypatch.setenv("SFUMATO_REAL_DATA", str(request.getfixturevalue("real_data")))
    runs = [one for one in plan(tiny(name)) if one.skip is None]
    assert {one.job["method"]["name"] for one in runs} == {m.name for m in read(name).methods}
    for one in runs:
        row = perform(one.id, one.job)
        assert row["status"] == "done", (one.job["label"], row["error"])
        assert (row["oracle_test_accuracy"] is None) == (name not in CLASSES)
        assert all(key.startswith("oracle-") for key in json.loads(row["oracles"]))
        measured = set(json.loads(row["criteria"])) - {"oracle-accuracy", "oracle-map", "oracle-mae"}
        assert measured - {"oracle-kullback-leibler"}, one.job["label"]


def test_a_prediction_that_is_nearer_has_the_larger_score_and_tables_show_what_was_measured(tmp_path: Path) -> None:
    values = {"name": "g", "datasets": ["diabetes"], "laws": [{"name": "incomplete", "observed": 0.4}]}
    values |= {"methods": ["l1", "u2-regression"], "needs": {"observed": "law"}, "seeds": 2}
    store = tmp_path / "store"
    run(parse(values | {"train": TINY | {"epochs": 60, "measures": 1}}), store)
    done, failed = results(Store(store))
    assert not failed
    found = board(done, "lower")
    assert found.methods == ("l1", "u2-regression")
    for r in done:
        assert r.accuracy == -float(r.oracles["oracle-mae"] or 0) < 0
        assert r.criteria["oracle-mae"]["oracle_test"] == r.accuracy  # one epoch was measured
    # 60 % of the values are the least of all: their median lies far below the truth's
    assert found.accuracy[1, 0] > found.accuracy[0, 0]
    section = content(Store(store))[1]
    told = {row[0]: row[2] for row in section.tables[0].rows}
    assert told["u2-regression*"] == pytest.approx(-100 * found.accuracy[1, 0])
    assert section.tables[0].columns[2] == "oracle absolute error, % of a deviation"


def test_what_cannot_meet_is_said_before_any_run(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_REAL_DATA", str(real_data))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"datasets": ["diabetes"], "laws": ["clean"], "methods": ["ce"]}, "meets no law"),
        ({"datasets": ["wine", "diabetes"], "laws": ["clean", "single-positive"], "methods": ["ce"]}, "meets no law"),
        ({"datasets": ["wine"], "laws": ["clean", "complete"], "methods": ["ce"]}, "'complete' meets no set"),
        ({"datasets": ["wine"], "laws": [{"name": "counts", "size": 2}], "methods": ["su"]}, "fits no law"),
        ({"datasets": ["wine"], "laws": ["comparisons"], "methods": ["pcomp"]}, "with 3 classes"),
        ({"datasets": ["wine"], "laws": ["crowd"], "methods": ["dawid-skene", "conal"]}, "in one grid"),
        ({"datasets": ["bluebird"], "laws": ["given"], "methods": ["conal"]}, "items without features"),
        ({"datasets": ["wine"], "laws": [{"name": "counts"}], "methods": ["proportion"]}, "counts without 'size'"),
        ({"datasets": ["wine"], "laws": ["comparisons"], "methods": ["baseline:best"]}, "baseline named 'best'"),
        ({"datasets": [{"name": "diabetes", "positive": [0]}], "laws": ["complete"], "methods": ["l1"]}, "positive"),
    ]
    for values, message in wrong:
        with pytest.raises(ParameterError, match=message):
            plan(parse({"name": "g", **values}))


def test_labels_that_a_set_carries_stand_beside_clean_ones(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_REAL_DATA", str(real_data))
    methods = ["ce", {"name": "naive", "kinds": ["votes"]}, "crowd-layer"]
    runs = plan(parse({"name": "g", "datasets": ["labelme"], "laws": ["given", "clean"], "methods": methods}))
    assert {(r.job["law"]["name"], r.job["label"]) for r in runs} == {
        ("given", "naive"),
        ("given", "crowd-layer"),
        ("clean", "ce"),
    }
    given, clean = (prepare(next(r.job for r in runs if r.job["law"]["name"] == law)) for law in ("given", "clean"))
    assert torch.equal(given.X, clean.X)
    assert given.observed.kind == "votes"
    assert len(given.y_test) == 1188
    assert float((given.observed.shares().argmax(1) == clean.observed.y).double().mean()) > 0.6  # type: ignore[attr-defined]
