"""The modules of an audit: one per kind of labels, then those that look at what was given beside, in the page's order.

Every one has the same form, (what is known of the data, what was seen before) -> a Section, so that the page, the JSON
and the comparison know none by name (the modules of a nutrition label, holland2018dataset).
"""

from __future__ import annotations

from collections.abc import Callable

from sfumato.audit.section import Data, Section, Seen
from sfumato.audit.sections.annotators import annotators
from sfumato.audit.sections.bag_values import bag_values
from sfumato.audit.sections.bags import bags
from sfumato.audit.sections.candidates import candidates
from sfumato.audit.sections.confidence import confidence, pair_confidence
from sfumato.audit.sections.distributions import distributions
from sfumato.audit.sections.groups import groups
from sfumato.audit.sections.masks import masks
from sfumato.audit.sections.metadata import metadata
from sfumato.audit.sections.multilabel import multilabel
from sfumato.audit.sections.prior import prior
from sfumato.audit.sections.provenance import provenance
from sfumato.audit.sections.sets import sets
from sfumato.audit.sections.shift import shift
from sfumato.audit.sections.targets import targets
from sfumato.audit.sections.truth import truth
from sfumato.audit.sections.tuples import tuples
from sfumato.audit.sections.variables import variables
from sfumato.audit.sections.votes import votes

SINGLE = ("exact", "noisy", "semi")  # one label per row, judged by out-of-fold probabilities
# kind of labels -> what is said of them and, while it is looked at, in the progress
WEAK: dict[str, tuple[Callable[[Data], Section], str]] = {
    "partial": (candidates, "estimating the ambiguity degree"),
    "complementary": (candidates, "estimating the ambiguity degree"),
    "pu": (prior, "estimating the prior"),
    "bags": (bags, "looking at the bags"),
    "bag-values": (bag_values, "looking at the bags"),
    "sets": (sets, "looking at the sets"),
    "pairs": (tuples, "looking at the pairs"),
    "comparisons": (tuples, "looking at the comparisons"),
    "triplets": (tuples, "looking at the triplets"),
    "confidence": (confidence, "resampling the confidences"),
    "confidence-differences": (pair_confidence, "resampling the differences"),
    "similarities": (pair_confidence, "resampling the similarities"),
    "multi-label": (multilabel, "counting classes that hold"),
    "distribution": (distributions, "looking at the distributions"),
    "targets": (targets, "looking at the targets"),
    "lower": (targets, "looking at the targets"),
    "votes": (votes, "counting votes"),
    "masks": (masks, "looking at the masks"),
}
KINDS = (*SINGLE, *WEAK)
PREDICTED = (*SINGLE, "partial", "complementary", "pu", "masks")  # the kinds whose module reads class probabilities
REAL = ("targets", "lower")  # no classes
Module = Callable[[Data, Seen], Section | None]
MODULES: tuple[Module, ...] = (groups, annotators, shift, truth, variables, metadata, provenance)
LAST = ("metadata", "provenance")  # the modules that describe rather than judge


def further(data: Data, seen: Seen) -> list[Section]:
    """What each module has to say; one that was given nothing to look at says nothing."""
    return [told for module in MODULES if (told := module(data, seen)) is not None]
