"""--labels for labels of several rows: the same containers as the Python door makes of the same columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato import labels as L
from sfumato.core.errors import LabelError, ParameterError
from sfumato.data import read
from sfumato.data.labels import parse, read_labels

LINES = (
    "x,bag,n,cat,dog,owl,share,any,set,prior,pair,relation,first",
    "1,u,1,0,1,1,0.5,true,a,0.2,p,similar,0",
    "2,v,2,0,0,2,1,true,b,,q,dissimilar,true",
    "3,u,1,0,1,1,0.5,true,a,0.2,p,similar,1",
    "4,,,9,9,9,,,b,,,,",
    "5,v,2,0,0,2,1,true,b,,q,dissimilar,false",
)


@pytest.fixture
def table(tmp_path: Path) -> Any:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return read(path)


def same(a: Any, b: Any) -> None:
    assert type(a) is type(b) and (a.k, a.classes) == (b.k, b.classes)
    for name in (*a.columns, *a.spans):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None) and (x is None or x.tolist() == y.tolist())


def test_bags(table: Any) -> None:
    lists = [[0, 2], [1, 4]]
    same(read_labels(table, "bags:bag,n"), L.Bags.from_lists(lists, counts=[1, 2]))
    same(
        read_labels(table, "bags:bag,n", ["no", "yes"]), L.Bags.from_lists(lists, counts=[1, 2], classes=("no", "yes"))
    )
    same(read_labels(table, "bag-shares:bag,share"), L.Bags.from_lists(lists, proportions=[0.5, 1]))
    several = read_labels(table, "bags:bag,cat,dog,owl")
    same(several, L.Bags.from_lists(lists, counts=[[0, 1, 1], [0, 0, 2]], classes=("cat", "dog", "owl")))
    same(read_labels(table, "bag-values:bag,any"), L.BagValues.from_lists(lists, [1, 1]))


def test_sets_and_pairs(table: Any) -> None:
    sets = read_labels(table, "sets:set,prior")
    assert isinstance(sets, L.Sets) and sets.names == ("a", "b") and sets.index.tolist() == [0, 1, 0, 1, 1]
    assert sets.priors is not None and np.allclose(sets.priors, [0.2, np.nan], equal_nan=True)
    alone = read_labels(table, "sets:set", ["bad", "good"])
    assert isinstance(alone, L.Sets) and alone.priors is None and alone.classes == ("bad", "good")
    same(read_labels(table, "pairs:pair,relation"), L.Pairs.from_lists([(0, 2)], [(1, 4)], [3]))


def test_comparisons(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("x,pair,first\n1,p,0\n2,q,1\n3,p,1\n4,q,0\n", encoding="utf-8")
    same(read_labels(read(path), "comparisons:pair,first"), L.Comparisons.from_lists([(2, 0), (1, 3)]))


def test_triplets(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    head = "x,triplet,place\n"
    path.write_text(head + "1,p,far\n2,p,anchor\n3,p,near\n4,,\n5,q,anchor\n6,q,near\n7,q,far\n", encoding="utf-8")
    same(read_labels(read(path), "triplets:triplet,place"), L.Triplets.from_lists([(1, 2, 0), (4, 5, 6)]))
    for rows, message in (
        ("1,p,far\n2,p,anchor", "far, anchor alone"),
        ("1,p,far\n2,p,far\n3,p,near", "place 'far' of row 1"),
        ("1,p,middle", "place 'middle' of row 0"),
    ):
        path.write_text(head + rows + "\n", encoding="utf-8")
        with pytest.raises(LabelError, match=message):
            read_labels(read(path), "triplets:triplet,place")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("bags:bag", "bags:bag,count"),
        ("bag-values:bag", "bag-values:bag,any"),
        ("sets:a,b,c", "sets:set,prior"),
        ("pairs:pair", "pairs:pair,relation"),
        ("comparisons:a,b,c", "comparisons:pair,first"),
        ("triplets:a", "triplets:triplet,place"),
    ],
)
def test_too_few_or_many_columns_show_an_example(text: str, hint: str) -> None:
    with pytest.raises(ParameterError, match="column") as error:
        parse(text)
    assert hint in str(error.value)


def test_bad_values(table: Any) -> None:
    with pytest.raises(LabelError, match=r"'relation'.*a number on every row"):
        read_labels(table, "bags:bag,relation")
    with pytest.raises(LabelError, match="'n'.*a missing entry"):
        read_labels(table, "bags:set,n")
    with pytest.raises(LabelError, match="'b' has several"):
        read_labels(table, "bags:set,cat")
    with pytest.raises(LabelError, match="two rows with one relation"):
        read_labels(table, "pairs:bag,pair")


def test_ranks_of_sets(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("x,set,rank\n1,a,3\n2,b,\n3,c,1.5\n4,d,-2\n5,a,3\n6,e,1.5\n", encoding="utf-8")
    want = L.Sets.from_column(list("abcdae"), order=[("a", "c"), ("a", "e"), ("c", "d"), ("e", "d")])
    same(got := read_labels(read(path), "set-ranks:set,rank"), want)
    assert got.order == want.order  # type: ignore[attr-defined]
    for rows, message in (
        ("1,a,3\n2,a,4\n3,b,1", "one number per set"),
        ("1,a,3\n2,b,3\n3,c,", "at least two sets of different rank"),
        ("1,a,high\n2,b,low", "one number per set"),
    ):
        path.write_text("x,set,rank\n" + rows + "\n", encoding="utf-8")
        with pytest.raises(LabelError, match=message):
            read_labels(read(path), "set-ranks:set,rank")
