"""The sets that the check of learning uses."""

from __future__ import annotations

import torch

from sfumato.checks.learning import naive
from sfumato.checks.small_sets import CELLS, pictures, set_for, small_set
from sfumato.labels import CaseControl, ClassConditional, SeenBySign, SinglePositive


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


def test_each_law_has_its_set_and_its_score() -> None:
    several, two, ten = (set_for(law) for law in (SinglePositive, CaseControl, ClassConditional))
    assert several.several and several.k == ten.k == 10 and two.k == 2
    assert two.prior() == float((two.y == 1).double().mean())
    assert torch.equal(several.prior(), several.y.double().mean(0))  # type: ignore[arg-type]
    for small in (two, ten):
        right = torch.nn.functional.one_hot(small.y_test, small.k).double()
        assert small.score(right) == 1 and small.score(1 - right) < 0.2
    assert several.score(several.y_test.double()) == 1
