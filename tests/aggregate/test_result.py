"""The life of a result: intervals that cover, files that hold every bit, new votes that join the old ones."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sfumato import aggregate
from sfumato.aggregate import Aggregated, Auto, DawidSkene, MajorityVote, OneCoin, SourcesWarning, krippendorff_alpha
from sfumato.aggregate.kernel import Kernel
from sfumato.aggregate.quality import intervals
from sfumato.core.card import cards
from sfumato.core.errors import FileError, ParameterError
from sfumato.labels import Distribution, Noisy, Partial, Votes
from sfumato.parts import files
from tests.aggregate.crowds import coins, crowd, votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")
CARDS = list(cards("aggregate"))


def fitted(card: Any, said: np.ndarray, k: int) -> Aggregated:
    told: dict[str, Any] = {}
    if card.name == "crowdlab":
        told["probabilities"] = np.full((len(said), k), 1 / k)
    return card.cls().fit(Votes.from_matrix(said, k=k, absent=True, classes=tuple("abc"[:k])), **told)


# ---------------------------------------------------------------------- intervals


def test_of_known_truths_the_interval_is_wilsons() -> None:
    """Beliefs 0 and 1: the curvature is that of a binomial with one imagined vote of each kind."""
    said, y = coins([0.9, 0.7, 0.6], n=80)
    found = DawidSkene().fit(Votes.from_matrix(said, gold=y))
    sure = found.interval()
    right = (said == y[:, None]).sum(0)
    q = (right + 1) / 82
    curve = right * ((1 - q) / (q * (1 - q))) ** 2 + (80 - right) * (q / (q * (1 - q))) ** 2
    own = np.minimum(q * (1 - q) * (curve + 2 / (q * (1 - q))), 80)
    joint = found.posterior[np.arange(80)[:, None], said]
    score = (joint - q) / (q * (1 - q))
    full = np.linalg.inv(score.T @ score + np.diag(2 / (q * (1 - q))))
    np.testing.assert_allclose(sure.votes, np.minimum(q * (1 - q) / np.diag(full), 80), rtol=1e-10)
    assert (sure.votes <= own + 1e-9).all()
    assert (sure.low < sure.value).all() and (sure.value < sure.high).all()


def test_intervals_cover_at_their_level() -> None:
    """Six sources, 120 items, 60 crowds: of 360 nominal 95 % intervals 92 to 99 % hold the truth (binomial: +-2.3 %);
    those of the hard labels, taken for true, hold it less often than the models' own.
    """
    rates = np.array([0.6, 0.7, 0.75, 0.8, 0.9, 0.65])
    held, naive = [], []
    for seed in range(60):
        said, _ = coins(rates, n=120, k=3, seed=seed, share=0.6)
        found = OneCoin().fit(votes(said, 3))
        sure = found.interval()
        held.append((sure.low <= rates) & (rates <= sure.high))
        p = (said == found.codes()[:, None]).sum(0) / (said >= 0).sum(0)
        half = 1.96 * np.sqrt(p * (1 - p) / (said >= 0).sum(0))
        naive.append((p - half <= rates) & (rates <= p + half))
    assert 0.92 <= np.mean(held) <= 0.99
    assert np.mean(naive) < np.mean(held)


def test_intervals_of_silent_sources_of_many_and_of_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = coins([0.9, 0.8, 0.7, 0.6], n=150)
    said[:, 3] = -1
    found = DawidSkene().fit(votes(said))
    joint, wide = found.interval(), found.interval(0.99)
    assert np.isnan(joint.value[3]) and (joint.low[3], joint.high[3], joint.votes[3]) == (0, 1, 0)
    assert (wide.low[:3] < joint.low[:3]).all() and (wide.high[:3] > joint.high[:3]).all()
    monkeypatch.setattr("sfumato.aggregate.quality.JOINT", 2)
    alone = intervals(Kernel(found.votes), found.posterior, found.quality)
    assert (alone.votes[:3] >= joint.votes[:3]).all()  # others that are known leave less doubt
    np.testing.assert_allclose(alone.votes, joint.votes, rtol=0.5)
    with pytest.raises(ParameterError, match=r"level=1\.0"):
        found.interval(1.0)


def test_a_vote_of_weight_two_is_two_votes_in_the_curvature_and_less_than_two_sure_ones() -> None:
    said, _ = coins([0.9, 0.8, 0.7], n=60)
    item, source = np.nonzero(said >= 0)
    light = Votes.from_table(item, source, said[item, source], weight=np.ones(len(item)))
    np.testing.assert_allclose(
        OneCoin().fit(light).interval().votes, OneCoin().fit(votes(said)).interval().votes, rtol=1e-9
    )


def test_silence_that_speaks_is_not_right() -> None:
    said, y = coins([0.9, 0.8, 0.7], n=200, share=0.6)
    gold = Votes.from_matrix(said, k=2, gold=y)
    found = next(c for c in CARDS if c.name == "naive-bayes").cls(diagonal=0, elsewhere=0, classes=0).fit(gold)
    sure = found.interval()
    right = (said == y[:, None]).mean(0)
    np.testing.assert_allclose(sure.value, right, atol=0.02)  # of all items, not of those on which it spoke
    np.testing.assert_allclose(sure.votes, 200, rtol=0.05)


# ---------------------------------------------------------------------- what is read off the votes


def test_beside_the_beliefs_stand_the_vote_its_counts_and_the_agreement() -> None:
    said, _ = crowd(n=40)
    said[7] = -1
    table = votes(said, 3)
    found = DawidSkene().fit(table)
    np.testing.assert_array_equal(found.majority, MajorityVote().fit(table).posterior)
    assert found.n_votes.tolist() == (said >= 0).sum(1).tolist()
    assert found.agreement == krippendorff_alpha(table)
    heavy = Votes.from_table(*np.nonzero(said >= 0), said[said >= 0], n=40, weight=np.full((said >= 0).sum(), 2.0))
    assert np.isnan(DawidSkene().fit(heavy).agreement)


def test_bridges() -> None:
    said, _ = crowd()
    found = DawidSkene().fit(Votes.from_matrix(said, k=3, absent=True, classes=("a", "b", "c")))
    soft, hard, sets = found.to_distribution(), found.to_noisy(), found.to_partial(0.9)
    assert isinstance(soft, Distribution) and isinstance(hard, Noisy) and isinstance(sets, Partial)
    np.testing.assert_allclose(soft.shares.numpy(), found.posterior, rtol=1e-14)  # rows are brought to sum to one
    assert torch.equal(hard.y, torch.from_numpy(found.codes()))
    again, weight = found.to_weighted()
    assert torch.equal(again.y, hard.y)
    np.testing.assert_array_equal(weight, found.posterior.max(1))
    assert {labels.classes for labels in (soft, hard, sets, again)} == {("a", "b", "c")}
    soft.shares[0] = 0
    assert found.posterior[0].sum() == pytest.approx(1)  # a copy
    assert (found.to_partial(1.0).mask.numpy() >= sets.mask.numpy()).all()
    with pytest.raises(ParameterError, match="mass=0"):
        found.to_partial(0)


# ---------------------------------------------------------------------- on disk


@pytest.mark.parametrize("card", CARDS, ids=lambda c: c.name)
def test_a_saved_result_is_the_same_to_the_bit(card: Any, tmp_path: Path) -> None:
    k = min(3, getattr(card.cls, "classes_at_most", 3))
    said, _ = coins([0.9, 0.85, 0.8, 0.75, 0.7, 0.65], n=60, k=k, share=0.9)
    found = fitted(card, said, k)
    found.save(tmp_path / "r")
    again = Aggregated.load(tmp_path / "r")
    assert type(again) is type(found)
    for name in ("posterior", "prior", "table", "confusion", "quality", "majority", "n_votes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name), err_msg=name)
    assert (again.history, again.converged, again.classes, again.items, again.who) == (
        (found.history, found.converged, found.classes, found.items, found.who)
    )
    new = found.votes[:20]
    np.testing.assert_array_equal(again.predict_proba(new), found.predict_proba(new))
    np.testing.assert_array_equal(again.interval().low, found.interval().low)


def test_names_gold_weights_and_choices_survive(tmp_path: Path) -> None:
    said, _ = crowd(n=40)
    item, source = np.nonzero(said >= 0)
    names = np.array([f"Ä{v}<b>" for v in item])
    table = Votes.from_table(
        names, source, said[item, source], weight=np.linspace(0.5, 1, len(item)), gold={names[0]: 1}
    )
    found = DawidSkene().fit(table)
    found.save(tmp_path / "r")
    kept = Aggregated.load(tmp_path / "r").votes
    assert (kept.items, kept.who, kept.classes) == (table.items, table.who, table.classes)
    assert table.weight is not None and kept.weight is not None and torch.equal(kept.weight, table.weight)
    assert table.gold is not None and kept.gold is not None and torch.equal(kept.gold, table.gold)
    chosen = Auto(rounds=1).fit(votes(said, 3))
    chosen.save(tmp_path / "c")
    again = aggregate.Chosen.load(tmp_path / "c")
    assert again.chosen == chosen.chosen and dict(again.tried) == dict(chosen.tried)
    with pytest.raises(ParameterError, match="holds a Aggregated"):
        aggregate.Chosen.load(tmp_path / "r")
    named = Votes.from_table(np.array([(1, 2), (3, 4), (1, 2)], "i,i"), ["x", "x", "y"], [0, 1, 0])
    with pytest.raises(ParameterError, match="strings and numbers"):
        MajorityVote().fit(named).save(tmp_path / "n")


def test_foreign_and_damaged_files(tmp_path: Path) -> None:
    found = MajorityVote().fit(votes(crowd(n=20)[0], 3))
    found.save(tmp_path / "r")
    whole = (tmp_path / "r").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-9])
    with pytest.raises(FileError, match="cut"):
        Aggregated.load(tmp_path / "cut")
    files.save(tmp_path / "other", {"a": torch.zeros(2)}, {"kind": "model"})
    with pytest.raises(FileError, match="no aggregation"):
        Aggregated.load(tmp_path / "other")
    tensors, meta = files.read(tmp_path / "r")
    for broken in ({"form": "Path", "of": {}}, {"form": "Aggregated", "of": {}}, {"what": 1}, 3):
        files.save(tmp_path / "b", tensors, {"kind": "aggregation", "result": broken})
        with pytest.raises(FileError, match="damaged"):
            Aggregated.load(tmp_path / "b")
    shorter = tensors | {"result.posterior": tensors["result.posterior"][:5]}
    files.save(tmp_path / "s", shorter, {k: v for k, v in meta.items() if k != "format"})
    with pytest.raises(FileError, match="other votes"):
        Aggregated.load(tmp_path / "s")


# ---------------------------------------------------------------------- more votes


def parts(seed: int = 0) -> tuple[Votes, Votes, Votes]:
    """(votes of five sources on 150 items, those of a sixth one and of 30 more items, all)."""
    said, _ = coins([0.9, 0.8, 0.75, 0.7, 0.65, 0.85], n=180, k=3, seed=seed)
    first = said[:150].copy()
    first[:, 5] = -1
    rest = said.copy()
    rest[:150, :5] = -1
    return (votes(v, 3) for v in (first[:, :5], rest, said))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["dawid-skene", "one-coin", "multi-coin", "ibcc", "naive-bayes"])
def test_an_update_climbs_to_where_a_fit_ends(name: str) -> None:
    old, new, all_ = parts()
    card = next(c for c in CARDS if c.name == name)
    model = card.cls(tolerance=0, iterations=400)
    updated, fresh = model.update(model.fit(old), new), model.fit(all_)
    np.testing.assert_array_equal(updated.votes.said.numpy(), all_.said.numpy())
    np.testing.assert_allclose(updated.posterior, fresh.posterior, atol=1e-6)
    assert (np.diff(updated.history) >= -1e-9 * abs(updated.history[-1])).all()
    assert updated.history[0] > fresh.history[0]


def test_an_update_begins_at_the_parameters_of_the_result() -> None:
    """Its first objective is the likelihood of all votes after one step from the beliefs that the old table gives."""
    old, new, all_ = parts()
    model = DawidSkene(iterations=3, tolerance=0)
    found = model.fit(old)
    whole = np.concatenate([found.table, np.zeros((1, 3, 3))])
    scores = Kernel(all_).scores(whole) + found.log_prior
    begin = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    by_hand = model.climb(Kernel(all_), begin)
    updated = model.update(found, new)
    np.testing.assert_allclose(updated.posterior, by_hand.posterior, atol=1e-12)
    assert updated.history == pytest.approx(by_hand.history, rel=1e-12)


@pytest.mark.parametrize("name", ["majority-vote", "wawa", "mace", "ebcc", "glad", "flyingsquid", "auto"])
def test_models_without_a_start_are_fitted_anew(name: str) -> None:
    old, new, all_ = parts()
    model = next(c for c in CARDS if c.name == name).cls()
    np.testing.assert_array_equal(model.update(model.fit(old), new).posterior, model.fit(all_).posterior)


def test_a_loaded_result_takes_new_votes(tmp_path: Path) -> None:
    old, new, _ = parts()
    found = DawidSkene().fit(old)
    found.save(tmp_path / "r")
    again = DawidSkene().update(Aggregated.load(tmp_path / "r"), new)
    np.testing.assert_array_equal(again.posterior, DawidSkene().update(found, new).posterior)


# ---------------------------------------------------------------------- doubts


def test_groups_are_tied_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of sources, each tied to the next by one item, is one group however the walk is cut."""
    chain = np.full((6, 7), -1)
    for i in range(6):
        chain[i, i : i + 2] = 0
    for block in (1, 3, 100):
        monkeypatch.setattr("sfumato.aggregate.held.BLOCK", block)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            MajorityVote().fit(Votes.from_matrix(chain, k=2, absent=True))
        with pytest.warns(SourcesWarning, match="2 groups that share no item"):
            MajorityVote().fit(Votes.from_matrix(np.delete(chain, 3, 0), k=2, absent=True))
