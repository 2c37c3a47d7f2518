"""Beside crowd-kit and Snorkel, where they are installed: equal where they are right, and what is wrong where not.

They are development-only oracles; without them this file is skipped.
"""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import (
    MMSR,
    DawidSkene,
    FlyingSquid,
    Glad,
    LabelModel,
    OneCoin,
    Wawa,
    ZeroBasedSkill,
    label_model,
    wawa,
    zero_based_skill,
)
from sfumato.labels import Votes
from tests.aggregate.crowds import coins, crowd, replicated, votes
from tests.aggregate.test_em import CASES, climbed

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


@pytest.mark.parametrize("name", CASES)
def test_crowd_kit_stops_its_em_by_no_likelihood(name):
    """Its bound adds the log prior once per vote, to the last digit of the formula in test_em, and so it stops at the
    second step of votes on which the likelihood has most of its way to go; ours goes on.
    """
    model, said = CASES[name]
    learner = {"dawid-skene": "DawidSkene", "one-coin": "OneCoinDawidSkene"}[name]
    per_vote = climbed(said, 2, 12, name == "one-coin")[3] / said.size
    peer = getattr(kit(), learner)(n_iter=12, tol=never).fit(table(said))
    np.testing.assert_allclose(peer.loss_history_, per_vote, rtol=1e-8)
    stopped = getattr(kit(), learner)().fit(table(said))
    assert len(stopped.loss_history_) == 2
    ours = model().fit(votes(said, 2))
    assert ours.converged and len(ours.history) > 5
    at_its_step = model(iterations=2, tolerance=0).fit(votes(said, 2)).posterior
    np.testing.assert_allclose(at_its_step, stopped.probas_[[0, 1]], atol=1e-9)


@pytest.mark.parametrize("learner", ["Wawa", "ZeroBasedSkill"])
def test_who_wins_a_tie_in_crowd_kit_is_a_matter_of_order(learner, monkeypatch):
    """Ours are its steps with each tie given to the class of its first column. Which one that is, is decided in Wawa by
    the order of rows, in ZeroBasedSkill by the order of the names of classes, and with it beliefs change; ours share
    ties, and know neither order.
    """
    said, _ = rules(n=200, sources=6, k=2)
    rows, swapped = table(said), np.where(said >= 0, 1 - said, -1)
    module, ours = {"Wawa": (wawa, Wawa()), "ZeroBasedSkill": (zero_based_skill, ZeroBasedSkill())}[learner]
    again, names = (rows.sort_values("label"), [0, 1]) if learner == "Wawa" else (table(swapped), [1, 0])
    try:
        plain, other = (getattr(kit(), learner)().fit_predict_proba(lines) for lines in (rows, again))
    except AttributeError:
        pytest.skip("crowd-kit 1.4.2 stops beside this scikit-learn (__sklearn_tags__)")
    told, plain = plain.index, plain[[0, 1]].to_numpy()
    assert np.abs(plain - other.loc[told, names].to_numpy()).max() > 0.01
    shared = [ours.fit(Votes.from_matrix(v, k=2)).posterior[told] for v in (said, swapped)]
    np.testing.assert_allclose(shared[0], shared[1][:, ::-1], atol=1e-12)
    first = kit().MajorityVote().fit_predict_proba(rows).columns.to_numpy() if learner == "Wawa" else np.arange(2)
    monkeypatch.setattr(module, "decided", lambda scores: np.eye(2)[first[scores[:, first].round(9).argmax(1)]])
    np.testing.assert_allclose(ours.fit(Votes.from_matrix(said, k=2)).posterior[told], plain, atol=1e-12)


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
