"""Votes: every form people have ends in the same container, and bad input in one error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.labels import Votes

ITEM = ["a", "a", "b", "c", "c"]
WHO = ["x", "y", "y", "x", "z"]
SAID = ["no", "yes", "yes", "no", "no"]


def same(one: Votes, other: Votes) -> None:
    assert (one.k, one.sources, len(one)) == (other.k, other.sources, len(other))
    for name in ("offsets", "source", "said"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_every_form_is_the_same_votes() -> None:
    table = Votes.from_table(ITEM, WHO, SAID)
    assert (table.items, table.who, table.classes) == (("a", "b", "c"), ("x", "y", "z"), ("no", "yes"))
    assert table.offsets.tolist() == [0, 2, 3, 5]
    assert table.source.tolist() == [0, 1, 1, 0, 2]
    assert table.said.tolist() == [0, 1, 1, 0, 0]
    same(table, Votes.from_frame(pd.DataFrame({"i": ITEM, "w": WHO, "l": SAID}), "i", "w", "l"))
    same(table, Votes.from_dict({"a": {"x": "no", "y": "yes"}, "b": {"y": "yes"}, "c": {"x": "no", "z": "no"}}))
    matrix = [[0, 1, -1], [-1, 1, -1], [0, -1, 0]]
    same(table, Votes.from_matrix(matrix, absent=True))
    asked = Votes.from_matrix(matrix)
    assert asked.said.tolist() == [0, 1, -1, -1, 1, -1, 0, -1, 0]
    shuffled = np.random.default_rng(0).permutation(5)
    same(table, Votes.from_table(*(np.array(v)[shuffled] for v in (ITEM, WHO, SAID)), items=["a", "b", "c"]))


def test_items_without_votes_stay() -> None:
    votes = Votes.from_table([3, 0], ["x", "x"], [1, 0], n=6)
    assert votes.counts().tolist() == [1, 0, 0, 1, 0, 0]
    assert Votes.from_dict({"a": {}, "b": {"x": 0, "y": 1}}).counts().tolist() == [0, 2]


def test_abstentions_and_gold_and_sets() -> None:
    votes = Votes.from_table(ITEM, WHO, ["no", "?", "yes", "no", "?"], abstain="?", gold={"b": "yes"})
    assert votes.said.tolist() == [0, -1, 1, 0, -1]
    assert votes.gold is not None and votes.gold.tolist() == [-1, 1, -1]
    sets = Votes.from_sets([0, 0, 1], ["x", "y", "x"], [["a", "b"], ["c"], ["b", "a"]], classes=["a", "b", "c"])
    assert sets.means is not None and sets.means.int().tolist() == [[1, 1, 0], [0, 0, 1]]
    assert sets.said.tolist() == [0, 1, 0] and sets.statements == 2 and sets.k == 3


def test_counts_and_weights() -> None:
    votes = Votes.from_counts([[2, 0], [0, 0], [1, 3]])
    assert votes.offsets.tolist() == [0, 1, 1, 3] and votes.weight is not None
    assert votes.weight.tolist() == [2, 1, 3]
    soft = Votes.from_table([0, 0], ["x", "x"], [0, 1], weight=[0.25, 0.75])
    assert soft.weight is not None and soft.weight.tolist() == [0.25, 0.75]


def test_a_source_that_speaks_twice() -> None:
    lines = ([0, 1, 0], ["x", "x", "x"], [0, 1, 1])
    with pytest.raises(LabelError, match="source 'x' speaks more than once of item 0"):
        Votes.from_table(*lines)
    assert Votes.from_table(*lines, duplicates="last").said.tolist() == [1, 1]
    assert Votes.from_table(*lines, duplicates="all").said.tolist() == [0, 1, 1]


def test_slices_keep_the_votes_of_their_items() -> None:
    votes = Votes.from_table(ITEM, WHO, SAID, gold={"c": "no"})
    part = votes[torch.tensor([2, 0])]
    assert part.items == ("c", "a")
    assert part.offsets.tolist() == [0, 2, 4] and part.source.tolist() == [0, 2, 0, 1]
    assert part.gold is not None and part.gold.tolist() == [0, -1]
    assert votes[np.array([False, True, False])].said.tolist() == [1]
    assert len(votes[1]) == 1 and len(votes[:2]) == 2


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Votes.from_table([0], ["x"], [0, 1]), ShapeError, "1, 1, 2 items, sources and labels"),
        (lambda: Votes.from_table([], [], []), ShapeError, "at least one vote"),
        (lambda: Votes.from_table([-1], ["x"], [0]), LabelError, "row numbers from -1"),
        (lambda: Votes.from_table([9], ["x"], [0], n=3), LabelError, "from 0 to 2"),
        (lambda: Votes.from_table(["a"], ["x"], [0], n=3), ParameterError, "n=3 with items that have names"),
        (lambda: Votes.from_table([0], ["x"], [None]), LabelError, "1 votes without a label"),
        (lambda: Votes.from_table([0], [None], [1]), LabelError, "sources: 1 missing"),
        (lambda: Votes.from_table([0, 1], ["x", "y"], ["a", "c"], classes=["a", "b"]), LabelError, "labels: 'c'"),
        (lambda: Votes.from_table([0, 1], ["x", "y"], [1, "a"]), LabelError, "mixed types"),
        (lambda: Votes.from_table([0, 1], ["x", "y"], [0, 1], gold={5: 1}), LabelError, "item 5, which is unknown"),
        (lambda: Votes.from_table([0, 1], ["x", "y"], [0, 1], gold={0: 7}), LabelError, "gold label 7"),
        (lambda: Votes.from_table([0, 1], ["x", "y"], [0, 1], duplicates="sum"), ParameterError, "duplicates='sum'"),
        (lambda: Votes.from_table([0, 1], ["x", "y"], [0, 1], weight=[1, 0]), LabelError, "not positive"),
        (lambda: Votes.from_matrix([[0.5]]), ShapeError, "whole numbers"),
        (lambda: Votes.from_matrix([[0, -2]]), LabelError, "a code -2"),
        (lambda: Votes.from_matrix([[0, 3]], k=2), LabelError, "statements from 0 to 3"),
        (lambda: Votes.from_counts([[-1, 2]]), ShapeError, "finite numbers >= 0"),
        (lambda: Votes.from_sets([0], ["x"], [["q"]], classes=["a", "b"]), LabelError, "a class 'q' in a set"),
        (lambda: Votes.from_dict({"a": {}}), LabelError, "no vote at all"),
    ],
)
def test_bad_input(make, error, text) -> None:
    with pytest.raises(error, match=text):
        make()


def test_one_set_that_everybody_names_is_enough():
    votes = Votes.from_sets([0, 0, 1], ["a", "b", "a"], [["x", "y"]] * 3, ["x", "y", "z"])
    assert votes.k == 3
    assert np.array_equal(votes.shares().numpy(), [[0.5, 0.5, 0.0]] * 2)
