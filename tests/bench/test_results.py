"""Boards, regret, differences and the front, on results whose answers are worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sfumato.bench.compare import _difference, _paired, compare
from sfumato.bench.content import Section, _by_condition, _figures, _notes, leaderboard
from sfumato.bench.front import front
from sfumato.bench.measure import OWN
from sfumato.bench.regret import regrets, stopping
from sfumato.bench.results import Result, board, pick, preferred, read, results, rules
from sfumato.bench.run import run
from sfumato.bench.spec import parse
from sfumato.bench.store import Store
from sfumato.core.errors import ParameterError


def result(method: str, accuracy: float, **changes: Any) -> Result:
    covering, oracle = changes.pop("covering", accuracy), changes.pop("oracle", accuracy)
    told = {"dataset": "d", "law": "l", "kind": "partial", "seed": 0, "draw": 0, "epochs": 2, "judge": "", "told": ()}
    criteria = {
        name: {"last": value, "chosen": value, "epoch": 1, "oracle_test": changes.pop(f"at_{name[:2]}", accuracy)}
        for name, value in (("covering-rate", covering), ("oracle-accuracy", oracle))
    }
    name = f"{method} {sorted(changes.items())}"
    return Result(run=name, method=method, accuracy=accuracy, criteria=criteria, cpu_seconds=1.0, **told | changes)


def test_draws_are_chosen_by_the_weak_criterion() -> None:
    done = [
        result("a", 0.7, draw=0, covering=0.5),
        result("a", 0.6, draw=1, covering=0.9),
        result("a", 0.8, draw=2, covering=0.9),
        result("b", 0.75, draw=0),
        result("b", 0.75, draw=1, covering=0.1),
        result("b", 0.75, draw=2, covering=0.1),
    ]
    b = board(done, "partial")
    assert (b.methods, b.rule, b.conditions) == (("a", "b"), "covering-rate", (("d", "l"),))
    assert b.accuracy.tolist() == [[0.6], [0.75]]  # the first of equals
    found = {(r.choice, r.rule.split(" ")[0]): r for r in regrets(done, "partial")}
    own = found["a method's draws", "covering-rate"]
    assert own.mean == pytest.approx((20 + 0) / 2)
    assert own.worst == pytest.approx(20)
    assert (own.choices, own.candidates) == (2, 3)
    assert found["a method's draws", "oracle-accuracy"].mean == 0
    assert found["a method's draws", "at"].mean == pytest.approx(10 / 2)
    both = found["methods and draws", "covering-rate"]
    assert both.mean == pytest.approx(20)
    assert (both.choices, both.candidates) == (1, 6)


def test_the_law_that_drew_the_labels_chooses_where_all_were_judged_by_it() -> None:
    done = [result("a", 0.7, draw=0, covering=0.9), result("a", 0.6, draw=1, covering=0.5)]
    assert preferred(done, "covering-rate").draw == 0
    for r, value in zip(done, (0.1, 0.2), strict=True):
        r.criteria["likelihood" + OWN] = r.criteria["covering-rate"] | {"last": value}
    assert preferred(done, "likelihood").draw == 1
    assert preferred(done, "covering-rate").draw == 0
    assert rules(done)[0] == "covering-rate"  # the kind's own
    assert "likelihood" + OWN in rules(done)
    found = {(r.choice, r.rule): r for r in regrets(done, "partial")}
    assert found["a method's draws", "likelihood" + OWN].mean == pytest.approx(10)


def test_seeds_are_averaged_and_gaps_are_not_ranked() -> None:
    done = [
        result("a", 0.7, seed=0),
        result("a", 0.9, seed=1),
        result("b", 0.5, seed=0),
        result("a", 0.4, law="m"),
        result("c", 0.3, kind="pu"),
    ]
    b = board(done, "partial")
    assert b.methods == ("a", "b")
    assert b.accuracy[0].tolist() == [pytest.approx(0.8), 0.4]
    assert b.spread[0, 0] == pytest.approx(np.std([0.7, 0.9], ddof=1))
    assert b.seeds.tolist() == [[2, 1], [1, 0]]
    assert np.isnan(b.accuracy[1, 1])
    assert b.whole == [0]


def test_stopping_counts_runs_with_a_history() -> None:
    done = [result("a", 0.7, at_co=0.8), result("b", 0.6, at_co=0.5), result("peer:x", 0.9, epochs=1, at_co=0.1)]
    gains = {s.rule.split(" ")[0]: s for s in stopping(done, "partial")}
    assert gains["covering-rate"].gain == pytest.approx((10 - 10) / 2, abs=1e-12)
    assert gains["covering-rate"].runs == 2


def test_paired_differences_are_scipy_s(store: Store) -> None:
    found = compare("gce", "ce", store)
    done = results(store)[0]
    by = {(r.dataset, r.law, r.method, r.seed): 100 * r.accuracy for r in done}
    cells = sorted({(r.dataset, r.law) for r in done if r.method == "ce"})
    assert len(found.each) == len(cells) == 2
    means = []
    for each, (dataset, law) in zip(found.each, cells, strict=True):
        pair = [[by[dataset, law, m, s] for s in (0, 1)] for m in ("gce", "ce")]
        means.append(np.mean(pair[0]) - np.mean(pair[1]))
        assert each.pairs == 2
        assert each.mean == pytest.approx(means[-1], abs=1e-9)
    test = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert (found.overall.low, found.overall.high) == pytest.approx((test.low, test.high))
    assert found.wins + found.ties + found.losses == 2
    back = compare("ce", "gce", store)
    assert (back.wins, back.losses) == (found.losses, found.wins)
    assert back.overall.mean == pytest.approx(-found.overall.mean)


def test_intervals_against_scipy() -> None:
    values = [0.5, 1.5, -0.25, 2.0]
    found = _difference("x", values)
    want = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((want.low, want.high))
    assert _difference("x", [1.0]).low is None


def test_a_store_compared_with_itself(done: Path, store: Store) -> None:
    same = compare(str(done), str(done))
    assert same.overall.mean == 0
    assert (same.wins, same.losses, same.unpaired) == (0, 0, 0)
    assert same.ties == len(same.each) == 12
    with pytest.raises(ParameterError, match="a method 'nnpu'"):
        compare("nnpu", "ce", store)
    with pytest.raises(ParameterError, match="nothing to pair"):
        compare("cc", "ce", store)


def test_front_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        cost, accuracy = rng.integers(0, 5, 8), rng.integers(0, 5, 8)
        kept = front(cost, accuracy)
        for i in range(8):
            beaten = any(
                cost[j] <= cost[i] and accuracy[j] >= accuracy[i] and (cost[j], accuracy[j]) != (cost[i], accuracy[i])
                for j in range(8)
            )
            assert (i in kept) != beaten
        assert [cost[i] for i in kept] == sorted(cost[i] for i in kept)


def test_pick_takes_the_first_of_equals() -> None:
    runs = [result("a", 0.1, draw=2, covering=0.5), result("a", 0.2, draw=0, covering=0.5)]
    assert pick(runs, "covering-rate").draw == 0


def test_a_criterion_that_some_lack_is_judged_where_all_have_it() -> None:
    done = [
        result("a", 0.7, draw=0, covering=0.5),
        result("a", 0.6, draw=1, covering=0.9),
        result("a", 0.4, draw=0, seed=1, covering=None),
        result("a", 0.9, draw=1, seed=1, covering=0.9),
    ]
    found = {r.rule.split(" ")[0]: r for r in regrets(done, "partial") if r.choice == "a method's draws"}
    assert found["covering-rate"].choices == 1
    assert found["covering-rate"].mean == pytest.approx(10)
    assert found["oracle-accuracy"].choices == found["at"].choices == 2
    b = board(done, "partial")
    assert b.accuracy.tolist() == [[pytest.approx((0.6 + 0.4) / 2)]]  # the defaults, where it was not measured


def failure(method: str, law: str = "l") -> dict[str, Any]:
    return {"kind": "partial", "method": method, "conditions": [("d", law)]}


def test_a_failed_seed_wins_no_rank() -> None:
    done = [result(m, v, seed=s) for m, vs in (("a", (0.9, 0.3)), ("c", (0.85, 0.25))) for s, v in enumerate(vs)]
    done.append(result("b", 0.8))
    failed = [failure("b"), failure("z"), failure("a", "m")]
    b = board(done, "partial", failed)
    assert (b.methods, b.whole) == (("a", "b", "c", "z"), [0, 2])
    assert (b.conditions, b.empty) == ((("d", "l"),), (("d", "m"),))
    rows = {row[0]: row for row in leaderboard(b, failed).rows}
    assert [rows[m][1] for m in "acbz"] == [1, 2, None, None]
    assert [rows[m][-2:] for m in "acbz"] == [(2, 1), (2, 0), (1, 1), (0, 1)]
    assert [row[0] for row in leaderboard(b, failed).rows] == ["a", "c", "b", "z"]
    assert _by_condition(b).rows[2:] == (("b", "80.0 (1 of 2 seeds)"), ("z", None))
    notes = " ".join(_notes(b))
    assert "b (1 of 2), z (0 of 2)" in notes
    assert "No run has a result in: d / m." in notes
    assert _notes(board([], "partial", failed))[-1] == "No run has a result in: d / l; d / m."
    assert leaderboard(board([], "partial", failed), failed).rows[0][:3] == ("a", None, None)


def test_an_oracle_that_is_not_defined_is_no_result_in_any_order() -> None:
    done = [result("a", 0.7, draw=0), result("a", float("nan"), draw=1, covering=0.9), result("a", 0.6, draw=2)]
    for order in (done, done[::-1]):
        found = regrets(order, "partial")
        assert {r.candidates for r in found} == {2}
        assert max(r.worst for r in found) == pytest.approx(5)  # at random; the criteria lose nothing
        b = board(order, "partial")
        assert b.accuracy.tolist() == [[0.7]]
        assert b.undefined == {"a": 1}
    assert "count as no result: 1 of a." in _notes(board(done, "partial"))[-1]
    assert board(done[1:2], "partial").conditions == ()


def test_stopping_leaves_out_epochs_whose_oracle_is_not_defined() -> None:
    done = [result("a", 0.7, at_co=None), result("b", 0.6, at_co=0.8), result("c", float("nan"), at_co=0.8)]
    gains = {s.rule.split(" ")[0]: s for s in stopping(done, "partial")}
    assert (gains["covering-rate"].gain, gains["covering-rate"].runs) == (pytest.approx(20), 1)
    assert [s.rule.split(" ")[0] for s in stopping(done[:1], "partial")] == ["oracle-accuracy"]


def test_a_draw_chosen_by_a_told_truth_has_a_star() -> None:
    done = [
        result(m, 0.5, kind="pu", draw=d, sworn={"": ("prior",), OWN: ("propensity",)}) for m in "ab" for d in (0, 1)
    ]
    done.append(result("c", 0.5, kind="pu", sworn={"": ("prior",)}))
    stars = lambda: [row[0] for row in leaderboard(board(done, "pu")).rows]
    assert stars() == ["a", "b", "c"]  # chosen by a criterion that asks no law
    for r in done:
        r.criteria["unbiased-accuracy"] = r.criteria["covering-rate"]
    assert board(done, "pu").chosen == {"a": ("prior",), "b": ("prior",), "c": ()}
    assert stars() == ["a*", "b*", "c"]  # c has one draw: nothing was chosen
    assert "Draws chosen by a criterion that knows the truth" in _notes(board(done, "pu"))[-1]
    done[0].criteria["unbiased-accuracy" + OWN] = done[1].criteria["unbiased-accuracy" + OWN] = done[0].criteria[
        "covering-rate"
    ]
    assert board(done, "pu").chosen["a"] == ("propensity",)


def test_what_estimators_cost_is_shown_and_counted(tmp_path: Path) -> None:
    done = [result("a", 0.9, estimating=8.0, seed=s) for s in (0, 1)] + [result("b", 0.9, seed=s) for s in (0, 1)]
    table = leaderboard(board(done, "partial"))
    assert [row[table.columns.index("CPU s of estimators")] for row in table.rows] == [8, 0]
    section = Section("s")
    _figures(section, board(done, "partial"))
    assert "a: 90.00 %, 9 s" in section.figures[-1].svg
    spec = {"name": "g", "datasets": ["wine"], "laws": [{"name": "symmetric", "noise_rate": 0.3}]}
    train = {"network": "linear", "epochs": 1}
    run(parse(spec | {"methods": ["forward"], "train": train}), tmp_path)
    assert results(Store(tmp_path))[0][0].estimating > 0


def test_differences_by_rounding_are_ties() -> None:
    left = {("noisy", "d", law, s): v for law in "lm" for s, v in enumerate((0.9, 0.8, 0.7))}
    right = {("noisy", "d", law, s): v for law in "lm" for s, v in enumerate((0.7, 0.9, 0.8))}
    right["noisy", "d", "m", 0] = 0.71
    left["noisy", "d", "l", 3] = right["noisy", "d", "l", 4] = 0.5
    left["noisy", "d", "l", 5], right["noisy", "d", "l", 5] = 0.5, float("nan")
    found = _paired("a", "b", left, right, units=3)
    assert (found.wins, found.ties, found.losses, found.unpaired) == (0, 1, 1, 3)


def test_an_aggregation_counts_once_whatever_the_share_of_test_rows(tmp_path: Path) -> None:
    run(parse({"name": "g", "datasets": ["wine"], "laws": ["crowd"], "methods": ["majority-vote"]}), tmp_path)
    (row,) = Store(tmp_path).table().to_pylist()
    job = json.loads(row["job"]) | {"test": 0.3, "validation": 0.1}
    done, failed = read([row, row | {"run": "again", "job": json.dumps(job)}])
    assert (len(done), failed) == (1, [])


def test_of_runs_that_repeat_each_other_the_more_fully_told_counts(tmp_path: Path) -> None:
    spec = {"name": "g", "datasets": ["wine"], "laws": ["clean"], "methods": ["ce"]}
    run(parse(spec | {"train": {"network": "linear", "epochs": 1}}), tmp_path)
    (row,) = Store(tmp_path).table().to_pylist()
    job = json.loads(row["job"])
    told = [job | {"method": job["method"] | {"fields": fields}} for fields in ({}, {"q": 1.0}, {"q": 1.0, "r": 2})]
    rows = [row | {"run": str(i), "job": json.dumps(job)} for i, job in enumerate(told)]
    for order in (rows, rows[::-1]):
        assert [r.run for r in read(order)[0]] == ["2"]


def test_no_choice_is_made_among_runs_that_different_laws_judged() -> None:
    done = [result("a", 0.7), result("b", 0.9), result("peer:x", 0.8, judge="another")]
    assert {(r.choices, r.candidates) for r in regrets(done, "partial")} == {(1, 2)}
