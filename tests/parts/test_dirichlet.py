"""Dirichlet draws and divergences against torch.distributions and the moments."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Dirichlet, kl_divergence

from sfumato.parts.dirichlet import drawn, from_even

A = torch.tensor([[0.01, 0.5, 2.0], [3.0, 1.0, 30.0], [1.0, 1.0, 1.0]], dtype=torch.float64)


def test_the_divergence_is_that_of_torch() -> None:
    expected = kl_divergence(Dirichlet(A), Dirichlet(torch.ones_like(A)))
    assert torch.allclose(from_even(A), expected, rtol=1e-12, atol=1e-12)
    assert float(from_even(A)[2]) == pytest.approx(0, abs=1e-14)


def test_the_divergence_has_the_gradient_of_differences() -> None:
    a = A.clone().requires_grad_()
    assert torch.autograd.gradcheck(from_even, (a + 0.1,))


def test_draws_have_the_moments_of_the_distribution() -> None:
    a = torch.tensor([0.5, 1.5, 3.0], dtype=torch.float64)
    n = 20_000
    found = drawn(a.expand(n, 3).contiguous(), torch.Generator().manual_seed(0))
    assert bool((found >= 0).all()) and torch.allclose(found.sum(1), torch.ones(n, dtype=torch.float64))
    mean = a / a.sum()
    variance = mean * (1 - mean) / (a.sum() + 1)
    assert bool(((found.mean(0) - mean).abs() < 5 * (variance / n).sqrt()).all())


def test_the_gradient_of_a_mean_is_that_of_its_expectation() -> None:
    """E d_j = a_j / a_0, so d E d_j / d a = (1[j] a_0 - a_j) / a_0^2; here for j = 0, by the mean over draws."""
    a = torch.tensor([0.5, 1.5, 3.0], dtype=torch.float64)
    n = 40_000
    many = a.expand(n, 3).clone().requires_grad_()
    drawn(many, torch.Generator().manual_seed(1))[:, 0].sum().backward()
    assert many.grad is not None
    total = a.sum()
    expected = (torch.tensor([1.0, 0, 0]).double() * total - a[0]) / total**2
    error = many.grad.std(0) / n**0.5
    assert bool(((many.grad.mean(0) - expected).abs() < 5 * error).all())


def test_the_same_generator_gives_the_same_draw_and_half_precision_is_computed_in_single() -> None:
    before = torch.get_rng_state()
    one, two = (drawn(A, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one, two) and torch.equal(before, torch.get_rng_state())
    half = A.bfloat16().requires_grad_()
    found = drawn(half, torch.Generator().manual_seed(7))
    found[:, 1].sum().backward()
    assert found.dtype == torch.bfloat16 and half.grad is not None and bool(torch.isfinite(half.grad).all())
