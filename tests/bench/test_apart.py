"""Runs of different settings under one name are told apart, and nothing is averaged over them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sfumato.bench.apart import names
from sfumato.bench.compare import compare
from sfumato.bench.content import content
from sfumato.bench.regret import regrets
from sfumato.bench.results import board, results
from sfumato.bench.run import run
from sfumato.bench.spec import parse
from sfumato.bench.store import Store

LAW = {"name": "symmetric", "noise_rate": 0.2}
TRAIN = {"network": "linear", "epochs": 1, "measures": 1}


def grid(**changes: Any) -> Any:
    train = TRAIN | changes.pop("train", {})
    told = {"name": "g", "datasets": ["wine"], "laws": [LAW], "methods": ["ce", "gce"], "seeds": 2}
    return parse(told | changes | {"train": train})


def row(sources: Any = {}, judge: Any = {}, **changes: Any) -> dict[str, Any]:  # noqa: B006
    """A row of a store as far as names go; a change train__lr lies in a table of the job."""
    job: dict[str, Any] = {"kind": "noisy", "seed": 0, "draw": 0, "test": 0.1, "validation": 0.1, "format": 1}
    job |= {"dataset": {"name": "d", "table": None, "digest": "x", "positive": []}, "label": "m", "needs": {}}
    job |= {"law": {"name": "l", "params": {}}, "method": {"name": "m", "kind": "noisy", "fields": {}}}
    job |= {"train": {"epochs": 2, "lr": 0.1}}
    for key, value in changes.items():
        table, _, name = key.rpartition("__")
        (job["method"] if table == "fields" else job)[table or name] = (
            {**(job["method"] if table == "fields" else job)[table], name: value} if table else value
        )
    names = {"kind": job["kind"], "dataset": "d", "law": job["law"]["name"], "method": job["label"]}
    return names | {
        "job": json.dumps(job),
        "needs": json.dumps(sources),
        "judge": json.dumps({"law": "L", "own": judge}),
    }


def laws_of(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [[law for _, law, _ in found] for found in names(rows)[0]]


def test_a_grid_of_one_setting_keeps_its_names() -> None:
    rows = [row(), row(seed=1), row(draw=1, train__lr=0.3), row(train={}), row(label="n", fields__q=0.5)]
    assert names(rows)[0] == [[("d", "l", r["method"])] for r in rows]


def test_what_differs_is_named() -> None:
    assert laws_of([row(), row(train__epochs=40)]) == [["l · epochs=2"], ["l · epochs=40"]]
    assert laws_of([row(), row(validation=0.2)]) == [["l · validation=0.1"], ["l · validation=0.2"]]
    sets = names([row(dataset__positive=[0], dataset__digest="a"), row(dataset__positive=[1], dataset__digest="b")])[0]
    assert [found[0][0] for found in sets] == ["d · positive=[0]", "d · positive=[1]"]
    rows = [row(law={"name": "l", "params": {"transition": m}}) for m in ([[0.9, 0.1]], [[0.8, 0.2]], [[0.9, 0.1]])]
    first, second, third = laws_of(rows)
    assert first == third != second
    assert first[0].startswith("l · transition=")
    data = names([row(dataset__digest="a"), row(dataset__digest="b")])[0]  # a table that changed
    assert data[0] != data[1]
    methods = names([row(fields__q=0.2), row(fields__q=0.20000001)])[0]
    assert [found[0][2] for found in methods] == ["m · q=0.2", "m · q=0.20000001"]


def test_what_a_method_was_told_is_named_where_it_stands_beside_itself() -> None:
    law, guess, told = {"prior": "law"}, {"prior": "dedpul"}, {"prior": "told"}
    rows = [row(sources=guess), row(sources=law, needs=law), row(sources=told, needs={"prior": 0.25})]
    rows += [row(label="n", sources=law, needs=law)]
    rows += [row(train={}, label="peer:x", judge=guess), row(train={}, label="peer:x", judge=law, needs=law)]
    clean = {"law": {"name": "clean", "params": {}}}
    rows += [row(label="c", **clean), row(label="c", needs=law, **clean)]  # nobody asked: both are the same run
    methods = [found[0][2] for found in names(rows)[0]]
    assert methods[:3] == ["m · prior=dedpul", "m · prior=law", "m · prior=0.25"]
    assert methods[3:] == ["n", "peer:x · prior=dedpul", "peer:x · prior=law", "c", "c"]
    assert {law for found in names(rows)[0] for _, law, _ in found} == {"l", "clean"}  # told ones stand beside others


def test_a_store_of_before_holds_the_fields_of_specs_alone() -> None:
    rows = [row(), row(fields__q=0.7, fields__r=1), row(fields__r=1.0)]
    assert [found[0][2] for found in names(rows)[0]] == ["m", "m", "m"]


def test_draws_belong_to_every_grid_that_they_could_come_from() -> None:
    rows = [row(), row(train__lr=0.2), row(draw=1, train__lr=0.37), row(draw=2, train__lr=0.01)]
    assert laws_of(rows) == [["l · lr=0.1"], ["l · lr=0.2"]] + 2 * [["l · lr=0.1", "l · lr=0.2"]]
    assert laws_of([row(draw=1, train__lr=lr) for lr in (0.1, 0.2)]) == [["l"], ["l"]]
    undrawn = [row(), row(train__lr=0.2), row(draw=1), row(draw=1, train__lr=0.2)]  # another setting was drawn
    assert laws_of(undrawn) == 2 * [["l · lr=0.1"], ["l · lr=0.2"]]


def test_a_run_without_a_setting_stands_in_each_condition_of_its_seed() -> None:
    peer = row(train={}, label="peer:x")
    both = [row(), row(train__epochs=40)]
    assert laws_of([*both, peer])[2] == ["l · epochs=2", "l · epochs=40"]
    assert laws_of([*both, row(seed=1), row(train={}, seed=1)])[3] == ["l · epochs=2"]


def test_an_aggregation_sees_all_items() -> None:
    votes = {"kind": "votes", "train": {}}
    assert laws_of([row(**votes), row(**votes, test=0.3)]) == [["l"], ["l"]]
    assert laws_of([row(**votes), row(kind="votes")]) == [["l · votes=aggregated"], ["l · votes=learned from"]]


def test_two_stores_share_their_names() -> None:
    few, many = [row()], [row(), row(train__epochs=40)]
    assert [[found[0][1] for found in store] for store in names(few, many)] == [
        ["l · epochs=2"],
        ["l · epochs=2", "l · epochs=40"],
    ]
    # each of one setting: that is what is compared
    assert names([row()], [row(train__epochs=40)]) == 2 * [[[("d", "l", "m")]]]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of one grid at two settings."""
    path = tmp_path_factory.mktemp("grown") / "store"
    for epochs in (1, 9):
        run(grid(methods=["ce", "gce", "peer:logistic"], train={"epochs": epochs}), path)
    return path


def test_a_grown_store_is_averaged_per_setting(grown: Path, tmp_path: Path) -> None:
    done, failed = results(Store(grown))
    assert not failed
    b = board(done, "noisy")
    assert [law.partition(" · ")[2] for _, law in b.conditions] == ["epochs=1", "epochs=9"]
    assert b.seeds.tolist() == 3 * [[2, 2]]
    run(grid(train={"epochs": 9}), tmp_path / "alone")
    alone = board(results(Store(tmp_path / "alone"))[0], "noisy")
    assert b.accuracy[:2, 1].tolist() == alone.accuracy[:, 0].tolist()
    assert b.accuracy[2, 0] == b.accuracy[2, 1]  # the peer: one run, in both
    assert {r.candidates for r in regrets(done, "noisy")} == {3}
    leaders = content(Store(grown))[1].tables[0]
    assert leaders.title == "Leaderboard over 2 conditions"
    same = compare(str(grown), str(tmp_path / "alone"))
    assert same.ties == len(same.each) == 2
    assert all("epochs=9" in d.where for d in same.each)
