"""Nearest neighbours against the full matrix of distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sfumato.core.errors import ParameterError
from sfumato.parts import neighbours
from sfumato.parts.neighbours import Neighbourhood, nearest


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("d", [3, 40])
def test_equals_the_full_matrix(metric, d):
    rng = np.random.default_rng(d)
    x = rng.normal(size=(80, d)) + 3
    full = cdist(x, x, metric)
    np.fill_diagonal(full, np.inf)
    distance, index = nearest(x, 5, metric=metric)
    np.testing.assert_array_equal(index, np.argsort(full, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(distance, np.sort(full, axis=1)[:, :5], atol=1e-12)


@pytest.mark.parametrize("d", [3, 40])
def test_reference_rows(d):
    rng = np.random.default_rng(d)
    x, base = rng.normal(size=(30, d)), rng.normal(size=(50, d))
    distance, index = nearest(x, 4, reference=base)
    full = cdist(x, base)
    np.testing.assert_array_equal(index, np.argsort(full, axis=1)[:, :4])
    np.testing.assert_allclose(distance, np.sort(full, axis=1)[:, :4])


@pytest.mark.parametrize("d", [2, 30])
def test_equal_rows_have_distance_exactly_zero_and_no_row_is_its_own(d):
    x = np.random.default_rng(0).normal(size=(40, d)) * 1e-3 + 1e4
    x[7] = x[31]
    distance, index = nearest(x, 3)
    assert (index != np.arange(40)[:, None]).all()
    assert distance[7, 0] == 0 and index[7, 0] == 31 and index[31, 0] == 7
    many = np.zeros((50, d))
    _, index = nearest(many, 3)
    assert (index != np.arange(50)[:, None]).all()


def test_bounds():
    x = np.eye(4)
    assert nearest(x, 3)[0].shape == (4, 3)
    with pytest.raises(ParameterError, match="k=4 neighbours among 3 rows"):
        nearest(x, 4)
    with pytest.raises(ParameterError, match="metric 'dot'"):
        nearest(x, 1, metric="dot")


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_one_search_serves_all_who_ask_for_no_more(metric, monkeypatch):
    x, searches = np.random.default_rng(5).normal(size=(60, 20)), []
    found = Neighbourhood(x, metric)

    def counted(*args, **settings):
        searches.append(args[1])
        return nearest(*args, **settings)

    monkeypatch.setattr(neighbours, "nearest", counted)
    for k in (6, 4, 6, 9):
        for mine, theirs in zip(found.nearest(k), nearest(x, k, metric=metric), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert searches == [6, 9]
