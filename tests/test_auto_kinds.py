"""method="auto" stands for every kind of labels, with the naive baseline in the list wherever the kind has one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sfumato as sf
from sfumato import catalogue, portfolio, select
from sfumato import labels as kinds
from sfumato.core.errors import ParameterError
from sfumato.meta import describe

N = 120
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
CHANCE = 1 / (1 + np.exp(-X[:, 0].astype(np.float64)))
PAIRS = [(i, i + 1) for i in range(0, N, 2)]


def drawn(law, **needs):
    return law(**needs).sample(torch.from_numpy(Y), 2, torch.Generator().manual_seed(0))


def told(kind):
    """(labels of that kind about X, needs that nobody could read off them)."""
    rng = np.random.default_rng(1)
    match kind:
        case "bags":
            return kinds.Bags.from_labels(np.arange(N) // 6, Y), {}
        case "bag-values":
            bags = np.arange(N).reshape(-1, 3)
            return kinds.BagValues.from_lists(bags.tolist(), Y[bags].max(1)), {"prior": 0.5}
        case "sets":
            half = torch.tensor([0.5, 0.5])
            return drawn(kinds.DrawnSets, prior=0.5, thetas=torch.tensor([0.2, 0.8]), set_shares=half), {"prior": 0.5}
        case "pairs":
            return drawn(kinds.DrawnPairs, prior=0.4, form_shares=torch.tensor([0.4, 0.3, 0.3])), {"prior": 0.4}
        case "comparisons":
            return drawn(kinds.DrawnComparisons, prior=0.5, form_shares=torch.tensor([0.0, 1.0])), {"prior": 0.5}
        case "triplets":
            return drawn(kinds.DrawnTriplets, prior=0.4, form_shares=torch.tensor([0.5, 0.5])), {"prior": 0.4}
        case "confidence":
            return kinds.Confidence.from_values(CHANCE), {"prior": 0.5}
        case "confidence-differences":
            gap = [CHANCE[j] - CHANCE[i] for i, j in PAIRS]
            return kinds.ConfidenceDifferences.from_lists(PAIRS, gap), {"prior": 0.5}
        case "similarities":
            same = [CHANCE[i] * CHANCE[j] + (1 - CHANCE[i]) * (1 - CHANCE[j]) for i, j in PAIRS]
            return kinds.Similarities.from_lists(PAIRS, same), {"prior": 0.6}
        case "multi-label":
            return kinds.MultiLabel.from_matrix(np.stack([Y, 1 - Y, (X[:, 1] > 0).astype(int)], 1)), {}
        case "distribution":
            return kinds.Distribution.from_matrix(np.stack([1 - CHANCE, CHANCE], 1)), {}
        case "votes":
            wrong = rng.random((N, 4)) < 0.2
            return kinds.Votes.from_matrix(np.where(wrong, 1 - Y[:, None], Y[:, None])), {}
        case "lower":
            return kinds.Lower.from_values(np.minimum(X[:, 0], X[:, 0] - rng.integers(0, 2, N))), {"observed": 0.5}


def test_every_kind_that_a_method_learns_from_has_a_list():
    learnt = {card.kind for card in catalogue.methods("learn")} - {"any", "masks"}  # masks: one method alone
    assert learnt <= set(select.SHORT_LIST)
    assert {name for names in select.SHORT_LIST.values() for name in names} <= {
        card.name for card in catalogue.methods("learn")
    }


@pytest.mark.parametrize("kind", [k for k in select.SHORT_LIST if told(k) is not None])
def test_it_trains_its_list_and_says_what_it_tried(kind):
    labels, needs = told(kind)
    face = sf.Regressor if kind == "lower" else sf.Classifier
    fitted = face(needs=needs, hidden=(8,), epochs=2, batch_size=32).fit(X, labels)
    table = portfolio.read()[0].get(kind)
    learned = None if table is None else portfolio.learn(table, describe(labels, X, needs))
    names = select.SHORT_LIST[kind] if learned is None else learned.methods
    if len(names) == 1:
        assert fitted.choice_ is None
        assert fitted.method_.name == names[0]
        return
    assert fitted.method_.name in names
    assert list(fitted.choice_.tried) == list(names)
    assert not [name for name, one in fitted.choice_.tried.items() if "error" in one]
    assert fitted.choice_.naive == ("" if kind in select.NO_BASELINE else names[0])
    first, *rest = fitted.choice_.lines()
    assert first.startswith(f"{fitted.method_.name} chosen among {names[0]}")
    assert fitted.choice_.lines()[-1].startswith("what this choice costs is not known" if table is None else "on ")
    assert ("no naive baseline" in " ".join(rest)) == (kind in select.NO_BASELINE)


def test_what_is_out_of_reach_is_told_on_the_card_and_does_not_stop_the_rest():
    told_apart = kinds.Pairs.from_lists(
        similar=[p for p in PAIRS if Y[p[0]] == Y[p[1]]], dissimilar=[p for p in PAIRS if Y[p[0]] != Y[p[1]]]
    )
    fitted = sf.Classifier(needs={"prior": 0.4}, hidden=(8,), epochs=2).fit(X, told_apart)
    assert "error" in fitted.choice_.tried["su"]
    assert "value" in fitted.choice_.tried["sd"]


def test_the_baseline_is_the_first_of_the_list_though_another_was_refused_before_it_ran():
    bags = kinds.Bags.from_labels(np.arange(N) // 30, np.arange(N) % 10)
    fitted = sf.Classifier(network="linear", epochs=1).fit(X, bags)
    tried = fitted.choice_.tried
    refused = [name for name, one in tried.items() if "error" in one]
    assert refused and refused[0] != "naive"
    assert fitted.choice_.naive == next(iter(tried)) == "naive" and list(fitted.scores_) == list(tried)


@pytest.mark.parametrize(
    "labels", [kinds.Bags.from_labels([0] * N, Y), kinds.Comparisons.from_lists([(0, 1)])], ids=["one bag", "one pair"]
)
def test_a_single_observation_leaves_none_to_choose_by(labels):
    with pytest.raises(ParameterError, match="a single observation; wanted two"):
        sf.Classifier(needs={"prior": 0.5} if labels.kind == "comparisons" else {}).fit(X, labels)
