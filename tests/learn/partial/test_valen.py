"""VALEN against its formula, written out row by row, and against the average over candidates on digits."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from sfumato.core.errors import ParameterError
from sfumato.labels import Partial, UniformSets
from sfumato.learn.objective import Objective
from sfumato.learn.partial.average import Average
from sfumato.learn.partial.decoder import Decoder
from sfumato.learn.partial.valen import FLOOR, VALEN, links
from sfumato.parts.dirichlet import drawn
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

N, K, D = 6, 4, 5


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def sets() -> Partial:
    rng = torch.Generator().manual_seed(0)
    return UniformSets().sample(torch.randint(K, (N,), generator=rng), K, rng)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def memory(s: Partial, x: Tensor, o: VALEN) -> dict[str, Tensor]:
    rows = o.start(s, x, N)
    believed = torch.softmax(draw(N, K, seed=8), 1) * s.mask
    target = torch.softmax(draw(N, K, seed=9), 1) * s.mask
    return rows | {"o": believed / believed.sum(1, keepdim=True), "t": target / target.sum(1, keepdim=True)}


def test_links_are_the_neighbours_of_the_row_in_the_batch() -> None:
    near = torch.tensor([[1, 7], [0, 2], [7, 9]])  # of rows 0, 1 and 2; 7 and 9 are elsewhere
    found = links(near, torch.tensor([0, 1, 2]), torch.float32)
    assert torch.equal(found * 3, torch.tensor([[1.0, 1, 0], [1, 1, 1], [0, 0, 1]]))


def test_start_knows_the_nearest_rows_and_no_others() -> None:
    s, x = sets(), draw(N, D, seed=1)
    rows = VALEN(neighbours=2).start(s, x, N)
    distance = torch.cdist(x, x).fill_diagonal_(math.inf)
    assert torch.equal(rows["near"].sort(1).values, distance.topk(2, dim=1, largest=False).indices.sort(1).values)
    assert torch.allclose(rows["o"].sum(1), torch.ones(N)) and bool((rows["o"][~s.mask] == 0).all())
    assert VALEN(neighbours=50).start(s, x, N)["near"].shape == (N, N - 1)
    assert VALEN().start(s[[0]], x[:1], 1)["near"].tolist() == [[0]]  # a row alone


def test_the_risk_is_its_formula_row_by_row() -> None:
    s, x, z, w = sets(), draw(N, D, seed=1), draw(N, 2 * K, seed=2), draw(N, seed=3).abs()
    o = VALEN(gamma=2.0, beta=0.3, scale=0.7, neighbours=2)
    rows = memory(s, x, o)
    beside = tuple(p.detach() for p in Decoder(K, D, torch.Generator().manual_seed(4)).double()())
    d = drawn(_concentration(z[:, K:], s), rng())
    first, bias, second, shift = beside
    near = [set(line) | {i} for i, line in enumerate(rows["near"].tolist())]
    total = 0.0
    for i in range(N):
        if bool(s.mask[i].all()):
            continue
        log_p, log_e = (torch.log_softmax(part, 0) for part in (z[i, :K], z[i, K:]))
        each = -float((rows["t"][i] * log_p).sum()) - o.gamma * float((rows["o"][i] * log_e).sum())
        a = (z[i, K:] / 4).exp().clamp(0.01, 30)
        each += o.beta * float(kl_divergence(Dirichlet(a), Dirichlet(torch.ones_like(a))))
        seen = second @ torch.relu(first @ d[i] + bias) + shift
        each += o.scale * float(((x[i] - seen) ** 2).mean())
        said = s.mask[i].double()
        each -= o.scale * float(
            (said * torch.sigmoid(d[i]).log() + (1 - said) * (1 - torch.sigmoid(d[i])).log()).mean()
        )
        told = torch.softmax(torch.stack([torch.sigmoid(d[i] @ d[j]) for j in range(N)]), 0)
        linked = torch.tensor([1 / 3 if j in near[i] else 0.0 for j in range(N)], dtype=torch.float64)
        each += float(((linked - told) ** 2).mean())
        total += float(w[i]) * each
    found = o.risk(z, x, s, w, rows, beside, 0.5, rng())
    assert float(found) == pytest.approx(total / float(w.sum()), rel=1e-10)


def _concentration(e: Tensor, s: Partial) -> Tensor:
    p = torch.softmax(e, 1) * s.mask
    return p / p.sum(1, keepdim=True) + FLOOR


def test_the_warm_up_teaches_both_heads_alone() -> None:
    s, x, z = sets(), draw(N, D, seed=1), draw(N, 2 * K, seed=2)
    o = VALEN(warm=0.2)
    rows = memory(s, x, o)
    losses = -(rows["o"] * (torch.log_softmax(z[:, :K], 1) + torch.log_softmax(z[:, K:], 1))).sum(1)
    found = o.risk(z, x, s, None, rows, (), 0.1, rng())
    assert float(found) == pytest.approx(float((losses * ~s.mask.all(1)).mean()), rel=1e-12)
    new = o.renew(z, s, rows, 0.1, rng())["rows"]
    p = torch.softmax(z[:, :K], 1) * s.mask
    assert torch.allclose(new["o"], p / p.sum(1, keepdim=True)) and torch.equal(new["o"], new["t"])


def test_targets_are_draws_on_the_set_mixed_with_the_old_belief() -> None:
    s, x, z = sets(), draw(N, D, seed=1), draw(N, 2 * K, seed=2)
    rows = memory(s, x, VALEN())
    d = drawn(_concentration(z[:, K:], s), rng()) * s.mask
    d = d / d.sum(1, keepdim=True)
    for trust in (0.0, 0.2, 1.0):
        new = VALEN(trust=trust).renew(z, s, rows, 0.5, rng())["rows"]
        assert torch.allclose(new["t"], trust * d + (1 - trust) * rows["o"], rtol=1e-12)
        assert torch.allclose(new["t"].sum(1), torch.ones(N, dtype=torch.float64))


def test_the_classifier_learns_from_its_targets_alone() -> None:
    s, x = sets(), draw(N, D, seed=1)
    z = draw(N, 2 * K, seed=2).requires_grad_()
    rows = memory(s, x, VALEN())
    beside = Decoder(K, D, torch.Generator().manual_seed(4)).double()()
    VALEN().risk(z, x, s, None, rows, beside, 0.5, rng()).backward()
    expected = (torch.softmax(z[:, :K], 1) - rows["t"]) * (~s.mask.all(1))[:, None] / N
    assert z.grad is not None and torch.allclose(z.grad[:, :K], expected.detach(), rtol=1e-10, atol=1e-14)
    assert bool((z.grad[:, K:] != 0).any())


def test_the_decoder_knows_the_shape_of_a_row_and_is_learned() -> None:
    x, s = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(0)), sets()
    s = Partial(torch.cat([s.mask, s.mask]), K)
    run = Run(
        x,
        s,
        VALEN(warm=0.0),
        lambda m: build("mlp", (2, 3), 2 * K, m, (8,), layer=VALEN().head_for(None).layer),
        Config(epochs=2, batch_size=4),
        law=UniformSets(),
    )
    decoder = run.learned[0]["beside"]
    before = [p.detach().clone() for p in decoder.parameters()]
    assert decoder.second.shape[0] == 6
    run.fit()
    assert all(not torch.equal(a, b) for a, b in zip(before, decoder.parameters(), strict=True))


@pytest.mark.parametrize("bad", [{"gamma": -1}, {"trust": 2}, {"neighbours": 0}, {"rate": 0}, {"warm": -0.1}])
def test_bounds(bad: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(bad))):
        VALEN(**bad)  # type: ignore[arg-type]


def test_it_beats_the_average_over_candidates_on_digits() -> None:
    x, y = load_digits(return_X_y=True)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(y)[order]
    x = (x - x[:800].mean(0)) / x[:800].std(0).clamp_min(1e-3)
    s = UniformSets().sample(y[:800], 10, torch.Generator().manual_seed(1))

    def accuracy(o: Objective) -> float:
        head = o.head_for(UniformSets())
        run = Run(
            x[:800],
            s,
            o,
            lambda m: build("mlp", (64,), head.width(10), m, (64,), layer=head.layer),
            Config(epochs=20, batch_size=64, lr=3e-3),
            law=UniformSets(),
        ).fit()
        return float((head.log_p(run.logits(x[-600:])[0]).argmax(1) == y[-600:]).double().mean())

    assert accuracy(VALEN()) > accuracy(Average())
