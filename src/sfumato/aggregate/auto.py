"""The aggregation that predicts votes best which it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from sfumato.core.card import find, method
from sfumato.core.errors import ParameterError
from sfumato.core.roles import Aggregator
from sfumato.core.streams import numpy_rng
from sfumato.labels import Votes

from .decorrelated import Linked, discounted
from .held_out import Hidden, meaning, parts, places, without
from .kernel import Ints
from .repeats import partitions, repeats
from .result import Aggregated
from .tried import Tried, lead

VOTE = "majority-vote"
KEPT = 0.5  # of the vote's rise of beliefs in what votes say that a model's beliefs must share
_SIDES = ("auto", "auto, the other side")  # the purposes of the drawings
SIDED = "it leads only where the sources that are linked are taken for those that repeat each other"


@dataclass
class Chosen(Linked):
    """The result of the winner, with its name, what became of every candidate, and the sources that are linked."""

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
    candidate's classes lose the meaning of what sources say: votes of each class must raise its beliefs in that class
    at least half as much as the vote's, the hidden votes and all votes. Abstentions are neither hidden nor predicted.
    No truth is looked at but gold labels that the votes hold.

    A copy would tell what its original said. Sources that never differ, by more than their habits explain, are hidden
    together, count as one, and all candidates but the vote read them as one (``decorrelated``). Sources that
    agree beyond Dawid and Skene's model of independent ones are hidden together too; but there two truths fit the same
    votes, theirs and that of the rest, so a candidate must also win where the rest is hidden together instead. What
    remains: copies that differ from their original and are more than the others are explained by the model as good
    sources, leave no link, and are followed. The rule for copies was settled on simulated ones, before any real set was
    looked at again; the rest of it and the candidates while accuracies on the nine sets of the grid ``crowds`` stood
    beside: what it reaches on those is an oracle's figure.

    Args:
        candidates: names of aggregations besides ``majority-vote``.
        share: of the items with three votes or more (groups, where sources are linked) that lose a third, in (0, 1].
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
        models = {name: find(name, role="aggregate").cls() for name in dict.fromkeys((VOTE, *self.candidates))}
        alike, links = repeats(votes)
        fits: dict[str, Callable[[Votes], Aggregated]] = {name: model.fit for name, model in models.items()}
        if alike.linked.any():
            once = {f"decorrelated {name}": partial(discounted, m, links=alike) for name, m in models.items()}
            fits = {VOTE: fits[VOTE]} | once
        groups = partitions(alike, links, votes.sources)
        sides = [self._tried(votes, fits, group, at) for at, group in enumerate(groups)]
        tried = sides[0]
        for other in sides[1:]:
            for name in (n for n in other if tried[n].sure and not other[n].sure):
                tried[name] = replace(tried[name], failed=SIDED)
        if not tried:
            tried = dict.fromkeys(
                fits, Tried(0.0, 0.0, 0.0, 0.0, "no item has three votes of sources that say more than one thing")
            )
        sure = [name for name, t in tried.items() if t.sure]
        chosen = max(sure, key=lambda name: tried[name].likelihood, default=VOTE)
        told = vars(fits[chosen](votes)) | {"correlations": links, "chosen": chosen, "tried": tried}
        return Chosen(**told)

    def _tried(
        self, votes: Votes, fits: Mapping[str, Callable[[Votes], Aggregated]], group: Ints, side: int
    ) -> dict[str, Tried]:
        """What became of each candidate where the votes of a group (sources,) are hidden together; nothing where there
        is no evidence.
        """
        hidden = [places(votes, self.share, numpy_rng(self.seed, _SIDES[side], r), group) for r in range(self.rounds)]
        part = np.concatenate([parts(votes, at, group) for at in hidden])
        told = Hidden.of(votes, np.concatenate(hidden), numpy_rng(self.seed, "auto folds"), part)
        if len(told.item) < 2:
            return {}
        item = votes.item().numpy()
        scores: dict[str, Any] = {}
        needed = np.zeros(0)
        for name, fit in fits.items():
            try:
                beliefs = [fit(without(votes, at)).posterior for at in hidden if len(at)]
                p = np.concatenate([b[item[at]] for b, at in zip(beliefs, filter(len, hidden), strict=True)])[told.kept]
                rises = np.append(told.rises(p), np.mean([meaning(votes, b) for b in beliefs], 0))
                needed = KEPT * rises if name == VOTE else needed
                drifted = (rises < needed).any() and name != VOTE
                scores[name] = "its classes are not those that sources name" if drifted else told.scores(p)
            except (ValueError, ArithmeticError) as error:
                scores[name] = str(error)
        return {name: lead(found, scores[VOTE]) for name, found in scores.items()}
