"""PLS and PLS-LSA: guesses, which rows are doubted and trusted, the contrast, the turns, and degenerate splits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.errors import ParameterError, ShapeError
from sfumato.core.streams import rng
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.noisy.pls import PLS, contrast
from sfumato.learn.noisy.pls_lsa import PLSLSA, beyond_the_plane
from sfumato.parts.augment import strong
from sfumato.parts.level import from_uniform
from sfumato.parts.losses import cross_entropy, mean
from sfumato.parts.mixture import two_normals
from sfumato.parts.mixup import mixing_share, shuffled
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_guess_is_the_prediction_to_the_power_gamma(batch: Any) -> None:
    raised = batch.p**3
    torch.testing.assert_close(PLS(gamma=3).guess(batch.z), raised / raised.sum(1, keepdim=True), rtol=1e-11, atol=0)


def noisy_rows(n: int, wrong: int) -> tuple[Tensor, Noisy]:
    """Logits that are sure of class 0 on all rows, the last ones labeled 1."""
    z = torch.tensor([[6.0, 0.0]], dtype=torch.float64).repeat(n, 1)
    return z, Noisy(torch.tensor([0] * (n - wrong) + [1] * wrong), 2)


def memory(z: Tensor, guess: Tensor) -> dict[str, Tensor]:
    return {"noisy": torch.zeros(len(z)), "trust": torch.ones(len(z)), "guess": guess}


def test_large_losses_are_doubted_and_guesses_the_network_left_are_not_trusted() -> None:
    z, s = noisy_rows(20, 6)
    guess = torch.softmax(z, 1)
    guess[-2:] = guess[-2:].flip(1)  # two guesses that the network no longer holds
    new = PLS().epoch(z, s, memory(z, guess))["rows"]
    assert new["noisy"].tolist() == [0.0] * 14 + [1.0] * 6
    assert (new["trust"][:18] > 0.99).all() and (new["trust"][18:] < 0.01).all()
    assert set(new) == {"noisy", "trust"}


def test_trust_is_a_mixture_over_the_noisy_rows_alone() -> None:
    z, s = noisy_rows(30, 9)
    guess = torch.softmax(random(30, 2, seed=0), 1)
    new = PLS().epoch(z, s, memory(z, guess))["rows"]
    want = 1 - two_normals(cross_entropy(z, guess)[21:].numpy()).upper
    torch.testing.assert_close(new["trust"][21:], torch.from_numpy(want), rtol=1e-12, atol=0)
    assert (new["trust"][:21] == 1).all()


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_two_noisy_rows_or_fewer_are_trusted(wrong: int) -> None:
    z, s = noisy_rows(20, wrong)
    new = PLS().epoch(z, s, memory(z, torch.softmax(random(20, 2, seed=0), 1)))["rows"]
    assert new["noisy"].sum() == wrong and (new["trust"] == 1).all()


def test_equal_pseudo_losses_tell_nothing() -> None:
    z, s = noisy_rows(20, 5)
    assert (PLS().epoch(z, s, memory(z, torch.softmax(z, 1)))["rows"]["trust"][15:] == 0.5).all()


def test_losses_that_are_no_number_are_an_error() -> None:
    z, s = noisy_rows(6, 1)
    z[0, 0] = math.nan
    with pytest.raises(ShapeError, match="NaN or infinite"):
        PLS().epoch(z, s, memory(z, torch.softmax(z, 1)))


def test_alike_is_the_product_of_labels_and_of_identities(batch: Any) -> None:
    target, trust = torch.softmax(batch.peer, 1), torch.sigmoid(batch.z[:, 0])
    hot = F.one_hot(target.argmax(1), 4).double()
    rows = torch.cat([trust[:, None] * hot, (1 - trust)[:, None] * torch.eye(9, dtype=torch.float64)], 1)
    torch.testing.assert_close(PLS().alike(target, trust), rows @ rows.T, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(PLSLSA().alike(target, trust), hot @ hot.T, rtol=0, atol=0)


def test_contrast_by_loops_and_a_weight_is_a_repetition() -> None:
    a, b, alike, times = random(4, 3, seed=0), random(4, 3, seed=1), random(4, 4, seed=2).exp(), [2, 1, 1, 3]
    again = torch.arange(4).repeat_interleave(torch.tensor(times))
    got = contrast(a, b, alike, 0.2, torch.tensor(times, dtype=torch.float64))
    for i in range(4):
        e = [math.exp(float(torch.cosine_similarity(a[i], b[j], 0)) / 0.2) for j in again.tolist()]
        hits = [float(alike[i, j]) for j in again.tolist()]
        want = -sum(h * math.log(v / sum(e)) for h, v in zip(hits, e, strict=True)) / sum(hits)
        assert float(got[i]) == pytest.approx(want, rel=1e-9)


def risk(method: PLS, batch: Any, rows: dict[str, Tensor], progress: float, w: Tensor | None) -> Tensor:
    def embed(x: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * x, x[:, :3]

    return method.risk(batch.peer, batch.z, embed, batch.s, w, rows, progress, rng(0, "step"))


def test_up_to_the_end_of_the_warm_up_it_is_mixup(batch: Any) -> None:
    rows = {"noisy": torch.ones(9), "trust": torch.zeros(9), "guess": batch.p}
    draws, x = rng(0, "step"), batch.peer
    share, other = mixing_share(1.0, x, draws), shuffled(9, x, draws)
    share = max(share, 1 - share)
    z = 2 * (share * x + (1 - share) * x[other])
    want = share * mean(cross_entropy(z, batch.s.y), batch.w)
    want = want + (1 - share) * mean(cross_entropy(z, batch.s.y[other]), batch.w[other])
    torch.testing.assert_close(risk(PLS(warmup=0.2), batch, rows, 0.1, batch.w), want, rtol=1e-12, atol=0)


@pytest.mark.parametrize("method", [PLS(contrast=0.7), PLSLSA(contrast=0.7)])
def test_the_risk_is_the_sum_of_its_terms(method: PLS, batch: Any) -> None:
    noisy = torch.tensor([0, 1, 0, 1, 1, 0, 0, 0, 1], dtype=torch.float64)
    trust = torch.where(noisy > 0, torch.sigmoid(batch.z[:, 0]), torch.ones(9, dtype=torch.float64))
    draws, x = rng(0, "step"), batch.peer
    share, other = mixing_share(1.0, x, draws), shuffled(9, x, draws)
    share = max(share, 1 - share)
    target = F.one_hot(batch.s.y, 4).double()
    target[noisy > 0] = method.guess(batch.z)[noisy > 0]
    mixed = share * x + (1 - share) * x[other]
    alike = method.alike(target, trust)
    z, views = 2 * mixed, strong(x, draws)[:, :3]
    weight = trust * batch.w
    want = share * mean(cross_entropy(z, target), weight)
    want = want + (1 - share) * mean(cross_entropy(z, target[other]), weight[other])
    near = contrast(mixed[:, :3], views, share * alike + (1 - share) * alike[other], 0.2, batch.w)
    want = want + from_uniform(torch.softmax(z, 1), batch.w) + 0.7 * mean(near, batch.w)
    rows = {"noisy": noisy, "trust": trust, "guess": batch.p}
    torch.testing.assert_close(risk(method, batch, rows, 0.9, batch.w), want, rtol=1e-12, atol=0)


def test_a_batch_that_nobody_trusts_has_finite_gradients(batch: Any) -> None:
    rows = {"noisy": torch.ones(9), "trust": torch.zeros(9), "guess": batch.p}
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    value = PLS().risk(batch.peer, batch.z, lambda x: (scale * x, scale * x), batch.s, None, rows, 0.9, rng(0, "step"))
    assert bool(torch.isfinite(torch.autograd.grad(value, scale)[0]))


def test_the_plane_takes_mistakes_of_the_losses_back() -> None:
    """All rows far out are foreign; the losses missed some and accused some others."""
    x = 0.3 * random(80, 4, seed=0) + torch.where(torch.arange(80) < 60, 1.0, -1.0)[:, None]
    foreign = np.arange(80) >= 60
    out = foreign.copy()
    out[[3, 9]], out[[65, 70, 75]] = True, False
    assert (beyond_the_plane(x, out, 1.0) == foreign).all()


def test_where_a_plane_separates_the_two_it_is_found_and_finite() -> None:
    x = torch.cat([torch.ones(10, 2) * torch.tensor([1.0, 0.0]), torch.ones(5, 2) * torch.tensor([0.0, 1.0])])
    out = np.arange(15) >= 10
    assert (beyond_the_plane(x, out, 1e-6) == out).all()


@pytest.mark.parametrize("all_of_them", [True, False])
def test_a_split_with_one_side_stays(all_of_them: bool) -> None:
    out = np.full(6, all_of_them)
    assert (beyond_the_plane(random(6, 3, seed=0), out, 1.0) == out).all()


def test_features_that_never_vary_are_finite() -> None:
    out = np.array([True, False, False, False])
    assert beyond_the_plane(torch.ones(4, 3), out, 1.0).dtype == bool


def test_losses_and_plane_take_turns_after_the_warm_up() -> None:
    x = 0.3 * random(80, 4, seed=0) + torch.where(torch.arange(80) < 60, 1.0, -1.0)[:, None]
    out = np.arange(80) >= 60
    out[[3, 9]], out[[65, 70, 75]] = True, False
    z, _ = noisy_rows(80, 0)
    s = Noisy(torch.from_numpy(out.astype(np.int64)), 2)
    by_plane = torch.from_numpy((np.arange(80) >= 60).astype(np.float64))
    by_loss = torch.from_numpy(out.astype(np.float64))
    rows = memory(z, torch.softmax(z, 1))
    for epoch, want in ((4, by_plane), (5, by_loss), (6, by_plane), (7, by_loss)):
        new = PLSLSA(warmup=0.3).epoch(z, s, rows, x, progress=(epoch + 1) / 10, epochs=10)
        assert torch.equal(new["rows"]["noisy"], want)
    assert PLSLSA(warmup=0.3).epoch(z, s, rows, x, progress=0.2, epochs=10) == {}


@pytest.mark.parametrize("method", [PLS(), PLSLSA()])
def test_in_training_guesses_are_those_of_the_last_step_and_the_split_that_of_the_clean_pass(method: PLS) -> None:
    draws = torch.Generator().manual_seed(0)
    X, y = torch.randn(40, 5, generator=draws), torch.randint(0, 3, (40,), generator=draws)
    config, law = Config(epochs=4, batch_size=20, precision="float64"), ClassConditional(torch.eye(3))

    def run() -> Run:
        return Run(X, Noisy(y, 3), method, lambda m: build("mlp", (5,), 3, m, (8,)), config, law=law)

    whole = run().fit()
    z, _ = whole.outputs(0)
    noisy = two_normals(cross_entropy(z, y).detach().numpy()).upper > method.threshold
    kept = whole.memory[0]["rows"]
    assert kept["noisy"].tolist() == noisy.tolist()  # the last of four epochs is the losses' turn
    first = run().fit(stop_after=1)
    seen = (first.memory[0]["rows"]["guess"] != F.one_hot(y, 3)).any(1)
    before = run()
    want = method.guess(before.logits(X)[0])[seen]
    assert int(seen.sum()) == 20
    torch.testing.assert_close(first.memory[0]["rows"]["guess"][seen], want, rtol=1e-10, atol=1e-12)


def test_bounds() -> None:
    wrong = {"warmup": 1.1, "threshold": -0.1, "gamma": 0.0, "alpha": 0.0, "temperature": 0.0, "contrast": -1.0}
    for name, value in {**wrong, "ridge": 0.0}.items():
        with pytest.raises(ParameterError, match=name):
            PLSLSA(**{name: value})
