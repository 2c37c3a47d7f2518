"""From the columns of a table, or a plain array, to the numbers that a network sees; kept as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import FileError, InputError, ParameterError, RefusedError, ShapeError, TableError
from sfumato.train.store import Store, moments

from .arrays import CHUNK, check_array
from .columns import CATEGORICAL, EMPTY, NUMERIC, Floats, Texts, absent, frame_columns, kind_of, numbers, quoted, texts

FORMAT = 1
_ALL_DISTINCT = 50  # a text column of more rows than this, no text twice, names its rows


class TableEncoder:
    r"""Columns of a data frame, or a plain array, as float32 features with statistics of the fitted rows.

    Numbers: :math:`(x - \mu) / \sigma`, the median where missing. Texts and categories: one column per category of at
    least :math:`\max(2, n / 1000)` entries and one for all rarer ones, which unseen categories join (where none was
    rare they are all zeros). A column with missing entries at fit gets a 0/1 column beside it. Plain arrays:
    :math:`(x - \mu) / \sigma` per feature, or per channel of images. Medians, means, spreads and categories are those
    of scikit-learn's SimpleImputer, StandardScaler and OneHotEncoder.

    Args: ignore, names of columns that a data frame may have and that are left out; any other column that was not there
    at fit is an error; standardise, False leaves numbers as they are (mu 0, sigma 1), for features whose scales tell
    something, such as principal directions.
    Shapes: data frame, (n, d) or (n, c, h, w) array of numbers -> (n, features) or (n, c, h, w). After ``transform``,
    ``missing_`` and ``unseen_`` count each column's missing entries and its entries of categories that fit never saw.
    Errors: a missing or unknown column, a type that is neither number nor text, NaN or infinity in a plain array, other
    shapes than at fit.
    """

    def __init__(self, ignore: Sequence[str] = (), standardise: bool = True) -> None:
        if isinstance(ignore, str) or not all(isinstance(name, str) for name in ignore):
            raise ParameterError(f"ignore = {ignore!r}", "a list of column names")
        if not isinstance(standardise, (bool, np.bool_)):
            raise ParameterError(f"standardise = {standardise!r}", "True or False")
        self.ignore, self.standardise = tuple(ignore), bool(standardise)
        self.shape_: tuple[int, ...] | None = None
        self.columns_: list[dict[str, Any]] | None = None
        self.mean_: Floats | None = None
        self.scale_: Floats | None = None
        self.missing_: dict[str, int] = {}
        self.unseen_: dict[str, int] = {}

    # ------------------------------------------------------------------ fit

    def fit(self, X: Any) -> Self:
        """Learn medians, means, spreads and categories from the training rows."""
        if isinstance(X, Store):
            return self._fit_store(X)
        frame = frame_columns(X)
        if frame is None:
            self._fit_array(check_array(X))
            return self
        kept = {name: column for name, column in frame.items() if name not in self.ignore}
        if not kept or not len(next(iter(kept.values()))):
            raise TableError(
                f"a table of {len(kept)} columns and no rows" if kept else "a table without feature columns",
                "at least one row and one column",
            )
        self.columns_ = [_learn(name, column, self.standardise) for name, column in kept.items()]
        self.shape_ = None
        self.mean_ = self.scale_ = None
        return self

    def _fit_array(self, x: NDArray[Any]) -> None:
        from sklearn.preprocessing import StandardScaler

        self.shape_, self.columns_ = tuple(x.shape[1:]), None
        self.mean_, self.scale_ = np.zeros(x.shape[1]), np.ones(x.shape[1])
        if not self.standardise:
            return
        scaler = StandardScaler().fit(x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]))
        self.mean_, self.scale_ = np.asarray(scaler.mean_, np.float64), np.asarray(scaler.scale_, np.float64)

    def _fit_store(self, store: Store) -> Self:
        if len(store.row_shape) not in (1, 3):
            raise ShapeError(
                f"rows on disk of shape {store.row_shape}",
                "rows of shape (d,), or (c, h, w) for images",
                "write the file in that shape",
            )
        if not self.standardise:
            self.shape_, self.columns_ = store.row_shape, None
            self.mean_, self.scale_ = np.zeros(store.row_shape[0]), np.ones(store.row_shape[0])
            return self
        mean, spread = moments(store)
        if mean.ndim > 1:  # pictures: one mean and spread per channel, from those per pixel
            channel = mean.mean((1, 2))
            spread = np.sqrt((spread**2 + (mean - channel[:, None, None]) ** 2).mean((1, 2)))
            mean = channel
        self.shape_, self.columns_ = store.row_shape, None
        self.mean_, self.scale_ = mean, np.where(spread > 0, spread, 1.0)
        return self

    def stream(self, store: Store) -> Store:
        """The features of rows on disk, as rows on disk."""
        if self.shape_ is None or self.mean_ is None or self.scale_ is None:
            raise InputError(
                "rows on disk for an encoder of a table", "an encoder fitted on an array or on rows on disk"
            )
        if store.row_shape != self.shape_:
            raise ShapeError(f"rows of shape {store.row_shape}", f"rows of shape {self.shape_}, as at fit")
        wide = (-1,) if len(self.shape_) == 1 else (-1, 1, 1)
        return store.scaled(self.mean_.reshape(wide), self.scale_.reshape(wide))

    def fit_transform(self, X: Any) -> NDArray[np.float32]:
        """``fit(X).transform(X)``."""
        return self.fit(X).transform(X)

    # ------------------------------------------------------------------ transform

    def transform(self, X: Any) -> NDArray[np.float32]:
        """The features of the rows of X, float32."""
        if isinstance(X, Store):
            raise RefusedError(
                "rows on disk where their features are asked for as one array",
                "rows in memory",
                "load them, or use stream(X), which leaves them on disk",
            )
        frame = frame_columns(X)
        self.missing_, self.unseen_ = {}, {}
        if self.columns_ is not None:
            if frame is None:
                raise TableError(
                    f"an array, not a table with columns {quoted(c['name'] for c in self.columns_)}",
                    "a data frame, as at fit",
                )
            return _in_range(self._transform_frame(frame))
        if self.shape_ is None:
            raise InputError("an encoder that was not fitted", "fit before transform")
        if frame is not None:
            raise ShapeError(
                "a data frame", f"an array (n, {', '.join(map(str, self.shape_))}), as at fit", "pass its values"
            )
        return _in_range(self._transform_array(check_array(X)))

    def _transform_array(self, x: NDArray[Any]) -> NDArray[np.float32]:
        assert self.mean_ is not None and self.scale_ is not None and self.shape_ is not None
        if tuple(x.shape[1:]) != self.shape_:
            wanted = f"{self.shape_[0]} features" if len(self.shape_) == 1 else f"rows of shape {self.shape_}"
            raise ShapeError(f"X of shape {x.shape}", f"{wanted}, as at fit")
        wide = (1, -1) if x.ndim == 2 else (1, -1, 1, 1)
        mean, scale = self.mean_.reshape(wide), self.scale_.reshape(wide)
        out = np.empty(x.shape, np.float32)
        for i in range(0, len(x), CHUNK):
            with np.errstate(over="ignore"):  # told by _in_range
                out[i : i + CHUNK] = (x[i : i + CHUNK].astype(np.float64) - mean) / scale
        return out

    def _transform_frame(self, frame: Mapping[str, Any]) -> NDArray[np.float32]:
        assert self.columns_ is not None
        names = [c["name"] for c in self.columns_]
        lost = [name for name in names if name not in frame]
        extra = [name for name in frame if name not in names and name not in self.ignore]
        if lost:
            raise TableError(
                f"a table without {quoted(lost)}",
                "every column the encoder was fitted on",
                f"the table has {quoted(frame)}",
            )
        if extra:
            raise TableError(
                f"columns that were not there at fit: {quoted(extra)}",
                f"the columns {quoted(names)}",
                "leave the others out, or name them in ignore",
            )
        blocks = [self._encode(c, frame[c["name"]]) for c in self.columns_]
        return np.concatenate(blocks, axis=1)

    def _encode(self, learned: Mapping[str, Any], column: Any) -> NDArray[np.float32]:
        name = learned["name"]
        if learned["kind"] == NUMERIC:
            values = numbers(name, column)
            blank = np.isnan(values)
            block = ((np.where(blank, learned["median"], values) - learned["mean"]) / learned["scale"])[:, None]
        else:
            kind_of(name, column)
            words = texts(column)
            blank = absent(words)
            block = self._one_hot(learned, words, blank)
        if blank.any():
            self.missing_[name] = int(blank.sum())
        if learned["indicator"]:
            block = np.concatenate([block, blank[:, None]], axis=1)
        with np.errstate(over="ignore"):  # told by _in_range
            out: NDArray[np.float32] = block.astype(np.float32)
        return out

    def _one_hot(self, learned: Mapping[str, Any], words: Texts, blank: NDArray[np.bool_]) -> Floats:
        frequent, rare = learned["categories"], set(learned["rare"])
        place = {word: j for j, word in enumerate(frequent)}
        other = len(frequent) if rare else -1
        at = np.fromiter((place.get(word, other) for word in words), np.int64, len(words))
        unseen = sum(word not in place and word not in rare for word in words[~blank])
        if unseen:
            self.unseen_[learned["name"]] = unseen
        block = np.zeros((len(words), len(frequent) + bool(rare)))
        lit = np.flatnonzero(~blank & (at >= 0))
        block[lit, at[lit]] = 1
        return block

    @property
    def shape_out(self) -> tuple[int, ...]:
        """The shape of one row of features."""
        return (len(self.feature_names()),) if self.columns_ is not None else self.shape_ or ()

    def feature_names(self) -> list[str]:
        """A name for each feature of a table, or the column numbers of an array."""
        if self.columns_ is None:
            return [str(j) for j in range(math.prod(self.shape_ or ()))]
        names: list[str] = []
        for c in self.columns_:
            if c["kind"] == NUMERIC:
                names.append(c["name"])
            else:
                names += [f"{c['name']}={word}" for word in c["categories"]] + [f"{c['name']} is rare"] * bool(
                    c["rare"]
                )
            names += [f"{c['name']} is missing"] * c["indicator"]
        return names

    # ------------------------------------------------------------------ kept as JSON

    def to_dict(self) -> dict[str, Any]:
        """Everything that was learned, as JSON-ready values; numbers survive to the last bit."""
        if self.columns_ is None and self.shape_ is None:
            raise InputError("an encoder that was not fitted", "fit before it is kept")
        out: dict[str, Any] = {"format": FORMAT, "ignore": list(self.ignore), "standardise": self.standardise}
        if self.columns_ is not None:
            return out | {"columns": self.columns_}
        assert self.mean_ is not None and self.scale_ is not None and self.shape_ is not None
        return out | {"shape": list(self.shape_), "mean": self.mean_.tolist(), "scale": self.scale_.tolist()}

    @classmethod
    def from_dict(cls, kept: Any) -> Self:
        """The encoder that ``to_dict`` wrote, features bit for bit the same; a damaged record is one error."""
        if not isinstance(kept, Mapping) or kept.get("format") != FORMAT:
            raise FileError(
                "an encoder's record of another format", f"format {FORMAT}", "use the version of sfumato that wrote it"
            )
        try:
            encoder = cls(list(kept["ignore"]), bool(kept.get("standardise", True)))  # older records do not say
            if "columns" in kept:
                encoder.columns_ = [_checked(c) for c in kept["columns"]]
                if not encoder.columns_:
                    raise ValueError("no columns")
                return encoder
            encoder.shape_ = tuple(int(v) for v in kept["shape"])
            mean, scale = np.asarray(kept["mean"], np.float64), np.asarray(kept["scale"], np.float64)
            if not mean.shape == scale.shape == encoder.shape_[:1] or not (scale > 0).all():
                raise ValueError("statistics that do not fit the shape")
            encoder.mean_, encoder.scale_ = mean, scale
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(
                f"a damaged record of the encoder ({type(error).__name__}: {error})", "the record that to_dict wrote"
            ) from None
        return encoder


def _checked(c: Mapping[str, Any]) -> dict[str, Any]:
    """One column's record with every entry of its type."""
    shared = {"name": str(c["name"]), "kind": c["kind"], "indicator": bool(c["indicator"])}
    if c["kind"] == NUMERIC:
        return shared | {key: float(c[key]) for key in ("median", "mean", "scale")}
    if c["kind"] != CATEGORICAL:
        raise ValueError(f"kind {c['kind']!r}")
    return shared | {key: [str(word) for word in c[key]] for key in ("categories", "rare")}


def _learn(name: str, column: Any, standardise: bool) -> dict[str, Any]:
    """What fit keeps of one column."""
    kind = kind_of(name, column)
    values: Any = numbers(name, column) if kind != CATEGORICAL else texts(column)
    blank = np.isnan(values) if kind != CATEGORICAL else absent(values)
    if kind == EMPTY or blank.all():
        raise TableError(f"column {name!r} holds no value in {len(column)} rows", "at least one", "leave it out")
    learned = {"name": name, "kind": kind, "indicator": bool(blank.any())}
    if kind == NUMERIC:
        found = _learn_numbers(values)
        return learned | (found if standardise else found | {"mean": 0.0, "scale": 1.0})
    return learned | _learn_categories(name, values[~blank])


def _learn_numbers(values: Floats) -> dict[str, Any]:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median").fit(values[:, None])
    scaler = StandardScaler().fit(imputer.transform(values[:, None]))
    return {"median": float(imputer.statistics_[0]), "mean": float(scaler.mean_[0]), "scale": float(scaler.scale_[0])}


def _learn_categories(name: str, words: Texts) -> dict[str, Any]:
    from sklearn.preprocessing import OneHotEncoder

    if len(words) > _ALL_DISTINCT and len(set(words)) == len(words):
        raise TableError(
            f"column {name!r} holds another text in every row",
            "categories that occur more than once",
            "leave it out, or make numbers of it",
        )
    least = max(2, len(words) // 1000)
    encoder = OneHotEncoder(min_frequency=least, handle_unknown="infrequent_if_exist").fit(words[:, None])
    rare = encoder.infrequent_categories_[0]
    rare_words = [] if rare is None else [str(word) for word in rare]
    hidden = set(rare_words)
    return {"categories": [str(word) for word in encoder.categories_[0] if word not in hidden], "rare": rare_words}


def _in_range(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """The features as they are; an entry so far from the fitted rows that float32 cannot hold it is an error."""
    if not np.isfinite(features).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(features))[0]))
        raise TableError(
            f"feature {place[1:]} of row {place[0]} is too large for float32 after scaling",
            "values of the size seen at fit",
            "check the units",
        )
    return features
