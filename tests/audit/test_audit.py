"""The audit on every kind of labels: what it finds, what it says, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import sfumato as sf
from sfumato.audit import audit
from sfumato.core.errors import InputError, LabelError, ParameterError, RefusedError, ShapeError
from sfumato.labels import PU, Complementary, Exact, Noisy, Partial, Semi
from sfumato.score import PredictionsAsLabelsWarning


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.12
    return x, y, np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y)


def blobs(n=300, k=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    x = rng.normal(size=(n, 5))
    x[np.arange(n), y] += 5
    return x, y


def of_kind(report, kind):
    table = report.issues.to_pandas()
    return table[table.issue == kind].reset_index(drop=True)


def test_finds_planted_errors(digits):
    x, y, said = digits
    report = audit(x, Noisy(said, 10))
    found = of_kind(report, "label")
    wrong = said != y
    assert wrong[found.row].mean() > 0.75 and wrong[found.row].sum() > 0.85 * wrong.sum()
    assert (found.suggested.astype(int) == y[found.row])[wrong[found.row]].mean() > 0.85
    # Bound to be worse far down the list than at its top, or the ranking is worth nothing.
    assert wrong[found.row[:100]].mean() > 0.97
    rate = report.summary["noise"]["noise_rate"]
    assert rate["low"] < rate["value"] < rate["high"] and abs(rate["value"] - wrong.mean()) < 0.06
    assert found.score.is_monotonic_decreasing
    assert (found.given == [str(c) for c in said[found.row]]).all()
    assert (found.given != found.suggested).all()


def test_clean_labels_are_mostly_left_alone(digits):
    x, y, _ = digits
    report = audit(x, Exact(y, 10))
    assert report.summary["label_errors"]["marked"] < 0.05 * len(y)


def test_noise_for_features_is_said_so():
    rng = np.random.default_rng(0)
    report = audit(rng.normal(size=(300, 4)), rng.integers(0, 3, 300))
    assert not report.summary["label_errors"]["predictions_beat_largest_class"]
    assert any("too little to judge" in v for v in report.verdict)
    assert any("cannot be told" in v for v in report.verdict)


def test_given_probabilities_are_used_and_checked(digits):
    x, y, said = digits
    p = np.full((len(y), 10), 0.01)
    p[np.arange(len(y)), y] = 0.91
    report = audit(x, Noisy(said, 10), probabilities=p)
    np.testing.assert_array_equal(np.sort(of_kind(report, "label").row), np.flatnonzero(said != y))
    assert report.summary["probabilities_given"]
    assert report.summary["noise"]["noise_rate"]["value"] == pytest.approx((said != y).mean(), abs=1e-9)
    with pytest.warns(PredictionsAsLabelsWarning):
        told = audit(x, Noisy(y, 10), probabilities=p)
    assert told.verdict[0].startswith("The labels are the predictions")
    with pytest.raises(ShapeError, match="one column per class"):
        audit(x, Noisy(said, 10), probabilities=p[:, :9])
    with pytest.raises(ShapeError, match="probabilities of shape"):
        audit(x, Noisy(said, 10), probabilities=p[:-1])


def test_missing_labels_are_not_judged():
    x, y = blobs()
    said = np.where(np.arange(300) % 4 == 0, -1, y)
    said[1] = (y[1] + 1) % 3
    report = audit(x, Semi(said, 3))
    assert report.summary["label_errors"]["judged"] == 225
    assert report.summary["label_errors"]["unlabelled"] == 75
    found = of_kind(report, "label")
    assert found.row[0] == 1 and (said[found.row] >= 0).all()


def test_lonely_and_absent_classes():
    x, y = blobs()
    y[7] = 3
    report = audit(x, Noisy(y, 5, ("a", "b", "c", "lonely", "absent")))
    assert report.summary["label_errors"]["not_judged_lonely_class"] == 1
    assert 7 not in set(of_kind(report, "label").row)
    assert report.summary["classes"]["empty"] == [4]
    assert report.summary["classes"]["count"] == [100 - (c == 7 % 3) for c in range(3)] + [1, 0]


def test_duplicates_and_their_contradictions():
    x, y = blobs()
    x[10], x[20] = x[13], x[23]
    y[20] = (y[23] + 1) % 3
    report = audit(x, Noisy(y, 3))
    found = of_kind(report, "near-duplicate")
    pairs = {int(a): int(b) for a, b in zip(found.row, found.other_row, strict=True)}
    assert pairs == {10: 13, 13: 10, 20: 23, 23: 20}
    assert set(found.row[:2]) == {20, 23}  # the contradiction first
    assert report.summary["duplicates"]["exact_rows"] == 4
    assert report.summary["duplicates"]["groups_with_contradicting_labels"] == 1


def test_copies_do_not_vouch_for_each_other():
    """Labels are noise and every row has a copy: were copies split over folds, a wide model would repeat every
    label."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, 200)), rng.integers(0, 2, 150)
    report = audit(np.concatenate([x, x]), Noisy(np.concatenate([y, y]), 2))
    assert report.summary["label_errors"]["agreement"] < 0.5 + 3 * 0.5 / np.sqrt(150)


def test_outliers():
    x, y = blobs()
    x[42] = 100
    assert of_kind(audit(x, Noisy(y, 3)), "outlier").row[0] == 42
    none = audit(np.random.default_rng(0).normal(size=(500, 3)), Noisy(np.arange(500) % 2, 2))
    assert none.summary["outliers"]["rows"] <= 2


def test_units_of_measurement_mean_nothing():
    x, y = blobs()
    x[3] = x[9] + 1e-9
    a = audit(x, Noisy(y, 3)).issues
    b = audit(x * np.array([1, 1e6, 1e-6, 3, 50]) + 7, Noisy(y, 3)).issues
    assert a.column("row").equals(b.column("row")) and a.column("issue").equals(b.column("issue"))


def test_candidate_sets():
    mask = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]], bool)
    x = np.random.default_rng(0).normal(size=(6, 2))
    s = audit(x, Partial(mask, 3, ("a", "b", "c"))).summary["candidates"]
    assert s["sizes"] == [0, 2, 3, 1] and s["single"] == 2 and s["say_nothing"] == 1
    assert s["mean_size"] == pytest.approx(mask.sum() / 6)
    np.testing.assert_allclose(s["co_occurrence"], [[1, 1, 1 / 3], [3 / 5, 1, 2 / 5], [1 / 3, 2 / 3, 1]])
    assert s["largest_co_occurrence"] == {"given": "a", "also": "b", "share": 1.0}
    assert s["ambiguity_degree"] is None  # six rows


def test_ambiguity_degree_is_an_estimate_that_says_so():
    x, y = blobs(600)
    mask = np.eye(3, dtype=bool)[y]
    mask[y == 0, 1] = np.arange((y == 0).sum()) % 4 > 0  # three quarters of the rows of class 0
    report = audit(x, Partial(mask, 3, ("a", "b", "c")))
    degree = report.summary["candidates"]["ambiguity_degree"]
    assert (degree["true"], degree["also"]) == ("a", "b") and degree["estimate"] is True
    assert degree["low"] <= 0.75 <= degree["high"] < 1  # the head's belief is not sure enough to hit the value itself
    assert "by an estimate" in report.verdict[0]
    p = np.full((600, 3), 0.01) + 0.97 * np.eye(3)[y]
    told = audit(x, Partial(mask, 3), probabilities=p).summary["candidates"]["ambiguity_degree"]
    assert told["value"] == pytest.approx(0.75, abs=0.01)
    with pytest.raises(ShapeError, match="one column per class"):
        audit(x, Partial(mask, 3), probabilities=np.full((600, 2), 0.5))
    equal = audit(np.repeat(x[:2], 300, axis=0), Partial(mask, 3)).summary["candidates"]
    assert equal["ambiguity_degree"] is None  # rows that are copies of two cannot be held out


def test_complementary_is_its_complement():
    mask = np.random.default_rng(0).random((40, 4)) < 0.5
    mask[mask.all(1), 0], mask[~mask.any(1), 1] = False, True
    x = np.random.default_rng(1).normal(size=(40, 2))
    a, b = audit(x, Partial(mask, 4)).summary, audit(x, Complementary(~mask, 4)).summary
    assert a["candidates"] == b["candidates"] and b["kind"] == "complementary"


def test_positive_unlabeled():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 3))
    x[:900] += 3
    flag = np.arange(1500) < 500  # 400 of 1000 unlabeled rows are positive
    s = audit(x, PU(flag)).summary["prior"]
    assert s["dedpul"]["value"] == pytest.approx(0.4, abs=0.05)
    assert s["dedpul"]["low"] < 0.42 and s["dedpul"]["high"] > 0.38
    assert s["bbe"]["value"] == pytest.approx(0.4, abs=0.05)
    assert s["bbe"]["low"] < 0.42 and s["bbe"]["high"] > 0.38
    one = audit(x, PU(flag, "single-sample")).summary["prior"]
    assert one["dedpul"]["value"] == pytest.approx((500 + 1000 * s["dedpul"]["value"]) / 1500)
    assert one["bbe"]["value"] == pytest.approx((500 + 1000 * s["bbe"]["value"]) / 1500)


def test_pointers_report_the_users_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    x[30], x[60] = x[31], 50
    order = rng.permutation(100)[:90]
    order = np.concatenate([order, np.setdiff1d([30, 31, 60], order)])
    report = audit(x, PU(rng.random(len(order)) < 0.4, pointer=order))
    assert set(of_kind(report, "near-duplicate").row) == {30, 31}
    assert of_kind(report, "outlier").row[0] == 60


def test_plain_labels_are_noisy_and_sf_audit_is_callable():
    x, y = blobs()
    words = np.array(["x", "y", "z"])[y]
    a, b = audit(x, words), sf.audit(x, words.tolist())
    assert a.summary == b.summary and a.summary["kind"] == "noisy" and a.summary["class_names"] == ["x", "y", "z"]
    import sfumato.audit  # noqa: F401  (from now on sf.audit is the package)

    assert sf.audit(x, words).summary == a.summary


def test_same_seed_same_report_and_inputs_untouched():
    x, y = blobs()
    before = x.copy()
    x.flags.writeable = False
    a, b = audit(x, Noisy(y, 3), seed=5), audit(x, Noisy(y, 3), seed=5)
    assert a.issues.equals(b.issues) and a.summary == b.summary
    np.testing.assert_array_equal(x, before)
    assert audit(x, Noisy(y, 3), seed=6).summary["noise"] != a.summary["noise"]


def test_data_frames_and_constant_columns():
    import pandas as pd

    x, y = blobs()
    frame = pd.DataFrame(x, columns=list("abcde")).assign(flat=0.1)
    assert audit(frame, Noisy(y, 3)).summary["constant_columns"] == ["flat"]


def test_steps_are_told():
    told = []
    audit(*blobs(), on_step=told.append)
    assert len(told) >= 3


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"labels": np.arange(299) % 3}, ShapeError, "299 labels for 300 rows"),
        ({"X": np.full((300, 2), np.nan)}, ShapeError, "NaN"),
        ({"X": np.full((300, 2), "a")}, ShapeError, "features of type"),
        ({"folds": 1}, ParameterError, "folds=1"),
        ({"folds": 301}, ParameterError, "folds=301"),
        ({"items": ["a"]}, ShapeError, "items of 1"),
        ({"feature_names": ["a"]}, ShapeError, "1 feature names"),
        ({"probabilities": np.ones((300, 3)) * 2}, ShapeError, "row 0 of the probabilities"),
        ({"labels": np.zeros(300, int)}, LabelError, "one class|only one|at least two"),
    ],
)
def test_bad_input(change, error, says):
    x, y = blobs()
    with pytest.raises(error, match=says) as caught:
        audit(**({"X": x, "labels": y} | change))
    assert isinstance(caught.value, InputError)


def test_a_kind_without_an_audit_is_refused():
    class Smells:
        kind, k = "smells", 3

    with pytest.raises(RefusedError, match="smells labels"):
        audit(np.eye(5), Smells())
