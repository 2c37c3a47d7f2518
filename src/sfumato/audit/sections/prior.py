"""Positive-unlabeled data: how many of the unlabeled rows are positive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.audit.section import Data, Floats, Section, percent
from sfumato.core.errors import ShapeError
from sfumato.estimate.interval import Interval
from sfumato.estimate.prior_bbe import PriorBBE
from sfumato.estimate.prior_dedpul import PriorDEDPUL
from sfumato.estimate.prior_elkan_noto import PriorElkanNoto
from sfumato.parts.svg import histogram, number

TITLES = {"bbe": "Best bin estimation", "elkan_noto": "Elkan-Noto"}


@dataclass(frozen=True)
class Told:
    """What one estimator says: its name, the prior, its interval."""

    name: str
    value: float
    span: Interval

    def words(self) -> str:
        """The prior with its interval."""
        return f"{percent(self.value)} ({percent(self.span.low)} to {percent(self.span.high)})"


def prior(data: Data) -> Section:
    """The class prior by the ratio of densities, the default where nobody names one, and by best bin estimation and by
    Elkan and Noto for comparison, with bootstrap intervals.
    """
    flag = np.asarray(data.labels.flag)
    scheme = data.labels.scheme
    scores, near = _scores(data, flag)
    main, *others = (
        Told(name, one.from_scores(flag, read, data.seed, scheme), one.interval)
        for name, one, read in (
            ("dedpul", PriorDEDPUL(), scores),
            ("bbe", PriorBBE(), scores),
            ("elkan_noto", PriorElkanNoto(), near),
        )
    )
    value, span = main.value, main.span
    n_p, n_u = int(flag.sum()), int((~flag).sum())
    what = "of all rows" if scheme == "single-sample" else "of the unlabeled rows"
    verdict = (
        f"About {percent(value)} {what} are positive "
        f"({span.level:.0%} interval {percent(span.low)} to {percent(span.high)})."
    )
    notes = [
        "DEDPUL, the ratio of densities of the scores, and best bin estimation assume that labelled positives are "
        "drawn like all positives; where no region holds positives only, they are upper bounds. Elkan-Noto also "
        "assumes that the classes do not overlap, and errs upwards where they do.",
        f"The intervals cover the chance of the draw of rows ({span.repeats} resamples), not errors of the scores.",
    ]
    if n_p < 100:
        notes.append(f"Only {n_p} labelled positives: expect the estimate to be rough.")
    return Section(
        "prior",
        "Class prior",
        verdict,
        False,
        (f"positive prior ({percent(span.low)} to {percent(span.high)})", percent(value)),
        tuple(notes),
        (
            ("labelled positive rows", number(n_p)),
            ("unlabeled rows", number(n_u)),
            *((f"{TITLES[one.name]}, for comparison", one.words()) for one in others),
        ),
        (
            ("P(labelled | x), unlabeled rows", histogram(scores[~flag], "Scores of unlabeled rows", span=(0.0, 1.0))),
            (
                "P(labelled | x), labelled positive rows",
                histogram(scores[flag], "Scores of labelled rows", span=(0.0, 1.0)),
            ),
        ),
        None,
        {
            "scheme": scheme,
            "positive_rows": n_p,
            "unlabeled_rows": n_u,
            "resamples": span.repeats,
            **{
                one.name: {"value": one.value, "low": one.span.low, "high": one.span.high, "level": one.span.level}
                for one in (main, *others)
            },
        },
    )


def _scores(data: Data, flag: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[Floats, Floats]:
    """Scores that rank best, and probabilities for Elkan and Noto; the same where probabilities are given."""
    p = data.probabilities
    if p is None:
        x, folds = np.asarray(data.x), min(data.folds, len(flag))
        ranking, near = (one(folds=folds).prepare(x, flag, data.seed) for one in (PriorDEDPUL, PriorElkanNoto))
        return ranking, near
    if p.ndim != 2 or p.shape[1] != 2:
        raise ShapeError(f"probabilities of shape {p.shape}", f"({len(flag)}, 2): unlabeled, labelled")
    given = np.asarray(p[:, 1], np.float64)
    return given, given
