"""Dirichlet distributions: draws that pass gradients to the concentrations, and the divergence from the even one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Drawn(torch.autograd.Function):
    # torch.distributions takes no generator; these are the sampler and the implicit gradient below it
    @staticmethod
    def forward(ctx: Any, concentration: Tensor, rng: torch.Generator | None) -> Tensor:
        drawn = torch._sample_dirichlet(concentration, generator=rng)
        ctx.save_for_backward(drawn, concentration)
        return drawn

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        drawn, concentration = ctx.saved_tensors
        (gradient,) = gradients
        total = concentration.sum(-1, keepdim=True).expand_as(concentration)
        each = torch._dirichlet_grad(drawn, concentration, total)
        return each * (gradient - (drawn * gradient).sum(-1, keepdim=True)), None


def drawn(concentration: Tensor, rng: torch.Generator) -> Tensor:
    """(n, K) one draw of each row's Dirichlet, its gradient that of the draw by implicit reparametrisation
    (figurnov2018implicit); concentration (n, K) > 0, in half precision computed in single."""
    wide = concentration if concentration.dtype in (torch.float32, torch.float64) else concentration.float()
    found: Tensor = _Drawn.apply(wide, rng)  # type: ignore[no-untyped-call]
    return found.to(concentration.dtype)


def from_even(concentration: Tensor) -> Tensor:
    r"""(n,) KL(Dir(a) || Dir(1)), concentrations a (n, K) > 0.

    .. math:: \ln \Gamma(a_0) - \ln \Gamma(K) - \sum_j \ln \Gamma(a_j) + \sum_j (a_j - 1) (\psi(a_j) - \psi(a_0)),
        \quad a_0 = \sum_j a_j
    """
    a = concentration if concentration.dtype in (torch.float32, torch.float64) else concentration.float()
    total, k = a.sum(1), torch.tensor(float(a.shape[1]), dtype=a.dtype, device=a.device)
    gap = torch.digamma(a) - torch.digamma(total)[:, None]
    value = torch.lgamma(total) - torch.lgamma(k) - torch.lgamma(a).sum(1) + ((a - 1) * gap).sum(1)
    return value.to(concentration.dtype)
