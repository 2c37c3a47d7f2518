"""What method="auto" does where nobody told a fact and its own estimate of it is of no use."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sfumato as sf
from sfumato.core.errors import NeedError, ParameterError
from sfumato.estimate import PriorDEDPUL
from sfumato.labels import PU, Noisy, Pairs

N = 60
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
FLAGGED = PU(torch.from_numpy(X[:, 0] > 0.8), scheme="single-sample")


def auto(x, labels, **settings):
    return sf.Classifier("auto", **{"network": "linear", "epochs": 2, **settings}).fit(x, labels)


def estimates(monkeypatch, outcome):
    """What the default estimator of a prior answers from now on."""

    def estimate(self, X, labels, seed=0):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(PriorDEDPUL, "estimate", estimate)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (1.0, "prior = 1"),
        (ParameterError("folds=5 of 3 rows", "more rows"), "folds=5 of 3 rows"),
        (ValueError("True is not in list"), "ValueError: True is not in list"),
    ],
)
def test_an_estimate_of_no_use_leaves_out_what_needs_it_and_the_card_says_so(monkeypatch, outcome, said):
    estimates(monkeypatch, outcome)
    clf = auto(X, FLAGGED)
    card = clf.choice_
    assert card.remarks[0] == (
        f"prior could not be estimated ({said}): what needs it is left out; pass needs={{'prior': ...}}"
    )
    assert card.chosen == card.naive == "unlabeled-as-negative" and card.criterion == "" and clf.needs_ == {}
    assert "needs 'prior'" in card.tried["nnpu"]["error"]
    assert clf.predict(X).shape == (N,)


def test_two_rows_of_noisy_labels_are_enough():
    clf = auto(X[:2], Noisy(torch.tensor([0, 1]), 2))
    assert [remark.split(" could")[0] for remark in clf.choice_.remarks] == ["transition", "noise_rate", "likelihood"]
    assert clf.choice_.criterion == "agreement"


def test_what_was_told_is_not_forgiven(monkeypatch):
    with pytest.raises(ParameterError, match="prior = 1"):
        auto(X, FLAGGED, needs={"prior": 1.0})
    with pytest.raises(ParameterError, match="a need named 'foo'"):
        auto(X, Noisy(torch.from_numpy((X[:, 0] > 0).astype(np.int64)), 2), needs={"foo": 1.0})
    estimates(monkeypatch, ParameterError("folds=5 of 3 rows", "more rows"))
    with pytest.raises(ParameterError, match="folds=5"):
        auto(X, FLAGGED, needs={"prior": PriorDEDPUL()})


def test_a_fact_that_nobody_can_estimate_is_still_asked_for():
    pairs = Pairs.from_lists(similar=[(i, i + 1) for i in range(0, 30, 2)], unlabeled=range(30, N))
    with pytest.raises(NeedError, match="needs 'prior'"):
        auto(X, pairs)
