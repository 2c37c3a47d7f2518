"""By what method="auto" chooses: a criterion that can be measured, under the law that was told; and what it says."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch

import sfumato as sf
from sfumato import select
from sfumato.choice import Choice
from sfumato.core.errors import LabelError
from sfumato.core.streams import rng
from sfumato.judge import DoubtedLawWarning
from sfumato.labels import BiasedComplementary, MultiLabel, UniformComplementary, Votes

N, K = 120, 4
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
SKEWED = torch.tensor(
    [[0.0, 0.75, 0.2, 0.05], [0.05, 0.0, 0.75, 0.2], [0.2, 0.05, 0.0, 0.75], [0.75, 0.2, 0.05, 0.0]],
    dtype=torch.float64,
)


def auto(labels, x=X, **settings):
    return sf.Classifier("auto", **{"hidden": (8,), "epochs": 2, "batch_size": 32, **settings}).fit(x, labels)


def blobs(n):
    g = torch.Generator().manual_seed(0)
    y = torch.randint(K, (n,), generator=g)
    return (3 * torch.nn.functional.one_hot(y, K) + torch.randn(n, K, generator=g)).numpy(), y, g


def one_sided():
    """Labels whose first class is known of every row and whose others of none: no class tells rows apart."""
    return MultiLabel.from_matrix(np.tile([1, -1, -1], (N, 1)))


def test_where_the_criterion_cannot_be_measured_the_next_one_is_and_the_card_says_so():
    clf = auto(one_sided())
    card = clf.choice_
    assert card.criterion == "likelihood" and all(s["criterion"] == "likelihood" for s in clf.scores_.values())
    values = {name: score["value"] for name, score in clf.scores_.items()}
    assert card.chosen == max(values, key=values.get)
    assert card.remarks == (
        "seen-auc could not be measured on the held-out labels (no class that holds on some rows and not on others): "
        "likelihood instead",
    )
    assert card.remarks[0] in card.lines()
    assert Choice.from_dict(json.loads(json.dumps(card.to_dict()))) == Choice.from_dict(card.to_dict())


def test_a_criterion_that_was_asked_for_is_not_replaced():
    with pytest.raises(LabelError, match="no class that holds on some rows"):
        auto(one_sided(), choose_by="seen-auc")


def test_where_no_criterion_can_be_measured_the_naive_baseline_is_taken(tmp_path):
    # nobody voted on the rows that are held out, and the confusion of the sources is not known
    held = torch.randperm(N, generator=rng(0, "auto"))[: N // 5].numpy()
    votes = np.random.default_rng(1).integers(0, 2, (N, 3))
    votes[held] = -1
    clf = auto(Votes.from_matrix(votes))
    card = clf.choice_
    assert card.criterion == "" and card.chosen == card.naive == clf.method_.name == select.SHORT_LIST["votes"][0]
    assert all("value" not in score for score in clf.scores_.values())
    first, why, *_ = card.lines()
    assert first.endswith("no criterion can be measured on the held-out labels")
    assert why.startswith("agreement could not be measured") and why.endswith(f": {card.naive} instead")
    assert "promised more" not in " ".join(card.lines())
    clf.save(tmp_path / "m")
    assert sf.load(tmp_path / "m").choice_.lines() == card.lines()


def test_a_told_matrix_is_what_judges_and_brings_a_method_that_uses_it():
    x, y, g = blobs(400)
    labels = BiasedComplementary(SKEWED).sample(y, K, g)
    clf = auto(labels, x, epochs=20, needs={"transition": SKEWED})
    assert tuple(clf.scores_) == select.BIASED_LIST and clf.choice_.naive == "average"
    assert clf.choice_.criterion == "likelihood" and clf.method_.name == "forward"
    assert not clf.choice_.remarks and "under this law" in clf.choice_.lines()[-1]
    assert "transition" in clf.needs_
    same = auto(labels, x, epochs=20, law=BiasedComplementary(SKEWED))
    assert same.choice_.criterion == "likelihood" and same.scores_["forward"]["value"] == pytest.approx(
        clf.scores_["forward"]["value"]
    )


def test_a_bias_that_nobody_told_of_is_said_aloud():
    x, y, g = blobs(400)
    with pytest.warns(DoubtedLawWarning, match="guessed from the rows more often"):
        clf = auto(BiasedComplementary(SKEWED).sample(y, K, g), x)
    assert "needs={'transition': Q}" in clf.choice_.remarks[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DoubtedLawWarning)
        assert auto(UniformComplementary.single(K).sample(y, K, g), x).choice_.remarks == ()
