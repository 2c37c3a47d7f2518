"""What holds of many aggregations at once: copies, renamed sources, perfect sources."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import (
    IWMV,
    MMSR,
    Auto,
    Bwa,
    Catd,
    ClusteredDS,
    Crh,
    DataProgramming,
    DawidSkene,
    Ebcc,
    FastDawidSkene,
    FlyingSquid,
    Glad,
    Ibcc,
    LabelModel,
    Mace,
    MajorityVote,
    MultiCoin,
    NaiveBayes,
    Nplm,
    OneCoin,
    SpectralDS,
    Wawa,
    WeightedDS,
    ZeroBasedSkill,
)
from sfumato.labels import Votes
from tests.aggregate.crowds import coins, crowd, votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")
STEADY = [
    IWMV(), MMSR(), Bwa(), Catd(), ClusteredDS(), Crh(), DataProgramming(), DawidSkene(), FastDawidSkene(),
    FlyingSquid(), Glad(), Ibcc(), LabelModel(), Mace(), MajorityVote(), MultiCoin(), NaiveBayes(), Nplm(), OneCoin(),
    Wawa(), WeightedDS(), ZeroBasedSkill(),
]  # fmt: skip
WEIGHED = [
    IWMV(), DataProgramming(), DawidSkene(), FastDawidSkene(), MajorityVote(), MultiCoin(), OneCoin(), Wawa(),
    WeightedDS(), ZeroBasedSkill(),
]  # fmt: skip
# they draw votes, starts or groups of sources by place
DRAWN = [Auto(candidates=("wawa", "one-coin", "dawid-skene")), Ebcc(restarts=1), SpectralDS()]
named = pytest.mark.parametrize("model", [*STEADY, *DRAWN], ids=lambda m: type(m).__name__)


def entries(said):
    """A long table of a dense one."""
    item, source = np.nonzero(said >= 0)
    return item, source, said[item, source]


@named
def test_the_order_of_rows_changes_no_bit(model):
    said, _ = crowd(n=80)
    rows = entries(said)
    mix = np.random.default_rng(0).permutation(len(rows[0]))
    a, b = (model.fit(Votes.from_table(*t, n=80, classes=range(3))) for t in (rows, [v[mix] for v in rows]))
    np.testing.assert_array_equal(a.posterior, b.posterior)


@named
def test_other_names_of_classes_change_nothing(model):
    said, _ = crowd(n=80)
    a, b = (model.fit(votes(v, 3)) for v in (said, np.where(said >= 0, (said + 1) % 3, -1)))
    np.testing.assert_allclose(b.posterior[:, [1, 2, 0]], a.posterior, atol=1e-6)


@pytest.mark.parametrize("model", STEADY, ids=lambda m: type(m).__name__)
def test_other_names_of_sources_and_other_orders_of_items_change_nothing(model):
    said, _ = coins([0.9, 0.85, 0.8, 0.75, 0.7, 0.65], n=150, k=3, share=0.9)
    base = model.fit(votes(said)).posterior
    turn, mix = np.array([3, 5, 0, 2, 1, 4]), np.random.default_rng(0).permutation(150)
    np.testing.assert_allclose(model.fit(votes(said[:, turn])).posterior, base, atol=1e-4)
    np.testing.assert_allclose(model.fit(votes(said[mix])).posterior, base[mix], atol=1e-4)


@pytest.mark.parametrize("model", WEIGHED, ids=lambda m: type(m).__name__)
def test_a_copy_of_a_source_counts_as_its_votes_twice(model):
    """Independence is assumed: nothing sees that the copy tells nothing new."""
    said, _ = crowd(n=50)
    rows = entries(said)
    copied = votes(np.column_stack([said, said[:, 2]]))
    twice = Votes.from_table(*rows, n=50, classes=range(3), weight=np.where(rows[1] == 2, 2.0, 1.0))
    a, b = (model.fit(v) for v in (copied, twice))
    np.testing.assert_allclose(a.posterior, b.posterior, atol=1e-9)
    if isinstance(model, DawidSkene | OneCoin):
        np.testing.assert_allclose(a.confusion[7], a.confusion[2], atol=1e-9)


@pytest.mark.parametrize(
    "model", [m for m in STEADY if type(m) not in map(type, WEIGHED)], ids=lambda m: type(m).__name__
)
def test_of_the_others_a_copy_is_one_more_source(model):
    """They hold something of each source, a prior or its pairs: the copy is as good as the source, and adds to it."""
    said, y = coins([0.85, 0.7, 0.7, 0.7, 0.65, 0.65, 0.65], n=600, seed=5)
    alone, copied = (model.fit(votes(v, 2)) for v in (said, np.column_stack([said, said[:, 0]])))
    np.testing.assert_allclose(copied.quality[7], copied.quality[0], atol=1e-6)
    assert copied.quality[0] > alone.quality[0] - 0.01
    sides = (copied.codes() == said[:, 0]).mean() - (alone.codes() == said[:, 0]).mean()
    assert sides > 0  # items go over to what the source says


@pytest.mark.parametrize("model", [MajorityVote(), Wawa(), ZeroBasedSkill(), Catd()], ids=lambda m: type(m).__name__)
def test_every_source_twice_leaves_shares_as_they_are(model):
    said, _ = crowd(n=50)
    once, twice = (model.fit(votes(v)).posterior for v in (said, np.column_stack([said, said])))
    np.testing.assert_allclose(twice, once, atol=1e-12)


@pytest.mark.parametrize("model", STEADY, ids=lambda m: type(m).__name__)
def test_perfect_sources_leave_no_doubt(model):
    y = np.arange(90) % 3
    found = model.fit(votes(np.repeat(y[:, None], 6, 1)))
    assert (found.codes() == y).all() and found.posterior.max(1).min() > 0.9
