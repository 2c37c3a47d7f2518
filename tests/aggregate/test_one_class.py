"""Rules that name one class each: why models of what is said, given that a source speaks, collapse on them."""

from __future__ import annotations

import numpy as np
import pytest

from sfumato.aggregate import DawidSkene, Glad, Ibcc, Mace, MajorityVote, NaiveBayes, OneCoin
from sfumato.labels import Votes

pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")


def rules(seed=0, n=1500):
    """Nine rules of three classes, of very different precision, and the truth."""
    rng = np.random.default_rng(seed)
    y, own = rng.choice(3, n, p=[0.5, 0.3, 0.2]), np.arange(9) % 3
    right = np.linspace(0.6, 0.3, 9)
    return np.where(rng.random((n, 9)) < np.where(y[:, None] == own, right, 0.06), own, -1), y


@pytest.mark.parametrize("model", [DawidSkene, OneCoin])
def test_one_class_for_everything_is_the_highest_likelihood(model):
    """It explains every statement with certainty, whatever the truth: no better start or search would help."""
    said, y = rules()
    gold = [np.full(len(y), c) for c in range(3)]
    found = [model(tolerance=0, iterations=5).fit(Votes.from_matrix(said, k=3, gold=g)) for g in (*gold, y)]
    collapsed, true = max(f.history[-1] for f in found[:3]), found[3].history[-1]
    told = (said >= 0).any(1).sum()
    assert true < collapsed - 0.5 * told
    if model is DawidSkene:
        np.testing.assert_allclose(collapsed, 0, atol=1e-3)  # probability one


def test_silence_or_a_prior_on_habits_keeps_the_classes_apart():
    said, y = rules()
    vote, ds, one, ibcc, glad, mace, bayes = (
        (model.fit(Votes.from_matrix(said, k=3)).codes() == y).mean()
        for model in (MajorityVote(), DawidSkene(), OneCoin(), Ibcc(), Glad(), Mace(), NaiveBayes())
    )
    assert max(ds, one, ibcc) < vote - 0.05
    assert bayes > vote - 0.02
    assert max(ds, one, ibcc) + 0.1 < mace < vote
    assert glad < bayes
