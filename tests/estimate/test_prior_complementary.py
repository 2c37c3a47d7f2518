"""The class prior from complementary labels: exact on the law's population, with an interval, refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sfumato as sf
from sfumato.core.errors import LabelError, ShapeError
from sfumato.estimate import PriorComplementary
from sfumato.estimate.prior_complementary import shares
from sfumato.labels import Complementary, UniformComplementary

PRIOR = np.array([0.5, 0.3, 0.15, 0.05])


@pytest.mark.parametrize("sizes", [[1.0, 0, 0], [0.5, 0.3, 0.2]])
def test_exact_on_the_population(sizes: list[float]) -> None:
    law = UniformComplementary(torch.tensor(sizes, dtype=torch.float64))
    _, labels, weight = law.population(torch.from_numpy(PRIOR)[None, :])
    named = weight.double() @ labels.mask.double()
    found = 1 - 3 * named / (weight.double() @ labels.mask.double().sum(1))
    assert torch.allclose(found, torch.from_numpy(PRIOR), rtol=1e-12)


def test_of_rows_it_is_that_formula_and_errs_as_it_says() -> None:
    rng = np.random.default_rng(0)
    off = []
    for _ in range(40):
        y = torch.from_numpy(rng.choice(4, 1000, p=PRIOR))
        labels = UniformComplementary.single(4).sample(y, 4, torch.Generator().manual_seed(int(rng.integers(1 << 30))))
        raw = 1 - 3 * labels.mask.double().mean(0)
        if (raw >= 0).all():
            assert np.allclose(PriorComplementary(repeats=0).estimate(np.zeros((1000, 1)), labels), raw)
        off.append(raw[0].item() - 0.5)
    # var = 9 q (1 - q) / n with q = (1 - .5) / 3
    assert np.std(off) == pytest.approx(np.sqrt(9 * (1 / 6) * (5 / 6) / 1000), rel=0.35)
    assert abs(np.mean(off)) < 4 * np.std(off) / np.sqrt(40)


def test_what_chance_makes_negative_goes_to_the_simplex() -> None:
    mask = np.eye(3, dtype=bool)[[0, 0, 0, 1]]  # raw: -1/2, 1/2, 1
    assert shares(mask) == pytest.approx([0, 0.25, 0.75])


def test_an_interval_and_the_same_seed() -> None:
    rng = np.random.default_rng(1)
    y = torch.from_numpy(rng.choice(4, 4000, p=PRIOR))
    labels = UniformComplementary.single(4).sample(y, 4, torch.Generator().manual_seed(0))
    a, b = PriorComplementary(repeats=50), PriorComplementary(repeats=50)
    x = np.zeros((4000, 2))
    assert np.array_equal(a.estimate(x, labels, 3), b.estimate(x, labels, 3))
    assert np.array_equal(a.interval.low, b.interval.low)
    assert (a.interval.low <= PRIOR).all()
    assert (a.interval.high >= PRIOR).all()


def test_scarce_takes_it() -> None:
    rng = np.random.default_rng(2)
    y = torch.from_numpy(rng.choice(4, 400, p=PRIOR))
    X = rng.normal(size=(400, 4)) + 4 * np.eye(4)[y]
    labels = UniformComplementary.single(4).sample(y, 4, torch.Generator().manual_seed(0))
    needs = {"prior": PriorComplementary(repeats=0)}
    clf = sf.Classifier("scarce", network="linear", epochs=30, lr=1e-2, needs=needs).fit(X, labels)
    assert (clf.predict(X) == y.numpy()).mean() > 0.8


def test_wrong_labels_are_refused() -> None:
    x = np.zeros((3, 1))
    with pytest.raises(ShapeError, match="booleans"):
        PriorComplementary().estimate(x, np.array([0, 1, 2]))
    with pytest.raises(ShapeError, match="for 3 rows"):
        PriorComplementary().estimate(x, Complementary(torch.eye(3).bool()[:2], 3))
    with pytest.raises(LabelError, match="no class is named"):
        PriorComplementary().estimate(x, np.zeros((3, 3), bool))
