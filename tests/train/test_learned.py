"""Learned needs that differ from row to row: read by their signature, known for held-out rows, refused without rows."""

import numpy as np
import pytest
import torch
from torch import nn

from sfumato import Classifier, load
from sfumato.core.errors import NeedError, ParameterError
from sfumato.labels import InstanceFlips, Noisy
from sfumato.learn.noisy.mdil import MDIL
from sfumato.learn.objective import Objective
from sfumato.train import learned
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build

K, N = 3, 30
RNG = torch.Generator().manual_seed(0)
X = torch.randn(N, 5, generator=RNG)
Y = torch.randint(0, K, (N,), generator=RNG)


class OfFeatures(nn.Module):
    """One matrix per row, from what the last layer sees."""

    def __init__(self, d, k):
        super().__init__()
        self.k = k
        self.weight = nn.Parameter(torch.zeros(k * k, d) + 0.1)

    def forward(self, features):
        return torch.softmax((features @ self.weight.T).view(-1, self.k, self.k), 2)


class OfRow(nn.Module):
    def forward(self, x):
        return torch.softmax(x[:, : K * K // 2 + 1].repeat(1, 2)[:, : K * K].view(-1, K, K), 2)


class Seen(Objective):
    """Keeps what the hook was brought."""

    law = InstanceFlips
    learned = ("transitions",)
    module = OfFeatures(8, K)

    def learns(self, k):
        return {"transitions": type(self).module}

    def risk(self, z, s, law, transitions):
        Seen.brought = (z, law.transitions, transitions)
        return -law.log_prob(torch.log_softmax(z, 1), s).mean()


def run(objective, **config):
    return Run(
        X,
        Noisy(Y, K),
        objective,
        lambda m: build("mlp", (5,), K, m, (8,)),
        Config(**{"epochs": 2, "batch_size": 10, **config}),
        law=InstanceFlips,
    )


def test_the_law_is_built_on_what_the_module_says_of_the_batch():
    one = run(Seen())
    (words,) = one.words(torch.arange(7))
    one.call("risk", words)
    z, in_law, brought = Seen.brought
    wanted = one.learned[0]["transitions"](one.nets[0].body(X[:7].flatten(1)))
    assert torch.equal(in_law, wanted)
    assert brought is in_law
    assert z.shape == (7, K)
    assert in_law.requires_grad


def test_the_module_is_trained_and_the_law_is_known_for_held_out_rows():
    one = run(Seen())
    before = one.learned[0]["transitions"].weight.detach().clone()
    one.fit()
    assert not torch.equal(before, one.learned[0]["transitions"].weight)
    held = torch.randn(9000, 5, generator=RNG)
    law = learned.law_on(one, held)
    wanted = one.learned[0]["transitions"](one.nets[0].eval().body(held))
    torch.testing.assert_close(law.transitions, wanted)


def test_a_module_of_x_alone_costs_no_forward_pass():
    class Penalty(Seen):
        module = OfRow()

        def risk(self, s, law):
            return law.transitions.sum() * 0

    one = run(Penalty())
    (words,) = one.words(torch.arange(4))
    one.call("risk", words)
    assert "z" not in words


def test_a_module_that_names_what_is_not_known_everywhere_is_refused():
    class Foreign(OfFeatures):
        def forward(self, s):
            return s

    class Bad(Seen):
        module = Foreign(8, K)

    with pytest.raises(ParameterError, match="names \\['s'\\]"):
        run(Bad())


def test_a_memory_cannot_begin_with_a_law_that_rows_decide():
    class Early(Seen):
        def start(self, law):
            return law.transitions

    with pytest.raises(ParameterError, match="learned row by row"):
        run(Early())


def fitted(**more):
    return Classifier(
        method=MDIL(), hidden=(8,), epochs=3, batch_size=10, validation=0.3, choose_by="likelihood", **more
    ).fit(X.numpy(), Noisy(Y, K))


def test_the_likelihood_of_held_out_labels_is_measured_while_training():
    clf = fitted()
    assert all(np.isfinite(entry["validation"]) for entry in clf.history_)
    assert clf.law_ is InstanceFlips
    with pytest.raises(NeedError, match="transitions"):
        clf.criterion(X.numpy(), Noisy(Y, K), "likelihood")


def test_a_saved_model_predicts_the_same(tmp_path):
    clf = fitted()
    clf.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert np.array_equal(clf.predict_proba(X.numpy()), again.predict_proba(X.numpy()))


class Dropping(OfFeatures):
    def forward(self, features):
        return super().forward(nn.functional.dropout(features, 0.5, self.training))


def test_what_is_learned_drops_nothing_while_it_predicts(monkeypatch):
    monkeypatch.setattr(Seen, "module", Dropping(8, K))
    one = run(Seen(), epochs=1).fit()
    told, again = learned.law_on(one, X), learned.law_on(one, X)
    assert torch.equal(told.transitions, again.transitions)
    assert one.learned[0].training
