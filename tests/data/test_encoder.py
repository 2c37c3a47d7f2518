"""The encoder against scikit-learn's own pipeline, across data frames, and after a journey through JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sfumato.core.errors import FileError, InputError, ShapeError, TableError
from sfumato.data import TableEncoder

DATA: dict[str, list[Any]] = {
    "a": [1.5, None, 3.0, 4.0, 7.25, None],
    "b": ["x", "y", "x", None, "y", "z"],
    "c": [True, False, True, True, False, False],
    "i": [1, 2, 3, 4, 5, 6],
}
FRAMES = {
    "pandas": lambda d: pd.DataFrame(d),
    "pandas-nullable": lambda d: pd.DataFrame(d).convert_dtypes(),
    "pandas-category": lambda d: pd.DataFrame(d).astype({"b": "category"}),
    "pandas-object": lambda d: pd.DataFrame(d, dtype=object),
    "polars": lambda d: pl.DataFrame(d),
    "polars-category": lambda d: pl.DataFrame(d).with_columns(pl.col("b").cast(pl.Categorical)),
    "pyarrow": lambda d: pa.table(d),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES.keys())
def test_every_kind_of_frame_gives_the_same_features(make: Any) -> None:
    frame = make(DATA)
    encoder = TableEncoder().fit(frame)
    out = encoder.transform(frame)
    want = TableEncoder().fit_transform(pa.table(DATA))
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, want)
    assert encoder.feature_names() == ["a", "a is missing", "b=x", "b=y", "b is rare", "b is missing", "c", "i"]
    assert encoder.shape_out == (8,)
    assert (encoder.missing_, encoder.unseen_) == ({"a": 2, "b": 1}, {})


def test_equals_scikit_learn_s_column_transformer() -> None:
    rng = np.random.default_rng(0)
    n = 5000
    numbers = rng.normal(3, 9, (n, 3))
    numbers[rng.random((n, 3)) < 0.1] = np.nan
    words = rng.choice(list("abcdefgh"), (n, 2), p=[0.4, 0.3, 0.2, 0.0985, 0.0005, 0.0004, 0.0003, 0.0003]).astype(
        object
    )
    frame = pd.DataFrame(
        {"n0": numbers[:, 0], "n1": numbers[:, 1], "n2": numbers[:, 2], "w0": words[:, 0], "w1": words[:, 1]}
    )
    train, new = frame[:4000], frame[4000:].copy()
    new.loc[4000, "w0"] = "never seen"
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    hot = OneHotEncoder(min_frequency=4, handle_unknown="infrequent_if_exist", sparse_output=False)
    reference = ColumnTransformer([("n", scaled, ["n0", "n1", "n2"]), ("w", hot, ["w0", "w1"])]).fit(train)
    encoder = TableEncoder().fit(train)
    out = encoder.transform(new)
    names = encoder.feature_names()
    order = [names.index(n) for n in ("n0", "n1", "n2")] + [j for j, n in enumerate(names) if n.startswith("w")]
    np.testing.assert_array_equal(out[:, order], reference.transform(new).astype(np.float32))
    for name in ("n0", "n1", "n2"):
        np.testing.assert_array_equal(out[:, names.index(f"{name} is missing")], new[name].isna())
    assert encoder.unseen_ == {name: int((~new[name].isin(train[name])).sum()) for name in ("w0", "w1")}
    assert encoder.unseen_["w0"] >= 1


def test_statistics_are_those_of_the_training_rows() -> None:
    encoder = TableEncoder().fit(pd.DataFrame({"a": [0.0, 2.0]}))
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"a": [101.0, None]})), [[100.0], [0.0]])
    assert encoder.missing_ == {"a": 1}


def test_columns_are_found_by_name_not_by_place() -> None:
    frame = pd.DataFrame(DATA)
    encoder = TableEncoder().fit(frame)
    np.testing.assert_array_equal(encoder.transform(frame[["i", "c", "b", "a"]]), encoder.transform(frame))


def test_a_category_column_that_now_holds_only_numbers_still_matches() -> None:
    encoder = TableEncoder().fit(pa.table({"grade": ["1", "2", "x", "1", "2", "x"]}))
    np.testing.assert_array_equal(
        encoder.transform(pa.table({"grade": [1, 2]})), encoder.transform(pa.table({"grade": ["1", "2"]}))
    )


def test_one_row_and_a_column_that_is_now_empty() -> None:
    encoder = TableEncoder().fit(pa.table(DATA))
    out = encoder.transform(pa.table({"a": pa.nulls(1), "b": pa.nulls(1), "c": [True], "i": [3.5]}))
    assert out.shape == (1, 8)
    assert out[0, 1] == 1 and out[0, 5] == 1 and not out[0, 2:5].any() and out[0, 7] == 0


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=30), st.integers(0, 2**32))
def test_json_brings_back_every_bit(values: list[float], seed: int) -> None:
    frame = pa.table({"v": values, "w": [str(v)[:2] for v in values]}) if len(set(values)) else pa.table({"v": values})
    encoder = TableEncoder(ignore=["id"]).fit(frame)
    twin = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    np.testing.assert_array_equal(encoder.transform(frame), twin.transform(frame))
    assert twin.to_dict() == encoder.to_dict() and twin.shape_out == encoder.shape_out
    x = np.random.default_rng(seed).normal(size=(len(values), 3)) * max(map(abs, values), default=1)
    encoder = TableEncoder().fit(x)
    twin = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    np.testing.assert_array_equal(encoder.transform(x), twin.transform(x))


def test_arrays_are_standardised_per_feature_and_images_per_channel() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(5, 3, (200, 4))
    out = TableEncoder().fit_transform(x)
    np.testing.assert_array_equal(out, StandardScaler().fit_transform(x).astype(np.float32))
    images = rng.integers(0, 256, (10, 3, 4, 5), dtype=np.uint8)
    encoder = TableEncoder().fit(images)
    out = encoder.transform(images)
    assert out.shape == images.shape == (10, *encoder.shape_out)
    mean, spread = images.mean((0, 2, 3), keepdims=True), images.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(out, (images - mean) / spread, rtol=1e-6, atol=1e-6)


def test_numbers_stand_as_they_are_without_standardising() -> None:
    x = np.random.default_rng(1).normal(5, [0.1, 3, 70], (50, 3))
    encoder = TableEncoder(standardise=False).fit(x)
    np.testing.assert_array_equal(encoder.transform(x), x.astype(np.float32))
    twin = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert not twin.standardise
    np.testing.assert_array_equal(twin.transform(x), encoder.transform(x))
    older = {key: value for key, value in TableEncoder().fit(x).to_dict().items() if key != "standardise"}
    assert TableEncoder.from_dict(older).standardise
    images = np.random.default_rng(2).integers(0, 256, (4, 3, 5, 5), dtype=np.uint8)
    np.testing.assert_array_equal(TableEncoder(standardise=False).fit_transform(images), images.astype(np.float32))
    frame = TableEncoder(standardise=False).fit_transform(pa.table(DATA))
    np.testing.assert_array_equal(frame[:, 0], np.array([1.5, 3.5, 3.0, 4.0, 7.25, 3.5], np.float32))  # the median
    np.testing.assert_array_equal(frame[:, 7], [1, 2, 3, 4, 5, 6])


def test_tensors_booleans_and_constant_columns() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 2.0]])
    np.testing.assert_array_equal(TableEncoder().fit_transform(x), [[-1, 0], [1, 0]])
    np.testing.assert_array_equal(TableEncoder().fit_transform(np.array([[True], [False]])), [[1], [-1]])


def test_blocks_of_rows_are_encoded_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(2).normal(size=(50, 3))
    whole = TableEncoder().fit_transform(x)
    monkeypatch.setattr("sfumato.data.encoder.CHUNK", 7)
    np.testing.assert_array_equal(TableEncoder().fit_transform(x), whole)


def test_ignored_columns() -> None:
    frame = pd.DataFrame({**DATA, "id": range(6)})
    encoder = TableEncoder(ignore=["id"]).fit(frame)
    np.testing.assert_array_equal(encoder.transform(frame), encoder.transform(frame.drop(columns="id")))


def fitted(**columns: Any) -> TableEncoder:
    return TableEncoder().fit(pa.table(columns))


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "nan": (lambda: TableEncoder().fit(np.array([[1.0, 2.0], [3.0, np.nan]])), TableError, "row 1, column 1 is nan"),
    "inf": (lambda: TableEncoder().fit(np.array([[1.0, -np.inf]])), TableError, "row 0, column 1 is -inf"),
    "inf image": (lambda: TableEncoder().fit(np.full((1, 1, 2, 2), np.inf)), TableError, r"pixel \(0, 0, 0\)"),
    "inf column": (lambda: fitted(a=[1.0, float("inf")]), TableError, "column 'a', row 1 is inf"),
    "one axis": (lambda: TableEncoder().fit(np.ones(3)), ShapeError, "reshape"),
    "three axes": (lambda: TableEncoder().fit(np.ones((3, 4, 5))), ShapeError, "channel axis"),
    "no rows": (lambda: TableEncoder().fit(np.ones((0, 3))), ShapeError, "at least one row"),
    "no rows in a frame": (lambda: fitted(a=pa.array([], pa.int64())), TableError, "at least one row"),
    "texts": (lambda: TableEncoder().fit(np.array([["a", "b"]])), TableError, "data frame"),
    "objects": (lambda: TableEncoder().fit(np.array([[1, "b"]], dtype=object)), TableError, "data frame"),
    "ragged": (lambda: TableEncoder().fit([[1, 2], [3]]), ShapeError, "different lengths"),
    "lazy": (lambda: TableEncoder().fit(pl.LazyFrame({"a": [1]})), TableError, "collect"),
    "mixed": (
        lambda: TableEncoder().fit(pd.DataFrame({"a": [1, "x"]}, dtype=object)),
        TableError,
        "'a' of mixed types",
    ),
    "dates": (
        lambda: TableEncoder().fit(pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])})),
        TableError,
        "column 'd' of type",
    ),
    "lists": (lambda: fitted(a=[[1], [2]]), TableError, "column 'a' of type list"),
    "empty column": (lambda: fitted(a=[1, 2], b=pa.nulls(2)), TableError, "'b' holds no value"),
    "names of rows": (lambda: fitted(a=[str(i) for i in range(60)]), TableError, "another text in every row"),
    "lost column": (lambda: fitted(a=[1], b=[2]).transform(pa.table({"a": [1]})), TableError, "without 'b'"),
    "new column": (
        lambda: fitted(a=[1]).transform(pa.table({"a": [1], "b": [2]})),
        TableError,
        "not there at fit: 'b'",
    ),
    "text among numbers": (lambda: fitted(a=[1]).transform(pa.table({"a": ["x"]})), TableError, "texts, such as 'x'"),
    "array for a frame": (lambda: fitted(a=[1]).transform(np.ones((1, 1))), TableError, "data frame, as at fit"),
    "frame for an array": (
        lambda: TableEncoder().fit(np.ones((2, 1))).transform(pa.table({"a": [1]})),
        ShapeError,
        "array",
    ),
    "other width": (lambda: TableEncoder().fit(np.ones((2, 3))).transform(np.ones((2, 4))), ShapeError, "3 features"),
    "too large": (lambda: TableEncoder().fit(np.eye(2)).transform(np.full((1, 2), 1e300)), TableError, "too large"),
    "not fitted": (lambda: TableEncoder().transform(np.ones((2, 2))), InputError, "not fitted"),
    "not fitted, kept": (lambda: TableEncoder().to_dict(), InputError, "not fitted"),
    "ignore is a text": (lambda: TableEncoder(ignore="ab"), InputError, "list of column names"),
    "foreign record": (lambda: TableEncoder.from_dict({"format": 99}), FileError, "another format"),
    "damaged record": (
        lambda: TableEncoder.from_dict({"format": 1, "ignore": [], "shape": [2], "mean": [0.0]}),
        FileError,
        "damaged",
    ),
    "wrong record": (
        lambda: TableEncoder.from_dict({"format": 1, "ignore": [], "shape": [2], "mean": [0.0], "scale": [1.0]}),
        FileError,
        "do not fit",
    ),
}


@pytest.mark.parametrize(("use", "error", "said"), BAD.values(), ids=BAD.keys())
def test_wrong_uses(use: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        use()
