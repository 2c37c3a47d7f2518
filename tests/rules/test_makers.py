"""Snuba, IWS and GOGGLES: each by its formula, on new rows, through aggregation to an end model, and at the door."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

import sfumato as sf
from sfumato.core.errors import LabelError, ParameterError, RefusedError, ShapeError
from sfumato.labels import Semi
from sfumato.rules import IWS, Goggles, Snuba, simulated_oracle
from sfumato.rules.candidates import candidates, folds_of
from sfumato.rules.functions import door
from sfumato.rules.goggles import ensemble, matched
from sfumato.rules.iws import directions
from sfumato.rules.snuba import best, verified

# functions that speak for one class alone look worse than chance to an aggregation
pytestmark = pytest.mark.filterwarnings("ignore::sfumato.aggregate.SourcesWarning")


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))
    X, y = X[rows], y[rows]
    return X, y, Semi.from_labels(np.where(np.arange(len(y)) < 100, y, -1), missing=-1)


def makers(X, y):
    yield Snuba(rounds=5), ()
    yield Snuba(heuristic="logistic", cardinality=2, subsets=40, rounds=3), ()
    yield Snuba(heuristic="neighbours", rounds=2), ()
    yield IWS(), (simulated_oracle(X, y),)
    yield Goggles(), ()


def test_each_makes_functions_that_know_the_classes_of_new_rows(cancer):
    X, y, labels = cancer
    for maker, told in makers(X, y):
        found = maker.make(X[:400], labels[:400], *told)
        said = found.matrix(X[400:])
        spoke = said >= 0
        assert (said == y[400:, None])[spoke].mean() > 0.8, maker
        posterior = sf.aggregate.MajorityVote().fit(found.votes(X[:400], gold=labels[:400])).posterior
        assert (posterior[:100].argmax(1) == y[:100]).all()  # gold labels are kept
        assert found.votes(X[400:]).who == found.who and len(found.who) == len(found) == said.shape[1]


def test_from_functions_to_an_end_model(cancer):
    X, y, labels = cancer
    found = Snuba(heuristic="logistic").make(X[:400], labels[:400])
    result = sf.aggregate.DawidSkene().fit(found.votes(X[:400], gold=labels[:400]))
    scale = X[:400].std(0)
    model = sf.Classifier("soft-ce", network="linear", epochs=20, lr=0.01).fit(
        X[:400] / scale, result.to_distribution()
    )
    assert model.score(X[400:] / scale, y[400:]) > 0.9


def test_seeds_and_columns_of_no_use(cancer):
    X, y, labels = cancer
    a, b = (Goggles(affinities=3).make(X, labels, seed=s).matrix(X) for s in (0, 1))
    assert (a != b).any()
    with pytest.raises(RefusedError, match="no stump is sure of any labelled row"):
        Snuba().make(np.ones((len(X), 3)), labels)


# ---------------------------------------------------------------------- Snuba


def test_snuba_takes_the_function_of_best_f1_and_novelty(cancer):
    X, _, labels = cancer
    told = door(X, labels)
    pool = np.arange(100, 569)
    tried = candidates(told, "stump", np.arange(30)[:, None], folds_of(told, 5, 0), np.ones(100, bool), (0.3,), pool)
    first = best(tried, np.empty((0, len(pool)), int))
    speaks = (tried.pool >= 0).any(1)
    assert first == np.where(speaks, tried.f1, -1).argmax()  # nothing is covered yet: all are equally new
    spoken = tried.pool[[first]]
    covered = set(np.flatnonzero(spoken[0] >= 0).tolist())
    scores = []
    for j in range(30):
        mine = set(np.flatnonzero(tried.pool[j] >= 0).tolist())
        same = (tried.pool[j] == spoken[0]).all()
        new = 1 - len(mine & covered) / len(mine | covered)
        scores.append(-1 if same or not mine or not tried.f1[j] else (tried.f1[j] + new) / 2)
    assert best(tried, spoken) == int(np.argmax(scores))


def test_snuba_goes_on_with_the_rows_that_are_unsure(cancer):
    X, _, labels = cancer
    told = door(X, labels)
    held = np.stack([np.where(np.arange(100) % 2, told.y, -1), np.full(100, -1), 1 - told.y])
    p = verified(held, told)
    prior = (np.bincount(told.y) + 1) / 102
    a = np.array([51 / 52, 0.5, 1 / 102])
    want = np.empty((100, 2))
    for i in range(100):
        want[i] = prior
        for j in range(3):
            for k in range(2):
                if held[j, i] >= 0:
                    want[i, k] *= a[j] if held[j, i] == k else 1 - a[j]
    assert p == pytest.approx(want / want.sum(1, keepdims=True), abs=1e-12)


def test_snuba_rounds(cancer):
    X, _, labels = cancer
    one, four = (Snuba(rounds=r).make(X, labels) for r in (1, 4))
    assert len(one) == 3 and 4 <= len(four) <= 6
    assert one.who == four.who[:3]
    assert len({tuple(said) for said in four.matrix(X).T.tolist()}) == len(four)  # no function twice


# ---------------------------------------------------------------------- IWS


def test_iws_asks_as_often_as_told_and_keeps_no_refused_function(cancer):
    X, y, labels = cancer
    answers = {}
    truth = simulated_oracle(X, y, threshold=0.8)

    def oracle(function):
        assert function.name not in answers  # nothing is asked twice
        answers[function.name] = truth(function)
        return answers[function.name]

    found = IWS(queries=12).make(X, labels, oracle)
    assert len(answers) == 12 and not all(answers.values()) and any(answers.values())
    assert not any(answers.get(name) is False for name in found.who)
    confirmed = [name for name, yes in answers.items() if yes]
    assert set(confirmed) == set(found.who[: len(confirmed)])


def test_iws_learns_from_the_answers(cancer):
    """Useless functions that resemble each other are told from useful ones that were not asked about either."""
    X, _, labels = cancer
    draw = np.random.default_rng(0)
    useless = draw.normal(size=(len(X), 1)) + 0.3 * draw.normal(size=X.shape)
    asked = []

    def oracle(function):
        asked.append(function.name)
        return function.columns[0] < 30

    found = IWS(queries=15, betas=(0.0, 0.05)).make(np.hstack([X, useless]), labels, oracle)
    others = [f.columns[0] < 30 for f in found if f.name not in asked]
    assert len(others) > 10 and np.mean(others) > 0.9


def test_iws_without_a_useful_function(cancer):
    X, _, labels = cancer
    with pytest.raises(RefusedError, match="no useful function after 28 questions"):
        IWS().make(X, labels, lambda f: False)
    with pytest.raises(ParameterError, match="oracle of type bool"):
        IWS().make(X, labels, True)


def test_the_simulated_oracle_looks_at_the_truth(cancer):
    X, y, labels = cancer
    found = Snuba(rounds=3).make(X, labels)
    for function in found:
        said = function(X)
        right = (said == y)[said >= 0].mean()
        assert simulated_oracle(X, y, right - 0.01)(function) and not simulated_oracle(X, y, right + 1e-9)(function)


def test_directions_keep_the_distances_of_statements():
    said = np.random.default_rng(0).integers(-1, 3, (6, 40))
    q = directions(said, 3, 6)
    gap = (said[:, None] != said[None]).sum(2).astype(float)
    gap = gap + ((said[:, None] != said[None]) & (said[:, None] >= 0) & (said[None] >= 0)).sum(2)  # two places differ
    own = ((q[:, None] - q[None]) ** 2).sum(2)
    assert own / own.max() == pytest.approx(gap / gap.max(), abs=1e-10)
    assert ((said >= 0).sum(1) + 6) == pytest.approx((said >= 0).sum(1) + 6)
    assert (q**2).sum(1).mean() == pytest.approx(1)


# ---------------------------------------------------------------------- GOGGLES


def test_the_ensemble_finds_classes_whatever_the_names_of_clusters():
    draw = np.random.default_rng(0)
    y = draw.integers(0, 3, 500)
    names = [draw.permutation(3) for _ in range(7)]
    said = np.stack([np.where(draw.random(500) < 0.8, y, draw.integers(0, 3, 500)) for _ in names], axis=1)
    shuffled = np.stack([name[said[:, f]] for f, name in enumerate(names)], axis=1)
    p = ensemble(shuffled, 3)
    assert p.sum(1) == pytest.approx(np.ones(500))
    order = matched(p, np.eye(3)[y])
    whole = p[:, order]
    alone = max((said[:, f] == y).mean() for f in range(7))
    assert (whole.argmax(1) == y).mean() > alone + 0.05
    for f, name in enumerate(names):  # each function's clusters get their classes back
        assert matched(np.eye(3)[shuffled[:, f]], whole).tolist() == name.tolist()


def test_goggles_needs_labels_for_names_only(cancer):
    X, y, _ = cancer
    few, many = (Semi.from_labels(np.where(np.arange(569) < n, y, -1), missing=-1) for n in (20, 300))
    assert (Goggles().make(X, few).matrix(X) == Goggles().make(X, many).matrix(X)).all()


# ---------------------------------------------------------------------- what they return, and the door


def test_votes_soft_and_hard(cancer):
    X, _, labels = cancer
    found = Snuba(rounds=2).make(X, labels)
    hard, soft = found.votes(X), found.votes(X, soft=True)
    assert (hard.said.numpy().reshape(len(X), -1) == found.matrix(X)).all()
    shares = soft.shares().numpy()
    beliefs = np.stack([np.where(f(X)[:, None] >= 0, f.beliefs(X), 0) for f in found]).sum(0)
    total = beliefs.sum(1, keepdims=True)
    assert shares == pytest.approx(np.divide(beliefs, total, out=np.zeros_like(beliefs), where=total > 0))


def test_against_labels(cancer):
    X, y, labels = cancer
    found = Snuba(rounds=1).make(X, labels)
    for line, said in zip(found.against(X, y), found.matrix(X).T, strict=True):
        assert line["coverage"] == (said >= 0).mean() and line["labels"] == (said >= 0).sum()
        assert line["accuracy"] == (said == y)[said >= 0].mean()


def test_bad_input(cancer):
    X, y, labels = cancer
    with pytest.raises(ParameterError, match=r"Semi\.from_labels"):
        Snuba().make(X, y)
    with pytest.raises(ShapeError, match="50 labels for 569 rows"):
        Snuba().make(X, labels[:50])
    with pytest.raises(LabelError, match="1 labelled rows of class 0"):
        Snuba().make(X[:5], Semi.from_labels([0, 1, 1, -1, 1], missing=-1))
    with pytest.raises(ParameterError, match="cardinality=2 with stump"):
        Snuba(cardinality=2).make(X, labels)
    with pytest.raises(ParameterError, match="heuristic='tree'"):
        Snuba(heuristic="tree").make(X, labels)
    with pytest.raises(ParameterError, match=r"betas=\(1.5,\)"):
        Snuba(betas=(1.5,)).make(X, labels)
    with pytest.raises(ParameterError, match="2 bags"):
        IWS(bags=1).make(X, labels, bool)
    with pytest.raises(ParameterError, match="share in"):
        Goggles(share=0).make(X, labels)
    found = Snuba(rounds=1).make(X, labels)
    with pytest.raises(ShapeError, match="as the functions were made for"):
        found.matrix(X[:, :3])
    with pytest.raises(ShapeError, match="3 gold labels for 569 rows"):
        found.votes(X, gold=np.array([0, 1, -1]))
    with pytest.raises(LabelError, match="codes from -1 to 1"):
        found.votes(X, gold=np.full(len(X), 2))
