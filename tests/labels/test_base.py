"""What every kind shares: slicing, covering, splitters' views, the signed sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.model_selection import GroupKFold, KFold, train_test_split

from sfumato.core.errors import ParameterError, RefusedError, ShapeError
from sfumato.labels import (
    PU,
    CaseControl,
    ClassConditional,
    Complementary,
    Exact,
    Labels,
    Law,
    Noisy,
    Partial,
    Semi,
    Signed,
    SingleSample,
)
from sfumato.labels.base import check_stochastic, check_unit

EYE = torch.eye(3, dtype=torch.bool)
ALL: list[Any] = [
    Exact(torch.tensor([0, 1, 2, 1]), 3),
    Noisy(torch.tensor([0, 1, 2, 1]), 3),
    Partial(EYE[[0, 1, 2, 1]], 3),
    Complementary(EYE[[0, 1, 2, 1]], 3),
    PU(torch.tensor([True, False, False, True])),
    PU(torch.tensor([True, False, False, True]), pointer=torch.tensor([2, 0, 1, 2])),
    Semi(torch.tensor([0, -1, 2, 1]), 3),
]


def _first(labels: Labels) -> torch.Tensor:
    column = getattr(labels, labels.columns[0])
    assert isinstance(column, torch.Tensor)
    return column


@pytest.mark.parametrize("labels", ALL, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize(
    "index",
    [
        [2, 0],
        np.array([2, 0]),
        torch.tensor([2, 0]),
        slice(1, 3),
        np.array([True, False, True, False]),
        (np.array([2, 0]), ...),
    ],
)
def test_slices_are_slices_of_the_columns(labels: Any, index: Any) -> None:
    plain = index[0] if isinstance(index, tuple) else index
    part = labels[index]
    assert type(part) is type(labels) and part.k == labels.k
    assert torch.equal(_first(part), _first(labels)[torch.as_tensor(plain) if not isinstance(plain, slice) else plain])


@pytest.mark.parametrize("labels", ALL, ids=lambda x: type(x).__name__)
def test_what_is_taken_by_number_is_the_slice(labels: Any) -> None:
    obs = torch.tensor([3, 0, 3])
    taken, part = labels.taken(obs), labels[obs]
    for name in labels.columns:
        one, other = getattr(taken, name), getattr(part, name)
        assert (one is None and other is None) or torch.equal(one, other)
    with pytest.raises(IndexError):
        labels.taken(torch.tensor([4]))


@pytest.mark.parametrize("labels", ALL, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize(
    "index", [[2, 0], np.array([2, 0]), slice(1, 3), torch.tensor([True, False, True, False]), torch.tensor([-1, 0])]
)
def test_what_is_taken_otherwise_is_the_slice_too(labels: Any, index: Any) -> None:
    assert torch.equal(_first(labels.taken(index)), _first(labels[index]))


@pytest.mark.parametrize("labels", ALL, ids=lambda x: type(x).__name__)
def test_one_number_is_a_slice_of_one(labels: Any) -> None:
    assert len(labels[2]) == 1 and torch.equal(_first(labels[2]), _first(labels)[2:3])
    assert torch.equal(_first(labels[-1]), _first(labels)[3:])


def test_cover_follows_pointers_and_points_into_the_rows() -> None:
    labels = ALL[5]
    rows, part = labels.cover(torch.tensor([3, 1]))
    assert rows.tolist() == [2, 0] and part.flag.tolist() == [True, False] and part.row is None
    assert labels.lift(torch.tensor([10.0, 20.0, 30.0])).tolist() == [30.0, 10.0, 20.0, 30.0]


def test_within_keeps_the_observations_whose_rows_are_kept() -> None:
    part = ALL[5].within(np.array([2, 0]))
    assert part.flag.tolist() == [True, False, True] and part.row.tolist() == [0, 1, 0]
    assert ALL[0].within(np.array([2, 0])).y.tolist() == [2, 0]


@pytest.mark.parametrize("labels", [ALL[0], ALL[2], ALL[4], ALL[6]], ids=lambda x: type(x).__name__)
def test_splitters_slice_labels_by_row(labels: Any) -> None:
    X = np.arange(len(labels))
    view = labels.by_row(len(labels))
    assert view.shape == (len(labels),)
    for train, test in KFold(2).split(X, view):
        for part in (train, test):
            assert torch.equal(_first(view[part].unwrap()), _first(labels)[torch.as_tensor(part)])
    _, _, a, b = train_test_split(X, view, random_state=0)
    assert len(a) + len(b) == len(labels)
    assert len(list(GroupKFold(2).split(X, view, labels.ties(len(X))))) == 2


def test_by_row_is_not_taken_for_classes() -> None:
    from sklearn.utils.multiclass import type_of_target

    assert type_of_target(np.asarray(ALL[0].by_row(4))) == "continuous"


def test_strata_tell_marked_from_unmarked() -> None:
    assert ALL[4].strata().tolist() == [1, 0, 0, 1]
    assert ALL[6].strata().tolist() == [1, 0, 1, 1]
    assert ALL[0].strata() is None


def test_kinds_name_the_ancestors_nearest_first() -> None:
    assert Noisy.kinds() == ("noisy", "exact") and Exact.kinds() == ("exact",)


def test_the_scheme_decides_the_law() -> None:
    assert ALL[4].default_law() is CaseControl
    assert PU(torch.tensor([True, False]), "single-sample").default_law() is SingleSample
    assert PU(torch.tensor([True, False]), "single-sample").law_for(CaseControl) is SingleSample


def test_moving_keeps_everything() -> None:
    for labels in ALL:
        twin = labels.to("cpu")
        assert type(twin) is type(labels) and torch.equal(_first(twin), _first(labels))


# ---------------------------------------------------------------- Signed


def test_a_signed_sum_is_a_mean_per_stratum() -> None:
    coef = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [3.0, 1.0]], dtype=torch.float64)
    losses = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], dtype=torch.float64)
    w = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    stratum = torch.tensor([0, 1, 0, 1])
    assert torch.allclose(Signed(coef).parts(losses), (coef * losses).mean(0))
    assert torch.allclose(Signed(coef).parts(losses, w), (coef * losses * w[:, None]).sum(0) / 10)
    by_hand = (coef * losses)[[0, 2]].mean(0) + (coef * losses)[[1, 3]].mean(0)
    assert torch.allclose(Signed(coef, stratum, 2).parts(losses), by_hand)
    weighted = (coef * losses * w[:, None])[[0, 2]].sum(0) / 4 + (coef * losses * w[:, None])[[1, 3]].sum(0) / 6
    assert torch.allclose(Signed(coef, stratum, 2).parts(losses, w), weighted)


def test_an_empty_stratum_adds_nothing() -> None:
    parts = Signed(torch.ones(2, 2), torch.tensor([0, 0]), 2).parts(torch.ones(2, 2))
    assert parts.tolist() == [1.0, 1.0]


# ---------------------------------------------------------------- laws


def test_fields_are_needs_and_annotations_of_the_class_are_not() -> None:
    from sfumato.labels import BiasedComplementary, Clean

    assert ClassConditional.needs() == ("transition",) == BiasedComplementary.needs()
    assert Clean.needs() == () and Law.needs() == ()


def test_bound_skips_the_checks_and_at_takes_rows() -> None:
    from sfumato.labels import InstanceSets

    law = InstanceSets(torch.tensor([[0.1, 0.2], [0.3, 0.4]]))
    assert torch.allclose(law.at(torch.tensor([1])).flips, torch.tensor([[0.3, 0.4]], dtype=torch.float64))
    assert law.to("cpu", torch.float32).flips.dtype == torch.float32
    learned = ClassConditional.bound(transition=torch.full((2, 2), 7.0))
    assert learned.transition[0, 0] == 7


def test_a_transposed_matrix_is_recognised() -> None:
    with pytest.raises(ParameterError, match="[Tt]ranspose"):
        check_stochastic("transition", [[0.9, 0.2], [0.1, 0.8]])
    with pytest.raises(ParameterError, match="divide each row|Divide each row"):
        check_stochastic("transition", [[0.9, 0.3], [0.2, 0.8]])
    with pytest.raises(ShapeError):
        check_stochastic("transition", [[0.5, 0.5]])
    rounded = check_stochastic("transition", torch.tensor([[0.3333333, 0.6666667], [0.5, 0.5]]))
    assert torch.allclose(rounded.sum(1), torch.ones(2, dtype=torch.float64), atol=1e-15)


def test_unit_numbers_keep_their_ends() -> None:
    assert check_unit("x", 0, low_open=False, high_open=True) == 0.0
    assert check_unit("x", np.float32(1), low_open=True, high_open=False) == 1.0
    for value in (0, 1, -0.1, 1.1, float("nan"), "a", None):
        with pytest.raises(ParameterError, match="x = "):
            check_unit("x", value, low_open=True, high_open=True)


def test_a_singular_matrix_is_refused_by_name() -> None:
    law = ClassConditional(torch.full((2, 2), 0.5))
    with pytest.raises(RefusedError, match="condition number.*forward"):
        law.rewrite(Noisy(torch.tensor([0, 1]), 2))
