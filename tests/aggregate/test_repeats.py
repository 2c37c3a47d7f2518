"""Sources that never differ, sources that agree beyond a model, and who is hidden with whom."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import Correlations
from sfumato.aggregate.repeats import partitions, repeats
from sfumato.labels import Votes
from tests.aggregate.crowds import coins, votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")


def found(pairs, linked):
    """Links of these pairs."""
    none = np.zeros(len(pairs))
    return Correlations(np.array(pairs).reshape(-1, 2), none, none, none, none, none, np.array(linked, bool))


def joined(links):
    return {tuple(p) for p in links.pairs[links.linked].tolist()}


def test_a_copy_never_differs_and_two_experts_do():
    said, _ = coins([0.95, 0.9, 0.6, 0.6, 0.6, 0.6], n=400)
    alike, links = repeats(votes(said, 2))
    assert not joined(alike) and not joined(links)
    alike, links = repeats(votes(np.column_stack([said, said[:, 2]]), 2))
    assert joined(alike) == joined(links) == {(2, 6)}


def test_rules_of_one_class_never_differ_by_habit_alone():
    rng = np.random.default_rng(0)
    own = np.array([0, 0, 1, 1])
    said = np.where(rng.random((300, 4)) < 0.5, own, -1)
    assert not joined(repeats(Votes.from_matrix(said, k=2))[0])


def test_a_few_items_are_enough_where_there_are_many(monkeypatch):
    monkeypatch.setattr("sfumato.aggregate.repeats.ENOUGH", 200)
    said, _ = coins([0.8, 0.8, 0.6, 0.6], n=1000)
    silent = np.full((500, 5), -1)
    table = votes(np.concatenate([silent, np.column_stack([said, said[:, 0]])]), 2)
    alike, _ = repeats(table)
    assert joined(alike) == {(0, 4)} and alike.items.max() == 200


def test_who_is_hidden_with_whom():
    """Chains of links are one group; sources that never differ stay one on either side; the rest is the last number."""
    pairs = [(0, 1), (1, 2), (4, 5), (5, 6)]
    none = found(pairs, [0, 0, 0, 0])
    np.testing.assert_array_equal(partitions(none, none, 8), [np.arange(8)])
    exact = found(pairs, [1, 1, 0, 0])
    np.testing.assert_array_equal(partitions(exact, exact, 8), [[0, 0, 0, 3, 4, 5, 6, 7]])
    both = partitions(exact, found(pairs, [1, 1, 1, 0]), 8)
    np.testing.assert_array_equal(both, [[0, 0, 0, 3, 4, 4, 6, 7], [8, 8, 8, 8, 4, 5, 8, 8]])
    both = partitions(found(pairs, [1, 0, 0, 0]), found(pairs, [1, 1, 0, 0]), 8)
    np.testing.assert_array_equal(both, [[0, 0, 0, 3, 4, 5, 6, 7], [0, 0, 2, 8, 8, 8, 8, 8]])
