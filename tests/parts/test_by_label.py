"""Rows by class, sums and least values of a stream, against numpy on everything at once."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.parts.by_label import Least, PairwiseSum, largest, stretches, unpacked


@pytest.mark.parametrize("most", [1, 7, 50, 10_000])
@pytest.mark.parametrize("leave_out", [False, True])
def test_stretches_are_a_stable_sort_by_label(most, leave_out):
    rng = np.random.default_rng(most)
    y = rng.choice([0, 1, 3, 4], 20_000, p=[0.7, 0.1, 0.1, 0.1]) if most > 7 else rng.integers(5, size=300)
    out = rng.random(len(y)) < 0.4 if leave_out else np.zeros(len(y), bool)
    count = np.bincount(y[~out], minlength=6)
    parts = list(stretches(y, count, most, np.packbits(out) if leave_out else None))
    assert max(len(rows) for _, rows in parts) <= most
    rows = np.flatnonzero(~out)
    np.testing.assert_array_equal(np.concatenate([r for _, r in parts]), rows[np.argsort(y[rows], kind="stable")])
    assert all((y[r] == c).all() for c, r in parts)


def test_stretches_of_some_classes():
    y = np.random.default_rng(0).integers(6, size=500)
    for c, rows in stretches(y, np.bincount(y, minlength=6), 1000, only=[4, 1, 5]):
        np.testing.assert_array_equal(rows, np.flatnonzero(y == c))
    assert [c for c, _ in stretches(y, np.bincount(y, minlength=6), 1000, only=[4, 1, 5])] == [1, 4, 5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sum_in_pieces_is_numpys_bit_for_bit(dtype):
    rng = np.random.default_rng(1)
    for n in [1, 127, 128, 129, 1000, *rng.integers(1, 30_000, 40)]:
        x = rng.random(n).astype(dtype)
        one = PairwiseSum(int(n), int(rng.integers(1, 3000)))
        for part in np.split(x, np.sort(rng.integers(0, n + 1, 5))):
            one.push(part)
        assert one.total() == x.sum()
        assert one.total().dtype == dtype


def test_half_precision_is_added_up_as_its_mean_is():
    x = np.random.default_rng(2).random(20_000).astype(np.float16)
    one = PairwiseSum(len(x), len(x))
    one.push(x[:11])
    one.push(x[11:])
    assert np.float16(one.total() / len(x)) == x.mean()


def test_the_least_of_a_stream_break_ties_by_row():
    rng = np.random.default_rng(3)
    for levels in (6, 10**9):
        for number in (0, 1, 5, 40, 4000, 20_000, 30_000, 40_000):
            value = rng.integers(levels, size=30_000).astype(np.float32)
            parts = np.split(value, np.sort(rng.integers(0, len(value), 23)))
            least = Least(number)
            for part in parts:
                least.push(part)
            least.close()
            chosen = np.concatenate([least.among(part) for part in parts])
            assert set(np.flatnonzero(chosen)) == set(np.argsort(value, kind="stable")[:number])
            assert set(largest(-value, number).tolist()) == set(np.flatnonzero(chosen))


def test_unpacked():
    told = np.random.default_rng(4).random(37) < 0.5
    np.testing.assert_array_equal(unpacked(np.packbits(told), 8, 37), told[8:])
