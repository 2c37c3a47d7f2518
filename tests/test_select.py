"""Criteria without clean labels: exact where they are equalities, and auto that never leaves the naive baseline out."""

import numpy as np
import pytest
import torch

import sfumato as sf
from sfumato import portfolio, select
from sfumato.catalogue import method
from sfumato.core.errors import ParameterError, RefusedError, ShapeError
from sfumato.labels import (
    PU,
    CaseControl,
    ClassConditional,
    Exact,
    MissingCompletely,
    Partial,
    SingleSample,
    UniformComplementary,
    UniformSets,
)

NAIVE = {
    "exact": "ce",
    "noisy": "ce",
    "partial": "average",
    "complementary": "average",
    "pu": "unlabeled-as-negative",
    "semi": "supervised",
}


def joint(m, k):
    j = torch.rand(m, k, dtype=torch.float64, generator=torch.Generator().manual_seed(m * k)) + 0.1
    return j / j.sum()


def laws(j):
    k, prior = j.shape[1], float(j[:, 1].sum())
    t = torch.eye(k, dtype=torch.float64) * 0.6 + 0.4 / k
    general = [ClassConditional(t), UniformSets(), UniformComplementary.single(k), MissingCompletely(0.3)]
    return general if k > 2 else [CaseControl(prior, 0.2), SingleSample(prior, 0.2), *general[:1]]


@pytest.mark.parametrize("k", [2, 4])
def test_unbiased_accuracy_is_the_clean_accuracy_in_exact_expectation(k):
    j = joint(5, k)
    log_p = torch.log_softmax(torch.randn(5, k, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), 1)
    clean = float(j[torch.arange(5), log_p.argmax(1)].sum())
    for law in laws(j):
        x, labels, weight = law.population(j)
        signed = law.at(x).rewrite(labels, torch.float64)
        risk = signed.parts(select.zero_one_losses(log_p[x]), weight).sum()
        assert 1 - float(risk) == pytest.approx(clean, rel=1e-10)


def test_the_interval_of_the_unbiased_accuracy_covers():
    """Over 300 draws of 400 rows the 95 % interval holds the clean accuracy about 95 times in 100."""
    g = torch.Generator().manual_seed(0)
    law, hits = UniformComplementary.single(4), 0
    for _ in range(300):
        y = torch.randint(4, (400,), generator=g)
        guess = torch.where(torch.rand(400, generator=g) < 0.7, y, torch.randint(4, (400,), generator=g))
        log_p = torch.log_softmax(5 * torch.nn.functional.one_hot(guess, 4).double(), 1)
        found = select.unbiased_accuracy(log_p, law.sample(y, 4, g), law)
        hits += found.low <= 0.7 + 0.3 / 4 <= found.high
    assert 0.91 <= hits / 300 <= 0.99


def test_covering_and_approximated_accuracy_by_hand():
    log_p = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]]).log()
    labels = Partial(torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 1]]).bool(), 3)
    assert float(select.covering_rate(log_p, labels, None)) == pytest.approx(2 / 3)
    expected = (0.5 / 0.8 + 0.0 + 0.6 / 0.7) / 3
    assert float(select.approximated_accuracy(log_p, labels, None)) == pytest.approx(expected, rel=1e-6)


def test_likelihood_is_the_mean_log_probability_of_what_was_seen():
    law = ClassConditional([[0.9, 0.1], [0.2, 0.8]])
    log_p = torch.tensor([[0.7, 0.3], [0.4, 0.6]], dtype=torch.float64).log()
    labels = sf.labels.Noisy(torch.tensor([0, 1]), 2)
    expected = (np.log(0.7 * 0.9 + 0.3 * 0.2) + np.log(0.4 * 0.1 + 0.6 * 0.8)) / 2
    assert float(select.likelihood(log_p, labels, law)) == pytest.approx(expected, rel=1e-12)


def test_what_uses_clean_labels_is_called_oracle_and_wants_exact_ones():
    log_p = torch.zeros(2, 2)
    assert {name for name in select.CRITERIA if "oracle" in name} == {"oracle-accuracy"}
    with pytest.raises(RefusedError, match="oracle"):
        select.criterion("oracle-accuracy", log_p, sf.labels.Noisy(torch.tensor([0, 1]), 2), None)
    assert float(select.criterion("oracle-accuracy", log_p, Exact(torch.tensor([0, 1]), 2), None)) == 0.5


def test_wrong_uses():
    labels = sf.labels.Noisy(torch.tensor([0, 1]), 2)
    with pytest.raises(ParameterError, match="criterion 'nll'"):
        select.criterion("nll", torch.zeros(2, 2), labels, None)
    with pytest.raises(ShapeError, match="3 predictions for 2"):
        select.criterion("agreement", torch.zeros(3, 2), labels, None)
    with pytest.raises(RefusedError, match="covering|candidate"):
        select.criterion("covering-rate", torch.zeros(2, 2), labels, None)
    with pytest.raises(RefusedError, match="agreement"):
        select.criterion("agreement", torch.zeros(2, 2), PU(torch.tensor([True, False])), None)


@pytest.mark.parametrize("kind", list(NAIVE))
def test_short_lists_hold_the_naive_baseline_and_real_methods(kind):
    assert select.SHORT_LIST[kind][0] == NAIVE[kind]
    assert select.DEFAULT[kind] in select.CRITERIA
    kinds = ("noisy", "exact") if kind == "noisy" else (kind,)
    for name in select.SHORT_LIST[kind]:
        assert method(name, kinds=kinds).role == "learn"


def kinds_of_digits():
    X, y, _ = sf.data.load("breast_cancer")
    g = torch.Generator().manual_seed(0)
    y = torch.from_numpy(np.asarray(y)).long()
    return X, [
        sf.labels.Symmetric(0.3).sample(y, 2, g),
        sf.labels.FlipSets(0.4).sample(y, 2, g),
        sf.labels.UniformComplementary.single(2).sample(y, 2, g),
        sf.labels.SingleSample(0.6, 0.2).sample(y, 2, g),
        sf.labels.MissingCompletely(0.2).sample(y, 2, g),
        Exact(y, 2),
    ]


def test_auto_takes_an_estimator_where_a_need_is_wanted():
    X, every = kinds_of_digits()
    labels = next(labels for labels in every if labels.kind == "pu")
    needs = {"prior": sf.estimate.PriorBBE(repeats=0)}
    clf = sf.Classifier("auto", network="linear", epochs=2, needs=needs).fit(X, labels)
    assert next(iter(clf.scores_)) == NAIVE["pu"]
    assert all("value" in score for score in clf.scores_.values())


def test_auto_chooses_for_every_kind_and_says_why():
    X, every = kinds_of_digits()
    tables, _ = portfolio.read()
    for labels in every:
        clf = sf.Classifier("auto", network="linear", epochs=3, lr=1e-2).fit(X, labels)
        table, tried = tables.get(labels.kind), list(clf.scores_)
        assert tried[0] == NAIVE[labels.kind] and len(tried) > 1
        criterion = select.DEFAULT[labels.kind] if table is None else table.criterion
        assert all(score["criterion"] == criterion for score in clf.scores_.values())
        scores = {name: score["value" if table is None else "score"] for name, score in clf.scores_.items()}
        assert clf.method_.name == clf.choice_.chosen == max(scores, key=scores.get)
        assert clf.predict_proba(X).shape == (len(X), 2)
        told = "\n".join(clf.choice_.lines())
        assert all(name in told for name in tried)
        assert ("is not known" in told) == (table is None) and ("left out of the table" in told) == (table is not None)


def test_a_kind_without_a_table_falls_back_to_the_list_by_hand_and_says_so(monkeypatch):
    monkeypatch.setattr(portfolio, "read", lambda: ({}, {}))
    X, every = kinds_of_digits()
    for labels in every[:3]:
        clf = sf.Classifier("auto", network="linear", epochs=2, lr=1e-2).fit(X, labels)
        assert list(clf.scores_) == list(select.SHORT_LIST[labels.kind])
        values = {name: score["value"] for name, score in clf.scores_.items()}
        assert clf.method_.name == max(values, key=values.get)
        assert clf.choice_.criterion == select.DEFAULT[labels.kind] and not clf.choice_.expected
        assert f"no table was learned for {labels.kind} labels" in clf.choice_.lines()[-1]


def test_a_criterion_that_was_asked_for_is_taken_alone_and_nothing_is_promised():
    X, every = kinds_of_digits()
    labels = every[2]
    other = next(n for n in ("likelihood", "covering-rate") if n != portfolio.read()[0]["complementary"].criterion)
    clf = sf.Classifier("auto", network="linear", epochs=3, lr=1e-2, choose_by=other).fit(X, labels)
    values = {name: score["value"] for name, score in clf.scores_.items()}
    assert clf.method_.name == max(values, key=values.get) and clf.choice_.criterion == other
    assert other in clf.choice_.lines()[-1] and "not known" in clf.choice_.lines()[-1]


def test_every_kind_has_a_criterion():
    assert {kind: select.default(kind) for kind in select.DEFAULT} == select.DEFAULT
    assert select.default("a kind nobody knows") == "likelihood"
