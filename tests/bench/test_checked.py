"""What only trying shows is wrong is found before the first run: laws draw once, methods are built, estimators fit."""

from __future__ import annotations

from typing import Any

import pytest

from sfumato.bench.plan import plan
from sfumato.bench.spec import parse
from sfumato.core.errors import ParameterError

FLIPS = {"name": "symmetric", "noise_rate": 0.2}
GOOD: dict[str, Any] = {"name": "g", "datasets": ["wine"], "laws": [FLIPS], "methods": ["ce"]}
TWO = {"datasets": [{"name": "wine", "positive": [0]}], "methods": ["naive"]}


def ragged(*rows: list[Any]) -> dict[str, Any]:
    return {"laws": [{"name": "class-conditional", "transition": list(rows)}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"laws": [FLIPS | {"noise_rate": float("nan")}]}, "noise_rate = nan; wanted a number"),
        ({"laws": [FLIPS | {"noise_rate": 10**400}]}, "wanted a number"),
        ({"laws": [FLIPS | {"noise_rate": 7}]}, "symmetric(noise_rate=7) on wine"),
        (ragged([1, 0, 0], [0, 1], [0, 0, 1]), "as many rows of numbers"),
        (ragged([1, 0, 0], [0, float("nan"), 0], [0, 0, 1]), "as many rows of numbers"),
        (ragged([1, 0], [0, 1]), "a 2 x 2 transition for 3 classes"),
        ({"laws": [{"name": "instance-sets", "flip": 0.6}], "methods": ["cc"]}, "flip = 0.6"),
        ({"laws": [{"name": "counts", "size": -5}], "methods": ["naive"]}, "bags of size = -5"),
        ({"laws": [{"name": "counts", "size": 2**40}], "methods": ["naive"]}, "an integer of at most 1,000,000"),
        (TWO | {"laws": [{"name": "sets", "thetas": [1.5, 0.2]}]}, "thetas [1.5, 0.2]"),
        (TWO | {"laws": [{"name": "sets", "thetas": []}]}, "a list of numbers, not empty"),
        ({"laws": [{"name": "label-shift", "bags": 0}], "methods": ["bbse"]}, "label-shift of 0 bags"),
        ({"laws": [{"name": "crowd", "each": 1}], "methods": ["majority-vote"]}, "2 <= each <= sources"),
        ({"methods": [{"name": "gce", "fields": {"q": 5}}]}, "gce(q=5), draw 0: q = 5"),
        ({"methods": [{"name": "gce", "draw": {"q": {"uniform": [2, 5]}}}], "draws": 2}, "gce, draw 1: q = "),
        ({"needs": {"transition": "nope"}}, "needs.transition = 'nope': no estimate method named"),
        ({"needs": {"prior": "confident-joint"}}, "which estimates transition from noisy labels"),
        ({"needs": {"prior": "dedpul"}}, "which estimates prior from pu labels"),
        ({"seeds": 10**5, "draws": 10**5, "draw": {"lr": {"log10": [-3, -2]}}}, "a grid of 10,000,000,000 runs"),
    ],
)
def test_wrong_values_are_one_error(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as error:
        plan(parse(GOOD | change))
    assert said in str(error.value)


def test_right_values_pass() -> None:
    told = {"needs": {"transition": "dual-t", "noise_rate": 0.2, "prior": "law"}}
    method = {"name": "gce", "draw": {"q": {"uniform": [0.2, 0.9]}}}
    assert len(plan(parse(GOOD | told | {"methods": [method], "draws": 3}))) == 3
    beside = {"laws": ["positive-confidence"]}  # whose model of the true labels is not fitted here
    assert len(plan(parse(GOOD | TWO | beside))) == 1
