"""The prior of unlabeled rows under label shift: exact on the population, bounded elsewhere, and equal to QuaPy's."""

from itertools import pairwise

import numpy as np
import pytest

import sfumato as sf
from sfumato.catalogue import method
from sfumato.core.errors import LabelError, ParameterError, ShapeError
from sfumato.estimate import ClassifyAndCount, NotIdentifiableWarning, PriorBBSE, PriorEM
from sfumato.estimate.shift_bbse import confusion
from sfumato.estimate.shift_em import likeliest, slopes

# rows of a source population by (place, class): whole numbers, so that a sample can BE the population
SOURCE = np.array([[12, 2, 1], [3, 9, 2], [1, 2, 8], [4, 3, 1]])
TIMES = np.array([1, 3, 5])  # the target holds every row of class k so many times: P(x | y) stays
EVERY = (PriorEM, PriorBBSE, lambda **told: PriorBBSE(soft=True, **told))


def population(times=TIMES):
    """(labels, their true posteriors, the target's posteriors, the target's prior)."""
    posterior = SOURCE / SOURCE.sum(1, keepdims=True)
    place, y = (np.repeat(part.ravel(), SOURCE.ravel()) for part in np.indices(SOURCE.shape))
    target = SOURCE * times
    q = target.sum(0) / target.sum()
    return y, posterior[place], np.repeat(posterior, target.sum(1), axis=0), q


@pytest.mark.parametrize("times", [TIMES, [1, 1, 1], [0, 1, 2], [4, 1, 0]])
@pytest.mark.parametrize("make", EVERY)
def test_exact_on_the_population(make, times):
    y, source, target, q = population(np.asarray(times))
    settings = {"steps": 20_000, "tolerance": 1e-12} if make is PriorEM else {}
    found = make(repeats=0, **settings).from_probabilities(y, source, target)
    assert found == pytest.approx(q, abs=1e-9 if q.all() else 2e-5)


def test_the_weights_are_those_of_the_joint_form():
    y, source, target, q = population()
    n, k = source.shape
    said = np.eye(k)[source.argmax(1)]
    joint = np.array([[(said[y == j, i].sum()) / n for j in range(k)] for i in range(k)])  # C_ij = P(said i, true j)
    w = np.linalg.solve(joint, np.eye(k)[target.argmax(1)].mean(0))
    assert w * np.bincount(y) / n == pytest.approx(
        PriorBBSE(repeats=0).from_probabilities(y, source, target), rel=1e-12
    )
    assert confusion(y, said) == pytest.approx(joint / joint.sum(0), rel=1e-12)


def test_counting_is_pulled_towards_the_source():
    y, source, target, q = population()
    counted = ClassifyAndCount(repeats=0).from_probabilities(y, source, target)
    assert counted == pytest.approx(np.bincount(target.argmax(1), minlength=3) / len(target))
    averaged = ClassifyAndCount(soft=True, repeats=0).from_probabilities(y, source, target)
    assert averaged == pytest.approx(target.mean(0))
    prior = np.bincount(y) / len(y)
    assert np.abs(averaged - prior).sum() < np.abs(q - prior).sum()


def test_the_likelihood_never_falls_and_the_gap_bounds_what_is_left():
    y, source, target, q = population()
    prior = np.bincount(y) / len(y)
    ratio = target / prior
    value = lambda at: np.log(ratio @ at).mean()
    path = [likeliest(ratio, prior, 0.0, steps) for steps in range(30)]
    values = [value(at) for at in path]
    assert all(b >= a - 1e-15 for a, b in pairwise(values))
    for at, got in zip(path, values, strict=True):
        assert value(q) - got <= slopes(ratio, at).max() - 1 + 1e-12 and at.sum() == pytest.approx(1)
    em = PriorEM(repeats=0)
    em.from_probabilities(y, source, target)
    assert -1e-12 <= em.gap <= em.tolerance


@pytest.mark.parametrize("make", [*EVERY, ClassifyAndCount])
def test_order_and_names_of_classes_do_not_matter(make):
    y, source, target, _ = population()
    found = make(repeats=0).from_probabilities(y, source, target)
    draw = np.random.default_rng(0)
    order, other, names = draw.permutation(len(y)), draw.permutation(len(target)), np.array([2, 0, 1])
    turned = make(repeats=0).from_probabilities(y[order], source[order], target[other])
    assert turned == pytest.approx(found, rel=1e-9)
    renamed = make(repeats=0).from_probabilities(names[y], source[:, names.argsort()], target[:, names.argsort()])
    assert renamed[names] == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("make", EVERY)
def test_the_interval_covers_about_as_often_as_it_says(make):
    draw, q, covered = np.random.default_rng(1), np.array([0.3, 0.7]), []
    for _ in range(25):
        y, t = draw.integers(0, 2, 400), (draw.random(300) < q[1]).astype(int)
        x, seen = y + 0.7 * draw.normal(size=400), t + 0.7 * draw.normal(size=300)
        posterior = [1 / (1 + np.exp(-(v - 0.5) / 0.49)) for v in (x, seen)]
        own, target = (np.stack([1 - p, p], 1) for p in posterior)
        found = make(repeats=60)
        found.from_probabilities(y, own, target, seed=2)
        covered.append(found.interval.low[1] <= q[1] <= found.interval.high[1])
    assert 0.8 <= np.mean(covered) <= 1.0


def test_as_a_need_it_takes_partly_missing_labels():
    X, y, _ = sf.data.load("breast_cancer")
    X = (X - X.mean(0)) / X.std(0)
    y = np.asarray(y)
    draw = np.random.default_rng(0)
    rows = [draw.choice(np.flatnonzero(y == c), size, replace=False) for c, size in ((0, 170), (1, 60))]
    out = np.concatenate(rows)  # 26 % of class 1 among the unlabeled, 75 % among the labeled rows
    told = y.copy()
    told[out] = -1
    labels = sf.labels.Semi.from_labels(told, missing=-1)
    off = {make: abs(make(repeats=0).estimate(X, labels)[1] - 60 / 230) for make in (PriorEM, PriorBBSE)}
    assert max(off.values()) < 0.05
    assert "sld" in method("em-prior", "estimate").aliases
    assert sf.estimate.PriorEM.need == "prior"


def test_what_cannot_be_inverted_is_said():
    y, source, target, _ = population()
    blind = np.tile(source.mean(0), (len(y), 1))
    with pytest.warns(NotIdentifiableWarning, match="condition number"):
        assert PriorBBSE(repeats=0).from_probabilities(y, blind, target).sum() == pytest.approx(1)


def test_a_target_that_says_only_what_the_source_never_says_tells_nothing():
    source = np.eye(3)[[0, 1, 0, 1, 0, 1]]  # class 2 is never said
    with pytest.warns(NotIdentifiableWarning):
        found = PriorBBSE(repeats=0).from_probabilities([0, 0, 1, 1, 2, 2], source, np.eye(3)[[2, 2]])
    np.testing.assert_allclose(found, [1 / 3] * 3)


def test_wrong_uses_are_one_clear_error():
    y, source, target, _ = population()
    em = PriorEM(repeats=0)
    with pytest.raises(LabelError, match=r"no labeled row of the classes \[2\]"):
        em.from_probabilities(np.where(y == 2, 0, y), source, target)
    with pytest.raises(ShapeError, match="of 3 and of 2 classes"):
        em.from_probabilities(y, source, np.full((4, 2), 0.5))
    with pytest.raises(ShapeError, match="sum to"):
        em.from_probabilities(y, source, target / 2)
    with pytest.raises(LabelError, match="4 labeled rows of 4"):
        em.estimate(np.zeros((4, 1)), np.array([0, 1, 0, 1]))
    with pytest.raises(ParameterError, match="both above 0"):
        PriorEM(tolerance=0, repeats=0).from_probabilities(y, source, target)


# ------------------------------------------------------------------ QuaPy, given the same posteriors


@pytest.mark.parametrize("seed", range(3))
def test_quapy_says_the_same(seed):
    quapy = pytest.importorskip("quapy.method.aggregative", reason="quapy is not installed")
    functional = pytest.importorskip("quapy.functional", reason="quapy is not installed")
    draw = np.random.default_rng(seed)
    k = 2 + seed
    y = np.concatenate([np.arange(k), draw.integers(0, k, 300)])
    t = draw.choice(k, 400, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    source, target = (np.exp(1.5 * np.eye(k)[v] + draw.normal(size=(len(v), k))) for v in (y, t))
    source, target = source / source.sum(1, keepdims=True), target / target.sum(1, keepdims=True)
    prior = np.bincount(y) / len(y)
    q, _ = quapy.EMQ.EM(prior, target, epsilon=1e-13)
    ours = PriorEM(repeats=0, tolerance=1e-13).from_probabilities(y, source, target)
    assert ours == pytest.approx(q, abs=1e-9)
    for soft, peer, told in ((False, quapy.ACC, source.argmax(1)), (True, quapy.PACC, source)):
        rates = peer.getPteCondEstim(np.arange(k), y, told)
        counts = target.mean(0) if soft else np.bincount(target.argmax(1), minlength=k) / len(target)
        q = quapy.ACC.solve_adjustment(rates, counts, method="inversion", solver="exact-raise")
        q = functional.normalize_prevalence(q, method="clip")
        assert PriorBBSE(repeats=0, soft=soft).from_probabilities(y, source, target) == pytest.approx(q, abs=1e-9)
        counted = ClassifyAndCount(repeats=0, soft=soft).from_probabilities(y, source, target)
        assert counted == pytest.approx(counts, abs=1e-12)
