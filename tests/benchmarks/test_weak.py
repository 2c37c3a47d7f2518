"""What benchmarks/weak.py counts as the default criterion, and what it calls regret."""

from __future__ import annotations

import pytest

from benchmarks import weak
from sfumato.bench.results import Result

BIASED = "biased-complementary(strength=strong)"


def run(method, accuracy, law=BIASED, kind="complementary", told=(), draw=0, **values):
    criteria = {
        name.replace("_", "-").replace("-own", " (own law)"): {
            "last": value,
            "chosen": value,
            "epoch": 1,
            "oracle_test": accuracy + 0.1,
        }
        for name, value in values.items()
    }
    return Result(method, "digits", law, kind, method, 0, draw, accuracy, criteria, 1, "", told, 1.0)


def test_the_default_goes_by_the_law_where_it_was_told():
    told = run("forward", 0.9, told=("transition",), likelihood=-3, likelihood_own=-1, unbiased_accuracy=0.1)
    plain = run("scl-nl", 0.2, likelihood=-2, likelihood_own=-2, unbiased_accuracy=0.3)
    assert weak.default([told]) == weak.default([told, plain]) == "likelihood (own law)"
    assert weak.default([plain]) == "unbiased-accuracy"
    even = run("forward", 0.9, law="uniform-complementary", told=("transition",), unbiased_accuracy=0.9)
    assert weak.default([even]) == "unbiased-accuracy"  # the kind's own law, told or not
    sar = {"law": "sar(labeled=0.3)", "kind": "pu"}
    own = run("sar-pu", 0.8, told=("propensity",), unbiased_accuracy=0.1, unbiased_accuracy_own=0.2, **sar)
    assert weak.default([own]) == "unbiased-accuracy (own law)"
    # one of the candidates was not judged by that law: the kind's judges all of them
    assert weak.default([own, run("nnpu", 0.7, unbiased_accuracy=0.1, **sar)]) == "unbiased-accuracy"


def test_regret_counts_from_the_best_last_epoch():
    told = run("forward", 0.9, told=("transition",), likelihood_own=-1, unbiased_accuracy=0.1)
    plain = run("scl-nl", 0.2, likelihood_own=-2, unbiased_accuracy=0.3)
    late, soon = weak.lost([[told, plain]], weak.default)
    assert late == [0.0] and soon == [pytest.approx(-10)]
    late, soon = weak.lost([[told, plain]], lambda _: "unbiased-accuracy")
    assert late == [pytest.approx(70)] and soon == [pytest.approx(60)]


def test_those_that_are_told_nothing_are_chosen_among_by_themselves():
    told, plain = run("forward", 0.9, told=("transition",)), run("scl-nl", 0.2)
    found = weak.scopes([told, plain, run("scl-nl", 0.3, draw=1)])
    assert [[r.method for r in c] for c in found["among methods that are told nothing, and draws"]] == [["scl-nl"] * 2]
    assert {r.method for c in found["among methods and draws"] for r in c} == {"forward", "scl-nl"}
    assert [len(c) for c in found["among the draws of a method"]] == [2]
    assert "among methods that are told nothing, and draws" not in weak.scopes([plain])
