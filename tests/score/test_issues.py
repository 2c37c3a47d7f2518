"""Confident learning, element for element against cleanlab (development-only oracle) and against definitions."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.parts.confident import confident
from sfumato.score import FILTERS, ConfidentLearning, PredictionsAsLabelsWarning, find_label_issues, label_quality

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    oracle = pytest.importorskip("cleanlab.filter")
    count = pytest.importorskip("cleanlab.count")
    rank = pytest.importorskip("cleanlab.rank")

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def problem(seed, dtype=np.float64, n=None, k=None):
    """Noisy labels with probabilities; some classes may never be given."""
    rng = np.random.default_rng(seed)
    n, k = n or int(rng.integers(5, 400)), k or int(rng.integers(2, 25))
    present = rng.choice(k, int(rng.integers(2, k + 1)), replace=False)
    true = rng.choice(present, n)
    z = rng.normal(size=(n, k)) * rng.uniform(0.2, 2)
    z[np.arange(n), true] += rng.uniform(0, 4)
    p = np.exp(z)
    y = np.where(rng.random(n) < rng.uniform(0, 0.6), rng.choice(present, n), true)
    y[:2] = present[:2]
    return y, (p / p.sum(axis=1, keepdims=True)).astype(dtype)


def theirs(y, p, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return oracle.find_label_issues(y, np.asarray(p), filter_by=name, n_jobs=1)


def ours(y, p, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PredictionsAsLabelsWarning)
        return find_label_issues(y, p, name)


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from([np.float32, np.float64]), name=st.sampled_from(FILTERS))
def test_masks_equal_the_oracle(seed, dtype, name):
    y, p = problem(seed, dtype)
    np.testing.assert_array_equal(ours(y, p, name), theirs(y, p, name))


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from([np.float32, np.float64]))
def test_joints_equal_the_oracle(seed, dtype):
    y, p = problem(seed, dtype)
    found = confident(y, p)
    np.testing.assert_array_equal(found.raw_joint(), count.compute_confident_joint(y, p, calibrate=False))
    np.testing.assert_array_equal(found.joint(), count.compute_confident_joint(y, p))
    np.testing.assert_array_equal(found.joint().sum(axis=1), np.bincount(y, minlength=p.shape[1]))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_equal_the_oracle(score, dtype):
    for seed in range(20):
        y, p = problem(seed, dtype)
        close = 8e-8 if dtype == np.float32 else 5e-14
        quality = label_quality(y, p, score, quality=True)
        np.testing.assert_allclose(quality, rank.get_label_quality_scores(y, p, method=score), rtol=0, atol=close)
        np.testing.assert_array_equal(label_quality(y, p, score), 1 - quality)
        assert quality.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FILTERS)
def test_many_blocks_equal_the_oracle(name, dtype):
    y, p = problem(11, dtype, n=60_000, k=10)
    np.testing.assert_array_equal(ours(y, p, name), theirs(y, p, name))


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("rows", [[20_000, 30, 10, 0, 5], [30, 30, 20_000]])
def test_one_class_with_nearly_all_rows_equals_the_oracle(name, rows, monkeypatch):
    """Also where the work space is so small that a class is read in many stretches."""
    monkeypatch.setattr("sfumato.parts.confident.room", lambda p, part: 3000)
    monkeypatch.setattr("sfumato.score.issues.room", lambda p, part: 3000)
    rng, k = np.random.default_rng(12), len(rows)
    y = rng.permutation(np.repeat(np.arange(k), rows))
    p = rng.dirichlet(np.ones(k), len(y)).astype(np.float32)
    np.testing.assert_array_equal(ours(y, p, name), theirs(y, p, name))


def test_memory_beyond_the_input():
    """The mask is one byte of a row's forty; all else is less than another one."""
    y, p = problem(4, np.float32, n=300_000, k=10)
    ours(y[:100], p[:100], "prune_by_noise_rate")
    tracemalloc.start()
    ours(y, p, "prune_by_noise_rate")
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 2 * len(y) + (1 << 20)


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_real_label_errors(name, load_real):
    """Same masks as the oracle, and a ranking of the reviewed rows no worse than its best score (figures printed)."""
    d = load_real.load(f"labelerrors/{name}")
    y, p, rows = d["given"].astype(np.int64), d["pred_probs"], d["mturk_index"]
    for filter in FILTERS:
        np.testing.assert_array_equal(ours(y, p, filter), theirs(y, p, filter))
    wrong = d["mturk_votes"][:, list(d["mturk_keys"]).index("given")] < 3
    best = max(average_precision_score(wrong, -rank.get_label_quality_scores(y, p, method=s)[rows]) for s in SCORES)
    mine = average_precision_score(wrong, ConfidentLearning().score(y, p)[rows])
    print(f"{name}: average precision {mine:.4f}, the oracle's best score {best:.4f}")
    assert mine >= best


def test_memory_map_reads_the_same(tmp_path):
    y, p = problem(5, np.float32, n=3000, k=7)
    np.save(tmp_path / "p.npy", p)
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    for name in FILTERS:
        np.testing.assert_array_equal(find_label_issues(y, mapped, name), find_label_issues(y, p, name))


def test_input_is_untouched_and_lists_will_do():
    y, p = problem(3)
    before = p.copy()
    p.flags.writeable = False
    for name in FILTERS:
        np.testing.assert_array_equal(ours(list(map(int, y)), p.tolist(), name), ours(y, p, name))
    np.testing.assert_array_equal(p, before)


def test_class_order_means_nothing():
    y, p = problem(8, n=300, k=5)
    order = np.random.default_rng(0).permutation(5)
    # Not the pruning filters: rounding the joint to whole rows breaks ties by class number, as the oracle does.
    for name in ("confident_learning", "predicted_neq_given", "low_normalized_margin", "low_self_confidence"):
        np.testing.assert_array_equal(ours(order[y], p[:, np.argsort(order)], name), ours(y, p, name))


def test_ties_go_to_the_lowest_row():
    # Fifty rows labelled 0 with the same margin 1/2 towards class 1, thirty of them confidently of class 1. The
    # joint's row (60, 30, 0) is scaled to the label count 110, hence 37 of the fifty are pruned: the first ones.
    sure, tied_sure, tied_unsure = [0.875, 0.0625, 0.0625], [0.25, 0.75, 0.0], [0.125, 0.625, 0.25]
    tied = [tied_sure if i % 5 < 3 else tied_unsure for i in range(50)]
    p = np.array([sure] * 30 + tied + [sure] * 30 + [[0.0, 0.6875, 0.3125]] * 40 + [[0.0, 0.0, 1.0]] * 10)
    y = np.repeat([0, 1, 2], [110, 40, 10])
    np.testing.assert_array_equal(confident(y, p).joint()[0], [73, 37, 0])
    for name in ("prune_by_noise_rate", "confident_learning"):
        marked = np.flatnonzero(ours(y, p, name))
        expected = 30 + (np.arange(37) if name == "prune_by_noise_rate" else np.flatnonzero(np.arange(50) % 5 < 3))
        np.testing.assert_array_equal(marked, expected)


def test_low_filters_break_ties_by_row():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 50)
    p = np.repeat([[0.8, 0.2], [0.2, 0.8]], 50, axis=0)
    wrong = rng.choice(50, 6, replace=False)
    p[wrong] = [0.1, 0.9]
    p[wrong[:3]] = [0.05, 0.95]
    mask = ours(y, p, "low_self_confidence")
    assert mask.sum() == 6 and mask[wrong].all()


def test_labels_that_are_predictions_are_reported():
    _, p = problem(2)
    with pytest.warns(PredictionsAsLabelsWarning, match="argmax"):
        assert not find_label_issues(p.argmax(axis=1), p).any()


@pytest.mark.parametrize(
    ("y", "p", "error", "says"),
    [
        ([0, 1], np.ones((3, 2)), ShapeError, "for 2 labels"),
        ([0, 1], np.ones((2, 1)), ShapeError, "two or more"),
        ([0, 2], np.full((2, 2), 0.5), LabelError, "class numbers from 0 to 2"),
        ([0, -1], np.full((2, 2), 0.5), LabelError, "class numbers from -1 to 0"),
        ([0.0, 1.0], np.full((2, 2), 0.5), LabelError, "type float64"),
        (["a", "b"], np.full((2, 2), 0.5), LabelError, "number the classes|Number the classes"),
        ([0, 1], np.array([[0.5, 0.5], [np.nan, 0.5]]), ShapeError, "row 1"),
        ([0, 1], np.array([[0.5, 0.5], [1.5, -0.5]]), ShapeError, "row 1"),
        ([0, 1], np.array([[1, 0], [0, 1]]), ShapeError, "type int64"),
        (np.empty(0, int), np.empty((0, 2)), ShapeError, "no rows"),
    ],
)
def test_bad_input(y, p, error, says):
    with pytest.raises(error, match=says):
        find_label_issues(y, p)
    with pytest.raises(error, match=says):
        label_quality(y, p)


def test_unknown_names():
    with pytest.raises(ParameterError, match="prune_by_luck"):
        find_label_issues([0, 1], np.full((2, 2), 0.5), "prune_by_luck")
    with pytest.raises(ParameterError, match="'best'"):
        label_quality([0, 1], np.full((2, 2), 0.5), "best")
