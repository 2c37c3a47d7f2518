"""The aggregation that predicts votes best which it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sfumato.core.card import find, method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator
from sfumato.core.streams import numpy_rng
from sfumato.labels import Votes

from .held_out import Hidden, places, without
from .kernel import Kernel
from .result import Aggregated

VOTE = "majority-vote"
KEPT = 0.5  # of the rise of beliefs in what hidden votes say that they must share with the vote's
CERTAIN = 2.0  # standard errors by which a model must beat the vote


@dataclass(frozen=True)
class Tried:
    """One candidate: mean log probability of the hidden votes, its lead on the vote's, their standard errors over
    items, and why it is out, if it is.
    """

    likelihood: float
    error: float
    lead: float
    lead_error: float
    failed: str = ""


@dataclass
class Chosen(Aggregated):
    """The result of the winner, with its name and what became of every candidate."""

    chosen: str = VOTE
    tried: Mapping[str, Tried] = field(default_factory=dict)


@method("auto", paper="dawid1979maximum li2014error")
@dataclass
class Auto(Aggregator):
    r"""Choose an aggregation by votes held out; the vote itself is always among the candidates.

    .. math:: \text{score} = \operatorname{mean} \log \sum_k P_{ik} \hat\theta_j[k, l_{ij}], \qquad
              \hat\theta_j[k, l] \propto c_j[k, l] + 5 h_j[l] \frac{\bar\theta[k, l]}{\bar h[l]}

    over hidden votes (i, j, l), a third of those of some items: every candidate is fitted without them. One rule reads
    all candidates, :math:`c_j` being counts of the hidden votes of other items, which no belief has seen either: a
    source looks better than it is where its own vote made the belief. :math:`h_j` is the habit of source j (the shares
    of what it says), :math:`\bar\theta` and :math:`\bar h` are those of all sources together. Beliefs are raised to the
    power that predicts best, so that what counts is which classes they prefer, not how boldly. A candidate wins only
    where it beats the vote by more than two standard errors over items; else the vote does.

    Votes of sources that have said one thing only are no evidence, since a model that calls everything one class
    predicts them perfectly: on labeling functions of one class each nothing is left, and the vote stays. Nor may a
    candidate's classes lose the meaning of what sources say: hidden votes of each class must raise its beliefs in that
    class at least half as much as the vote's. Abstentions are neither hidden nor predicted. No truth is looked at but
    gold labels that the votes hold. Sources that copy each other deceive it as they deceive the candidates
    (``decorrelated`` looks for them). This rule and its candidates were settled while accuracies on the nine sets of
    the grid ``crowds`` stood beside: what it reaches on those is an oracle's figure.

    Args:
        candidates: names of aggregations besides ``majority-vote``.
        share: of the items with three votes or more that lose a third of them, in (0, 1].
        rounds: drawings of hidden votes, at least 1.
        seed: of the drawings.
    """

    candidates: tuple[str, ...] = ("wawa", "one-coin", "dawid-skene", "clustered-ds", "ibcc", "mace", "naive-bayes")
    share: float = 0.3
    rounds: int = 3
    seed: int = 0

    def fit(self, votes: Any) -> Chosen:
        """The winner's result on all votes."""
        if not 0 < self.share <= 1 or self.rounds < 1:
            raise ParameterError(f"share={self.share}, rounds={self.rounds}", "in (0, 1], and at least 1")
        names = (VOTE, *(name for name in dict.fromkeys(self.candidates) if name != VOTE))
        models = {name: find(name, role="aggregate").cls for name in names}
        Kernel(votes)  # refuses what is no votes
        hidden = [places(votes, self.share, numpy_rng(self.seed, "auto", turn)) for turn in range(self.rounds)]
        told = Hidden.of(votes, np.concatenate(hidden), numpy_rng(self.seed, "auto folds"))
        if len(told.item) < 2:
            why = Tried(0.0, 0.0, 0.0, 0.0, "no item has three votes of sources that say more than one thing")
            return Chosen(**vars(models[VOTE]().fit(votes)), tried=dict.fromkeys(models, why))
        item = votes.item().numpy()
        scores: dict[str, Any] = {}
        needed = np.zeros(votes.statements)
        for name, model in models.items():
            try:
                beliefs = [model().fit(without(votes, at)).posterior[item[at]] for at in hidden if len(at)]
                p = np.concatenate(beliefs)[told.kept]
                rises = told.rises(p)
                if name == VOTE:
                    needed = KEPT * rises
                drifted = (rises < needed).any() and name != VOTE
                scores[name] = "its classes are not those that sources name" if drifted else told.scores(p)
            except (ValueError, ArithmeticError) as error:
                scores[name] = str(error)
        return self._best(votes, models, scores)

    def _best(self, votes: Votes, models: dict[str, Any], scores: dict[str, Any]) -> Chosen:
        tried = {name: Tried(-np.inf, 0, -np.inf, 0, why) for name, why in scores.items() if isinstance(why, str)}
        base = scores[VOTE]
        root = np.sqrt(len(base))
        for name, found in scores.items():
            if name in tried:
                continue
            lead = found - base
            tried[name] = Tried(
                float(found.mean()), float(found.std() / root), float(lead.mean()), float(lead.std() / root)
            )
        sure = [name for name, t in tried.items() if t.lead > CERTAIN * t.lead_error]
        chosen = max(sure, key=lambda name: tried[name].likelihood, default=VOTE)
        return Chosen(**vars(models[chosen]().fit(votes)), chosen=chosen, tried=tried)
