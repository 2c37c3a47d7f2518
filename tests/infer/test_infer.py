"""The moment engine against independent formulas, identities between the methods, and small seeded coverage."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.special import expit
from scipy.stats import binom, norm
from scipy.stats import t as student
from sklearn.linear_model import LinearRegression

import sfumato as sf
from sfumato.core.errors import DivergedError, LabelError, NeedError, ParameterError, RefusedError, ShapeError
from sfumato.infer import DSL, PPI, CrossPPI, DesignWarning, PPIPlusPlus, expected_width, labels_needed
from sfumato.infer.crossfit import folds_of

Floats = NDArray[np.float64]
FAMILIES = ("linear", "logistic", "poisson")
MEAN = {"linear": lambda e: e, "logistic": expit, "poisson": np.exp}
SLOPE = {
    "linear": np.ones_like,
    "logistic": lambda e: expit(e) * (1 - expit(e)),
    "poisson": np.exp,
}


def world(seed: int = 0, rows: int = 600, share: float = 0.25) -> tuple[Floats, Floats, Floats, Floats, Any]:
    """truth with NaN, truth, surrogate, X, labelled."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2))
    y = (rng.random(rows) < expit(0.3 + x @ [0.8, -0.5])).astype(float)
    f = np.where(rng.random(rows) < 0.1 + 0.2 * (x[:, 0] > 0), 1 - y, y)
    labelled = np.zeros(rows, bool)
    labelled[rng.choice(rows, int(share * rows), replace=False)] = True
    return np.where(labelled, y, np.nan), y, f, x, labelled


def glm(family: str, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Coefficients by a general root finder, inverse Hessian and gradients, as a textbook has them."""
    theta = root(lambda t: x.T @ (MEAN[family](x @ t) - y) / len(y), np.zeros(x.shape[1]), tol=1e-13).x
    inverse = np.linalg.inv((x * SLOPE[family](x @ theta)[:, None]).T @ x / len(y))
    return theta, inverse, x * (MEAN[family](x @ theta) - y)[:, None]


def one(x: Floats) -> Floats:
    return np.column_stack([np.ones(len(x)), x])


# ---------------------------------------------------------------- against formulas


def test_ppi_mean_is_the_formula() -> None:
    truth, y, f, _, r = world()
    got = PPI().fit(truth, f)
    n, N = r.sum(), (~r).sum()
    error = np.sqrt(f[~r].var(ddof=1) / N + (y - f)[r].var(ddof=1) / n)
    assert got.estimate[0] == pytest.approx(f[~r].mean() + (y - f)[r].mean(), abs=1e-14)
    assert got.std_error[0] == pytest.approx(error, rel=1e-12)
    assert got.high[0] - got.low[0] == pytest.approx(2 * norm.isf(0.025) * error, rel=1e-12)


def test_ppi_plus_plus_mean_has_the_least_variance() -> None:
    truth, y, f, _, r = world()
    n, N = r.sum(), (~r).sum()
    lam = (np.cov(y[r], f[r])[0, 1] / n) / (f[r].var(ddof=1) / n + f[~r].var(ddof=1) / N)
    got = PPIPlusPlus().fit(truth, f)
    assert got.lam[0] == pytest.approx(lam, rel=1e-12)
    assert got.estimate[0] == pytest.approx(lam * f[~r].mean() + (y - lam * f)[r].mean(), abs=1e-14)
    error = np.sqrt(lam**2 * f[~r].var(ddof=1) / N + (y - lam * f)[r].var(ddof=1) / n)
    assert got.std_error[0] == pytest.approx(error, rel=1e-12)
    assert got.std_error[0] <= min(PPI().fit(truth, f).std_error[0], got.gold.std_error[0])  # type: ignore[union-attr]


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_only_is_the_classical_sandwich(family: str) -> None:
    truth, y, f, x, r = world()
    gold = PPI(family).fit(truth, f, x).gold
    assert gold is not None
    theta, inverse, g = glm(family, one(x[r]), y[r])
    n = r.sum()
    robust = inverse @ (g.T @ g / n) @ inverse / (n - 1)
    assert np.allclose(gold.estimate, theta, atol=1e-9)
    assert np.allclose(gold.covariance, robust, rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_perfect_predictions_give_the_unlabelled_sample_s_estimate(family: str) -> None:
    truth, y, _, x, r = world()
    got = PPI(family).fit(truth, y, x)
    theta, inverse, g = glm(family, one(x[~r]), y[~r])
    assert np.allclose(got.estimate, theta, atol=1e-9)
    N = (~r).sum()
    assert np.allclose(got.covariance, inverse @ (g.T @ g / N) @ inverse / (N - 1), rtol=1e-6)


def test_perfect_predictions_tuned_pool_both_samples() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=80)
    both = np.concatenate([y, rng.permutation(y)])  # equal variances: lambda is exactly N / (n + N)
    got = PPIPlusPlus().fit(np.where(np.arange(160) < 80, both, np.nan), both)
    assert got.lam[0] == pytest.approx(0.5, rel=1e-12)
    assert got.std_error[0] ** 2 == pytest.approx(y.var(ddof=1) / 160, rel=1e-12)
    assert PPI().fit(np.where(np.arange(160) < 80, both, np.nan), both).std_error[0] ** 2 == pytest.approx(
        y.var(ddof=1) / 80, rel=1e-12
    )


def test_linear_dsl_is_the_closed_form_for_outcome_and_covariate() -> None:
    _, y, _, x, r = world()
    rng = np.random.default_rng(5)
    guess = x + np.array([0.6, 0]) * rng.normal(size=x.shape)
    chance = np.where(x[:, 1] > 0, 0.4, 0.2)
    r = rng.random(len(y)) < chance
    X = x.copy()
    X[~r, 0] = np.nan
    got = DSL("linear", learner=None).fit(y, None, X, X_predicted=guess, chance=chance)
    t, p, d = one(x), one(guess), (r / chance)[:, None]
    xx = (t * d).T @ t + (p * (1 - d)).T @ p
    theta = np.linalg.solve(xx, (t * d).T @ y + (p * (1 - d)).T @ y)
    assert np.allclose(got.estimate, theta, atol=1e-10)
    m = d * t * (y - t @ theta)[:, None] + (1 - d) * p * (y - p @ theta)[:, None]
    inverse = np.linalg.inv(xx)
    M = len(y)
    assert np.allclose(got.covariance, inverse @ (m.T @ m) @ inverse.T * M / (M - 1), rtol=1e-9)


def test_clusters_sum_moments_within() -> None:
    truth, y, f, _, r = world()
    cluster = np.arange(len(y)) // 6
    got = DSL(learner=None).fit(truth, f, clusters=cluster)
    m = np.where(r, f + (y - f) / r.mean(), f)
    sums = np.bincount(cluster, weights=m - m.mean())
    G = len(sums)
    assert got.std_error[0] ** 2 == pytest.approx((sums**2).sum() * G / (G - 1) / len(y) ** 2, rel=1e-12)


def test_fixed_effects_are_the_within_estimate() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(20), 30)
    x = rng.normal(size=(600, 1)) + group[:, None] / 5
    y = 2 * x[:, 0] - group + rng.normal(size=600)
    truth = np.where(np.arange(600) % 3 == 0, y, np.nan)
    got = DSL("linear", learner=None, intercept=False).fit(truth, y, x, groups=group)

    def within(v: Floats) -> Floats:
        return v - (np.bincount(group, weights=v) / 30)[group]

    assert got.names == ("x1",)
    assert got.estimate[0] == pytest.approx(within(x[:, 0]) @ within(y) / (within(x[:, 0]) @ within(x[:, 0])), rel=1e-9)


def test_quantile_inverts_the_rectified_distribution_function() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=400)
    f = y + 0.5 * rng.normal(size=400) + 0.5
    r = np.arange(400) < 100
    got = PPI("quantile", q=0.7).fit(np.where(r, y, np.nan), f)
    grid = np.unique(np.concatenate([y[r], f]))
    kept, F = [], []
    for t in grid:
        moved = (y[r] <= t) * 1.0 - (f[r] <= t)
        F.append((f[~r] <= t).mean() + moved.mean())
        variance = (f[~r] <= t).var(ddof=1) / 300 + moved.var(ddof=1) / 100
        kept.append(abs(F[-1] - 0.7) <= norm.isf(0.025) * np.sqrt(variance))
    accepted = np.flatnonzero(kept)
    assert got.estimate[0] == grid[np.flatnonzero(np.array(F) >= 0.7 - 1e-12)[0]]
    assert got.low[0] == grid[accepted[0]]
    assert got.high[0] == grid[accepted[-1] + 1]


def test_cross_ppi_quantile_averages_the_steps_of_its_models() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 2))
    y = x[:, 0] + rng.normal(size=300)
    r = np.arange(300) < 60
    got = CrossPPI("quantile", q=0.6, learner=LinearRegression(), folds=3).fit(np.where(r, y, np.nan), x)
    fold = folds_of(r, None, 3, 0, 0)
    models = [LinearRegression().fit(x[r & (fold != k)], y[r & (fold != k)]) for k in range(3)]
    f = np.stack([m.predict(x) for m in models], 1)
    own = f[np.arange(300), fold][r]
    grid = np.unique(np.concatenate([y[r], own, f[~r].ravel()]))
    kept, F = [], []
    for t in grid:
        moved = (y[r] <= t) * 1.0 - (own <= t)
        steps = (f[~r] <= t).mean(1)
        F.append(steps.mean() + moved.mean())
        kept.append(abs(F[-1] - 0.6) <= norm.isf(0.025) * np.sqrt(steps.var(ddof=1) / 240 + moved.var(ddof=1) / 60))
    accepted = np.flatnonzero(kept)
    assert got.estimate[0] == grid[np.flatnonzero(np.array(F) >= 0.6 - 1e-12)[0]]
    assert (got.low[0], got.high[0]) == (grid[accepted[0]], grid[accepted[-1] + 1])


# ---------------------------------------------------------------- identities


def test_cross_ppi_of_models_that_agree_is_ppi() -> None:
    class Told(LinearRegression):  # type: ignore[misc]
        """The first feature is the prediction."""

        def predict(self, X: Floats) -> Floats:
            return X[:, 0]

    truth, _, f, x, _ = world()
    f = f + x[:, 0]
    for family in ("mean", "quantile", "linear"):
        X = x if family == "linear" else None
        a = CrossPPI(family, learner=Told(), folds=4).fit(truth, f[:, None], X)
        b = PPI(family).fit(truth, f, X)
        assert np.allclose(a.estimate, b.estimate, rtol=1e-9)
        assert np.allclose([a.low, a.high], [b.low, b.high], rtol=1e-9)


@pytest.mark.parametrize("family", ("mean", "quantile", *FAMILIES))
def test_pooled_ppi_is_dsl_with_its_predictions(family: str) -> None:
    truth, _, f, x, _ = world()
    X = None if family in ("mean", "quantile") else x
    a, b = PPI(family, pooled=True).fit(truth, f, X), DSL(family, learner=None).fit(truth, f, X)
    assert np.allclose(a.estimate, b.estimate, atol=1e-12)
    assert np.allclose(a.std_error, b.std_error, rtol=1e-12)


def test_an_elementwise_lambda_is_the_overall_one_for_the_mean() -> None:
    truth, _, f, _, _ = world()
    a, b = PPIPlusPlus(elementwise=True).fit(truth, f), PPIPlusPlus().fit(truth, f)
    assert a.lam == b.lam
    assert a.estimate == b.estimate
    assert a.std_error == b.std_error


def test_an_elementwise_lambda_has_each_coefficient_s_least_variance() -> None:
    truth, _, f, x, r = world()
    lam = PPIPlusPlus("linear", elementwise=True).fit(truth, f, x).lam
    n, N, X = r.sum(), (~r).sum(), one(x)
    theta, inverse, true = glm("linear", X[r], truth[r])
    pred = X * (X @ theta - f)[:, None]

    def variance(lam: Any) -> Floats:
        rest = np.cov(((true - lam * pred[r]) @ inverse).T) / n
        return np.asarray(np.diag(rest + np.cov((lam * pred[~r] @ inverse).T) / N))

    for j in range(3):
        least = variance(lam[j])[j]
        assert all(least <= variance(other)[j] * (1 + 1e-9) for other in np.linspace(0, 1, 21))


@pytest.mark.parametrize("family", ("mean", "quantile", *FAMILIES))
def test_row_order_changes_nothing(family: str) -> None:
    truth, _, f, x, _ = world()
    X = None if family in ("mean", "quantile") else x
    order = np.random.default_rng(0).permutation(len(f))
    a = PPIPlusPlus(family).fit(truth, f, X)
    b = PPIPlusPlus(family).fit(truth[order], f[order], None if X is None else X[order])
    assert np.allclose(a.estimate, b.estimate, rtol=1e-9)
    assert np.allclose(a.std_error, b.std_error, rtol=1e-9)


def test_useless_predictions_are_left_out() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    got = PPIPlusPlus().fit(np.where(np.arange(300) < 100, y, np.nan), -y)
    assert got.lam[0] == 0
    assert got.gold is not None
    assert got.std_error[0] == got.gold.std_error[0]


def test_splits_are_combined_by_medians() -> None:
    truth, _, f, x, _ = world()
    got = DSL("linear", learner=LinearRegression(), splits=3).fit(truth, f, x)
    again = DSL("linear", learner=LinearRegression(), splits=3).fit(truth, f, x)
    assert (got.estimate == again.estimate).all()
    from sfumato.infer.dsl import combined

    first = DSL("linear", learner=LinearRegression(), splits=1).fit(truth, f, x)
    same = combined([first, first, first])
    assert np.allclose(same.std_error, first.std_error, rtol=1e-12)
    assert not (got.estimate == first.estimate).all()


# ---------------------------------------------------------------- coverage


def share_of_ones() -> float:
    """P(y = 1) in ``world``: a logistic of one normal, integrated on a grid."""
    z = np.linspace(-9, 9, 20001)
    return float(np.trapezoid(expit(0.3 + np.hypot(0.8, 0.5) * z) * norm.pdf(z), z))


@pytest.mark.parametrize(
    "fit",
    [
        lambda t, f, x: PPI().fit(t, f),
        lambda t, f, x: PPIPlusPlus().fit(t, f),
        lambda t, f, x: CrossPPI(learner=LinearRegression(), folds=5).fit(t, np.column_stack([f, x])),
        lambda t, f, x: DSL(learner=LinearRegression(), splits=1).fit(t, f, features=x),
    ],
    ids=["ppi", "ppi-plus-plus", "cross-ppi", "dsl"],
)
def test_nominal_intervals_hold_the_truth(fit: Any) -> None:
    runs, p, held, naive = 200, share_of_ones(), 0, 0
    for seed in range(runs):
        truth, _, f, x, _ = world(seed, rows=500, share=0.2)
        f = np.where((f == 0) & (x[:, 0] > 0.5), 1.0, f)  # more errors, all one way
        got = fit(truth, f, x)
        held += int(got.low[0] <= p <= got.high[0])
        naive += int(abs(f.mean() - p) <= norm.isf(0.025) * f.std() / np.sqrt(len(f)))
    low, high = binom.ppf([0.001, 0.999], runs, 0.95)  # what an exact 95 % interval would do 998 times of 1,000
    assert low <= held <= high
    assert naive < low


@pytest.mark.parametrize("family", ("mean", "linear"))
def test_bootstrap_agrees_with_the_normal_interval(family: str) -> None:
    truth, _, f, x, _ = world(rows=1200)
    X = x if family == "linear" else None
    a, b, again = (PPI(family, bootstrap=k, seed=1).fit(truth, f, X) for k in (0, 200, 200))
    assert (a.estimate == b.estimate).all()
    assert np.allclose(a.std_error, b.std_error, rtol=0.2)  # 200 draws: 5 % of chance each
    assert (b.low == again.low).all()


def test_bootstrap_of_clusters_draws_whole_clusters() -> None:
    _, y, f, _, _ = world(rows=1200)
    cluster = np.arange(1200) // 10
    y, f = y[cluster * 10], f[cluster * 10]  # ten copies of each row
    r = cluster % 4 == 0
    truth = np.where(r, y, np.nan)
    a, b = (DSL(learner=None, bootstrap=k).fit(truth, f, clusters=cluster) for k in (0, 200))
    assert b.std_error[0] == pytest.approx(a.std_error[0], rel=0.25)
    assert b.std_error[0] > 2 * DSL(learner=None, bootstrap=200).fit(truth, f).std_error[0]


# ---------------------------------------------------------------- Student's intervals


def test_student_s_degrees_of_freedom_are_satterthwaite_s() -> None:
    truth, y, f, _, r = world()
    n, N = r.sum(), (~r).sum()
    parts = [((y - f)[r], n), (f[~r], N)]  # two samples: V = sum of s^2 / n, and the doubt of each s^2 from its rows
    squares = [(v - v.mean()) ** 2 / (k * (k - 1)) for v, k in parts]
    df = 2 * sum(q.sum() for q in squares) ** 2 / sum(len(q) * q.var() for q in squares)
    plain, got = PPI().fit(truth, f), PPI(interval="student").fit(truth, f)
    assert got.df[0] == pytest.approx(df, rel=1e-10)
    assert got.std_error[0] == plain.std_error[0]
    assert got.width[0] / plain.width[0] == pytest.approx(student.isf(0.025, df) / norm.isf(0.025), rel=1e-12)
    assert got.p[0] == pytest.approx(2 * student.sf(abs(got.z[0]), df))
    assert json.loads(json.dumps(got.to_dict()))["coefficients"][0]["df"] == got.df[0]
    assert plain.to_dict()["coefficients"][0]["df"] is None


def test_influences_of_one_size_leave_the_normal_interval() -> None:
    y = np.tile([-1.0, 1.0], 20)
    truth = np.concatenate([y, np.full(60, np.nan)])
    got = PPI(interval="student").fit(truth, np.zeros(100))
    assert got.df[0] > 1e12
    assert got.width[0] == pytest.approx(PPI().fit(truth, np.zeros(100)).width[0], rel=1e-9)


@pytest.mark.parametrize("cls", [PPIPlusPlus, DSL])
def test_clusters_count_as_the_rows_of_a_student_interval(cls: Any) -> None:
    _, y, f, x, _ = world(rows=400)
    keep = np.arange(4000) // 10  # ten copies of each row
    r = keep % 4 == 0
    told = {"learner": None} if cls is DSL else {}
    a = cls("linear", interval="student", **told).fit(np.where(r, y[keep], np.nan), f[keep], x[keep], clusters=keep)
    alone = r[::10]
    b = cls("linear", interval="student", **told).fit(np.where(alone, y, np.nan), f, x, clusters=np.arange(400))
    assert a.df == pytest.approx(b.df, rel=1e-8)
    assert (a.df < 400).all()


def test_a_quantile_s_test_is_inverted_at_student_s_level() -> None:
    rng = np.random.default_rng(0)
    y = rng.exponential(size=200)
    r = np.arange(200) < 30
    plain, got = (PPI("quantile", interval=how).fit(np.where(r, y, np.nan), y + 1) for how in ("normal", "student"))
    assert np.isfinite(got.df[0])
    level = 1 - 2 * norm.sf(student.isf(0.025, got.df[0]))
    same = PPI("quantile", level=level).fit(np.where(r, y, np.nan), y + 1)
    assert (got.low[0], got.high[0]) == (same.low[0], same.high[0])
    assert got.width[0] >= plain.width[0]


def test_splits_share_their_middle_degrees_of_freedom() -> None:
    truth, _, f, x, _ = world()
    got = DSL("linear", learner=LinearRegression(), splits=3, interval="student").fit(truth, f, x)
    assert got.df.shape == (3,)
    assert got.width == pytest.approx(2 * student.isf(0.025, got.df) * got.std_error)


# ---------------------------------------------------------------- power


@pytest.mark.parametrize(
    "method",
    [PPI(), PPIPlusPlus(interval="student"), PPI("linear"), DSL("linear", learner=None, interval="student")],
)
def test_the_expected_width_at_the_pilot_s_labels_is_the_pilot_s(method: Any) -> None:
    truth, _, f, x, r = world(rows=3000)
    got = method.fit(truth, f, x if method.estimand == "linear" else None)
    assert expected_width(got, int(r.sum())) == pytest.approx(got.width[0], rel=0.05)


@pytest.mark.parametrize("method", [PPIPlusPlus("linear"), DSL("linear", learner=None)])
def test_the_expected_width_of_a_clustered_pilot_keeps_its_design_effect(method: Any) -> None:
    _, y, f, x, _ = world(rows=4000)
    cluster = np.arange(4000) // 10
    y, f, x = y[cluster * 10], f[cluster * 10], x[cluster * 10]  # ten copies of each row
    r = cluster % 4 == 0
    got = method.fit(np.where(r, y, np.nan), f, x, clusters=cluster)
    assert expected_width(got, int(r.sum())) == pytest.approx(got.width[0], rel=0.1)
    assert got.gold is not None
    assert expected_width(got, int(r.sum()), gold=True) == pytest.approx(got.gold.width[0], rel=0.1)
    alone = method.fit(np.where(r, y, np.nan), f, x)
    assert got.effect == pytest.approx([10] * len(got.names), rel=0.05)
    assert expected_width(alone, 500) < 0.4 * expected_width(got, 500)


def test_labels_needed_is_the_least_number_that_is_enough() -> None:
    truth, _, f, _, r = world(rows=3000)
    got = PPIPlusPlus().fit(truth, f)
    wanted = float(got.width[0]) * 1.2
    n = labels_needed(got, wanted)
    assert expected_width(got, n) <= wanted < expected_width(got, n - 1)
    assert n < labels_needed(got, wanted, gold=True)
    with pytest.raises(ParameterError, match="rows reach"):
        labels_needed(got, 1e-6)
    with pytest.raises(ParameterError, match="coefficient 'age'"):
        labels_needed(got, 0.1, "age")


# ---------------------------------------------------------------- tables and doors


def test_the_table_as_text_and_as_a_dict() -> None:
    truth, _, f, x, _ = world()
    got = PPI("logistic").fit(truth, f, x, names=["a\u202eb", "age"])
    text = str(got)
    assert "std err" in text
    assert "age" in text
    assert "\u202e" not in text
    told = json.loads(json.dumps(got.to_dict()))
    assert [c["name"] for c in told["coefficients"]][2] == "age"
    assert told["coefficients"][2]["p"] == pytest.approx(2 * norm.sf(abs(got.estimate[2] / got.std_error[2])))
    assert told["gold"]["method"] == "gold only"


def test_the_cards_stand_in_the_catalogue() -> None:
    assert {c.name for c in sf.methods("infer")} == {"ppi", "ppi-plus-plus", "cross-ppi", "dsl"}


T, F = np.array([1.0, 0, 1, np.nan, np.nan, np.nan]), np.array([1.0, 0, 1, 1, 0, 0])


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: PPI("median").fit(T, F), ParameterError, "estimand='median'"),
        (lambda: PPI(level=1).fit(T, F), ParameterError, "level=1"),
        (lambda: PPI(bootstrap=3).fit(T, F), ParameterError, "bootstrap=3"),
        (lambda: PPI(interval="t").fit(T, F), ParameterError, "interval='t'"),
        (lambda: PPI(interval="student", bootstrap=50).fit(T, F), ParameterError, "with a bootstrap"),
        (lambda: PPI().fit(T, F[:5]), ShapeError, "predicted of shape"),
        (lambda: PPI().fit(T), NeedError, "no predictions for predicted"),
        (lambda: PPI().fit(F, F), LabelError, "no row without its true label"),
        (lambda: PPI().fit(T, T), LabelError, "not finite"),
        (lambda: PPI().fit(["a"] * 6, F), LabelError, "no numbers"),
        (lambda: PPI("linear").fit(T, F), NeedError, "no X"),
        (lambda: PPI().fit(T, F, F), ParameterError, "with X"),
        (lambda: PPI("logistic").fit(T * 3, F, F), LabelError, "outside"),
        (lambda: PPI("poisson").fit(-T, F, F), LabelError, "negative"),
        (lambda: PPI("linear").fit(T, F, T[::-1]), LabelError, "in part"),
        (lambda: PPI("linear").fit(T, F, F, names=["a", "b"]), ShapeError, "2 names"),
        (lambda: PPI("linear").fit(T, F, np.ones(6)), DivergedError, "collinear"),
        (lambda: PPI("quantile").fit(T, F, clusters=[0, 0, 1, 1, 2, 2]), RefusedError, "clustered"),
        (lambda: CrossPPI(folds=9).fit(T, F), ParameterError, "folds=9"),
        (lambda: CrossPPI(learner=3, folds=3).fit(T, F), ParameterError, "learner=3"),
        (lambda: DSL(folds=3).fit(T), NeedError, "nothing that the learner can read"),
        (lambda: DSL(splits=0).fit(T, F), ParameterError, "splits=0"),
        (lambda: DSL(learner=None).fit(T, F, chance=0.0), ParameterError, "outside"),
        (lambda: DSL(learner=None).fit(T, F, chance=1.0), ParameterError, "chance 1"),
    ],
)
def test_wrong_uses_are_named(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_chances_that_do_not_fit_the_design_warn() -> None:
    truth, _, f, _, _ = world()
    with pytest.warns(DesignWarning, match="150 rows are labelled"):
        DSL(learner=None).fit(truth, f, chance=0.8)
