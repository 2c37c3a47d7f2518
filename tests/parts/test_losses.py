"""Losses of logits against their definitions, and the one reduction."""

from __future__ import annotations

import math

import pytest
import torch

from sfumato.core.errors import ParameterError
from sfumato.parts import losses as L


def logits(n: int = 7, k: int = 4, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(n, k, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_each_loss_against_its_definition() -> None:
    z = logits()
    p = torch.exp(z) / torch.exp(z).sum(1, keepdim=True)
    for i in range(len(z)):
        for k in range(z.shape[1]):
            onehot = torch.eye(z.shape[1], dtype=torch.float64)[k]
            want = {
                "log": -math.log(p[i, k]),
                "mae": 0.5 * float((p[i] - onehot).abs().sum()),
                "gce": (1 - float(p[i, k]) ** 0.7) / 0.7,
                "squared": float(((p[i] - onehot) ** 2).sum()),
                "zero-one": float(int(p[i].argmax()) != k),
            }
            for name, value in want.items():
                assert float(L.class_losses(name)(z)[i, k]) == pytest.approx(value, rel=1e-12, abs=1e-15), name
            normal = math.log(p[i, k]) / sum(math.log(p[i, j]) for j in range(z.shape[1]))
            assert float(L.normalized_log_losses(z)[i, k]) == pytest.approx(normal, rel=1e-12)


def test_cross_entropy_of_codes_is_that_of_their_one_hot_targets() -> None:
    z, y = logits(), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    target = torch.nn.functional.one_hot(y, 4).double()
    torch.testing.assert_close(L.cross_entropy(z, y), L.cross_entropy(z, target), rtol=1e-14, atol=0)


@pytest.mark.parametrize("w", [None, torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0, 0.0, 1.0]).double()])
def test_the_mean_in_one_operation_is_the_mean(w: torch.Tensor | None) -> None:
    y = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    found, slopes = [], []
    for risk in (L.mean_cross_entropy, lambda z, y, w: L.mean(L.cross_entropy(z, y), w)):
        z = logits().requires_grad_()
        found.append(risk(z, y, w))
        found[-1].backward()
        slopes.append(z.grad)
    torch.testing.assert_close(*found, rtol=1e-15, atol=0)
    torch.testing.assert_close(*slopes, rtol=1e-15, atol=0)


def test_the_mean_is_that_of_soft_targets_too() -> None:
    z, target = logits(), torch.softmax(logits(seed=1), 1)
    torch.testing.assert_close(L.mean_cross_entropy(z, target, None), L.cross_entropy(z, target).mean())


@pytest.mark.parametrize("w", [None, torch.ones(7, dtype=torch.float64)])
def test_a_code_that_is_no_class_is_not_left_out_in_silence(w: torch.Tensor | None) -> None:
    with pytest.raises(IndexError):
        L.mean_cross_entropy(logits(), torch.tensor([0, 1, 2, 3, 0, 1, -100]), w)


def test_generalised_cross_entropy_runs_from_the_log_loss_to_the_mean_absolute_error() -> None:
    z = logits()
    torch.testing.assert_close(L.gce_losses(z, 1.0), L.mae_losses(z), rtol=1e-13, atol=1e-15)
    small = L.gce_losses(z, 1e-9)
    torch.testing.assert_close(small, L.log_losses(z), rtol=1e-7, atol=0)


def test_symmetric_losses_add_up_to_a_constant_over_the_classes() -> None:
    z = logits()
    torch.testing.assert_close(L.mae_losses(z).sum(1), torch.full((7,), 3.0, dtype=torch.float64), rtol=1e-14, atol=0)
    ones = torch.ones(7, dtype=torch.float64)
    torch.testing.assert_close(L.normalized_log_losses(z).sum(1), ones, rtol=1e-14, atol=0)
    assert float((L.log_losses(z).sum(1)).std()) > 0.1


def test_a_weight_is_a_repetition() -> None:
    values, w = logits(5, 1).squeeze(1), torch.tensor([1.0, 3.0, 0.0, 2.0, 1.0], dtype=torch.float64)
    assert float(L.mean(values, w)) == pytest.approx(float(values.repeat_interleave(w.long()).mean()), rel=1e-14)
    assert float(L.mean(values, None)) == pytest.approx(float(values.sum()) / 5, rel=1e-14)
    assert float(L.mean(values, torch.zeros(5, dtype=torch.float64))) == 0.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("size", [0.0, 1e3, 1e4])
def test_huge_logits_leave_values_and_gradients_finite(size: float, dtype: torch.dtype) -> None:
    for name in ("log", "mae", "gce", "squared", "normalized"):
        z = (size * torch.tensor([[1.0, -1.0, 0.5], [-1.0, 1.0, 1.0]])).to(dtype).requires_grad_()
        loss = L.normalized_log_losses(z) if name == "normalized" else L.class_losses(name)(z)
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        assert bool(torch.isfinite(loss).all()) and bool(torch.isfinite(gradient).all()), name
        assert loss.dtype == dtype


def test_an_unknown_loss_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"hinge.*squared"):
        L.class_losses("hinge")
