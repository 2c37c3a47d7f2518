"""Does a method learn? On a small real set, its labels drawn by its law, it must beat what somebody would do who
knows no better.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from sfumato.core.card import Card
from sfumato.labels import ClassConditional, Clean, Labels, Law, MultiLabel, PairFlip, Symmetric
from sfumato.labels.confidence import Confided
from sfumato.learn.multilabel.assume_negative import AssumeNegative
from sfumato.learn.naive import Naive
from sfumato.learn.objective import Objective
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.needs import build_law, supply
from sfumato.train.networks import build

from .registry import ensure, rule
from .small_sets import set_for, small_set
from .world import laws_of, main_law, values

EPOCHS, SEEDS = 20, (0, 1)


@dataclass
class Ignorant(Objective):
    """What somebody would do who knows no better, whatever the labels."""

    def risk(self, z: Tensor, s: Any, w: Tensor | None) -> Tensor:
        return (AssumeNegative() if s.kind == "multi-label" else Naive()).risk(z, s, w)


KINDS = (
    "multi-label",
    "noisy",
    "partial",
    "complementary",
    "pu",
    "semi",
    "bags",
    "bag-values",
    "sets",
    "comparisons",
    "confidence",
    "confidence-differences",
    "votes",
)


@cache
def _posterior() -> Tensor:
    from sklearn.linear_model import LogisticRegression

    X, y, _, _ = small_set(True)
    fitted = LogisticRegression(C=0.01, max_iter=1000).fit(X.numpy(), y.numpy())
    return torch.from_numpy(fitted.predict_proba(X.numpy())[:, 1])


def hard_law(law: type[Law], y: Tensor, k: int, rng: torch.Generator) -> Law:
    """The law with needs that make the naive reading suffer."""
    if law.eats is MultiLabel:
        return law(**{name: {"seen": torch.tensor([0.0, 0.3])}[name] for name in law.needs()})
    joint = torch.full((len(y), k), 1.0 / len(y) / k, dtype=torch.float64)
    needs = values(joint, rng)
    prior = float((y == k - 1).double().mean())
    eye = torch.eye(k, dtype=torch.float64)
    needs |= {
        "noise_rate": 0.45 if issubclass(law, PairFlip) else 0.6,
        "transition": Symmetric(0.6).matrix(k),
        "flip": 0.7,
        "observed": 0.03,
    }
    needs |= {
        "prior": prior if k == 2 else torch.bincount(y, minlength=k).double() / len(y),
        "share": prior * 0.3 if law.__name__ == "SingleSample" else 0.2,
        "sizes": torch.eye(k - 1, dtype=torch.float64)[0],
    }
    needs |= {"propensity": 0.15 + 0.3 * torch.rand(len(y), generator=rng, dtype=torch.float64)}
    needs |= {
        "bag_sizes": torch.nn.functional.one_hot(torch.tensor(7 if k > 2 else 3), 8).double(),
        "thetas": torch.tensor([0.1, 0.5], dtype=torch.float64),
        "set_shares": torch.tensor([0.5, 0.5], dtype=torch.float64),
        "form_shares": torch.tensor([0.0, 1.0], dtype=torch.float64),
    }
    # a good source, two that often take a class for the next or the one before, a poor one, and one that guesses
    good, poor, next_one = Symmetric(0.2).matrix(k), Symmetric(0.8).matrix(k), PairFlip(0.45).matrix(k)
    needs["confusion"] = torch.stack([good, next_one, next_one.T, poor, torch.full_like(eye, 1 / k)])
    needs["transitions"] = (0.45 * eye + 0.55 * needs["transitions"]).contiguous()
    if law.eats.kind == "complementary":
        needs["transition"] = (1 - eye) / (k - 1)
    return law(**{name: needs[name] for name in law.needs()})


def _labels(objective: Objective, seed: int) -> tuple[Law, Tensor, Labels, int]:
    law = main_law(objective)
    law = ClassConditional if law is Clean else law
    small = set_for(law)
    y, k = small.y, small.k
    rng = torch.Generator().manual_seed(seed)
    bound = hard_law(law, y, k, rng)
    if isinstance(bound, Confided):
        bound = bound.given(_posterior())  # confidences of a model that saw the true labels, as the papers have them
    labels = bound.sample(y, k, rng)
    rows, labels = labels.cover(torch.arange(len(labels)))
    return bound.at(rows), rows, labels, k


def accuracy(objective: Objective, like: Objective, seed: int) -> float:
    """Test accuracy (mean average precision where classes may hold at once) after a short run on the labels that the
    law of ``like`` draws.
    """
    law, rows, labels, k = _labels(like, seed)
    small = set_for(type(law))
    X = small.X
    named = objective.named()
    given = {name: getattr(law, name) for name in law.needs()}
    if isinstance(law, ClassConditional):
        given["noise_rate"] = 0.6
    if small.several or ("prior" in named and "prior" not in given):  # the method's own need, not its law's
        given["prior"] = small.prior()
    known = supply(objective, type(law), given, X[rows], labels, seed)
    built = build_law(objective, type(law), known)
    sides: dict[str, Tensor] = {name: small.X_test for name in ("target", "outliers") if name in named}
    config = Config(**{"epochs": EPOCHS, "batch_size": 64, "lr": 2e-3, **objective.recipe}, seed=seed)
    head = objective.head_for(law)
    run = Run(
        X[rows],
        labels,
        objective,
        lambda member: build("mlp", tuple(X.shape[1:]), head.width(k), seed * 7 + member, (64,), layer=head.layer),
        config,
        law=built if built is not None else type(law),
        needs=known,
        group=rows % 2 if "group" in named else None,
        sides=sides,
    ).fit()
    banks = [objective.looked_at(memory["bank"]) for memory in run.memory]
    each = [objective.decoded(z, head, bank).exp() for z, bank in zip(run.logits(small.X_test), banks, strict=True)]
    return small.score(torch.stack(each).mean(0))


@cache
def naive(law: type[Law], seed: int) -> float:
    """The naive baseline's accuracy under that law; trained once."""

    @dataclass
    class Like(Objective):
        pass

    Like.law, Like.eats = law, law.eats
    return accuracy(Ignorant(), Like(), seed)


def _meaningful(card: Card) -> str:
    objective: Objective = card.cls()
    if "s" not in objective.named():
        return "a penalty that looks at no label"
    if isinstance(objective, Naive) or all(law is Clean for law in laws_of(objective)):
        return "the naive baseline itself"
    if main_law(objective).eats.kind not in KINDS:
        return "no naive reading of its labels is known here"
    return ""


@rule("learns", "learn", _meaningful)
def learns(card: Card) -> None:
    """On a small real set, with labels drawn by its law, it beats the naive baseline in a short run (mean accuracy
    of two seeds).
    """
    objective = card.cls()
    law = main_law(objective)
    scores = [accuracy(card.cls(), objective, seed) for seed in SEEDS]
    plain = [naive(law, seed) for seed in SEEDS]
    ensure(
        sum(scores) > sum(plain),
        f"accuracies {[round(s, 3) for s in scores]}",
        f"more than the naive {[round(s, 3) for s in plain]}",
    )
