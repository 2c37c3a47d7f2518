"""Votes and more votes: the union is what one table of all lines gives."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.core.errors import LabelError
from sfumato.labels import Votes
from tests.labels.test_votes import same


def lines(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    item, source = np.nonzero(rng.random((20, 6)) < 0.5)
    return item, source, rng.integers(0, 3, len(item))


@pytest.mark.parametrize("named", [False, True])
def test_the_union_is_the_table_of_all_lines(named: bool) -> None:
    item, source, said = lines()
    first = np.random.default_rng(1).random(len(item)) < 0.6
    first[np.unique(item, return_index=True)[1]] = True  # every item and source is among the first
    first[np.unique(source, return_index=True)[1]] = True
    what = (np.array([f"i{v:02}" for v in item]), np.array([f"w{v}" for v in source])) if named else (item, source)
    told = {"items": [f"i{v:02}" for v in range(20)]} if named else {"n": 20}
    whole = Votes.from_table(*what, said, classes=range(3), **told)
    one = Votes.from_table(*(v[first] for v in what), said[first], classes=range(3), **told)
    more = Votes.from_table(*(v[~first] for v in what), said[~first], classes=range(3), **told)
    both = one.joined(more)
    same(both, whole)
    assert (both.items, both.who, both.classes) == (whole.items, whole.who, whole.classes)


def test_new_items_and_sources_follow_and_classes_are_matched_by_name() -> None:
    old = Votes.from_table(["a", "a", "b"], ["x", "y", "x"], ["no", "yes", "no"], gold={"a": "no"})
    new = Votes.from_table(
        ["c", "b", "a"], ["w", "w", "x2"], ["yes", "yes", "no"], classes=["yes", "no"], gold={"c": "yes"}
    )
    both = old.joined(new)
    assert (both.items, both.who, both.classes) == (("a", "b", "c"), ("x", "y", "w", "x2"), ("no", "yes"))
    table = {
        (both.items[i], both.who[j]): both.classes[s]
        for i, j, s in zip(both.item().tolist(), both.source.tolist(), both.said.tolist(), strict=True)
    }
    assert table == {
        ("a", "x"): "no", ("a", "y"): "yes", ("a", "x2"): "no", ("b", "x"): "no", ("b", "w"): "yes", ("c", "w"): "yes",
    }  # fmt: skip
    assert both.gold is not None and both.gold.tolist() == [0, -1, 1]
    assert set(old.joined(new[[2]]).who or ()) == {"x", "y", "w", "x2"}


def test_silence_and_weights_are_kept() -> None:
    old = Votes.from_matrix([[0, -1], [1, 1]])
    both = old.joined(Votes.from_table([1, 0], [2, 2], [1, 9], classes=[0, 1], abstain=9))
    assert both.said.tolist() == [0, -1, -1, 1, 1, 1]
    heavy = Votes.from_table([0, 0], [0, 0], [0, 1], weight=[0.2, 0.8])
    mixed = Votes.from_table([0], [0], [1], classes=[0, 1]).joined(heavy)
    assert mixed.weight is not None and sorted(mixed.weight.tolist()) == [0.2, 0.8, 1.0]


def test_bad_unions() -> None:
    old = Votes.from_table(["a"], ["x"], ["no"], classes=["no", "yes"])
    with pytest.raises(LabelError, match="again"):
        old.joined(old)
    with pytest.raises(LabelError, match="class 'maybe'"):
        old.joined(Votes.from_table(["b"], ["x"], ["maybe"], classes=["no", "maybe"]))
    with pytest.raises(LabelError, match="on one side only"):
        old.joined(Votes.from_matrix([[0, 1]]))
    with pytest.raises(LabelError, match="another gold label"):
        Votes.from_table(["a"], ["x"], ["no"], classes=["no", "yes"], gold={"a": "no"}).joined(
            Votes.from_table(["a"], ["y"], ["no"], classes=["no", "yes"], gold={"a": "yes"})
        )
    with pytest.raises(LabelError, match="sets of classes"):
        old.joined(Votes.from_sets(["a"], ["y"], [["no"]], classes=["no", "yes"]))
