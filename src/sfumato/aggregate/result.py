"""What every aggregation returns: beliefs about items, facts about sources, and ways onward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import logsumexp

from sfumato.core.errors import ParameterError, ShapeError
from sfumato.labels import Votes

from .agreement import krippendorff_alpha
from .doubt import SourcesWarning as SourcesWarning
from .doubt import doubt
from .kernel import Floats, Ints, Kernel, normalised
from .onward import Onward
from .quality import Quality, intervals


@dataclass
class Aggregated(Onward):
    """Beliefs about the truth of each item.

    posterior (n, K); prior (K,); confusion (sources, K, M) P(said | true) per source, [source, true, said]; quality
    (sources,) accuracy of each source where votes are classes, weighted by the prior; votes: what was aggregated;
    history: the objective per iteration; converged. ``table`` (sources, M, K) and ``log_prior`` (K,) are what new
    votes are read with: as log weights, or as shares where ``product`` is false; ``read`` stands in for both where a
    model reads votes in another way. Read off the votes when asked: ``n_votes``, ``majority``, ``agreement``,
    ``interval``.
    """

    posterior: Floats
    prior: Floats
    table: Floats
    confusion: Floats
    quality: Floats
    votes: Votes
    history: list[float] = field(default_factory=list)
    converged: bool = True
    log_prior: Floats | None = None
    product: bool = True
    informative: bool = False
    read: Callable[[Kernel], Floats] | None = None

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """Names of the classes in code order."""
        return self.votes.classes

    @property
    def items(self) -> tuple[Any, ...] | None:
        """Names of the items in order."""
        return self.votes.items

    @property
    def who(self) -> tuple[Any, ...] | None:
        """Names of the sources in code order."""
        return self.votes.who

    @property
    def n_votes(self) -> Ints:
        """(n,) votes per item, abstentions included."""
        return np.diff(self.votes.offsets.numpy())

    @property
    def majority(self) -> Floats:
        """(n, K) shares of the votes, which stand beside the beliefs."""
        return Kernel(self.votes, new=True).voted()

    @property
    def agreement(self) -> float:
        """Krippendorff's alpha of the votes; NaN for sets and weights, and where it is undefined."""
        counted = self.votes.weight is None and self.votes.means is None
        return krippendorff_alpha(self.votes) if counted else float("nan")

    def interval(self, level: float = 0.95) -> Quality:
        """Intervals of ``quality`` by the curvature of the likelihood; see ``aggregate.quality.intervals``."""
        return intervals(Kernel(self.votes, self.informative, new=True), self.posterior, self.quality, level)

    def predict_proba(self, votes: Votes) -> Floats:
        """(n, K) beliefs about items with new votes of the same sources on the same classes."""
        kernel = Kernel(votes, self.informative, new=True)
        if kernel.shape != self.table.shape:
            raise ShapeError(
                f"votes of {kernel.sources} sources with {kernel.statements} statements on {kernel.k} classes",
                f"{self.table.shape} as at fit",
                "pass classes=[...], and one column or name per source of the fit",
            )
        if self.who is not None and votes.who is not None and votes.who != self.who:
            raise ParameterError("sources with other names than at fit", f"{list(self.who)[:10]} in this order")
        if self.read is not None:
            return kernel.clamp(self.read(kernel))
        scores = kernel.scores(self.table)
        if not self.product:
            return kernel.clamp(normalised(scores))
        return kernel.clamp(softmax(scores + (0 if self.log_prior is None else self.log_prior)))

    def save(self, path: str | Path) -> None:
        """Write everything, votes included, into one file; atomic, safetensors with a JSON header, no pickle."""
        from .saved import save

        save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What ``save`` wrote, every number in the same bits."""
        from .saved import load

        found = load(Path(path))
        if not isinstance(found, cls):
            raise ParameterError(f"{path} holds a {type(found).__name__}", f"a {cls.__name__}", "Aggregated.load(path)")
        return found


def softmax(scores: Floats) -> Floats:
    """Rows of probabilities from rows of log weights."""
    return np.asarray(np.exp(scores - logsumexp(scores, axis=1, keepdims=True)))


def finish(kernel: Kernel, posterior: Floats, table: Floats, **told: Any) -> Aggregated:
    """The result of an aggregation from its beliefs and its table; facts about sources are read off the beliefs."""
    if (counts := told.pop("counts", None)) is None:
        counts = kernel.counts(posterior)
    if (confusion := told.pop("confusion", None)) is None:
        confusion = normalised(counts.transpose(0, 2, 1))
    if (prior := told.pop("prior", None)) is None:
        prior = posterior.mean(0)
    doubt(kernel, confusion, prior)
    hits = np.einsum("rkm,mk->rk", confusion, kernel.right().astype(float))
    return Aggregated(
        posterior,
        prior,
        table,
        confusion,
        np.asarray(hits @ prior),
        kernel.votes,
        informative=kernel.informative,
        **told,
    )
