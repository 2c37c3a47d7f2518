"""Beside crowd-kit and Snorkel, where they are installed: equal where they are right, and what is wrong where not.

They are development-only oracles; without them this file is skipped.
"""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import MMSR, DawidSkene, FlyingSquid, Glad, LabelModel, OneCoin, Wawa, label_model
from sfumato.labels import Votes
from tests.aggregate.crowds import coins, crowd, replicated, votes

pytestmark = [
    pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning"),
    pytest.mark.filterwarnings("ignore:::crowdkit"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
never = -np.inf


def kit():
    return pytest.importorskip("crowdkit.aggregation", reason="crowd-kit is not installed")


def table(said):
    pd = pytest.importorskip("pandas")
    item, source = np.nonzero(said >= 0)
    return pd.DataFrame({"task": item, "worker": source, "label": said[item, source]})


def rules(seed=0, n=600, sources=9, k=3):
    """Rules of one class each that say nothing elsewhere, of some items nothing at all; the truth."""
    rng = np.random.default_rng(seed)
    y, own = rng.integers(0, k, n), np.arange(sources) % k
    return np.where(rng.random((n, sources)) < np.where(y[:, None] == own, 0.4, 0.1), own, -1), y


@pytest.mark.parametrize("model", ["DawidSkene", "OneCoinDawidSkene"])
@pytest.mark.parametrize("said", [crowd(n=200, share=0.5)[0], rules()[0]], ids=["crowd", "rules"])
def test_ten_steps_of_em_are_crowd_kits(model, said):
    """Also where a source met no belief in a class, and where items without votes stand among ours."""
    peer = getattr(kit(), model)(n_iter=10, tol=never).fit_predict_proba(table(said))
    ours = {"DawidSkene": DawidSkene, "OneCoinDawidSkene": OneCoin}[model](iterations=10, tolerance=0)
    found = ours.fit(Votes.from_matrix(said, k=3)).posterior
    np.testing.assert_allclose(found[peer.index], peer[[0, 1, 2]], atol=1e-9)


def test_crowd_kit_stops_its_em_by_no_likelihood():
    """Its bound adds the log prior once per vote: items with several votes bring it further below the likelihood, of
    which it is to be the lower bound that an E-step reaches. Ours is the enumerated one (test_dawid_skene).
    """
    said, _ = crowd(n=200, share=0.9)
    peer = kit().DawidSkene(n_iter=25, tol=never).fit(table(said))
    ours = DawidSkene(iterations=26, tolerance=0).fit(votes(said))
    extra = ((said >= 0).sum(1) - 1) @ (ours.posterior @ np.log(ours.prior)) / (said >= 0).sum()
    assert peer.loss_history_[-1] == pytest.approx(ours.history[-1] / (said >= 0).sum() + extra, abs=1e-3)
    assert abs(extra) > 0.5


def test_crowd_kits_wawa_is_ours_but_for_ties():
    """One label of a tie wins there, the first in an order of rows, and decides the weights; ours is shared."""
    said, _ = rules(n=200, sources=6, k=2)
    rows, heard = table(said), np.stack([(said == c).sum(1) for c in (0, 1)], 1)
    try:
        peer = kit().Wawa().fit_predict_proba(rows)
    except AttributeError:
        pytest.skip("crowd-kit 1.4.2 stops beside this scikit-learn (__sklearn_tags__)")
    won = kit().MajorityVote().fit(rows).labels_
    tied = (heard[won.index, 0] == heard[won.index, 1]) & (heard[won.index, 0] > 0)
    assert tied.any() and won[tied].nunique() == 1
    first = np.full(200, -1)
    first[won.index] = won
    weight = np.array([(said[:, j] == first)[said[:, j] >= 0].mean() for j in range(6)])
    votes_ = np.stack([((said == c) * weight).sum(1) for c in (0, 1)], 1)[won.index]
    np.testing.assert_allclose(peer.loc[won.index, [0, 1]], votes_ / votes_.sum(1, keepdims=True), atol=1e-12)
    ours = Wawa().fit(Votes.from_matrix(said, k=2)).posterior[won.index]
    assert np.abs(ours - peer.loc[won.index, [0, 1]].to_numpy()).max() > 0.01


def test_crowd_kits_glad_stops_while_its_likelihood_rises():
    """Its objective leaves out the entropy of beliefs: it falls at the second step, and there it stops."""
    said, _ = rules()
    peer = kit().GLAD().fit(table(said))
    assert len(peer.loss_history_) == 2 and peer.loss_history_[1] < peer.loss_history_[0]
    likelihood = Glad(iterations=12, tolerance=0).fit(Votes.from_matrix(said, k=3)).history
    assert likelihood[-1] - likelihood[1] > 1e-3 * (said >= 0).sum()


def test_crowd_kits_m_msr_keeps_one_ratio_where_a_source_meets_one():
    """Its F is -1 where some source meets fewer than two: then of all ratios only the largest counts."""
    rng = np.random.default_rng(0)
    said, y = coins([0.9, 0.8, 0.7, 0.6, 0.55], n=4000, k=3, seed=2)
    alone = np.where(rng.random(40) < 0.8, y[:40], 0)  # meets the first source and nobody else
    joined = np.column_stack([np.r_[np.full(4000, -1), alone], np.r_[said[:, 0], y[:40]]])
    joined = np.column_stack([joined, np.r_[said[:, 1:], np.full((40, 4), -1)]])
    with np.errstate(all="ignore"):
        peer = kit().MMSR().fit(table(joined)).skills_.to_numpy()[:5]
    want = np.log(2 * np.array([0.9, 0.8, 0.7, 0.6, 0.55]) / (1 - np.array([0.9, 0.8, 0.7, 0.6, 0.55])))
    found = MMSR().fit(votes(joined, 3)).table
    mine = (found[1:, 0, 0] - found[1:, 1, 0])[:5]
    assert np.abs(mine - want).max() < 0.35 < np.abs(np.sort(peer)[::-1] - want).max()


def test_the_label_model_is_snorkels(monkeypatch):
    """Its start is multiplied by a random number, ours by the mean of those; with that number beliefs are equal."""
    snorkel = pytest.importorskip("snorkel.labeling.model", reason="snorkel is not installed")
    for said in (rules()[0], crowd(n=300)[0]):
        peer = snorkel.LabelModel(cardinality=3, verbose=False)
        peer.fit(said, seed=7, progress_bar=False)
        monkeypatch.setattr(label_model, "MIDDLE", np.random.RandomState(7).random_sample())
        found = LabelModel().fit(Votes.from_matrix(said, k=3)).posterior
        np.testing.assert_allclose(found, peer.predict_proba(said), atol=1e-5)


def test_flyingsquid_takes_pairs_that_never_meet_for_pairs_without_agreement():
    """Two crews that share no item: triplets across them count as accuracy zero there, and are left out here."""
    learner = pytest.importorskip("flyingsquid.label_model", reason="flyingsquid is not installed")
    rates = np.array([0.9, 0.8, 0.7])
    crew, _ = replicated([0.5, 0.5], [[[p, 1 - p], [1 - p, p]] for p in rates], 1000)
    away = np.full(crew.shape, -1)
    said = np.concatenate([np.column_stack([crew, away]), np.column_stack([away, crew])])
    signed = np.where(said < 0, 0, 2 * said - 1)
    true = 1 / (1 + np.exp(-signed @ np.tile(np.log(rates / (1 - rates)), 2)))
    np.testing.assert_allclose(FlyingSquid().fit(votes(said, 2)).posterior[:, 1], true, atol=1e-9)
    peer = learner.LabelModel(6)
    peer.fit(signed)
    assert np.abs(np.asarray(peer.predict_proba(signed))[:, 1] - true).mean() > 0.1
