"""What runs share: a split that does not leak, labels by a seeded stream, facts by their giver."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sfumato.bench import sets
from sfumato.bench.cell import prepare, split
from sfumato.bench.plan import plan
from sfumato.bench.spec import DatasetEntry, parse
from sfumato.core.errors import FileError, NeedError, ParameterError
from sfumato.data import bundled
from sfumato.labels import PU

GOOD: dict[str, Any] = {"name": "g", "datasets": ["wine"], "laws": ["uniform-sets"], "methods": ["cc"]}


def job(**changes: Any) -> dict[str, Any]:
    return plan(parse(GOOD | changes))[0].job


def test_the_split_is_seeded_whole_and_disjoint() -> None:
    held = sets.load(DatasetEntry("wine"))
    parts = split(held, 0, 0.2, 0.25)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(178))
    assert [len(p) for p in parts] == [106, 36, 36]
    assert all(np.array_equal(a, b) for a, b in zip(parts, split(held, 0, 0.2, 0.25), strict=True))
    assert not np.array_equal(parts[2], split(held, 1, 0.2, 0.25)[2])
    official = np.arange(178) < 30
    fixed = split(sets.Set("w", held.x, held.y, 3, test=official), 3, 0.2, 0.1)
    assert np.array_equal(np.sort(fixed[2]), np.arange(30))


def test_features_are_standardised_by_training_rows_alone() -> None:
    cell = prepare(job())
    inside = cell.X[: cell.train].double()
    assert float(inside.mean(0).abs().max()) < 1e-6
    assert torch.allclose(inside.std(0, unbiased=False), torch.ones(13).double(), atol=1e-5)
    held = sets.load(DatasetEntry("wine"))
    train, valid, test = split(held, 0, 0.1, 0.1)
    x = held.x.astype(np.float64)
    want = (x[test] - x[train].mean(0)) / x[train].std(0)
    assert np.allclose(cell.X[-len(test) :].numpy(), want, atol=1e-4)
    assert np.array_equal(cell.y_test.numpy(), held.y[test])
    assert np.array_equal(cell.y_clean.numpy(), held.y[valid])


def test_labels_are_drawn_by_law_and_seed() -> None:
    first = prepare(job()).observed.mask
    assert torch.equal(first, prepare(job(methods=["proden"], train={"epochs": 3})).observed.mask)
    assert not torch.equal(first, prepare(job(seeds=[1])).observed.mask)


def test_case_control_keeps_validation_apart() -> None:
    cell = prepare(job(datasets=["breast_cancer"], laws=[{"name": "case-control", "share": 0.2}], methods=["nnpu"]))
    for labels, rows in ((cell.observed, cell.train), (cell.weak, cell.held)):
        assert isinstance(labels, PU)
        assert labels.row is None
        assert len(labels) == rows
        assert labels.scheme == "case-control"
    assert cell.train + cell.held == len(cell.X) - len(cell.y_test)
    # each validation row is looked at once by the oracle, and no validation row is among the training observations
    _, valid, _ = split(sets.load(DatasetEntry("breast_cancer")), 0, 0.1, 0.1)
    assert len(cell.clean) == len(valid)
    train_rows = {tuple(r) for r in cell.X[: cell.train].numpy().round(5).tolist()}
    held_rows = {tuple(r) for r in cell.X[cell.train : cell.train + cell.held].numpy().round(5).tolist()}
    assert not train_rows & held_rows


def test_who_gives_a_need() -> None:
    cell = prepare(job(laws=[{"name": "symmetric", "noise_rate": 0.3}], methods=["ce"]))
    assert cell.need("noise_rate", {"noise_rate": 0.25}) == (0.25, "told", 0.0)
    assert cell.need("noise_rate", {"noise_rate": "law"}) == (0.3, "law", 0.0)
    estimated = cell.need("noise_rate", {})
    assert estimated is not None
    assert estimated[1] == "confident-noise-rate"
    assert 0 <= estimated[0] < 1
    assert cell.need("noise_rate", {"noise_rate": "confident-noise-rate"}) == estimated
    assert cell.need("flip", {}) is None
    with pytest.raises(NeedError, match="the law knows no prior"):
        cell.need("prior", {"prior": "law"})
    with pytest.raises(ParameterError, match="an estimator of noise_rate"):
        cell.need("noise_rate", {"noise_rate": "bbe"})


def test_the_law_that_drew_the_labels_judges_where_its_facts_are_known() -> None:
    biased = [{"name": "biased-complementary", "strength": "strong"}]
    cell = prepare(job(datasets=["digits"], laws=biased, methods=["scl-nl"]))
    assert cell.own_judge({}) is None  # nobody tells or estimates its matrix
    found = cell.own_judge({"transition": "law"})
    assert found is not None
    assert (type(found[0]).__name__, found[1]) == ("BiasedComplementary", {"transition": "law"})
    assert torch.allclose(found[0].transition, cell.facts["transition"], atol=1e-12)
    assert type(cell.judge({"transition": "law"})[0]).__name__ == "UniformComplementary"  # the default law as before
    plain = prepare(job(laws=["uniform-complementary"], methods=["scl-nl"]))
    assert plain.own_judge({}) is None  # the default law it is
    noisy = prepare(job(laws=[{"name": "symmetric", "noise_rate": 0.3}], methods=["ce"]))
    found = noisy.own_judge({})
    assert found is not None
    assert (type(found[0]).__name__, found[1]) == ("Symmetric", {"noise_rate": "confident-noise-rate"})
    flips = prepare(job(laws=[{"name": "flip-sets", "flip": 0.3}])).own_judge({})
    assert flips is not None
    assert flips[1] == {"flip": "candidate-flips"}
    assert noisy.own_judge({"noise_rate": 2.0}) is None  # the law refuses it
    rowwise = prepare(job(laws=[{"name": "instance-sets", "flip": 0.3}]))
    assert rowwise.own_judge({}) is None
    found = rowwise.own_judge({"flips": "law"})
    assert found is not None
    assert len(found[0].flips) == len(rowwise.observed) + len(rowwise.weak)


def test_data_that_changed_since_planning_are_refused() -> None:
    other = job()
    other["dataset"]["digest"] = "0" * 16
    with pytest.raises(FileError, match="not the one that was planned for"):
        prepare(other)


def test_positive_classes_make_two() -> None:
    held = sets.load(DatasetEntry("digits", positive=(0, 2, 4)))
    _, y, _ = bundled.load("digits")
    assert held.k == 2
    assert np.array_equal(held.y, np.isin(y, [0, 2, 4]))
    with pytest.raises(ParameterError, match=r"positive = \[0, 11\]"):
        sets.load(DatasetEntry("digits", positive=(0, 11)))


def test_some_rows_are_drawn_beside_official_test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.arange(400.0)[:, None], np.arange(400) // 200
    test = np.arange(400) % 4 == 3
    monkeypatch.setattr(sets, "_real", lambda name: sets.Set(name, x, y, 2, None, test))
    held = sets.source(DatasetEntry("letter", rows=60)).load()
    assert held.test is not None
    chosen = held.x[~held.test, 0]
    assert len(chosen) == len(set(chosen.tolist())) == 60
    assert not any(test[chosen.astype(int)])
    assert held.x[held.test, 0].tolist() == np.flatnonzero(test).tolist()
    assert held.y.tolist() == y[held.x[:, 0].astype(int)].tolist()
    assert 15 < held.y[~held.test].sum() < 45  # both classes of a sorted file
    assert sets.source(DatasetEntry("letter", rows=60)).load().digest == held.digest


def test_a_fact_that_the_law_refuses_leaves_criteria_out() -> None:
    cell = prepare(job(datasets=["breast_cancer"], laws=["scar"], methods=["nnpu"]))
    law, sources = cell.judge({"prior": 1.0})
    assert isinstance(law, type)
    assert sources == {}
    law, sources = cell.judge({"prior": 0.6})
    assert (law.prior, sources) == (0.6, {"prior": "told"})
