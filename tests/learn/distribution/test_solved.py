"""Methods that are solved in one go: each against an independent derivation, and through the Classifier."""

import numpy as np
import pytest
import torch
from scipy.linalg import solve_sylvester
from scipy.optimize import minimize

from sfumato import Classifier, checks, load
from sfumato.core.errors import ParameterError, RefusedError
from sfumato.labels import Distribution, Noisy
from sfumato.learn.distribution.aa_knn import AAKNN
from sfumato.learn.distribution.ldl_biased import BiasedLDL
from sfumato.learn.distribution.ldl_scl import LDLSCL
from sfumato.learn.distribution.ldsvr import LDSVR
from sfumato.learn.distribution.sa_bfgs import SABFGS
from sfumato.learn.distribution.tlrldl import TLRLDL
from sfumato.parts.low_rank import as_large_as, leading, shrunk
from sfumato.parts.maxent import chosen_ridge
from sfumato.parts.ridge import RIDGES, best_ridge

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
W = RNG.normal(size=(4, 3))
LOGITS = X @ W + 0.5 * RNG.normal(size=(60, 3))
D = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
LABELS = Distribution.from_matrix(D, ["a", "b", "c"])
METHODS = (SABFGS, AAKNN, LDLSCL, TLRLDL, BiasedLDL, LDSVR)


def solved(objective, x=X, d=D, w=None, **words):
    x, w = torch.from_numpy(x), None if w is None else torch.from_numpy(w)
    return objective.solve(x=x, s=Distribution.from_matrix(d), w=w, **words)


def rng():
    return torch.Generator().manual_seed(3)


def through(objective, tensors, x=X):
    z = objective.predictor(**tensors)(torch.from_numpy(x))
    return torch.softmax(z, 1).numpy()


@pytest.mark.parametrize("cls", METHODS)
def test_the_cards_keep_their_contract(cls):
    assert {r.outcome for r in checks.check(cls)} == {"passed"}


@pytest.mark.parametrize("name", ["sa-bfgs", "aa-knn", "ldl-scl", "tlrldl", "ldl-biased", "ldsvr"])
def test_the_classifier_learns_predicts_and_is_loaded_again(name, tmp_path):
    told = []
    clf = Classifier(method=name, checkpoint=tmp_path / "c", verbose=told.append).fit(X[:45], LABELS[:45])
    p = clf.predict_proba(X[45:])
    assert len(told) == len(clf.history_) == 1 and not (tmp_path / "c").exists()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
    naive = np.abs(D[:45].mean(0) - D[45:]).max(1).mean()
    assert np.abs(p - D[45:]).max(1).mean() < naive
    clf.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(X[45:]), p)
    assert clf.score(X[45:], LABELS[45:]) < 0  # minus a divergence


@pytest.mark.parametrize("cls", [SABFGS, TLRLDL, BiasedLDL, LDSVR])
def test_a_weight_is_a_repetition(cls):
    """With settings that look at no fold of rows."""
    fixed = {SABFGS: {"ridge": 2.0}, TLRLDL: {"beta": 2.0}, BiasedLDL: {"ridge": 2.0}, LDSVR: {"gamma": 0.1}}[cls]
    times = RNG.integers(1, 4, 60)
    twice = solved(cls(**fixed), np.repeat(X, times, 0), np.repeat(D, times, 0))
    weighted = solved(cls(**fixed), w=times.astype(float))
    np.testing.assert_allclose(through(cls(), twice), through(cls(), weighted), atol=2e-5)


def fitted(x, d, ridge):
    """(5, 3) the ridge fit by scipy, the bias last."""

    def loss(flat):
        theta = flat.reshape(5, 3)
        z = x @ theta[:4] + theta[4]
        log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
        slope = np.exp(log_p) - d
        return (
            -(d * log_p).sum() + ridge * (theta[:4] ** 2).sum() / 2,
            np.vstack([x.T @ slope + ridge * theta[:4], slope.sum(0)]).ravel(),
        )

    return minimize(loss, np.zeros(15), jac=True, method="BFGS", options={"gtol": 1e-6}).x.reshape(5, 3)


def test_sa_bfgs_is_the_minimum_that_scipy_finds():
    found = solved(SABFGS(ridge=2.0, tolerance=1e-9))
    np.testing.assert_allclose(found["weight"].numpy(), fitted(X, D, 2.0)[:4], atol=1e-4)


def test_the_ridge_is_the_best_on_held_out_thirds():
    noise = RNG.dirichlet(np.ones(3), 60)

    def lost(ridge):
        total = 0.0
        for f in range(3):
            on = np.arange(60) % 3 != f
            theta = fitted(X[on], noise[on], ridge)
            z = X[~on] @ theta[:4] + theta[4]
            total -= (noise[~on] * (z - np.log(np.exp(z).sum(1, keepdims=True)))).sum()
        return total

    rows = np.column_stack([X, np.ones(60)])
    assert chosen_ridge(rows, noise, np.ones(60)) == min((1, 3, 10, 30, 100, 300, 1000), key=lost) > 1


def test_sa_bfgs_finds_a_truth_that_is_linear():
    z = X @ W
    d = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    p = through(SABFGS(), solved(SABFGS(ridge=0, tolerance=1e-9), d=d))
    assert 0 <= (d * np.log(d / p)).sum(1).mean() < 1e-6  # the search ends where steps gain 1e-9
    rows = np.column_stack([X, np.ones(60)])
    assert chosen_ridge(rows, d, np.ones(60)) == 1  # nothing to guard against
    assert chosen_ridge(rows[:3], d[:3], np.ones(3)) == 1


def test_aa_knn_is_the_mean_of_the_nearest():
    new = RNG.normal(size=(9, 4))
    near = np.argsort(((new[:, None] - X) ** 2).sum(2), 1)[:, :5]
    np.testing.assert_allclose(through(AAKNN(), solved(AAKNN()), new), D[near].mean(1), rtol=1e-12)
    w = RNG.integers(0, 3, 60).astype(float)
    kept = np.flatnonzero(w)
    near = kept[np.argsort(((new[:, None] - X[kept]) ** 2).sum(2), 1)[:, :5]]
    wanted = (w[near][..., None] * D[near]).sum(1) / w[near].sum(1, keepdims=True)
    np.testing.assert_allclose(through(AAKNN(), solved(AAKNN(), w=w), new), wanted, rtol=1e-12)
    few = through(AAKNN(), solved(AAKNN(neighbours=9), X[:4], D[:4]))
    np.testing.assert_allclose(few, np.repeat(D[:4].mean(0)[None], 60, 0), rtol=1e-12)


def test_ldl_scl_ends_where_no_step_gains():
    """Another search by another library, by automatic gradients, finds nothing lower nearby."""
    objective, rows = LDLSCL(ridge=1.0, alpha=0.1, beta=0.01), np.column_stack([X, np.ones(60)])
    centres, share = RNG.dirichlet(np.ones(3), 2), np.full(60, 1 / 60)
    theta, v, code = (torch.from_numpy(np.array(part)) for part in objective._search(rows, D, share, 1 / 60, centres))
    leaves = [theta.requires_grad_(), v.requires_grad_(), code.log().requires_grad_()]
    x, d, g = torch.from_numpy(rows), torch.from_numpy(D), torch.from_numpy(centres)

    def risk():
        theta, v, log_c = leaves
        log_p = torch.log_softmax(x @ theta + log_c.exp() @ v, 1)
        far = ((log_p.exp()[:, None] - g) ** 2).mean(2)
        each = -(d * log_p).sum(1) + 0.1 * (log_c.exp() * far).mean(1) + 0.01 * (-log_c).exp().mean(1)
        return each.mean() + (theta[:4].square().sum() + v.square().sum()) / 120

    search = torch.optim.LBFGS(leaves, max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        value = risk()
        value.backward()
        return value

    begin = float(risk().detach())
    search.step(closure)
    assert 0 <= begin - float(risk().detach()) < 1e-3 * begin
    objective.solve(torch.from_numpy(X), LABELS, None, rng())


def test_low_rank_parts():
    a = RNG.normal(size=(6, 4))
    np.testing.assert_allclose(shrunk(a, 0), a, atol=1e-12)
    tau, z = 0.7, shrunk(a, 0.7)

    def value(m):
        return ((m - a) ** 2).sum() / 2 + tau * np.linalg.svd(m, compute_uv=False).sum()

    assert all(value(z) < value(z + 1e-3 * RNG.normal(size=a.shape)) for _ in range(50))
    shares = np.array([[0.5, 0.3, 0.2], [0.2, 0.4, 0.4], [1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(leading(shares, 0.5), [[1, 0, 0], [0, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(leading(shares, 0.6), [[1, 1, 0], [0, 1, 1], [1, 0, 0]])
    assert np.linalg.norm(as_large_as(a, 3 * a)) == pytest.approx(3 * np.linalg.norm(a))
    assert not as_large_as(np.zeros((2, 2)), a).any()


def test_best_ridge_by_hand():
    def held_out(ridge):
        lost = 0.0
        for f in range(3):
            on = np.arange(60) % 3 != f
            theta = np.linalg.solve(X[on].T @ X[on] + ridge * np.eye(4), X[on].T @ D[on])
            lost += ((X[~on] @ theta - D[~on]) ** 2).sum()
        return lost

    assert best_ridge(X, D) == min(RIDGES, key=held_out)


def _prepared(shares):
    x, d, told = X - X.mean(0), shares - shares.mean(0), leading(shares, 0.5)
    told = told - told.mean(0)
    return x, d, as_large_as(told, d)


def test_tlrldl_with_the_mixture_of_rows_written_out():
    x, d, told = _prepared(D)
    objective, beta, rho = TLRLDL(beta=0.5, alpha=0.05, penalty=0.1), 0.5, 0.1
    w, z, dual = np.linalg.solve(x.T @ x + 2 * beta * np.eye(4), x.T @ d), told, np.zeros_like(d)
    for _ in range(100):
        made, before = x @ w, w
        o = np.linalg.solve((1 + rho) * made @ made.T + 2 * beta * np.eye(60), made @ (told + rho * z - dual).T)
        y = o.T @ x
        system = x.T @ x + 2 * beta * np.eye(4) + (1 + rho) * y.T @ y
        w = np.linalg.solve(system, x.T @ d + y.T @ (told + rho * z - dual))
        z = shrunk(y @ w + dual / rho, 0.05 / rho)
        dual = dual + rho * (y @ w - z)
        rho *= 1.1
        if np.abs(w - before).max() < 1e-3 * np.abs(w).max():
            break
    np.testing.assert_allclose(solved(objective)["weight"].numpy(), w, atol=1e-8)


def test_ldl_biased_with_a_sylvester_equation():
    mild = 0.3 * D + 0.7 / 3
    x, d, told = _prepared(mild)
    ridge, given, z, dual = 2.0, d, told, np.zeros_like(d)
    w = np.linalg.solve(x.T @ x + ridge * np.eye(4), x.T @ d)
    for _ in range(100):
        made, target, before = x @ w, (told + z - dual) / 2, w
        o = np.linalg.solve(2 * made.T @ made + np.eye(3), 2 * made.T @ target)
        much = np.linalg.inv(np.eye(3) + 2 * o @ o.T)
        w = solve_sylvester(x.T @ x, ridge * much, x.T @ (d + 2 * target @ o.T) @ much)
        between = (x @ w + given) / 2 + mild.mean(0)
        assert (between > 0).all()  # so that only the sum is projected, and that is one already
        d = between - mild.mean(0)
        z = shrunk(x @ w @ o + dual, 1.0)
        dual = dual + x @ w @ o - z
        if np.abs(w - before).max() < 1e-3 * np.abs(w).max():
            break
    np.testing.assert_allclose(solved(BiasedLDL(ridge=ridge), d=mild)["weight"].numpy(), w, atol=1e-8)


def test_ldsvr_ends_where_its_risk_is_level():
    objective = LDSVR(cost=5.0, tube=0.01, gamma=0.3)
    found = solved(objective)
    rows, coef, bias = found["rows"], found["coef"].requires_grad_(), found["bias"].requires_grad_()
    assert len(rows) == 60
    kernel = torch.exp(-0.3 * torch.cdist(rows, rows) ** 2)
    d = torch.from_numpy(D)
    u = (torch.logit(d, 1e-3) - kernel @ coef - bias).norm(dim=1) / 4
    assert bool((u >= (d - torch.sigmoid(kernel @ coef + bias)).norm(dim=1) - 1e-9).all())
    risk = (coef * (kernel @ coef)).sum() / 2 + 5 * (u - 0.01).clamp_min(0).square().sum()
    slopes = torch.autograd.grad(risk, (coef, bias))
    assert max(float(s.abs().max()) for s in slopes) < 1e-3 * float(risk.detach())


def test_wrong_uses():
    for objective, bad in ((SABFGS, {"ridge": -1}), (SABFGS, {"tolerance": 0}), (AAKNN, {"neighbours": 0})):
        with pytest.raises(ParameterError):
            objective(**bad)
    for objective, bad in ((LDLSCL, {"clusters": 0}), (TLRLDL, {"mass": 0}), (BiasedLDL, {"ridge": 0})):
        with pytest.raises(ParameterError):
            objective(**bad)
    with pytest.raises(ParameterError):
        LDSVR(cost=0)
    with pytest.raises(RefusedError, match="10001 rows"):
        LDSVR().solve(torch.zeros(10_001, 1), LABELS, None)
    with pytest.raises(ParameterError, match="distribution labels, not noisy"):
        Classifier(method=SABFGS()).fit(X, Noisy(torch.from_numpy(D.argmax(1)), 3))
