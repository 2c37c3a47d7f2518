"""Measures against soft labels, and the Bayesian risk of a label: formulas, identities, extremes."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, pearsonr
from sklearn.metrics import f1_score

from sfumato import score
from sfumato.checks import check
from sfumato.core.errors import LabelError, ParameterError, SfumatoError, ShapeError

RNG = np.random.default_rng(0)
D, P = RNG.dirichlet(np.ones(4), (2, 200))
Y = RNG.integers(0, 4, 200)
SURE = np.eye(4)[Y]


def test_divergences_are_scipy_s():
    assert np.allclose(score.soft_cross_entropy(D, P), entropy(D, axis=1) + entropy(D, P, axis=1), rtol=1e-12)
    assert np.allclose(score.jensen_shannon(D, P), jensenshannon(D, P, axis=1) ** 2, rtol=1e-9)
    assert np.allclose(score.jensen_shannon(np.eye(2), np.eye(2)[::-1]), math.log(2))
    assert np.allclose(score.jensen_shannon(D, D), 0, atol=1e-15)
    assert score.soft_cross_entropy(np.eye(2), np.eye(2)[::-1])[0] == pytest.approx(-math.log(1e-12))


def test_cross_entropy_of_sure_labels_is_the_negative_log_likelihood():
    assert np.allclose(score.soft_cross_entropy(SURE, P), -np.log(P[np.arange(200), Y]), rtol=1e-13)


def test_entropy_correlation_is_pearson_s():
    found = score.entropy_correlation(D, P)
    assert found == pytest.approx(pearsonr(entropy(D, axis=1), entropy(P, axis=1)).statistic, rel=1e-9)
    assert score.entropy_correlation(D, D[:, ::-1]) == pytest.approx(1, abs=1e-12)
    assert math.isnan(score.entropy_correlation(SURE, P))


def test_calibration_error_by_hand_and_of_a_prediction_that_is_right():
    d = np.array([[0.7, 0.3], [0.5, 0.5], [0.2, 0.8]])
    p = np.array([[0.9, 0.1], [0.91, 0.09], [0.4, 0.6]])
    # bins of 1/15: the first two rows share (13.5, 13.65 -> 13), the third is alone
    byhand = (abs((0.7 + 0.5) - (0.9 + 0.91)) + abs(0.8 - 0.6)) / 3
    assert score.soft_calibration_error(d, p) == pytest.approx(byhand, rel=1e-12)
    assert score.soft_calibration_error(D, D) == pytest.approx(0, abs=1e-12)
    assert score.soft_calibration_error(SURE, SURE) == 0


def test_inclusive_f1_is_scikit_learn_s_on_the_binary_table():
    # votes (A, S, S, N, A) of four classes name A and S
    votes = np.array([[0.4, 0.4, 0.2, 0.0]])
    assert score.inclusive_f1(votes, np.array([[0.5, 0.5, 0, 0]])) == 1
    a, b = D > 0.25, P > 0.25
    assert score.inclusive_f1(D, P) == pytest.approx(f1_score(a, b, average="macro"), rel=1e-12)
    level = np.full((1, 3), 1 / 3)
    assert math.isnan(score.inclusive_f1(level, np.eye(3)[:1]))
    both = score.inclusive_f1(np.vstack([level, np.eye(3)[:1]]), np.vstack([np.eye(3)[1:2], np.eye(3)[:1]]))
    assert both == 1  # the even row names no class and is left out


def test_all_measures_together():
    found = score.soft_label_measures(D, P)
    assert found["brier"] == pytest.approx(((D - P) ** 2).sum(1).mean(), rel=1e-12)
    assert found["kullback-leibler"] == pytest.approx(entropy(D, P, axis=1).mean(), rel=1e-10)
    assert found["accuracy"] == pytest.approx((D.argmax(1) == P.argmax(1)).mean(), rel=1e-14)
    tied = score.soft_label_measures(np.array([[0.5, 0.5, 0]]), np.array([[0.2, 0.7, 0.1]]))
    assert tied["accuracy"] == 0.5
    perfect = score.soft_label_measures(D, D)
    assert perfect["jensen-shannon"] == 0 and perfect["entropy-correlation"] == pytest.approx(1)
    order = RNG.permutation(200)
    again = score.soft_label_measures(D[order], P[order])
    assert all(again[k] == pytest.approx(v, rel=1e-9) for k, v in found.items())


def test_bayesian_risk_of_the_best_and_of_a_given_label():
    assert np.allclose(score.bayesian_risk(P), 1 - P.max(1), rtol=1e-12)
    assert np.allclose(score.bayesian_risk(P, Y), 1 - P[np.arange(200), Y], rtol=1e-12)
    assert np.allclose(score.BayesianRisk().score(Y, P), score.SelfConfidence().score(Y, P), rtol=1e-12)
    c = P[:, :2] / P[:, :2].sum(1, keepdims=True)
    assert np.allclose(score.bayesian_risk(c), np.minimum(c[:, 0], c[:, 1]), rtol=1e-12)


def test_bayesian_risk_with_a_loss_is_the_expectation_by_enumeration():
    loss = RNG.uniform(0, 3, (4, 4))
    expected = np.array([sum(P[i, k] * loss[k, Y[i]] for k in range(4)) for i in range(200)])
    assert np.allclose(score.bayesian_risk(P, Y, loss), expected, rtol=1e-12)
    assert np.allclose(score.BayesianRisk(tuple(map(tuple, loss))).score(Y, P), expected, rtol=1e-12)
    every = np.stack([score.bayesian_risk(P, np.full(200, a), loss) for a in range(4)])
    assert np.allclose(score.bayesian_risk(P, loss=loss), every.min(0), rtol=1e-12)
    reject = np.column_stack([1 - np.eye(4), np.full(4, 0.2)])  # a fifth label: ask again
    assert np.allclose(score.bayesian_risk(P, loss=reject), np.minimum(1 - P.max(1), 0.2), rtol=1e-12)


@pytest.mark.parametrize("method", [score.SoftLabelDivergence, score.BayesianRisk])
def test_the_contract(method):
    check(method)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: score.soft_cross_entropy(D, P[:5]), ShapeError),
        (lambda: score.jensen_shannon(D, 2 * P), ParameterError),
        (lambda: score.soft_calibration_error(D, P, bins=0), ParameterError),
        (lambda: score.bayesian_risk(P, Y + 1), LabelError),
        (lambda: score.bayesian_risk(P, Y[:5]), ShapeError),
        (lambda: score.bayesian_risk(P - 1), ShapeError),
        (lambda: score.bayesian_risk(P, loss=np.eye(3)), ParameterError),
        (lambda: score.bayesian_risk(P, Y, np.ones((4, 5))), ParameterError),
        (lambda: score.bayesian_risk(P, loss=np.full((4, 4), np.nan)), ParameterError),
    ],
)
def test_wrong_uses_are_named(call, error):
    with pytest.raises(error) as raised:
        call()
    assert isinstance(raised.value, SfumatoError)
