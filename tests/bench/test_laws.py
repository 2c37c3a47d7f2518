"""Laws of a grid: what they draw has the probabilities that they tell as facts."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

from sfumato.bench.laws import BINARY, LAWS, law
from sfumato.bench.laws.excluding import biased
from sfumato.bench.laws.propensity import propensity
from sfumato.core.errors import ParameterError
from sfumato.core.streams import rng

N, K = 6000, 10


def rows(k: int = K) -> tuple[torch.Tensor, torch.Tensor]:
    generator = rng(0, "test laws")
    return torch.randn(N, 5, generator=generator), torch.randint(k, (N,), generator=generator)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("symmetric", {"noise_rate": 0.3}),
        ("pair-flip", {"noise_rate": 0.3}),
        ("instance-flips", {"noise_rate": 0.3}),
        ("class-conditional", {"transition": (0.6 * np.eye(K) + 0.4 * np.eye(K)[::-1]).tolist()}),
    ],
)
def test_noisy_laws_know_their_rate_and_matrix(name: str, params: dict[str, float]) -> None:
    x, y = rows()
    drawn = law(name, params).draw(x, y, K, rng(1, "draw"), **params)
    wrong = float((drawn.labels.y != y).double().mean())
    assert abs(wrong - drawn.facts["noise_rate"]) < 4 * (0.25 / N) ** 0.5
    seen = torch.zeros(K, K, dtype=torch.float64).index_put_(
        (y, drawn.labels.y), torch.ones(N).double(), accumulate=True
    )
    seen /= seen.sum(1, keepdim=True)
    assert float((seen - drawn.facts["transition"]).abs().max()) < 5 * (0.25 / (N / K)) ** 0.5


@pytest.mark.parametrize("strength", ["weak", "strong"])
def test_biased_complementary_matrices(strength: str) -> None:
    q = biased(10, strength, 0.0, rng(0, "q"))
    assert torch.equal(q.diagonal(), torch.zeros(10).double())
    shares = {"weak": [0.45 / 3, 0.30 / 3, 0.25 / 3], "strong": [0.75 / 3, 0.24 / 3, 0.01 / 3]}[strength]
    for row in q:
        assert torch.allclose(row.sort().values[1:], torch.tensor(shares).double().repeat_interleave(3).sort().values)
    noisy = biased(10, strength, 0.2, rng(0, "q"))
    assert torch.allclose(noisy, 0.8 * q + 0.02, atol=1e-15)
    other = biased(6, strength, 0.0, rng(0, "q"))
    assert torch.allclose(other.sum(1), torch.ones(6).double(), atol=1e-15)


def test_complementary_labels_are_never_the_truth() -> None:
    x, y = rows()
    for params in ({"count": 1}, {"count": 3}):
        mask = law("uniform-complementary", params).draw(x, y, K, rng(2, "c"), **params).labels.mask
        assert not bool(mask[torch.arange(N), y].any())
        assert bool((mask.sum(1) == params["count"]).all())


def test_positive_unlabeled_laws() -> None:
    x, y = rows(2)
    prior = float((y == 1).double().mean())
    apart = law("case-control", {"share": 0.2}).draw(x, y, 2, rng(3, "p"), share=0.2)
    flag = apart.labels.flag
    assert len(apart.at) == len(flag) == N + int(flag.sum())
    assert abs(float(flag.double().mean()) - 0.2) < 1e-3
    assert bool((y[apart.at[flag]] == 1).all())
    assert torch.equal(apart.at[~flag], torch.arange(N))
    for name in ("scar", "sar"):
        drawn = law(name, {"labeled": 0.4}).draw(x, y, 2, rng(3, "p"), labeled=0.4)
        assert bool((y[drawn.labels.flag] == 1).all())
        assert drawn.facts["prior"] == prior
        share = float(drawn.labels.flag[y == 1].double().mean())
        assert abs(share - 0.4) < 0.06  # sar: e(x) follows the row, its mean only about labeled
    with pytest.raises(ParameterError, match="two classes"):
        law("scar", {}).draw(*rows(3), 3, rng(0, "p"))


def test_propensities_follow_the_row() -> None:
    x, _ = rows()
    e = propensity(x, 0.3, rng(0, "e"))
    assert float(e.min()) > 0
    assert float(e.max()) <= 0.6
    assert float(e.std()) > 0.1
    assert torch.equal(e, propensity(x, 0.3, rng(0, "e")))


def test_instance_sets_follow_the_row_and_know_how_often_each_class_joins() -> None:
    x, y = rows()
    drawn = law("instance-sets", {"flip": 0.3}).draw(x, y, K, rng(7, "s"), flip=0.3)
    f, mask = drawn.facts["flips"], drawn.labels.mask
    assert bool(mask[torch.arange(N), y].all())
    assert float(f.std(0).min()) > 0.1  # of the row's own
    wrong = torch.ones(N, K, dtype=torch.bool)
    wrong[torch.arange(N), y] = False
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 1.0)):
        inside = wrong & (f >= low) & (f < high)
        apart = float(mask[inside].double().mean()) - float(f[inside].mean())
        assert abs(apart) < 5 * (0.25 / int(inside.sum())) ** 0.5
    with pytest.raises(ParameterError, match="flip = 0.7"):
        law("instance-sets", {"flip": 0.7}).draw(x, y, K, rng(7, "s"), flip=0.7)


FACTS: dict[str, Any] = {"noise_rate": 0.2, "flip": 0.2, "transition": np.eye(4).tolist(), "size": 3, "share": 0.3}
FACTS |= {"thetas": [0.8, 0.2], "similar": 0.4, "dissimilar": 0.3, "holds": 0.5, "observed": 0.5}


def truth_for(name: str, y: torch.Tensor) -> tuple[torch.Tensor, int]:
    """A truth of the form that a law speaks of, and its number of classes."""
    entry = LAWS[name]
    if entry.truth == "classes":
        return torch.nn.functional.one_hot(y, 4).bool() | (torch.arange(4) == 0), 4
    if entry.truth == "shares":
        return 0.6 * torch.nn.functional.one_hot(y, 4).double() + 0.1, 4
    if entry.truth == "value":
        return y.double(), 1
    return (y % 2, 2) if entry.kind in BINARY else (y, 4)


@pytest.mark.parametrize("name", sorted(name for name, entry in LAWS.items() if entry.kind != "prior"))
def test_every_law_makes_the_kind_it_says(name: str) -> None:
    x, y = rows(4)
    x, y, entry = x[:1200], y[:1200], LAWS[name]
    truth, k = truth_for(name, y)
    asked = inspect.signature(entry.draw).parameters.values()
    given = {p.name: FACTS[p.name] for p in asked if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    beside = () if entry.beside is None else (entry.beside(x, truth),)
    first, again = (law(name, given).draw(x, truth, k, rng(5, name), *beside, **given) for _ in range(2))
    assert first.labels.kind == entry.kind
    if name not in ("crowd", "sharpened-shares"):  # of which no law knows
        assert first.law is not None
        assert first.law.eats.kind in first.labels.kinds()
    shown, _ = first.labels.cover(torch.arange(len(first.labels)))
    assert torch.equal(first.at, shown)
    for column in (*first.labels.columns, *first.labels.spans):
        one, other = getattr(first.labels, column), getattr(again.labels, column)
        assert one is other if one is None else torch.equal(one, other)


def test_bags_are_dealt_in_the_sizes_asked_for() -> None:
    x, y = rows(3)
    plain = law("counts", {"size": 8}).draw(x, y, 3, rng(0, "b"), size=8).labels
    assert plain.sizes().tolist() == [8] * (N // 8)
    assert torch.equal(plain.members.sort().values, torch.arange(N))
    assert torch.equal(plain.counts, plain.gathered(torch.nn.functional.one_hot(y, 3)[plain.members]))
    mixed = law("counts", {"size": 5, "least": 2}).draw(x, y, 3, rng(0, "b"), size=5, least=2).labels
    seen = torch.bincount(mixed.sizes()[:-1], minlength=6) / (len(mixed) - 1)
    assert float(seen[:2].sum()) == 0
    assert float((seen[2:] - 0.25).abs().max()) < 0.06
    with pytest.raises(ParameterError, match="size = 2, least = 3"):
        law("counts", {"size": 2, "least": 3}).draw(x, y, 3, rng(0, "b"), size=2, least=3)


def test_sets_pairs_and_comparisons_hold_what_they_tell() -> None:
    x, y = rows(2)
    sets = law("sets", {"thetas": [0.8, 0.3]}).draw(x, y, 2, rng(1, "s"), thetas=[0.8, 0.3])
    for number, theta in enumerate((0.8, 0.3)):
        own = y[sets.at[sets.labels.index == number]].double()
        assert abs(float(own.mean()) - theta) < 4 * (0.25 / len(own)) ** 0.5
    ordered = law("ordered-sets", {"thetas": [0.3, 0.8]}).draw(x, y, 2, rng(1, "s"), thetas=[0.3, 0.8])
    assert ordered.labels.priors is None
    assert ordered.labels.order == ((1, 0),)
    told = {"similar": 0.5, "dissimilar": 0.3}
    pairs = law("pairs", told).draw(x, y, 2, rng(2, "p"), **told).labels
    same = y[pairs.members[pairs.offsets[:-1]]] == y[pairs.members[pairs.offsets[1:] - 1]]
    assert bool(same[pairs.form == 1].all())
    assert not bool(same[pairs.form == 2].any())
    firsts, seconds = law("comparisons", {}).draw(x, y, 2, rng(3, "c")).labels.members.reshape(-1, 2).T
    assert bool((y[firsts] >= y[seconds]).all())


def test_biased_shares_are_the_true_ones_mixed_with_one_distribution() -> None:
    d = torch.rand(50, 4, generator=rng(0, "d"), dtype=torch.float64)
    d /= d.sum(1, keepdim=True)
    seen = law("biased-shares", {"share": 0.3}).draw(d, d, 4, rng(1, "d"), share=0.3).labels.shares
    left = (seen - 0.7 * d) / 0.3
    assert torch.allclose(left, left[:1].expand_as(left), atol=1e-12)
    sharp = law("sharpened-shares", {}).draw(d, d, 4, rng(1, "d")).labels.shares
    assert torch.allclose(sharp, d**2 / (d**2).sum(1, keepdim=True), atol=1e-12)
