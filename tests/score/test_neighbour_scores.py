"""kNN disagreement and SimiFeat: against loops over the full distance matrix, with signs and invariances."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.parts.neighbours import Neighbourhood
from sfumato.score import KnnDisagreement, NeighbourDistance, SimiFeat
from sfumato.score.neighbour_labels import _groups, neighbour_labels, neighbour_shares


def _blobs(seed=0, n=240, d=6):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 4, n)
    x = rng.normal(size=(4, d))[true] * 4 + rng.normal(size=(n, d)) * 0.5
    y = true.copy()
    wrong = rng.choice(n, 24, replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, 4, 24)) % 4
    return x, y, np.isin(np.arange(n), wrong)


def _near(x, k, metric):
    full = cdist(x, x, metric)
    np.fill_diagonal(full, np.inf)
    return np.argsort(full, axis=1)[:, :k]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_knn_disagreement_equals_a_loop(metric):
    x, y, _ = _blobs()
    loop = [np.mean([y[j] != y[i] for j in row]) for i, row in enumerate(_near(x, 7, metric))]
    np.testing.assert_array_equal(KnnDisagreement(k=7, metric=metric).score(x, y), loop)


def test_simifeat_equals_the_cosine_of_counted_labels_and_its_vote():
    x, y, _ = _blobs(1)
    cosine, outvoted = [], []
    for i, row in enumerate(_near(x, 10, "cosine")):
        counts = Counter([y[i], *y[row]])
        v = np.array([counts[c] for c in range(4)], float)
        cosine.append(1 - v @ np.eye(4)[y[i]] / np.linalg.norm(v))
        outvoted.append(max(counts.values()) > counts[y[i]])
    np.testing.assert_allclose(SimiFeat().score(x, y), cosine, atol=1e-15)
    np.testing.assert_array_equal(SimiFeat().flag(x, y), outvoted)


@pytest.mark.parametrize("score", [KnnDisagreement(), SimiFeat()])
def test_planted_errors_come_first_and_nothing_hangs_on_names_order_or_scale(score):
    x, y, wrong = _blobs(2)
    s = score.score(x, y)
    assert s[wrong].min() > s[~wrong].max()
    np.testing.assert_array_equal(score.score(x, np.array([30, 7, 2, 11])[y]), s)
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_array_equal(score.score(x[order], y[order]), s[order])
    np.testing.assert_array_equal(score.score(4 * x, y), s)
    assert s.min() >= 0 and s.max() <= 1


def test_agreement_all_around_is_zero_and_the_other_way_one():
    x = np.random.default_rng(0).normal(size=(12, 3))
    np.testing.assert_array_equal(KnnDisagreement(k=5).score(x, np.zeros(12, int)), 0)
    np.testing.assert_array_equal(SimiFeat(k=5).score(x, np.zeros(12, int)), 0)
    np.testing.assert_array_equal(KnnDisagreement(k=5).score(x, np.arange(12)), 1)


def test_shares_per_class_mark_so_many_rows_highest_first():
    x, y, wrong = _blobs(3)
    share = np.array([wrong[y == c].mean() for c in range(4)])
    np.testing.assert_array_equal(SimiFeat().flag(x, y, share), wrong)
    assert SimiFeat().flag(x, y, np.ones(4)).all() and not SimiFeat().flag(x, y, np.zeros(4)).any()
    for bad in (np.ones(3), np.full(4, 1.2), np.full(4, np.nan)):
        with pytest.raises(ShapeError, match="from 0 to 1"):
            SimiFeat().flag(x, y, bad)


@pytest.mark.parametrize("cls", [KnnDisagreement, SimiFeat])
def test_a_sample_of_neighbours_never_holds_the_row_itself(cls):
    # All labels differ, so a row that met itself among its neighbours would find one that agrees.
    x = np.random.default_rng(0).normal(size=(400, 4))
    s = cls(k=3, sample=50).score(x, np.arange(400))
    np.testing.assert_allclose(s, s.max(), atol=0)
    np.testing.assert_array_equal(cls(k=3, sample=50).score(x, np.arange(400)), s)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("sample", [10_000, 40])
def test_without_groups_the_judgement_is_score_and_flag(metric, sample):
    x, y, _ = _blobs(4)
    near = SimiFeat(metric=metric, sample=sample)
    score, vote = near.judged(x, y, np.full(len(y), -1))
    np.testing.assert_array_equal(score, near.score(x, y))
    np.testing.assert_array_equal(vote, near.flag(x, y))


def test_near_duplicates_never_vouch_for_each_other_and_speak_once():
    """Copies of one wrong row count as that row alone does, and no longer as witnesses for each other."""
    x, y, wrong = _blobs(5)
    near, copied = SimiFeat(metric="euclidean"), np.flatnonzero(wrong)[0]
    alone, vote = near.score(x, y), near.flag(x, y)
    many = np.repeat([copied], 20)
    more_x, more_y = np.concatenate([x, x[many]]), np.concatenate([y, y[many]])
    group = np.full(len(more_y), -1)
    group[[copied, *range(len(y), len(more_y))]] = 7
    fooled = near.score(more_x, more_y)
    assert fooled[copied] == 0 < alone[copied]  # what the groups are for
    score, told = near.judged(more_x, more_y, group)
    np.testing.assert_array_equal(score, np.concatenate([alone, alone[many]]))
    np.testing.assert_array_equal(told, np.concatenate([vote, vote[many]]))


def test_a_group_speaks_with_the_label_of_most_of_it_and_ties_go_to_its_lowest_row():
    x = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [5.0]])
    group = np.array([0, 0, 0, 1, 1, -1])
    one = SimiFeat(k=1, metric="euclidean")
    score, _ = one.judged(x, np.array([1, 2, 2, 4, 3, 4]), group)
    disagree = 1 - 1 / np.sqrt(2)
    # The rows at 0 hear class 4 (a tie, the lowest row), those at 1 hear class 2, and the one at 5 hears class 4.
    np.testing.assert_allclose(score, [disagree, disagree, disagree, disagree, disagree, 0], atol=1e-15)
    np.testing.assert_allclose(
        one.judged(x, np.array([1, 2, 2, 2, 3, 2]), group)[0], [disagree, 0, 0, 0, disagree, 0], atol=1e-15
    )


def test_bad_groups():
    x = np.random.default_rng(0).normal(size=(9, 2))
    for bad in (np.zeros(8, int), np.zeros(9), np.zeros((9, 1), int)):
        with pytest.raises(ShapeError, match="group"):
            SimiFeat(k=3).judged(x, np.zeros(9, int), bad)
    with pytest.raises(ParameterError, match="3 rows that differ"):
        SimiFeat(k=3).judged(x, np.zeros(9, int), np.arange(9) % 3)


@pytest.mark.parametrize("score", [KnnDisagreement(k=3), SimiFeat(k=3)])
def test_bad_input(score):
    x = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.raises(ShapeError, match="one label per row"):
        score.score(x, np.zeros(8, int))
    with pytest.raises(LabelError, match="Leave out"):
        score.score(x, np.full(9, -1))
    with pytest.raises(LabelError):
        score.score(x, np.zeros(9))
    with pytest.raises(ParameterError, match="k=3"):
        score.score(x[:3], np.zeros(3, int))


@pytest.mark.parametrize("copies", [0, 40, 400])
def test_a_shared_search_finds_what_a_search_among_speakers_finds(copies):
    """Rows of which up to two thirds are copies: most have too few speakers nearby and are searched again."""
    rng = np.random.default_rng(copies)
    x, y = rng.normal(size=(200, 6)), rng.integers(4, size=200)
    chosen = rng.integers(30, size=copies)
    x, y = np.concatenate([x, x[chosen] + 1e-9 * rng.normal(size=(copies, 6))]), np.append(y, y[chosen])
    group = np.append(np.where(np.arange(200) < 30, np.arange(200), -1), chosen)
    shared = Neighbourhood(x)
    distance = NeighbourDistance().among(shared)
    got = neighbour_labels(shared, y, 5, group)[1]
    key, speakers = _groups(group, y)
    full = cdist(x, x[speakers])
    full[key[:, None] == key[speakers]] = np.inf
    np.testing.assert_array_equal(got, y[speakers][np.argsort(full, axis=1, kind="stable")[:, :5]])
    np.testing.assert_array_equal(distance, NeighbourDistance().score(x))


def test_shares_count_the_neighbours_and_one_row_of_the_class_shares():
    x, y, _ = _blobs(6)
    index = _near(x, 5, "euclidean")
    counts = np.stack([(y[index] == c).sum(axis=1) for c in range(6)], axis=1)
    expected = (counts + np.bincount(y, minlength=6) / len(y)) / 6
    got = neighbour_shares(Neighbourhood(x), y, 6, 5)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(got.sum(axis=1), 1, rtol=1e-6)
    # A row's own label moves nothing but the class shares that all rows share.
    other = y.copy()
    other[0] = (y[0] + 1) % 4
    moved = neighbour_shares(Neighbourhood(x), other, 6, 5)[0] - got[0]
    assert np.abs(moved).max() < 2 / len(y)


@pytest.mark.parametrize("copies", [0, 300])
def test_one_sample_serves_the_labels_and_the_distances(copies, monkeypatch):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(120, 3)), rng.integers(3, size=120)
    chosen = rng.integers(20, size=copies)
    x, y = np.concatenate([x, x[chosen]]), np.append(y, y[chosen])
    group = np.append(np.where(np.arange(120) < 20, np.arange(120), -1), chosen)
    near = Neighbourhood(x, sample=50, seed=1)
    assert len(near.among) == 50 and near.room == 49
    drawn = near.among
    distance = cdist(x, x[drawn])
    distance[np.arange(len(x))[:, None] == drawn] = np.inf
    mean = np.sort(distance, axis=1)[:, :10].mean(axis=1)
    np.testing.assert_allclose(NeighbourDistance().among(near), mean / np.median(mean))
    np.testing.assert_array_equal(NeighbourDistance(sample=50, seed=1).score(x), NeighbourDistance().among(near))
    key, speakers = _groups(group, y)
    heard = np.intersect1d(speakers, drawn)
    heard = heard if len(heard) > 5 else speakers
    full = cdist(x, x[heard])
    full[key[:, None] == key[heard]] = np.inf
    expected = y[heard][np.argsort(full, axis=1, kind="stable")[:, :5]]
    np.testing.assert_array_equal(neighbour_labels(near, y, 5, group)[1], expected)


def test_a_sample_of_copies_hears_every_group():
    x = np.repeat(np.arange(8.0)[:, None], 40, axis=0)
    group = np.repeat(np.arange(8), 40)
    near = Neighbourhood(x, sample=10, seed=0)
    got = neighbour_labels(near, group, 3, group)[1]
    assert (got[:40] == [1, 2, 3]).all() and (got[-40:] == [6, 5, 4]).all()
    with pytest.raises(ParameterError, match="a sample of 10"):
        neighbour_labels(near, group, 10)
    with pytest.raises(ParameterError, match="sample=1"):
        Neighbourhood(x, sample=1)
