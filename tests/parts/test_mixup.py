"""The mixing share of mixup."""

from __future__ import annotations

import pytest
import torch

from sfumato.parts.mixup import larger_share, mixed_with, mixing_share, shuffled, shuffled_within


def draws(alpha: float, count: int = 4000) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.stack([mixing_share(alpha, torch.empty(0, dtype=torch.float64), rng) for _ in range(count)])


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_it_has_the_moments_of_the_beta_distribution(alpha: float) -> None:
    share = draws(alpha)
    variance = 1 / (4 * (2 * alpha + 1))
    assert float(share.mean()) == pytest.approx(0.5, abs=5 * (variance / 4000) ** 0.5)
    assert float(share.var()) == pytest.approx(variance, rel=0.1)


def test_a_tiny_alpha_takes_one_row_or_the_other() -> None:
    share = draws(1e-3, 200)
    assert bool((torch.minimum(share, 1 - share) < 1e-3).double().mean() > 0.95)


def test_the_same_generator_gives_the_same_draw_and_the_global_one_is_left_alone() -> None:
    before = torch.get_rng_state()
    one, two = (mixing_share(1.0, torch.empty(0), torch.Generator().manual_seed(7)) for _ in range(2))
    assert float(one) == float(two) and one.dtype == torch.float32
    assert sorted(shuffled(6, torch.empty(0), torch.Generator().manual_seed(1)).tolist()) == list(range(6))
    assert torch.equal(before, torch.get_rng_state())


def test_the_larger_share_is_at_least_one_half() -> None:
    like, seeds = torch.empty(0, dtype=torch.float64), range(50)
    for seed in seeds:
        one, two = (f(0.7, like, torch.Generator().manual_seed(seed)) for f in (mixing_share, larger_share))
        assert float(two) == max(float(one), 1 - float(one))


def test_chosen_rows_are_mixed_with_chosen_ones() -> None:
    rng, chosen = torch.Generator().manual_seed(0), torch.tensor([True, False, True, True, False, True])
    seen = torch.stack([shuffled_within(chosen, rng) for _ in range(200)])
    assert bool((seen.sort(1).values == torch.arange(6)).all())  # permutations
    assert bool((chosen[seen] == chosen).all())
    among = torch.bincount(seen[:, 0], minlength=6)[chosen]  # each of four partners about 50 times
    assert int(among.sum()) == 200 and int(among.min()) > 20 and int(among.max()) < 80
    for none in (torch.zeros(4, dtype=torch.bool), torch.ones(4, dtype=torch.bool)):
        assert sorted(shuffled_within(none, rng).tolist()) == [0, 1, 2, 3]


def test_rows_and_targets_are_mixed_by_the_same_share_with_the_same_partners() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target = torch.softmax(x, 1)
    rows, both, partner = mixed_with(x, target, 0.7, torch.Generator().manual_seed(3))
    rng = torch.Generator().manual_seed(3)
    m, other = larger_share(0.7, x, rng), shuffled(5, x, rng)
    assert torch.equal(partner, other) and float(m) >= 0.5
    assert torch.equal(rows, m * x + (1 - m) * x[other])
    assert torch.equal(both, m * target + (1 - m) * target[other])
