"""Which law judges, what it is filled with, and whether complementary labels bear the uniform law out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binom

import sfumato as sf
from sfumato import judge, select
from sfumato.core.errors import NeedError, RefusedError
from sfumato.labels import (
    PU,
    BiasedComplementary,
    CaseControl,
    ClassConditional,
    Complementary,
    Noisy,
    SelectedAtRandom,
    UniformComplementary,
)

K = 4
# every class has its own other that is named three times in four
SKEWED = torch.tensor(
    [[0.0, 0.75, 0.2, 0.05], [0.05, 0.0, 0.75, 0.2], [0.2, 0.05, 0.0, 0.75], [0.75, 0.2, 0.05, 0.0]],
    dtype=torch.float64,
)


def blobs(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(K, (n,), generator=g)
    x = 3 * torch.nn.functional.one_hot(y, K).float() + torch.randn(n, K, generator=g)
    return x, y, g


def test_the_law_is_the_one_that_the_facts_state():
    labels = Complementary.from_labels([0, 1, 2, 3])
    assert judge.law_of(labels, {}) is UniformComplementary
    assert judge.law_of(labels, {"transition": SKEWED}) is BiasedComplementary
    pu = PU(torch.tensor([True, False]))
    assert judge.law_of(pu, {"prior": 0.5}) is CaseControl
    assert judge.law_of(pu, {"prior": 0.5, "propensity": torch.tensor([0.5, 0.5])}) is SelectedAtRandom
    noisy = Noisy(torch.tensor([0, 1]), 2)
    assert judge.law_of(noisy, {"transition": torch.eye(2)}) is ClassConditional


def test_a_law_is_filled_by_facts_and_by_what_labels_tell():
    labels = Complementary.from_labels([0, 1, 2, 3])
    found = judge.filled(UniformComplementary, labels, {})
    assert isinstance(found, UniformComplementary) and found.sizes.tolist() == [1, 0, 0]
    assert judge.filled(BiasedComplementary, labels, {}) is BiasedComplementary
    told = judge.filled(BiasedComplementary, labels, {"transition": SKEWED, "prior": 0.5})
    assert torch.equal(told.transition, SKEWED)
    assert judge.filled(told, labels, {"transition": torch.eye(K)}) is told


def test_a_judge_at_some_observations_keeps_what_belongs_to_them():
    law = SelectedAtRandom(torch.tensor([0.2, 0.5, 0.7]))
    assert judge.at(law, torch.tensor([2, 0])).propensity.tolist() == pytest.approx([0.7, 0.2])
    assert judge.at(law, slice(1, 2)).propensity.tolist() == [0.5]
    assert judge.at(SelectedAtRandom, slice(1, 2)) is SelectedAtRandom


def test_the_default_criterion_goes_by_the_law():
    assert select.default("complementary") == "unbiased-accuracy"
    assert select.default("complementary", UniformComplementary.single(K)) == "unbiased-accuracy"
    assert select.default("complementary", UniformComplementary) == "unbiased-accuracy"
    # the uniform law in the form of a matrix is still the uniform law
    assert select.default("complementary", BiasedComplementary.uniform(K)) == "unbiased-accuracy"
    assert select.default("complementary", BiasedComplementary(SKEWED)) == "likelihood"
    assert select.default("complementary", BiasedComplementary) == "likelihood"
    assert select.short_list("complementary", BiasedComplementary.uniform(K)) == select.SHORT_LIST["complementary"]
    assert "forward" in select.short_list("complementary", BiasedComplementary(SKEWED))


@pytest.mark.parametrize("name", ["likelihood", "unbiased-accuracy"])
def test_a_law_of_which_a_fact_is_missing_is_refused_by_name(name):
    labels = Complementary.from_labels([0, 1, 2, 3])
    with pytest.raises(RefusedError, match=f"{name} under BiasedComplementary, whose transition"):
        select.criterion(name, torch.zeros(4, K), labels, BiasedComplementary)


def test_a_fit_is_scored_by_its_own_law():
    x, y, g = blobs(200, 0)
    law = BiasedComplementary(SKEWED)
    labels = law.sample(y, K, g)
    clf = sf.Classifier("forward", network="linear", epochs=2, needs={"transition": SKEWED}).fit(x.numpy(), labels)
    assert clf.score(x.numpy(), labels) == clf.criterion(x.numpy(), labels, "likelihood") < 0
    plain = sf.Classifier("scl-nl", network="linear", epochs=2).fit(x.numpy(), labels)
    assert plain.score(x.numpy(), labels) == plain.criterion(x.numpy(), labels, "unbiased-accuracy")
    learnt = sf.Classifier("gce", network="linear", epochs=1).fit(x.numpy(), Noisy(y, K))
    with pytest.raises(NeedError, match=r"likelihood under ClassConditional needs \['transition'\]"):
        learnt.criterion(x.numpy(), Noisy(y, K), "likelihood")


@pytest.mark.parametrize(
    ("method", "needs"), [("scl-nl", {}), ("forward", {"transition": SKEWED}), ("ure-ga", {}), ("l-w", {})]
)
def test_epochs_are_chosen_also_where_no_hook_names_the_law(method, needs):
    x, y, g = blobs(200, 1)
    labels = BiasedComplementary(SKEWED).sample(y, K, g)
    clf = sf.Classifier(method, network="linear", epochs=3, validation=0.2, epoch="chosen", needs=needs)
    assert clf.fit(x.numpy(), labels).chosen_epoch_ in (1, 2, 3)


def test_epochs_of_pu_methods_are_chosen_by_the_prior_they_were_given():
    x, y, g = blobs(200, 2)
    labels = sf.labels.SingleSample(0.5, 0.2).sample((y > 1).long(), 2, g)
    clf = sf.Classifier("nnpu", network="linear", epochs=3, validation=0.2, epoch="chosen", needs={"prior": 0.5})
    assert clf.fit(x.numpy(), labels).chosen_epoch_ in (1, 2, 3)


def test_uniform_exclusions_are_never_guessed_more_often_than_the_law_allows():
    levels = []
    for seed in range(60):
        x, y, g = blobs(300, seed)
        sizes = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
        labels = UniformComplementary(sizes).sample(y, K, g)
        found = judge.uniformity(x.numpy(), labels, seed)
        assert found.rows == 150 and found.p == pytest.approx(binom.sf(found.hits - 1, 150, found.most / 150))
        levels.append(found.p)
    assert np.mean(np.array(levels) < 0.05) <= 0.15  # 3 standard errors above the level


def test_biased_exclusions_are_found_out_though_each_class_is_excluded_as_often():
    x, y, g = blobs(600, 0)
    found = judge.uniformity(x.numpy(), BiasedComplementary(SKEWED).sample(y, K, g))
    assert found.p < 1e-12 and found.most == pytest.approx(100)
    assert f"{found.hits} of 300, where at most 100" in found.line()


def test_where_there_is_nothing_to_test_nothing_is_said():
    x, y, g = blobs(judge.FEWEST - 1, 0)
    assert judge.uniformity(x.numpy(), UniformComplementary.single(K).sample(y, K, g)) is None
    two = Complementary.from_labels([0, 1] * 40)
    assert judge.uniformity(np.zeros((80, 2)), two) is None
    everyone = Complementary(~torch.nn.functional.one_hot(torch.arange(K).repeat(20), K).bool(), K)
    assert judge.uniformity(np.random.default_rng(0).normal(size=(80, 2)), everyone).p == 1
