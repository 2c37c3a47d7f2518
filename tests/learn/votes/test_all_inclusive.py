"""all-inclusive: the shares of votes are the target, and silence has no weight."""

import pytest
import torch

from sfumato.core.errors import ParameterError
from sfumato.labels import Votes
from sfumato.learn.votes.all_inclusive import AllInclusive
from sfumato.learn.votes.penalised_all_inclusive import PenalisedAllInclusive

Z = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_it_is_the_kl_divergence_from_the_shares_and_items_without_votes_do_not_count():
    votes = Votes.from_table([0, 0, 0, 1], [0, 1, 2, 0], [0, 1, 1, 1], n=3, classes=[0, 1])
    log_p = torch.log_softmax(Z, 1)
    share = torch.tensor([1 / 3, 2 / 3], dtype=torch.float64)
    entropy = -(share * share.log()).sum()
    kl = (share * (share.log() - log_p[0])).sum()
    found = AllInclusive().risk(Z, votes, None)
    assert found.item() == pytest.approx(((kl + entropy - log_p[1, 1]) / 2).item(), rel=1e-12)
    heavy = AllInclusive().risk(Z, votes, torch.tensor([1.0, 3.0, 9.0], dtype=torch.float64))
    assert heavy.item() == pytest.approx(((kl + entropy - 3 * log_p[1, 1]) / 4).item(), rel=1e-12)


def test_nothing_heard_is_no_risk():
    votes = Votes.from_table([0], [0], [0], n=3, classes=[0, 1])[[1, 2]]
    z = Z[:2].clone().requires_grad_()
    risk = AllInclusive().risk(z, votes, None)
    risk.backward()
    assert risk.item() == 0 and bool((z.grad == 0).all())


def test_prices_are_one_minus_the_share_of_items_that_name_both():
    # items name {0, 1}, {0, 1}, {0, 2}, {1}, and class 3 is never named
    votes = Votes.from_table([0, 0, 1, 1, 2, 2, 3], [0, 1, 0, 1, 0, 1, 0], [0, 1, 1, 0, 0, 2, 1], classes=range(4))
    found = PenalisedAllInclusive().stock(votes, None)
    expected = [[0, 1 / 3, 2 / 3, 1], [1 / 3, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]]
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-15)
    twice = PenalisedAllInclusive().stock(votes, torch.tensor([1.0, 1.0, 2.0, 1.0]))
    assert torch.allclose(twice[0], torch.tensor([0, 1 / 2, 1 / 2, 1], dtype=torch.float64), atol=1e-15)


def test_the_penalty_is_the_expected_price_and_zero_is_the_rule():
    votes = Votes.from_table([0, 0, 1, 1, 2], [0, 1, 0, 1, 0], [0, 1, 0, 0, 2], n=4, classes=range(3))
    z = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    w = torch.tensor([1.0, 2.0, 0.5, 7.0], dtype=torch.float64)
    price, p = PenalisedAllInclusive().stock(votes, None), torch.softmax(z, 1)
    shares = [[0.5, 0.5, 0], [1, 0, 0], [0, 0, 1]]
    each = [sum(shares[i][j] * price[j, k] * p[i, k] for j in range(3) for k in range(3)) for i in range(3)]
    plain = AllInclusive().risk(z, votes, w)
    assert PenalisedAllInclusive(penalty=0.0).risk(z, votes, w, price).item() == plain.item()
    more = PenalisedAllInclusive(penalty=2.0).risk(z, votes, w, price) - plain
    assert more.item() == pytest.approx((2 * (each[0] + 2 * each[1] + 0.5 * each[2]) / 3.5).item(), rel=1e-12)


def test_single_votes_are_priced_by_the_mass_on_other_classes():
    votes = Votes.from_table([0, 1, 2], [0, 0, 0], [0, 1, 1], classes=[0, 1])
    z = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    price = PenalisedAllInclusive().stock(votes, None)
    more = PenalisedAllInclusive().risk(z, votes, None, price) - AllInclusive().risk(z, votes, None)
    wrong = 1 - torch.softmax(z, 1)[torch.arange(3), torch.tensor([0, 1, 1])]
    assert more.item() == pytest.approx(wrong.mean().item(), rel=1e-12)


def test_a_class_that_never_stands_beside_the_named_ones_loses_mass():
    """At the minimum over one free prediction the priced class has less than its share."""
    votes = Votes.from_table([0] * 4 + [1], [0, 1, 2, 3, 0], [0, 0, 1, 1, 2], classes=range(3))
    price = PenalisedAllInclusive().stock(votes, None)
    mixed = Votes.from_table([0] * 5, range(5), [0, 0, 1, 1, 2], classes=range(3))
    found = {}
    for penalty in (0.0, 1.0):
        z = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
        for _ in range(300):
            (slope,) = torch.autograd.grad(PenalisedAllInclusive(penalty=penalty).risk(z, mixed, None, price), z)
            z = (z - slope).detach().requires_grad_()
        found[penalty] = torch.softmax(z.detach(), 1)[0]
    assert torch.allclose(found[0.0], torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64), atol=1e-5)
    assert found[1.0][2] < 0.15


def test_a_negative_penalty_is_refused():
    with pytest.raises(ParameterError, match="penalty"):
        PenalisedAllInclusive(penalty=-1.0)
