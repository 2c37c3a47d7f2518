"""The choice by held-out votes, and agreement before any aggregation."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import Auto, DawidSkene, MajorityVote, held_out, krippendorff_alpha
from sfumato.aggregate.held_out import Hidden, meaning, parts, places, without
from sfumato.core.errors import LabelError, ParameterError
from sfumato.labels import Votes
from tests.aggregate.crowds import coins, crowd, votes
from tests.aggregate.test_rules import rules

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")


def test_a_third_of_the_votes_of_an_item_is_hidden_and_nothing_else_changes():
    said, _ = crowd(n=40)
    table = Votes.from_matrix(np.where(np.arange(7) == 3, -1, said), k=3)  # source 3 declines, and those absent too
    at = places(table, 1.0, np.random.default_rng(0))
    assert (table.said.numpy()[at] >= 0).all() and len(set(at)) == len(at)
    spoke = table.said.numpy() >= 0
    many = np.bincount(table.item().numpy()[spoke], minlength=40)
    np.testing.assert_array_equal(np.bincount(table.item().numpy()[at], minlength=40), many // 3)
    left = without(table, at)
    rest = np.setdiff1d(np.arange(len(spoke)), at)
    for name in ("source", "said"):
        np.testing.assert_array_equal(getattr(left, name).numpy(), getattr(table, name).numpy()[rest])
    np.testing.assert_array_equal(left.item().numpy(), table.item().numpy()[rest])
    assert len(places(table, 1e-9, np.random.default_rng(0))) == 0


def test_hidden_votes_are_read_by_what_those_of_other_items_tell(monkeypatch):
    monkeypatch.setattr(held_out, "POWERS", (1.0,))
    said, _ = crowd(n=80, share=1.0)
    table = votes(said)
    at = places(table, 1.0, np.random.default_rng(0))
    told = Hidden.of(table, at, np.random.default_rng(1))
    beliefs = DawidSkene().fit(without(table, at)).posterior[told.item]
    by_hand = np.empty(len(at))
    for fold in range(held_out.FOLDS):
        inside = np.isin(np.arange(80), told.item[told.fold == fold])
        habit = np.array([[(said[~inside, j] == m).sum() for m in range(3)] for j in range(7)], float)
        level = (habit.sum(0) + 1 / 3) / (habit.sum() + 1)
        c = np.zeros((7, 3, 3))
        for j, l, p, f in zip(told.source, told.said, beliefs, told.fold, strict=True):
            c[j, :, l] += p * (f != fold)
        pooled = (c.sum(0) + level) / (c.sum((0, 2)) + 1)[:, None]
        usual = (habit + level) / (habit.sum(1, keepdims=True) + 1)
        base = usual[:, None, :] * pooled / ((c.sum((0, 1)) + level) / (c.sum() + 1))
        theta = c + 5 * base / base.sum(2, keepdims=True)
        theta /= theta.sum(2, keepdims=True)
        for v in np.flatnonzero(told.fold == fold):
            by_hand[v] = np.log(beliefs[v] @ theta[told.source[v], :, told.said[v]])
    per_item = [by_hand[told.item == i].mean() for i in np.unique(told.item)]
    np.testing.assert_allclose(told.scores(beliefs), per_item, rtol=1e-10)
    rise = [(beliefs[told.said == m, m].mean() - beliefs[:, m].mean()) / (1 - beliefs[:, m].mean()) for m in range(3)]
    np.testing.assert_allclose(told.rises(beliefs), rise, rtol=1e-10)
    assert np.abs(told.rises(np.tile(beliefs[:1], (len(beliefs), 1)))).max() < 1e-12  # one belief for all: no meaning


def test_nobody_wins_by_being_bolder(monkeypatch):
    """The vote and the vote sharpened are one and the same choice."""
    monkeypatch.setattr(held_out, "POWERS", tuple(2.0**e for e in range(-3, 8)))
    said, _ = crowd(n=120, share=1.0)
    table = votes(said)
    at = places(table, 1.0, np.random.default_rng(0))
    told = Hidden.of(table, at, np.random.default_rng(1))
    vote = MajorityVote().fit(without(table, at)).posterior[told.item]
    np.testing.assert_allclose(told.scores(vote**2 / (vote**2).sum(1, keepdims=True)), told.scores(vote), atol=1e-6)


def test_sources_of_one_class_are_no_evidence():
    """Everything in one class predicts what they say, given that they speak, perfectly."""
    said, _ = rules()
    table = Votes.from_matrix(said)
    assert len(Hidden.of(table, places(table, 1.0, np.random.default_rng(0)), np.random.default_rng(1)).item) == 0
    assert Auto().fit(table).chosen == "majority-vote"


def test_a_model_whose_classes_lost_their_meaning_is_out():
    """Rules of one class that err at random: the best predictor of what they say calls nothing by its name."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 1500)
    own = np.arange(9) % 3
    fires = rng.random((1500, 9)) < np.where(y[:, None] == own, 0.4, 0.15)
    said = np.where(fires, np.where(rng.random((1500, 9)) < 0.1, rng.integers(0, 3, (1500, 9)), own), -1)
    found = Auto().fit(Votes.from_matrix(said, k=3))
    out = [name for name, t in found.tried.items() if "not those that sources name" in t.failed]
    assert {"dawid-skene", "clustered-ds"} <= set(out) and found.chosen not in out
    vote = MajorityVote().fit(Votes.from_matrix(said, k=3))
    assert (found.codes() == y).mean() > (vote.codes() == y).mean() - 0.01
    assert (DawidSkene().fit(Votes.from_matrix(said, k=3)).codes() == y).mean() < (vote.codes() == y).mean() - 0.05


def test_a_model_wins_where_sources_differ_and_the_vote_where_they_do_not():
    said, y = coins([0.95, 0.9, 0.55, 0.5, 0.5, 0.5, 0.5], n=800)
    found = Auto().fit(votes(said))
    assert found.chosen != "majority-vote" and (found.codes() == y).mean() > (found.majority.argmax(1) == y).mean()
    assert set(found.tried) == {"majority-vote", *Auto().candidates}
    assert found.tried[found.chosen].lead > 2 * found.tried[found.chosen].lead_error
    few = Auto().fit(votes(np.array([[0, 1, -1], [1, 1, -1], [0, -1, 1]])))
    assert few.chosen == "majority-vote" and "three votes" in few.tried["dawid-skene"].failed


def crews(kind, seed):
    """Five of forty sources on each item, most of them fair; the truth."""
    rng = np.random.default_rng(seed)
    n, k = 500, 3
    y = rng.integers(0, k, n)
    rate = np.full(40, 0.7) if kind == "alike" else rng.uniform(0.5, 0.95, 40)
    easy = np.where(rng.random(n) < 0.3, 0.4, 1.0)[:, None] if kind == "hard items" else 1.0
    right = rng.random((n, 40)) < 1 / k + easy * (rate - 1 / k)
    said = np.where(right, y[:, None], (y[:, None] + rng.integers(1, k, (n, 40))) % k)
    if kind == "adversaries":
        said[:, :8] = (y[:, None] + 1) % k
    if kind == "spammers":
        said[:, :16] = np.where(rng.random((n, 16)) < 0.95, rng.integers(0, k, 16), said[:, :16])
    asked = np.argsort(rng.random((n, 40)), 1) < 5
    return np.where(asked, said, -1), y


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", ["alike", "hard items", "adversaries", "spammers"])
def test_never_far_below_the_vote(kind, seed):
    said, y = crews(kind, seed)
    found = Auto().fit(votes(said, 3))
    lead = (found.codes() == y).mean() - (found.majority.argmax(1) == y).mean()
    assert lead > (0.05 if kind in ("adversaries", "spammers") else -0.01)


def test_it_does_not_fall_for_silent_rules():
    said, y = rules()
    found = Auto().fit(Votes.from_matrix(said))
    assert (found.codes() == y).mean() > (MajorityVote().fit(Votes.from_matrix(said)).codes() == y).mean() - 0.01


def copies(noise, own, others, cover=1.0, seed=0, n=600):
    """Nine rules on three classes: one of accuracy ``own`` with five copies of it, of whose votes a share is drawn
    anew, and three others; each speaks of a share of the items. The truth.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    right = rng.random((n, 4)) < np.r_[own, [others] * 3]
    said = np.where(right, y[:, None], (y[:, None] + rng.integers(1, 3, right.shape)) % 3)
    more = np.repeat(said[:, :1], 5, 1)
    more = np.where(rng.random(more.shape) < noise, rng.integers(0, 3, more.shape), more)
    joined = np.column_stack([said, more])
    return np.where(rng.random(joined.shape) < cover, joined, -1), y


@pytest.mark.parametrize("cover", [1.0, 0.6])
def test_copies_count_once_and_win_nothing_by_their_number(cover):
    """What five copies of a poor source cost the vote is won back by the choice."""
    said, y = copies(0.0, 0.6, 0.8, cover)
    found = Auto().fit(Votes.from_matrix(said, k=3))
    of_group = {tuple(p) for p in found.correlations.pairs[found.correlations.linked].tolist()}
    group = (0, 4, 5, 6, 7, 8)
    assert of_group == {(a, b) for a in group for b in group if a < b}
    assert found.chosen.startswith("decorrelated ") and set(found.tried) == {
        "majority-vote",
        "decorrelated majority-vote",
        *(f"decorrelated {name}" for name in Auto().candidates),
    }
    assert (found.codes() == y).mean() > (found.majority.argmax(1) == y).mean() + 0.1


@pytest.mark.parametrize("cover", [1.0, 0.6])
def test_copies_that_differ_do_not_bring_it_far_below_the_vote(cover):
    """Six of nine: models follow them; that the other three agree beyond it says that somebody repeats somebody."""
    said, y = copies(0.2, 0.6, 0.8, cover)
    found = Auto().fit(Votes.from_matrix(said, k=3))
    assert (found.codes() == y).mean() > (found.majority.argmax(1) == y).mean() - 0.01
    followed = DawidSkene().fit(Votes.from_matrix(said, k=3))
    assert (followed.codes() == y).mean() < (found.majority.argmax(1) == y).mean() - 0.01


def test_votes_of_a_group_are_hidden_together_and_count_as_one():
    said, _ = crowd(n=50, share=0.9)
    table, group = votes(said), np.array([0, 0, 0, 3, 4, 5, 5])
    at = places(table, 1.0, np.random.default_rng(0), group)
    lost = np.zeros(said.shape, bool)
    lost[table.item().numpy()[at], table.source.numpy()[at]] = True
    for row, gone in zip(said >= 0, lost, strict=True):
        groups = set(group[row])
        assert set(group[gone]) & set(group[row & ~gone]) == set()
        assert len(set(group[gone])) == len(groups) // 3
    part = parts(table, at, group)
    for i in range(50):
        inside = table.item().numpy()[at] == i
        assert part[inside].sum() == pytest.approx(len(set(group[lost[i]])))
    np.testing.assert_array_equal(parts(table, at), np.ones(len(at)))
    np.testing.assert_array_equal(
        places(table, 1.0, np.random.default_rng(3)), places(table, 1.0, np.random.default_rng(3), np.arange(7))
    )


def test_meaning_is_the_rise_of_belief_where_a_class_is_said():
    said, _ = crowd(n=40, share=0.8)
    beliefs = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    item, source = np.nonzero(said >= 0)
    code = said[item, source]
    usual = beliefs[item].mean(0)
    by_hand = [(beliefs[item[code == m], m].mean() - usual[m]) / (1 - usual[m]) for m in range(3)]
    np.testing.assert_allclose(meaning(votes(said), beliefs), by_hand, rtol=1e-10)


def test_what_fails_is_told_and_what_is_unknown_is_refused():
    said, _ = crowd()
    found = Auto(candidates=("kos", "wawa")).fit(votes(said))
    assert "3 classes" in found.tried["kos"].failed and found.chosen != "kos"
    with pytest.raises(ParameterError, match="dawid-skene"):
        Auto(candidates=("dawid-skeen",)).fit(votes(said))
    with pytest.raises(ParameterError, match="share=0"):
        Auto(share=0).fit(votes(said))


def test_alpha_is_one_less_disagreement_over_chance():
    said, _ = crowd(n=30)
    pairs, values = [], []
    for row in said:
        spoke = row[row >= 0]
        if len(spoke) > 1:
            values.extend(spoke)
            pairs.append(sum(a != b for a in spoke for b in spoke) / (len(spoke) - 1))
    total = len(values)
    chance = sum(a != b for a in values for b in values) / (total - 1)
    assert krippendorff_alpha(votes(said)) == pytest.approx(1 - sum(pairs) / chance, rel=1e-12)
    assert MajorityVote().fit(votes(said)).agreement == krippendorff_alpha(votes(said))
    assert krippendorff_alpha(votes(np.array([[0, 0, 0], [1, 1, 1]]))) == 1
    with pytest.raises(LabelError, match="weighted"):
        krippendorff_alpha(Votes.from_table([0, 0], [0, 1], [0, 1], weight=[1.0, 2.0]))
