"""A Classifier on rows that stay on disk."""

import numpy as np
import pytest

import sfumato as sf
from sfumato.core.errors import FileError, RefusedError, ShapeError, TableError


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


def test_rows_that_are_not_finite_are_named_at_predict(rows, tmp_path):
    store, x, y = rows
    clf = sf.Classifier("ce", network="linear", epochs=1).fit(store, y)
    x[7, 2] = np.nan
    np.save(tmp_path / "n.npy", x)
    with pytest.raises(TableError, match="row 7, column 2"):
        clf.predict(sf.data.open_rows(tmp_path / "n.npy"))
    with pytest.raises(TableError, match="row 7, column 2"):
        sf.Classifier("ce", network="linear", epochs=1, standardise=False).fit(sf.data.open_rows(tmp_path / "n.npy"), y)


def test_an_estimator_that_a_method_brings_along_is_refused_by_name(rows):
    store, _, y = rows
    sets = sf.labels.Sets.from_column((y == "high").astype(int), order=[(1, 0)])
    with pytest.raises(RefusedError, match="'thetas' with rows on disk"):
        sf.Classifier("mu-oppo", epochs=1, needs={"prior": 0.5}).fit(store, sets)


def test_rows_of_another_form_and_side_streams_on_disk_are_refused(rows, tmp_path):
    store, x, y = rows
    np.save(tmp_path / "h.npy", x.reshape(900, 5, 1))
    for standardise in (True, False):
        with pytest.raises(ShapeError, match=r"\(5, 1\)"):
            sf.Classifier("ce", standardise=standardise).fit(sf.data.open_rows(tmp_path / "h.npy"), y)
    with pytest.raises(RefusedError, match="rows in memory"):
        sf.Classifier("ce", epochs=1).fit(x, y, target=store)


def test_a_checkpoint_is_of_rows_scaled_as_they_were(rows, tmp_path):
    store, _, y = rows
    settings = {"network": "linear", "epochs": 1, "checkpoint": tmp_path / "c"}
    sf.Classifier("ce", **settings).fit(store, y)
    with pytest.raises(FileError, match="another run"):
        sf.Classifier("ce", standardise=False, **settings).fit(store, y)


def test_a_model_that_processes_trained_together_is_saved_by_a_process_of_its_own(rows, tmp_path):
    _, x, y = rows
    clf = sf.Classifier("ce", network="linear", epochs=1).fit(x, y)
    clf.parallel = True  # as it is where such a model was unpickled
    clf.save(tmp_path / "m")
    assert (sf.load(tmp_path / "m").predict(x) == clf.predict(x)).all()
