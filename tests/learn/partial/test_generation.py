"""IDGP and FREDIS against their formulas, written out row by row."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sfumato.labels import Partial, UniformSets
from sfumato.learn.partial.fredis import FREDIS, drawn, mended
from sfumato.learn.partial.idgp import IDGP
from sfumato.learn.partial.two_heads import TwoHeadLayer

N, K = 8, 4


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def sets(seed: int = 0) -> Partial:
    rng = torch.Generator().manual_seed(seed)
    return UniformSets().sample(torch.randint(K, (N,), generator=rng), K, rng)


def beliefs(s: Partial, seed: int) -> Tensor:
    q = torch.softmax(draw(N, K, seed=seed), 1) * s.mask
    return q / q.sum(1, keepdim=True)


@pytest.mark.parametrize("progress", [0.05, 0.15, 0.6])
def test_idgp(progress: float) -> None:
    s = sets()
    z, w = draw(N, 2 * K, seed=1), draw(N, seed=2).abs()
    rows = {"q": beliefs(s, 3), "b": torch.rand(N, K, dtype=torch.float64) * s.mask}
    lam, total = min(progress / 0.2, 1.0), 0.0
    for i in range(N):
        p, g = torch.softmax(z[i, :K], 0).tolist(), torch.sigmoid(z[i, K:]).tolist()
        q, b, mine = rows["q"][i].tolist(), rows["b"][i].tolist(), s.mask[i].tolist()

        def fit(target: list[float], p: list[float] = p) -> float:
            return -sum(t * math.log(v) for t, v in zip(target, p, strict=True))

        def yes_no(target: list[float], g: list[float] = g) -> float:
            return -sum(t * math.log(v) + (1 - t) * math.log(1 - v) for t, v in zip(target, g, strict=True))

        loss = fit(q) + yes_no(b)
        if progress >= 0.1:
            top = max(range(K), key=lambda j: q[j])
            flipped = [1 - g[j] if j == top else g[j] for j in range(K)]
            odds = [(1 - v) / v if m else 0.0 for v, m in zip(flipped, mine, strict=True)]
            mass = sum(p[j] for j in range(K) if mine[j])
            loss += fit([o / sum(odds) for o in odds]) + yes_no([float(m) for m in mine])
            loss -= sum(p[j] / mass * math.log(1 - g[j]) for j in range(K) if mine[j])
            loss += lam * sum(t * math.log(t / v) for t, v in zip(q, p, strict=True) if t)
            loss += lam * sum(t * math.log(t / v) for t, v in zip(b, g, strict=True) if t)
        total += float(w[i]) * loss
    assert float(IDGP().risk(z, s, w, rows, progress)) == pytest.approx(total / float(w.sum()), rel=1e-10)
    new = IDGP().renew(z, s)["rows"]
    assert torch.allclose(new["b"], torch.sigmoid(z[:, K:]) * s.mask)


def test_idgps_second_head_sends_the_features_no_gradient() -> None:
    layer, x = TwoHeadLayer(5, 2 * K).double(), draw(3, 5, seed=0).requires_grad_()
    (from_g,) = torch.autograd.grad(layer(x)[:, K:].sum(), x, allow_unused=True)
    assert from_g is None or not bool(from_g.any())
    (from_f,) = torch.autograd.grad(layer(x)[:, :K].sum(), x)
    assert bool(from_f.any())


@pytest.mark.parametrize("weighted", [False, True])
def test_fredis(weighted: bool) -> None:
    s, z = sets(), draw(N, K, seed=1)
    w = draw(N, seed=2).abs() if weighted else None
    rows = {"belief": beliefs(s, 3), "mask": s.mask}
    weights, total = [1.0] * N if w is None else w.tolist(), 0.0
    for i in range(N):
        p, q = torch.softmax(z[i], 0).tolist(), rows["belief"][i].tolist()
        apart = sum(t * math.log(t / v) for t, v in zip(q, p, strict=True) if t)
        outside = -sum(math.log(1 - p[j]) for j in range(K) if not s.mask[i, j])
        total += weights[i] * (10 * apart + outside)
    assert float(FREDIS().risk(z, s, w, rows)) == pytest.approx(total / sum(weights), rel=1e-10)


def t(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_fredis_mends_sets_by_the_gap() -> None:
    mask = torch.tensor([[True, True, False], [True, True, False], [True, False, False], [False, True, False]])
    p = torch.tensor([[0.5, 0.1, 0.4], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], dtype=torch.float64)
    gap = p.amax(1, keepdim=True) - p
    rng = torch.Generator().manual_seed(0)
    new, theta, delta = mended(mask, gap, t(0.05), t(0.65), 0.01, 1, 10, rng)
    # entered: the likeliest class of rows 1, 2 and 3; out: the three candidates of the largest gaps (.7, .7, .4)
    assert new.tolist() == [
        [True, False, False],
        [True, True, True],
        [False, False, True],
        [True, False, False],
    ]
    # delta went down to just below .4, in steps of .01 from .65; and as few changed, one step more
    assert float(delta) == pytest.approx(0.39 - 0.01, abs=1e-9)
    assert float(theta) == pytest.approx(0.06)
    # where the number is limited, so many and no more; a set that would be empty stays
    few, _, _ = mended(mask, gap, t(0.05), t(0.65), 0.01, 1, 1, rng)
    assert int((few & ~mask).sum()) == 1
    alone = torch.tensor([[True, False]])
    assert torch.equal(mended(alone, t(0.9) * ~torch.tensor([[False, True]]), t(0.0), t(0.5), 0.1, 1, 5, rng)[0], alone)


def test_fredis_draws_among_the_eligible_alone() -> None:
    where = torch.tensor([[True, False, True], [False, True, True]])
    for seed in range(5):
        found = drawn(where, 2, torch.Generator().manual_seed(seed))
        assert int(found.sum()) == 2 and not bool((found & ~where).any())
    assert torch.equal(drawn(where, 9, torch.Generator()), where)


def test_fredis_keeps_the_mended_sets_in_later_beliefs() -> None:
    s, o = sets(), FREDIS(every=0.5, theta=0.5, most=0.375)
    z = draw(N, K, seed=1)
    rows = {**o.start(s), **o.renew(z, o.start(s))["rows"]}
    assert o.epoch(rows, o.stock(), 0.1, 10, torch.Generator()) == {}
    new = o.epoch(rows, o.stock(), 0.5, 10, torch.Generator().manual_seed(0))["rows"]
    assert not torch.equal(new["mask"], s.mask)
    assert bool((new["belief"][~new["mask"]] == 0).all())
    assert torch.allclose(new["belief"].sum(1), torch.ones(N, dtype=torch.float64))
    later = o.renew(draw(N, K, seed=2), rows | new)["rows"]["belief"]
    assert bool((later[~new["mask"]] == 0).all()) and bool((later[new["mask"]] > 0).all())
