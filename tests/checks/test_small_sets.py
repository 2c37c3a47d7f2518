"""The sets that the check of learning uses."""

from __future__ import annotations

import torch

from sfumato.checks.learning import naive
from sfumato.checks.small_sets import CELLS, pictures, small_set
from sfumato.labels import SeenBySign, SinglePositive


def test_pictures_show_the_digits_that_they_are_said_to_show() -> None:
    for (X, Y), (digits, y) in zip(
        (pictures()[:2], pictures()[2:]), (small_set(False)[:2], small_set(False)[2:]), strict=True
    ):
        cells = X.view(len(X), CELLS, digits.shape[1])
        place = {tuple(row): int(c) for row, c in zip(digits.tolist(), y.tolist(), strict=True)}
        for cell, truth in zip(cells[:50].tolist(), Y[:50].tolist(), strict=True):
            shown = {place[tuple(part)] for part in cell if any(part)}
            assert shown == {k for k, holds in enumerate(truth) if holds}
        assert int(Y.sum(1).min()) >= 1 and int(Y.sum(1).max()) == CELLS


def test_no_test_picture_shows_a_training_digit() -> None:
    X, _, X_test, _ = pictures()
    train, test = (part.view(-1, part.shape[1] // CELLS) for part in (X, X_test))
    train, test = (part[(part != 0).any(1)] for part in (train, test))
    assert float(torch.cdist(train.double(), test.double()).min()) > 0


def test_the_naive_reading_leaves_much_to_win() -> None:
    assert naive(SinglePositive, 0) < 0.85 and naive(SeenBySign, 0) < 0.85
