"""The scikit-learn face: clone, pipelines, searches and splits over labels of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sfumato as sf
from sfumato.core.errors import ParameterError
from sfumato.labels import (
    CaseControl,
    MissingCompletely,
    Noisy,
    Partial,
    Symmetric,
    UniformComplementary,
    UniformSets,
)
from sfumato.learn.noisy.gce import GCE

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here"))]
DIGITS, TRUTH = load_digits(return_X_y=True)
DIGITS, TRUTH = (DIGITS[:500] / 16).astype(np.float32), TRUTH[:500]


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def small(method: Any = "ce", **settings: Any) -> Any:
    return sf.Classifier(method, **({"network": "linear", "epochs": 8, "lr": 0.01, "batch_size": 50} | settings))


# ---------------------------------------------------------------- the protocol


def test_clone_keeps_every_setting_and_nothing_fitted() -> None:
    model = small(GCE(q=0.4), seed=3, needs={"noise_rate": 0.2})
    twin = clone(model)
    assert twin is not model and twin.get_params() == model.get_params()
    assert "method__q" in twin.get_params() and "method__q" not in twin.get_params(deep=False)
    fitted = clone(small().fit(DIGITS, TRUTH))
    assert not hasattr(fitted, "classes_")


def test_set_params_reaches_into_a_method_named_by_text_or_given() -> None:
    for method in ("gce", GCE()):
        model = small(method).set_params(method__q=0.3, epochs=2)
        assert model.epochs == 2 and model.get_params()["method__q"] == 0.3


def test_set_params_never_changes_the_method_that_was_passed_in() -> None:
    own = GCE()
    small(own).set_params(method__q=0.3)
    assert own.q == 0.7


def test_cloning_a_searched_estimator_keeps_its_own_method() -> None:
    model = small(GCE(q=0.4))
    twin = clone(model).set_params(method__q=0.9)
    assert model.get_params()["method__q"] == 0.4 and twin.get_params()["method__q"] == 0.9


def test_fit_returns_self_and_learns_the_classes_by_name() -> None:
    names = np.array([f"digit {c}" for c in TRUTH], dtype=object)
    model = small()
    assert model.fit(DIGITS, names) is model
    assert list(model.classes_) == sorted(set(names)) and model.n_features_in_ == 64
    assert set(model.predict(DIGITS[:20])) <= set(names)
    assert model.score(DIGITS, names) > 0.85
    p = model.predict_proba(DIGITS)
    assert p.shape == (500, 10) and np.allclose(p.sum(1), 1, atol=1e-5)
    assert (model.classes_[p.argmax(1)] == model.predict(DIGITS)).all()


def test_the_same_seed_gives_the_same_model_and_another_another() -> None:
    a, b, c = (
        small(seed=s, dropout=0.3, network="mlp", hidden=(16,), epochs=2).fit(DIGITS, TRUTH).predict_proba(DIGITS)
        for s in (0, 0, 1)
    )
    assert (a == b).all() and not (a == c).all()


def test_inputs_are_left_as_they_were_and_may_be_of_any_form() -> None:
    X, y = DIGITS.copy(), TRUTH.copy()
    wanted = small().fit(X, y).predict_proba(X)
    assert (X == DIGITS).all() and (y == TRUTH).all()
    for form in (X.tolist(), torch.from_numpy(X), X.astype(np.float64), np.asfortranarray(X)):
        assert np.allclose(small().fit(form, y).predict_proba(form), wanted, atol=1e-5)


# ---------------------------------------------------------------- pipelines and searches


def test_a_pipeline_fits_and_predicts() -> None:
    pipe = make_pipeline(StandardScaler(), small(epochs=5))
    assert pipe.fit(DIGITS[:400], TRUTH[:400]).score(DIGITS[400:], TRUTH[400:]) > 0.8


def test_a_pipeline_s_own_scaling_may_stand() -> None:
    scaled = StandardScaler().fit_transform(DIGITS[:400])
    a = small(epochs=2, standardise=False).fit(scaled, TRUTH[:400])
    b = small(epochs=2).fit(DIGITS[:400], TRUTH[:400])
    np.testing.assert_allclose(a.predict_proba(scaled), b.predict_proba(DIGITS[:400]), atol=1e-5)
    large = a.predict_proba(3 * scaled) - a.predict_proba(scaled)
    assert abs(large).max() > 0.1  # the scale of a column tells something
    raw = small(epochs=2, standardise=False).fit(DIGITS[:400], TRUTH[:400])
    net = raw.networks_[0]
    with torch.no_grad():
        by_hand = torch.softmax(net(torch.from_numpy(DIGITS[:5]).float()).double(), 1)
    np.testing.assert_allclose(raw.predict_proba(DIGITS[:5]), by_hand, atol=1e-6)
    with pytest.raises(ParameterError, match="standardise = 'no'"):
        small(standardise="no").fit(DIGITS[:400], TRUTH[:400])


def test_cross_validation_on_plain_noisy_labels() -> None:
    y = Symmetric(0.3).sample(torch.from_numpy(TRUTH), 10, rng()).y.numpy()
    scores = cross_val_score(small("gce"), DIGITS, y, cv=3)
    assert scores.shape == (3,) and scores.min() > 0.4
    out = cross_val_predict(small("gce"), DIGITS, y, cv=3)
    assert (out == TRUTH).mean() > 0.75  # against the truth that training never saw


def test_a_grid_over_settings_and_fields_of_the_method() -> None:
    y = Symmetric(0.3).sample(torch.from_numpy(TRUTH), 10, rng()).y.numpy()
    grid = GridSearchCV(small("gce", epochs=2), {"method__q": [0.3, 0.7], "lr": [0.01]}, cv=2, error_score="raise")
    grid.fit(DIGITS, y)
    assert grid.best_params_["method__q"] in (0.3, 0.7)
    assert grid.best_estimator_.get_params()["method__q"] == grid.best_params_["method__q"]
    named = GridSearchCV(small(epochs=2), {"method": ["ce", "gce"]}, cv=2, error_score="raise").fit(DIGITS, y)
    assert named.best_params_["method"] in ("ce", "gce")


def test_a_search_draws_numpy_numbers() -> None:
    space = {"epochs": np.arange(1, 3), "lr": np.geomspace(1e-3, 1e-2, 3), "batch_size": np.array([32, 64])}
    search = RandomizedSearchCV(small(), space, n_iter=2, cv=2, random_state=0, error_score="raise")
    assert search.fit(DIGITS[:120], TRUTH[:120]).best_score_ > 0


WEAK = {
    "partial": (UniformSets(), "proden"),
    "complementary": (UniformComplementary(torch.eye(9, dtype=torch.float64)[4]), "scl-nl"),
    "semi": (MissingCompletely(0.5), "supervised"),
    "noisy": (Symmetric(0.3), "gce"),
}


@pytest.mark.parametrize("kind", WEAK)
def test_splitters_and_searches_take_weak_labels_row_by_row(kind: str) -> None:
    law, method = WEAK[kind]
    labels = law.sample(torch.from_numpy(TRUTH), 10, rng())
    view = labels.by_row(len(DIGITS))
    X, truth = DIGITS, TRUTH

    def against_the_truth(model: Any, X_held: Any, _: Any) -> float:
        return float(
            (model.predict(X_held) == truth[[int(np.flatnonzero((row == X).all(1))[0]) for row in X_held]]).mean()
        )

    scores = cross_val_score(
        small(method),
        X,
        view,
        cv=KFold(2, shuffle=True, random_state=0),
        scoring=against_the_truth,
        error_score="raise",
    )
    assert scores.min() > 0.5
    grid = GridSearchCV(
        small(method, epochs=2), {"lr": [1e-3, 1e-2]}, cv=KFold(2), scoring=against_the_truth, error_score="raise"
    )
    assert grid.fit(X, view).best_params_["lr"] == 1e-2
    assert len(list(GroupKFold(2).split(X, view, labels.ties(len(X))))) == 2


def test_a_pipeline_passes_weak_labels_through() -> None:
    labels = UniformSets().sample(torch.from_numpy(TRUTH), 10, rng())
    pipe = make_pipeline(FunctionTransformer(np.sqrt), small("proden"))
    assert (pipe.fit(DIGITS, labels).predict(DIGITS) == TRUTH).mean() > 0.7


def test_labels_that_point_at_rows() -> None:
    y = torch.from_numpy((TRUTH == 8).astype(np.int64))
    prior = float(y.double().mean())
    labels = CaseControl(prior, 0.3).sample(y, 2, rng())
    assert labels.row is not None and len(labels) > len(y)
    model = small("nnpu", needs={"prior": prior}).fit(DIGITS, labels)
    out = model.predict(DIGITS)
    assert (out == y.numpy()).mean() > 1 - prior  # better than calling every row negative


# ---------------------------------------------------------------- weights, needs, choosing


def test_a_weight_is_a_repetition_up_to_the_order_of_batches() -> None:
    """With one batch that holds everything, weight two and two copies are the same training."""
    times = np.random.default_rng(0).integers(1, 3, 60)
    again = np.repeat(np.arange(60), times)
    settings = {"batch_size": 1000, "epochs": 20}
    weighted = small(**settings).fit(DIGITS[:60], TRUTH[:60], sample_weight=times)
    repeated = small(**settings).fit(DIGITS[again], TRUTH[:60][again])
    # the features are scaled by the training rows, so compare what both say relative to their own scale
    gap = np.abs(weighted.predict_proba(DIGITS) - repeated.predict_proba(DIGITS)).max()
    plain = np.abs(
        small(**settings).fit(DIGITS[:60], TRUTH[:60]).predict_proba(DIGITS) - repeated.predict_proba(DIGITS)
    ).max()
    assert gap < plain


def test_a_zero_weight_leaves_a_row_out_of_the_risk() -> None:
    y = TRUTH.copy()
    y[:50] = 9 - y[:50]
    w = np.ones(500)
    w[:50] = 0
    clean = small(batch_size=500).fit(DIGITS, TRUTH, sample_weight=w).predict_proba(DIGITS)
    wrong = small(batch_size=500).fit(DIGITS, y, sample_weight=w).predict_proba(DIGITS)
    assert np.allclose(clean, wrong, atol=1e-6)


def test_a_need_may_be_a_value_or_an_estimator() -> None:
    y = Symmetric(0.3).sample(torch.from_numpy(TRUTH), 10, rng())
    known = small("forward", needs={"transition": Symmetric(0.3).matrix(10)}).fit(DIGITS, y)
    found = small("forward", needs={"transition": sf.estimate.TransitionConfidentJoint()}).fit(DIGITS, y)
    assert np.allclose(np.asarray(found.needs_["transition"]).sum(1), 1)
    for model in (known, found):
        assert (model.predict(DIGITS) == TRUTH).mean() > 0.75


def test_auto_keeps_the_best_of_a_short_list_and_shows_what_it_measured() -> None:
    labels = Partial.from_mask(UniformSets().sample(torch.from_numpy(TRUTH), 10, rng()).mask.numpy())
    model = small("auto", epochs=4).fit(DIGITS, labels)
    assert len(model.scores_) >= 2 and "average" in model.scores_
    values = {name: score.get("score", score["value"]) for name, score in model.scores_.items()}
    assert values[model.method_.name] == max(values.values())
    assert model.choice_.chosen == model.method_.name and list(model.choice_.tried) == list(model.scores_)
    assert (model.predict(DIGITS) == TRUTH).mean() > 0.6


def test_held_out_weak_labels_choose_an_epoch() -> None:
    y = Symmetric(0.4).sample(torch.from_numpy(TRUTH), 10, rng())
    model = small("ce", network="mlp", hidden=(64,), epochs=12, validation=0.2, epoch="chosen").fit(DIGITS, y)
    measured = [entry["validation"] for entry in model.history_]
    assert model.chosen_epoch_ == int(np.argmax(measured)) + 1
    chosen = model.predict_proba(DIGITS)
    last = model.use("last").predict_proba(DIGITS)
    assert (chosen == last).all() == (model.chosen_epoch_ == 12)


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_measured_and_kept_is_on_the_processor_whatever_device_trained(device: str) -> None:
    x, y = DIGITS[:80], torch.from_numpy(TRUTH[:80])
    told = {"device": device, "epochs": 2, "validation": 0.2}
    learned = small("volminnet", epoch="chosen", **told).fit(x, Symmetric(0.2).sample(y, 10, rng()))
    pu = CaseControl(0.5, 0.3).sample((y > 4).long(), 2, rng())
    remembered = small("pusb", needs={"prior": 0.5}, **told).fit(x, pu)
    for model in (learned, remembered):
        kept = [getattr(model.law_, name) for name in model.law_.needs() if not isinstance(model.law_, type)]
        kept += [w for states in (model.chosen_, model.last_) for state in states for w in state.values()]
        assert {v.device.type for v in kept if isinstance(v, torch.Tensor)} == {"cpu"}
        assert all(np.isfinite(entry["validation"]) for entry in model.history_)
        assert np.isfinite(model.predict_proba(x)).all()
    assert small("auto", device=device, epochs=1, needs={"prior": 0.5}).fit(x, pu).choice_.criterion == "likelihood"


def test_a_data_frame_with_words_and_blanks() -> None:
    r = np.random.default_rng(0)
    colour = r.choice(["red", "green"], 200)
    size = r.normal(size=200)
    size[::17] = np.nan
    frame = pd.DataFrame({"colour": colour, "size": size})
    y = np.where(colour == "red", "stop", "go")
    model = small(epochs=30).fit(frame, y)
    assert (model.predict(frame) == y).mean() > 0.98


def test_noisy_labels_are_what_a_plain_array_counts_as() -> None:
    plain = small("gce").fit(DIGITS, TRUTH).predict_proba(DIGITS)
    named = small("gce").fit(DIGITS, Noisy.from_labels(TRUTH)).predict_proba(DIGITS)
    assert (plain == named).all()
