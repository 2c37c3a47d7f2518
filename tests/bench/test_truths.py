"""The oracle of each form of truth, against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import average_precision_score, f1_score, hamming_loss, roc_auc_score

from sfumato.bench.truths import MEASURES, ORACLES, TRUTHS, measured, truth_of
from sfumato.core.streams import rng


def test_several_classes_at_once() -> None:
    generator = rng(0, "several")
    y = torch.rand(60, 4, generator=generator) < 0.4
    p = torch.rand(60, 4, generator=generator, dtype=torch.float64)
    found = measured("multi-label", p.log(), y)
    truth, said = y.numpy(), p.numpy()
    each = [average_precision_score(truth[:, k], said[:, k]) for k in range(4)]
    assert found["oracle-map"] == pytest.approx(np.mean(each), abs=1e-12)
    assert found["oracle-macro-auc"] == pytest.approx(roc_auc_score(truth, said, average="macro"), abs=1e-12)
    assert found["oracle-micro-f1"] == pytest.approx(f1_score(truth, said >= 0.5, average="micro"), abs=1e-12)
    assert found["oracle-hamming-loss"] == pytest.approx(hamming_loss(truth, said >= 0.5), abs=1e-12)
    assert TRUTHS["classes"].score(p.log(), y) == found["oracle-map"]
    assert np.isnan(measured("multi-label", p.log(), torch.ones_like(y))["oracle-map"])


def test_distributions_and_numbers_are_better_where_the_measure_is_less() -> None:
    generator = rng(1, "others")
    d, p = (torch.rand(30, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    d, p = d / d.sum(1, keepdim=True), p / p.sum(1, keepdim=True)
    want = np.mean([entropy(a, b) for a, b in zip(d.numpy(), p.numpy(), strict=True)])
    assert TRUTHS["shares"].score(p.log(), d) == pytest.approx(-want, abs=1e-12)
    assert TRUTHS["shares"].score(d.log(), d) > TRUTHS["shares"].score(p.log(), d)
    assert TRUTHS["shares"].shown(-want) == pytest.approx(100 * want)
    z, y = torch.tensor([[1.0, 9.0], [-2.0, 9.0]]), torch.tensor([0.5, 2.0])
    assert measured("lower", z, y) == {"oracle-mae": 2.25, "oracle-rmse": pytest.approx((16.25 / 2) ** 0.5)}
    assert truth_of("lower").score(z, y) == -2.25


def test_a_class_is_judged_by_accuracy_and_all_oracles_say_what_they_are() -> None:
    log_p = torch.tensor([[-0.1, -3.0], [-0.2, -2.0], [-3.0, -0.1]])
    assert truth_of("bags").score(log_p, torch.tensor([0, 1, 1])) == pytest.approx(2 / 3)
    assert truth_of("bags") is truth_of("votes") is TRUTHS["class"]
    assert all(name.startswith("oracle-") for name in (*ORACLES, *MEASURES))
