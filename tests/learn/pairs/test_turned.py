"""The likelihood of pairs and triplets is blind to an exchange of the classes; the prior turns what it finds."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import sfumato as sf
from sfumato.labels import DrawnPairs, DrawnTriplets
from sfumato.labels.heads import SOFTMAX
from sfumato.learn.pairs.turned import TurnedPairs, TurnedTriplets


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def laws(prior):
    return {
        TurnedPairs: DrawnPairs(prior=prior, form_shares=torch.tensor([0.4, 0.35, 0.25])),
        TurnedTriplets: DrawnTriplets(prior=prior, form_shares=torch.tensor([0.4, 0.6])),
    }


@pytest.mark.parametrize("cls", [TurnedPairs, TurnedTriplets])
def test_the_likelihood_is_the_same_when_the_classes_are_exchanged(cls):
    law = laws(0.7)[cls]
    labels = law.sample((torch.arange(200) % 10 < 7).long(), 2, rng())
    rows, s = labels.cover(torch.arange(len(labels)))
    z = torch.randn(len(rows), 2, dtype=torch.float64, generator=rng(1))
    plain = law.log_prob(SOFTMAX.log_p(z), s)
    turned = type(law)(prior=0.3, form_shares=law.form_shares).log_prob(SOFTMAX.log_p(z.flip(1)), s)
    assert torch.allclose(plain, turned, rtol=1e-12)


@pytest.mark.parametrize("prior", [0.2, 0.45, 0.6, 0.9])
@pytest.mark.parametrize("cls", [TurnedPairs, TurnedTriplets])
def test_on_the_population_the_truth_stays_and_its_exchange_is_turned(cls, prior):
    px = torch.rand(3, dtype=torch.float64, generator=rng(2)) + 0.1
    px = px / px.sum()
    p = torch.rand(3, dtype=torch.float64, generator=rng(3))
    for _ in range(200):  # posteriors whose mean is the prior
        p = torch.sigmoid(torch.logit(p) + 4 * (prior - float(px @ p)))
    joint = torch.stack([px * (1 - p), px * p], 1)
    law = laws(prior)[cls]
    x, s, weight = law.population(joint)
    z = torch.stack([torch.zeros(3, dtype=torch.float64), torch.logit(p)], 1)[x]
    for shown, wanted in ((z, 0.0), (z.flip(1), 1.0)):
        found = cls().epoch(shown, s, weight, law, prior)["bank"]
        assert float(found["turned"]) == wanted
        decoded = cls().decode(shown, SOFTMAX, found)
        assert torch.allclose(decoded, SOFTMAX.log_p(z), rtol=1e-12)


def test_at_one_half_nothing_is_exchanged():
    z = torch.randn(6, 2, generator=rng())
    law = SimpleNamespace(head=SOFTMAX)
    assert float(TurnedPairs().epoch(z, None, None, law, 0.5)["bank"]["turned"]) == 0


@pytest.mark.parametrize("prior", [0.3, 0.7])
def test_it_finds_the_partition_and_its_side_wherever_training_starts(prior, tmp_path):
    draw = np.random.default_rng(0)
    y = (draw.random(600) < prior).astype(int)
    X = (draw.normal(size=(600, 2)) + 3 * y[:, None]).astype(np.float32)
    law = DrawnPairs(prior=prior, form_shares=torch.tensor([0.3, 0.4, 0.3]))
    labels = law.sample(torch.from_numpy(y), 2, rng(5))
    for seed in range(4):
        clf = sf.Classifier(
            "turned-likelihood", needs={"prior": prior}, network="linear", epochs=15, lr=0.05, seed=seed
        )
        clf.fit(X, labels)
        assert (clf.predict(X) == y).mean() > 0.95
    clf.save(tmp_path / "m")  # what was turned travels with the model
    assert (sf.load(tmp_path / "m").predict_proba(X) == clf.predict_proba(X)).all()
