"""NMTune: each term by another route, what zero weights leave, widths, and batches of low rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.core.errors import ParameterError
from sfumato.labels import Clean, Exact
from sfumato.learn.exact.ce import CrossEntropy
from sfumato.learn.noisy.nmtune import NMTune, correlated, dominant
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_covariances_by_numpy() -> None:
    h, times = random(7, 5, seed=0), [1, 2, 1, 3, 1, 1, 2]
    c = np.cov(h.numpy().T, fweights=times, bias=True)
    want = ((c**2).sum() - (np.diag(c) ** 2).sum()) / 5
    assert correlated(h, 4 * torch.tensor(times, dtype=torch.float64)).item() == pytest.approx(want, rel=1e-12)


def test_independent_features_are_not_correlated() -> None:
    signs = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)
    assert correlated(signs, None).item() == 0
    assert correlated(signs[:, [0, 0, 1]], None).item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("width", [3, 8])
def test_the_leading_singular_values_by_numpy(width: int) -> None:
    h, times = random(7, width, seed=1), np.array([1, 2, 1, 3, 1, 1, 2])
    s = np.linalg.svd(np.repeat(h.numpy(), times, axis=0), compute_uv=False)
    got = dominant(h, torch.tensor(times, dtype=torch.float64)).item()
    assert got == pytest.approx((s / s.sum())[:5].mean(), rel=1e-10)


def test_a_batch_of_one_direction_has_all_its_weight_on_the_first() -> None:
    h = random(6, 1, seed=0) * random(1, 8, seed=1)
    assert dominant(h, None).item() == pytest.approx(0.2, rel=1e-6)


def terms(batch: Any, method: NMTune, x: Tensor, features: Tensor) -> Tensor:
    return method.risk(batch.z, Exact(batch.s.y, 4), batch.w, x, features)


def test_without_its_terms_it_is_cross_entropy(batch: Any) -> None:
    bare = NMTune(consistency=0, covariance=0, dominance=0)
    got = terms(batch, bare, random(9, 5, seed=4), random(9, 5, seed=5))
    assert torch.equal(got, CrossEntropy().risk(batch.z, Exact(batch.s.y, 4), batch.w))


def test_the_risk_is_the_sum_of_its_terms(batch: Any) -> None:
    x, h = random(9, 5, seed=4), random(9, 5, seed=5)
    apart = [float(((h[i] / h[i].norm() - x[i] / x[i].norm()) ** 2).mean()) for i in range(9)]
    near = sum(float(w) * a for w, a in zip(batch.w, apart, strict=True)) / float(batch.w.sum())
    bare = CrossEntropy().risk(batch.z, Exact(batch.s.y, 4), batch.w).item()
    rest = 0.04 * correlated(h, batch.w).item() - 0.001 * dominant(h, batch.w).item()
    assert terms(batch, NMTune(), x, h).item() == pytest.approx(bare + near + rest, rel=1e-12)


@pytest.mark.parametrize("rank", [0, 1])
def test_features_without_spread_have_finite_gradients(rank: int, batch: Any) -> None:
    h = (rank * torch.ones(9, 5, dtype=torch.float64)).requires_grad_()
    risk = terms(batch, NMTune(), random(9, 5, seed=4), h)
    assert bool(torch.isfinite(torch.autograd.grad(risk, h)[0]).all())


@pytest.mark.parametrize("network", ["linear", "mlp", "residual"])
def test_it_trains_with_any_network_and_keeps_features_nearer(network: str) -> None:
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(3).repeat(20)
    X = torch.randn(60, 6, generator=rng) + 2 * torch.eye(3, 6)[y]
    found = []
    for weight in (0.0, 100.0):
        run = Run(
            X,
            Exact(y, 3),
            NMTune(consistency=weight),
            lambda member: build(network, (6,), 3, member, (12,)),
            Config(epochs=15, batch_size=20, lr=1e-2, **NMTune.recipe),
            law=Clean(),
        ).fit()
        _, h = run.outputs(0)
        found.append(float(NMTune(covariance=0, dominance=0).risk(torch.zeros(60, 3), Exact(y, 3), None, X, h)))
    assert found[1] < found[0] if network != "linear" else found[1] == found[0]


def test_bounds() -> None:
    for name in ("consistency", "covariance", "dominance"):
        with pytest.raises(ParameterError, match=name):
            NMTune(**{name: -0.1})
