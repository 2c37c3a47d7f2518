"""The naive baseline: cross entropy towards what each kind of labels suggests to somebody who knows no better."""

from __future__ import annotations

import pytest
import torch

import sfumato as sf
from sfumato import labels as kinds
from sfumato.core.errors import RefusedError
from sfumato.learn.naive import Naive

EACH = [
    (kinds.Noisy.from_labels([0, 2, 1]), [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
    (kinds.Semi.from_labels([1, None, 0]), [[0, 1], [0, 0], [1, 0]]),
    (kinds.Partial.from_mask([[1, 1, 0], [0, 0, 1]]), [[0.5, 0.5, 0], [0, 0, 1]]),
    (kinds.Complementary.from_mask([[1, 0, 0], [1, 0, 1]]), [[0, 0.5, 0.5], [0, 1, 0]]),
    (kinds.PU.from_flags([1, 0]), [[0, 1], [1, 0]]),
    (kinds.Confidence.from_values([0.25, 1.0]), [[0.75, 0.25], [0, 1]]),
    (kinds.ConfidenceDifferences.from_lists([(0, 1), (2, 3)], [0.5, -0.5]), [[1, 0], [0, 1], [0, 1], [1, 0]]),
    (kinds.Comparisons.from_lists([(0, 1), (2, 3)], [True, False]), [[0, 1], [1, 0], [1, 0], [0, 1]]),
    (kinds.Bags.from_lists([[0, 1, 2], [3]], counts=[[1, 2], [1, 0]]), [[1 / 3, 2 / 3]] * 3 + [[1, 0]]),
    (kinds.BagValues.from_lists([[0, 1], [2]], [1, 0]), [[0, 1], [0, 1], [1, 0]]),
    (kinds.Sets.from_counts([1, 2], [0.2, 0.9]), [[1, 0], [0, 1], [0, 1]]),
    (kinds.Distribution.from_matrix([[0.2, 0.8]]), [[0.2, 0.8]]),
    (kinds.Votes.from_matrix([[0, 1, -1], [-1, -1, -1], [1, 1, 0]]), [[0.5, 0.5], [0, 0], [0, 1]]),
]


@pytest.mark.parametrize(("labels", "wanted"), EACH, ids=lambda v: getattr(v, "kind", ""))
def test_the_reading_of_each_kind(labels, wanted):
    assert torch.equal(labels.reading(), torch.tensor(wanted, dtype=torch.float64))


@pytest.mark.parametrize(("labels", "wanted"), EACH, ids=lambda v: getattr(v, "kind", ""))
def test_the_risk_is_cross_entropy_towards_the_reading(labels, wanted):
    target = torch.tensor(wanted, dtype=torch.float64)
    z = torch.randn(target.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    w = torch.arange(1.0, len(labels) + 1, dtype=torch.float64)
    each = [-float(t @ torch.log_softmax(row, 0)) for t, row in zip(target, z, strict=True)]
    weight = [float(v) * bool(t.any()) for v, t in zip(labels.spread(w), target, strict=True)]
    by_hand = sum(v * e for v, e in zip(weight, each, strict=True)) / sum(weight)
    assert float(Naive().risk(z, labels, w)) == pytest.approx(by_hand, rel=1e-12)


def test_labels_that_suggest_no_class_are_refused_by_name():
    with pytest.raises(RefusedError, match="a naive reading of pairs labels"):
        kinds.Pairs.from_lists(similar=[(0, 1)]).reading()
    with pytest.raises(RefusedError, match="without priors"):
        kinds.Sets.from_counts([1, 2], order=[(0, 1)]).reading()


def test_a_classifier_takes_it_by_name():
    X = torch.randn(60, 3, generator=torch.Generator().manual_seed(1)).numpy()
    bag = [i // 6 for i in range(60)]
    labels = sf.labels.Bags.from_labels(bag, (X[:, 0] > 0).astype(int))
    fitted = sf.Classifier("naive", network="linear", epochs=3).fit(X, labels)
    assert fitted.method_.name == "naive"
