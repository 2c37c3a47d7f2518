"""What determines a run, and nothing else, makes its name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato import catalogue
from sfumato.bench import sets
from sfumato.bench.draws import ranges
from sfumato.bench.perform import perform
from sfumato.bench.plan import identity, plan
from sfumato.bench.spec import parse
from sfumato.core.errors import ParameterError

GOOD: dict[str, Any] = {"name": "g", "datasets": ["wine"], "laws": ["uniform-sets"], "methods": ["cc"]}


def test_a_name_is_that_of_everything_that_determines_the_run() -> None:
    job = plan(parse(GOOD))[0].job
    assert identity(json.loads(json.dumps(job))) == identity(dict(reversed(job.items()))) == identity(job)
    changes: list[tuple[str, Any]] = [("seed", 1), ("draw", 1), ("test", 0.2), ("kind", "x"), ("needs", {"prior": 0.1})]
    names = {identity(job)}
    for key, value in changes:
        names.add(identity(job | {key: value}))
    for place, key, value in (
        ("train", "lr", 0.1),
        ("dataset", "digest", "0"),
        ("law", "params", {"a": 1}),
        ("method", "fields", {"q": 1}),
    ):
        other = copy.deepcopy(job)
        other[place][key] = value
        names.add(identity(other))
    assert len(names) == 1 + len(changes) + 4
    same = copy.deepcopy(job)
    same["label"], same["dataset"]["table"] = "another name", "/elsewhere/x.csv"
    assert identity(same) == identity(job)


def test_the_name_of_a_grid_s_first_run_stays_what_it_was() -> None:
    """A changed name would orphan every store there is: raise plan.FORMAT when that is meant."""
    spec = parse({"name": "g", "datasets": ["wine"], "laws": ["uniform-sets"], "methods": ["cc"]})
    job = plan(spec)[0].job
    job["dataset"]["digest"] = "0" * 16  # of a file that belongs to another package
    assert identity(job) == "9ab54ed258ee4ce3632f7aae"


def test_methods_meet_the_laws_of_their_kind() -> None:
    spec = parse(
        GOOD
        | {"laws": ["uniform-sets", {"name": "symmetric", "noise_rate": 0.1}, "uniform-complementary"]}
        | {"methods": ["cc", "ce", "average", {"name": "forward", "kinds": ["noisy"]}, "peer:logistic"], "seeds": 2}
    )
    met = {(r.job["kind"], r.job["method"]["name"]) for r in plan(spec)}
    assert met == {
        ("partial", "cc"),
        ("partial", "average"),
        ("complementary", "average"),
        ("noisy", "ce"),
        ("noisy", "forward"),
        ("noisy", "peer:logistic"),
    }
    assert len(plan(spec)) == 12


def test_draws_are_functions_of_seed_method_and_number() -> None:
    method = {"name": "abs-gce", "draw": {"q": {"uniform": [0.1, 0.9]}}}
    spec = parse(GOOD | {"methods": ["cc", method], "draws": 3, "seeds": 2, "draw": {"lr": {"log10": [-4, -2]}}})
    jobs = {(r.job["method"]["name"], r.job["seed"], r.job["draw"]): r.job for r in plan(spec)}
    assert jobs == {(r.job["method"]["name"], r.job["seed"], r.job["draw"]): r.job for r in plan(spec)}
    rates = {key: job["train"]["lr"] for key, job in jobs.items()}
    assert rates["cc", 0, 0] == rates["abs-gce", 1, 0] == 1e-3
    drawn = [rate for key, rate in rates.items() if key[2]]
    assert len(set(drawn)) == len(drawn) == 8
    assert all(1e-4 <= rate <= 1e-2 for rate in drawn)
    assert jobs["abs-gce", 0, 0]["method"]["fields"] == {"q": 0.7}
    assert 0.1 <= jobs["abs-gce", 0, 1]["method"]["fields"]["q"] <= 0.9


def test_forms_of_draws() -> None:
    given = ranges(
        {"a": {"choice": [1, 5]}, "b": {"whole": [2, 4]}, "c": {"each": [7, 8, 9]}, "d": {"uniform": [0, 0]}}, "draw"
    )
    each = {name: [r.draw(0, name, draw=i) for i in range(200)] for name, r in given.items()}
    assert set(each["a"]) == {1, 5}
    assert set(each["b"]) == {2, 3, 4}
    assert each["c"][:4] == [7, 8, 9, 7]
    assert set(each["d"]) == {0.0}


def test_a_set_with_labels_of_its_own_meets_given_alone(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,truth,said\n" + "".join(f"{i},{i % 2},{'0|1' if i % 3 else i % 2}\n" for i in range(40)))
    own = {"table": str(table), "truth": "truth", "labels": "partial:said"}
    spec = parse(GOOD | {"datasets": ["wine", own], "laws": ["given", "uniform-sets"]})
    assert {(r.job["dataset"]["name"], r.job["law"]["name"]) for r in plan(spec)} == {
        ("wine", "uniform-sets"),
        ("t.csv", "given"),
    }


def test_absent_sets_are_skipped_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_REAL_DATA", str(tmp_path))
    runs = plan(parse(GOOD | {"datasets": ["lost", "wine"], "laws": ["given", "uniform-sets"]}))
    assert [r.skip is None for r in runs] == [False, True]
    assert str(tmp_path) in str(runs[0].skip)


def test_digests_see_every_part_of_a_set() -> None:
    held = sets.load(parse(GOOD).datasets[0])
    x, y = held.x.copy(), held.y.copy()
    x[3, 2] += 1
    y[0] = 1 - y[0]
    test = np.zeros(len(y), bool)
    others = [sets.Set("n", x, held.y, 3), sets.Set("n", held.x, y, 3), sets.Set("n", held.x, held.y, 4)]
    others.append(sets.Set("n", held.x, held.y, 3, test=test))
    assert len({held.digest, *(o.digest for o in others)}) == 5
    assert sets.Set("another name", held.x, held.y, 3).digest == held.digest


def test_a_changed_default_of_a_field_is_another_run_and_one_means_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(*methods: Any, law: Any = "uniform-sets", **changes: Any) -> list[str]:
        return [r.id for r in plan(parse(GOOD | {"laws": [law], "methods": list(methods)} | changes))]

    def named(**fields: Any) -> dict[str, Any]:
        return {"name": "abs-gce", "fields": fields}

    before, plain = names("abs-gce"), names("cc")
    assert names(named(q=0.7)) == before
    assert names(named(q=1)) == names(named(q=1.0)) != before
    (card,) = [c for c in catalogue.methods("learn", "partial") if c.name == "abs-gce"]
    init = card.cls.__init__
    monkeypatch.setattr(card.cls, "__init__", lambda self, q=0.5: init(self, q))
    after = plan(parse(GOOD | {"methods": ["abs-gce"]}))[0]
    assert after.id != before[0]
    assert after.job["method"]["fields"] == {"q": 0.5}
    assert names("cc") == plain
    with pytest.raises(ParameterError, match="at its default"):
        names("abs-gce", named(q=0.5))


def test_what_the_run_sets_itself_is_no_default() -> None:
    crowd = {"name": "crowd", "sources": 5}
    told = [{"name": "mace", "fields": {"seed": 0}}, "mace"]
    first, second = plan(parse(GOOD | {"laws": [crowd], "methods": told}))
    assert first.id != second.id
    assert "seed" not in second.job["method"]["fields"]
    shift = {"name": "label-shift", "bags": 2, "size": 20}
    for made in plan(parse(GOOD | {"datasets": ["breast_cancer"], "laws": [shift], "methods": ["dedpul", "recpe"]})):
        assert "repeats" not in made.job["method"]["fields"]
        assert ("PriorBBE(" in json.dumps(made.job["method"])) == (made.job["method"]["name"] == "recpe")


def test_the_name_of_an_aggregation_knows_nothing_of_training() -> None:
    grid = GOOD | {"laws": [{"name": "crowd", "sources": 5}], "methods": ["mace", "majority-vote"]}
    changes = {"test": 0.3, "validation": 0.3, "train": {"epochs": 2, "lr": 0.1}, "needs": {"prior": 0.3}}
    assert [r.id for r in plan(parse(grid))] == [r.id for r in plan(parse(grid | changes))]


def test_a_peer_is_judged_by_what_the_others_are_judged_by() -> None:
    grid = GOOD | {"datasets": [{"name": "wine", "positive": [0]}], "laws": ["case-control"], "methods": ["nnpu", PEER]}
    for needs, estimators in (({"prior": "law"}, None), ({"prior": 0.3}, None), ({}, {"prior": "dedpul"})):
        own, peer = (r.job for r in plan(parse(grid | {"needs": needs})))
        assert own["needs"] == peer["needs"] == needs
        assert own.get("estimators") == peer.get("estimators") == estimators
    quick = {"network": "linear", "epochs": 1, "measures": 1}
    rows = [perform(r.id, r.job) for r in plan(parse(grid | {"needs": {"prior": "law"}, "train": quick}))]
    assert [r["status"] for r in rows] == ["done", "done"], [r["error"] for r in rows]
    assert rows[0]["judge"] == rows[1]["judge"] and '"prior": "law"' in rows[1]["judge"]
    assert [json.loads(r["needs"]) for r in rows] == [{"prior": "law"}, {}]  # the peer itself was told nothing


def test_a_method_of_which_nothing_is_drawn_has_one_draw() -> None:
    drawn = {"draws": 3, "draw": {"lr": {"log10": [-3, -2]}}}
    grid = GOOD | {"datasets": ["breast_cancer"], "laws": ["clean", {"name": "label-shift", "bags": 2, "size": 20}]}
    found = plan(parse(grid | drawn | {"methods": ["ce", "peer:logistic", "bbse"]}))
    assert sorted((r.job["method"]["name"], r.job["draw"]) for r in found) == [
        *[("bbse", 0), ("ce", 0), ("ce", 1), ("ce", 2), ("peer:logistic", 0)]
    ]
    with pytest.raises(ParameterError, match="draws = 3, but nothing is drawn"):
        plan(parse(GOOD | {"draws": 3}))
    with pytest.raises(ParameterError, match=r"draw\.lr, but no method of this grid is trained"):
        plan(parse(GOOD | drawn | {"laws": [{"name": "crowd", "sources": 5}], "methods": ["mace"]}))


class _Peer:
    name, kind = "own", "pu"

    def missing(self) -> str | None:
        return None

    def fit(self, X: Any, labels: Any, seed: int) -> Any:
        return lambda rows: np.full((len(rows), 2), 0.5)


OWN, PEER = _Peer(), f"peer:{__name__}:OWN"
