"""The table behind auto: nearness and scores by hand, the baseline always in the list, damage is one clear error."""

import json
from dataclasses import replace

import numpy as np
import pytest

import sfumato as sf
from sfumato import portfolio, select
from sfumato.bench.entrants import CONTAINERS
from sfumato.catalogue import method
from sfumato.choice import Choice, card
from sfumato.core.errors import FileError
from sfumato.portfolio import Table
from sfumato.portfolio.learn import _past

METHODS = ("naive", "a", "b", "c")


def table(seed=0, sets=4, laws=2, trust=1.0, criterion=None, accuracy=None):
    """Cells of random accuracies; the criterion is the accuracy with noise unless told."""
    rng = np.random.default_rng(seed)
    n = sets * laws
    accuracy = rng.uniform(0.4, 0.9, (n, len(METHODS))) if accuracy is None else accuracy
    value = accuracy + rng.normal(0, 0.02, accuracy.shape) if criterion is None else criterion
    return Table(
        kind="noisy",
        criterion="agreement",
        trust=trust,
        methods=METHODS,
        features=("noise", "tail"),
        sets=tuple(f"s{i // laws}" for i in range(n)),
        laws=tuple(f"law{i % laws}" for i in range(n)),
        seeds=(0,) * n,
        phi=rng.normal(size=(n, 2)),
        accuracy=accuracy,
        value=value,
        expected={"cells": n},
        grid="small",
    )


def written(tmp_path, tables, **changes):
    own = {t.kind: portfolio.to_dict(t) for t in tables}
    told = {"format": 2, "provenance": {"small": {"runs": 3}}, "kinds": own} | changes
    path = tmp_path / "portfolio.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def test_nearness_by_hand():
    t = replace(table(sets=2, laws=1), phi=np.array([[0.0, 5.0], [2.0, 5.0]]))
    # the second feature never varies; the first has standard deviation 1
    w = t.nearness(np.array([[0.0, 9.0]]))
    assert w[0, 1] / w[0, 0] == pytest.approx(np.exp(-2), rel=1e-12) and w.sum() == pytest.approx(1)
    assert t.nearness(np.array([[np.nan, 9.0]]))[0] == pytest.approx([0.5, 0.5])
    far = t.nearness(np.array([[1e6, 0.0]]))
    assert np.isfinite(far).all() and far[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("wild", [np.inf, -np.inf, 1e300, np.nan])
def test_a_feature_beyond_all_numbers_tells_nothing_and_the_others_do(wild):
    t = replace(table(sets=2, laws=1), features=("a", "b", "c"), phi=np.array([[0.0, 5.0, 1.0], [2.0, 7.0, 3.0]]))
    w = t.nearness(np.array([[0.0, wild, wild]]))
    assert w[0, 1] / w[0, 0] == pytest.approx(np.exp(-2 / 3), rel=1e-12)  # z = 2 in one of three


def test_past_is_the_weighted_gain_and_a_failed_run_tells_nothing():
    gains = np.array([[0.0, 0.2, np.nan], [0.0, -0.1, 0.3]])
    past = _past(gains, np.array([[0.75, 0.25], [1.0, 0.0]]))
    assert past == pytest.approx(np.array([[0, 0.125, 0.3], [0, 0.2, 0.0]]))


def test_the_baseline_is_always_first_in_the_list():
    for seed in range(20):
        bad = np.random.default_rng(seed).uniform(0.5, 0.9, (8, 4))
        bad[:, 0] = 0.1  # even where it is the worst everywhere
        for size in (1, 2, 4, 9):
            found = portfolio.learn(table(seed, accuracy=bad), {"noise": 0.1}, size)
            assert found.methods[0] == "naive" and found.past["naive"] == 0
            assert len(found.methods) == len(set(found.methods)) == min(size, 4)


def test_the_list_takes_what_lowers_the_regret():
    accuracy = np.tile([0.5, 0.6, 0.9, 0.8], (8, 1))
    found = portfolio.learn(table(accuracy=accuracy, criterion=accuracy), {}, 2)
    assert found.methods == ("naive", "b")
    misleading = accuracy.copy()
    misleading[:, 2] = [0.99, 0.2] * 4  # the criterion praises b where it is poor
    accuracy[1::2, 2] = 0.9
    accuracy[::2, 2] = 0.1
    found = portfolio.learn(table(accuracy=accuracy, criterion=misleading, trust=0.0), {}, 2)
    assert found.methods == ("naive", "c")


def test_scores_add_what_was_won_before():
    found = portfolio.learn(table(), {"noise": 0.0, "tail": 0.0})
    told = found.scores({"naive": 0.7, "a": 0.6})
    assert told == pytest.approx({"naive": 0.7, "a": 0.6 + found.past["a"]})
    alone = portfolio.learn(table(trust=0.0), {})
    assert alone.scores({"naive": 0.7, "a": 0.6}) == {"naive": 0.7, "a": 0.6}


def test_a_perfect_criterion_over_all_methods_loses_nothing():
    t = table(trust=0.0)
    t = replace(t, value=t.accuracy)
    lost, won = portfolio.regret(t, portfolio.leave_one_set_out(t, len(METHODS)))
    assert (lost == 0).all() and (won >= 0).all()


def test_a_set_that_is_left_out_shapes_nothing():
    t = table()
    own = np.asarray(t.sets) == "s1"
    before = portfolio.leave_one_set_out(t)
    accuracy = t.accuracy.copy()
    accuracy[own] = np.random.default_rng(9).uniform(0, 1, accuracy[own].shape)
    assert (portfolio.leave_one_set_out(replace(t, accuracy=accuracy))[own] == before[own]).all()


def test_the_rule_is_chosen_without_the_set_that_is_left_out():
    t, rng = table(7, sets=5), np.random.default_rng(3)
    held = {
        (name, trust): replace(t, criterion=name, trust=trust, value=value)
        for name, value in (("good", t.accuracy), ("poor", rng.uniform(size=t.accuracy.shape)))
        for trust in (0.0, 1.0)
    }
    assert portfolio.best_rule(held)[0] == "good"
    chosen, by = portfolio.nested(held)
    assert {name for name, _ in by} == {"good"}
    own = np.asarray(t.sets) == "s2"
    # what is measured on a set changes neither its rule nor its list, only which of the list is taken
    changed = {r: replace(h, accuracy=np.where(own[:, None], 1 - h.accuracy, h.accuracy)) for r, h in held.items()}
    again, rules = portfolio.nested(changed)
    assert (again[own] == chosen[own]).all() and [b for b, o in zip(rules, own, strict=True) if o] == [
        b for b, o in zip(by, own, strict=True) if o
    ]


def test_the_order_of_cells_does_not_matter():
    t = table(trust=1.0)
    order = np.random.default_rng(1).permutation(len(t.sets))
    turned = t.take(np.ones(len(order), bool))
    turned = replace(
        turned,
        **{name: tuple(getattr(t, name)[i] for i in order) for name in ("sets", "laws", "seeds")},
        **{name: getattr(t, name)[order] for name in ("phi", "accuracy", "value")},
    )
    a, b = (portfolio.learn(one, {"noise": 0.3, "tail": -0.2}) for one in (t, turned))
    assert a.methods == b.methods and a.past == pytest.approx(b.past) and a.near[0][:2] == b.near[0][:2]


def test_failed_runs_are_never_chosen():
    t = table()
    accuracy = t.accuracy.copy()
    accuracy[:, 1] = np.nan
    t = replace(t, accuracy=accuracy)
    assert 1 not in portfolio.leave_one_set_out(t)


def test_what_is_written_is_read(tmp_path):
    t = table()
    held, source = portfolio.read(written(tmp_path, [t]))
    back = held["noisy"]
    assert (
        source == {"small": {"runs": 3}}
        and back.grid == "small"
        and back.naive == "naive"
        and back.sets == t.sets
        and back.trust == 1.0
    )
    for name in ("phi", "accuracy", "value"):
        assert getattr(back, name) == pytest.approx(getattr(t, name), rel=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 1, "provenance": {}, "kinds": {}}',
        '{"format": 2, "provenance": {}, "kinds": {"noisy": {}}}',
        '{"format": 2, "provenance": {}, "kinds": 3}',
        '{"format": 2, "provenance": 3, "kinds": {}}',
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, text):
    path = tmp_path / "portfolio.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=r"json is damaged.*benchmarks/auto\.py.*name a method"):
        portfolio.read(path)


def test_a_cell_of_the_wrong_width_or_without_the_baseline_is_damage(tmp_path):
    for change in ("width", "naive", "word", "grid"):
        told = portfolio.to_dict(table())
        if change == "width":
            told["cells"][0]["accuracy"] = [0.5]
        elif change == "grid":
            told["grid"] = "of nowhere"
        else:
            told["cells"][0]["accuracy"][0] = None if change == "naive" else "much"
        path = tmp_path / f"{change}.json"
        held = {"format": 2, "provenance": {"small": {}}, "kinds": {"noisy": told}}
        path.write_text(json.dumps(held), encoding="utf-8")
        with pytest.raises(FileError, match="is damaged"):
            portfolio.read(path)


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(FileError, match="is damaged"):
        portfolio.read(tmp_path / "none.json")


def test_the_table_that_is_shipped():
    held, sources = portfolio.read()
    assert sources["auto"]["runs"] > 1000 and all(one["grid"] and one["runs"] for one in sources.values())
    assert set(held) >= {"noisy", "partial", "complementary", "pu", "semi"}
    for kind, t in held.items():
        assert t.naive == select.SHORT_LIST[kind][0] and t.criterion in select.CRITERIA and t.trust in (0, 1)
        assert all(method(name, kinds=CONTAINERS[kind].kinds()).role == "learn" for name in t.methods)
        assert t.expected["cells"] == len(t.sets) and t.grid in sources
        assert ("gain" not in t.expected) if kind in select.NO_BASELINE else (t.expected["gain"] > 0)
        for features in ({}, dict(zip(t.features, t.phi[0], strict=True))):
            assert portfolio.learn(t, features).methods[0] == t.naive


def test_the_card_says_what_it_must():
    tried = {
        "naive": {"criterion": "agreement", "value": 0.7, "low": 0.65, "high": 0.75, "past": 0.0, "score": 0.7},
        "a": {"criterion": "agreement", "value": 0.72, "low": 0.67, "high": 0.77, "past": 0.031, "score": 0.751},
        "b": {"error": "it diverged"},
    }
    expected = dict(cells=8, sets=4, methods=4, regret=0.021, spread=0.03, gain=0.05, worse=0.25, worse_by=0.012)
    t = replace(table(), expected=expected)
    learned = portfolio.learn(t, {})
    told = "\n".join(card("noisy", "a", "naive", "agreement", tried, t, learned, {}).lines())
    for word in (
        "a chosen among naive, a, b",
        "0.72 [0.67, 0.77]",
        "cannot be told apart",
        "+3.1 points",
        "it diverged",
    ):
        assert word in told
    assert "lost 2.1 points" in told and "worse than naive in 25 % of the cells, by 1.2 points" in told
    told = card("noisy", "naive", "naive", "agreement", tried, t, learned, {}).lines()
    assert "nothing that was tried promised more" in told[1]
    sure = tried | {"a": tried["a"] | {"value": 0.9, "low": 0.8}}
    assert "told apart" not in "\n".join(card("noisy", "a", "naive", "agreement", sure, t, learned, {}).lines())
    failed = {"naive": {"error": "no"}, "a": tried["a"]}
    assert "failed: naive: no" in card("noisy", "a", "naive", "agreement", failed, t, learned, {}).lines()
    turned = dict(reversed(tried.items()))  # whoever was tried first, the baseline is the baseline
    found = card("noisy", "a", "naive", "agreement", turned, t, learned, {})
    assert found.naive == "naive" and "won over naive on labels" in "\n".join(found.lines())
    plain = card("triplets", "a", "naive", "agreement", tried, t, learned, {}).lines()
    assert "no naive baseline" in plain[1] and "lost 2.1 points" in plain[-1] and "worse than" not in plain[-1]
    other = card("lower", "a", "naive", "agreement", tried, replace(t, measure="absolute error"), learned, {}).lines()
    assert "lost 2.1 hundredths of absolute error" in other[-1] and "by 1.2 hundredths there" in other[-1]
    assert card("noisy", "a", "naive", "agreement", tried, t, learned, {"small": {"runs": 3}}).source == {"runs": 3}
    assert "no table was learned for bags" in card("bags", "a", "naive", "agreement", tried, None, None, {}).lines()[-1]


def test_the_card_lives_in_the_model_directory(tmp_path):
    X, y, _ = sf.data.load("wine")
    clf = sf.Classifier("auto", network="linear", epochs=3, lr=1e-2).fit(X, sf.labels.Exact.from_labels(y))
    clf.save(tmp_path / "m")
    back = sf.load(tmp_path / "m").choice_
    assert isinstance(back, Choice) and back == Choice.from_dict(json.loads(json.dumps(clf.choice_.to_dict())))
    assert back.lines() == clf.choice_.lines() and back.chosen == clf.method_.name
    named = sf.Classifier("ce", network="linear", epochs=1).fit(X, sf.labels.Exact.from_labels(y))
    named.save(tmp_path / "n")
    assert named.choice_ is None and sf.load(tmp_path / "n").choice_ is None
