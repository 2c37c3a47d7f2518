"""A Classifier on rows that stay on disk."""

import numpy as np
import pytest

import sfumato as sf
from sfumato.core.errors import RefusedError, ShapeError


@pytest.fixture
def rows(tmp_path):
    x = np.random.default_rng(1).normal(size=(900, 5)).astype(np.float32) * 4 + 7
    np.save(tmp_path / "x.npy", x)
    return sf.data.open_rows(tmp_path / "x.npy", rows=50, window=4), x, np.where(x[:, 0] > 7, "high", "low")


def test_fit_save_load_predict(rows, tmp_path):
    store, x, y = rows
    clf = sf.Classifier("gce", network="linear", epochs=20, lr=1e-2).fit(store, y)
    assert (clf.predict(store) == y).mean() > 0.97
    np.testing.assert_allclose(clf.predict_proba(store), clf.predict_proba(x), atol=1e-5)
    clf.save(tmp_path / "m")
    assert (sf.load(tmp_path / "m").predict_proba(store) == clf.predict_proba(store)).all()


def test_rows_on_disk_may_stand_as_they_are(rows, tmp_path):
    store, x, y = rows
    clf = sf.Classifier("ce", network="linear", epochs=2, standardise=False).fit(store, y)
    assert (clf.encoder_.mean_ == 0).all() and (clf.encoder_.scale_ == 1).all()
    np.testing.assert_array_equal(clf.predict_proba(store), clf.predict_proba(x))
    clf.save(tmp_path / "m")
    twin = sf.load(tmp_path / "m")
    assert twin.standardise is False
    assert (twin.predict_proba(x) == clf.predict_proba(x)).all()


def test_what_needs_all_rows_at_once_is_refused_by_name(rows):
    store, _, y = rows
    with pytest.raises(RefusedError, match="auto"):
        sf.Classifier("auto").fit(store, y)
    with pytest.raises(RefusedError, match="validation"):
        sf.Classifier("ce", validation=0.1).fit(store, y)
    with pytest.raises(ShapeError, match="900 rows"):
        sf.Classifier("ce").fit(store, y[:-1])
