"""Messages of bags with nearly known counts: against sums over labels, and against the counts worked out in full."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from sfumato.parts import count_messages
from sfumato.parts.count_messages import from_counts, in_full

T = torch.tensor


def mixed(spread: float, share: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log odds, offsets and counts of bags from one row to hundreds."""
    sizes = T([3, 1, 2, 7, 30, 64, 65, 300])
    h = spread * torch.randn(int(sizes.sum()), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return h, torch.cat([T([0]), sizes.cumsum(0)]), (sizes * share).long()


def test_the_message_of_a_count_is_that_of_the_sum_over_labels() -> None:
    h = T([0.3, -1.0, 2.0], dtype=torch.float64)
    for message in (from_counts, in_full):
        got = message(h, T([0, 3]), T([2]), 0.8)
        for i in range(3):
            rest = [j for j in range(3) if j != i]
            odds = []
            for mine in (1, 0):
                total = 0.0
                for y in itertools.product((0, 1), repeat=2):
                    likely = math.exp(sum(float(h[j]) * v for j, v in zip(rest, y, strict=True)))
                    total += likely * math.exp(-0.8 * (mine + sum(y) - 2) ** 2)
                odds.append(total)
            assert float(got[i]) == pytest.approx(math.log(odds[0] / odds[1]), abs=1e-12)


@pytest.mark.parametrize("weight", [1e-3, 0.3, 10.0])
@pytest.mark.parametrize(("spread", "share"), [(1.0, 0.5), (5.0, 0.1), (0.1, 0.0), (60.0, 1.0)])
def test_few_frequencies_give_the_messages_of_the_whole_count(monkeypatch, weight, spread, share) -> None:
    """The other way is taken away: every digit here is the frequencies' own."""
    h, offsets, count = mixed(spread, share)
    want = in_full(h, offsets, count, weight)
    monkeypatch.setattr(count_messages, "in_full", None)
    assert torch.allclose(from_counts(h, offsets, count, weight), want, rtol=0, atol=1e-8)


def test_bags_too_sure_for_frequencies_are_worked_out_in_full(monkeypatch) -> None:
    h, offsets, count = mixed(1.0, 0.1)
    want, asked = in_full(h, offsets, count, 1e4), []

    def seen(*given):
        asked.append(len(given[2]))
        return in_full(*given)

    monkeypatch.setattr(count_messages, "in_full", seen)
    got = from_counts(h, offsets, count, 1e4)
    assert asked and 0 < asked[0] < len(count)
    assert torch.allclose(got, want, rtol=1e-9, atol=1e-8)


def test_slices_say_what_all_bags_at_once_say(monkeypatch) -> None:
    h, offsets, count = mixed(1.0, 0.5)
    want = [message(h, offsets, count, 10.0) for message in (from_counts, in_full)]
    monkeypatch.setattr(count_messages, "ROOM", 40)
    monkeypatch.setattr(count_messages, "FULL_ROOM", 40)
    assert len(count_messages._slices(offsets)) > 2
    for message, whole in zip((from_counts, in_full), want, strict=True):
        assert torch.allclose(message(h, offsets, count, 10.0), whole, rtol=1e-12, atol=1e-12)


def test_certain_rows_have_the_messages_of_their_count() -> None:
    """By hand: the row at even odds leaves counts 1 and 2 (or 0 and 1) equally likely for the others."""
    h = T([800.0, -800.0, 0.0, 1e4], dtype=torch.float64)
    got = from_counts(h, T([0, 3, 4]), T([2, 0]), 10.0)
    assert torch.allclose(got, T([10.0, 0.0, 10.0, -10.0], dtype=torch.float64), atol=1e-8)
