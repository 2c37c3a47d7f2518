"""Choosing without clean labels: criteria on held-out weak labels. Higher is better; what used clean labels is
called oracle.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sfumato.core.errors import ParameterError, RefusedError, ShapeError
from sfumato.labels import (
    Bags,
    BiasedComplementary,
    Complementary,
    Distribution,
    Exact,
    Incomplete,
    Labels,
    Law,
    Lower,
    Masks,
    Partial,
    Signed,
    Targets,
    Votes,
)
from sfumato.labels.multilabel import MultiLabel
from sfumato.parts.losses import zero_one_losses
from sfumato.parts.ranking import macro_auc


class Measured(float):
    """A number with its interval: behaves as the number; ``low`` and ``high`` are the ends, None where no interval
    is known.
    """

    low: float | None
    high: float | None

    def __new__(cls, value: float, low: float | None = None, high: float | None = None) -> Measured:
        number = super().__new__(cls, value)
        number.low, number.high = low, high
        return number

    def __repr__(self) -> str:
        return f"{float(self):.4g}" if self.low is None else f"{float(self):.4g} [{self.low:.4g}, {self.high:.4g}]"


def _mean(values: Tensor, z: float = 1.959964) -> Measured:
    value = float(values.mean())
    half = z * float(values.double().std(unbiased=True)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Measured(value, value - half, value + half) if half == half else Measured(value)


def likelihood(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    r"""Held-out mean log P(observation | x), ranks models for every law; 95 % normal interval.

    Args: log_p (n, K) predicted log P(truth | x); labels of n observations; law with its needs filled in.
    """
    _check_known("likelihood", law)
    return _mean(law.log_prob(log_p, labels))


def _check_known(name: str, law: Law | type[Law]) -> None:
    if isinstance(law, type):
        raise RefusedError(
            f"{name} under {law.__name__}, whose {', '.join(law.needs())} this method does not learn",
            "a law that is known",
            "pass it as a need, or choose another criterion",
        )


def agreement(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Share of held-out rows whose given label is the predicted class; 95 % normal interval. For one class per row, or
    per pixel: then the mean share of a picture's pixels. Of votes: the mean share of an item's votes, items without any
    left out.
    """
    if isinstance(labels, Votes):
        shares = labels.shares()
        heard = shares.sum(1) > 0
        return _mean(shares[heard].gather(1, log_p[heard].argmax(1, keepdim=True)).squeeze(1))
    if not isinstance(labels, (Exact, Masks)):
        raise RefusedError(
            f"agreement with {labels.kind} labels",
            "labels that name one class per row",
            "use covering-rate or unbiased-accuracy",
        )
    return _mean((log_p.argmax(1) == labels.y).double().reshape(len(labels), -1).mean(1))


def _candidates(labels: Labels) -> Tensor:
    if isinstance(labels, Partial):
        return labels.mask
    if isinstance(labels, Complementary):
        return ~labels.mask
    raise RefusedError(f"candidate sets from {labels.kind} labels", "partial or complementary labels")


def covering_rate(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Share of held-out rows whose predicted class is a candidate; an upper bound of the accuracy where sets hold
    the truth.
    """
    return _mean(_candidates(labels).gather(1, log_p.argmax(1, keepdim=True)).double())


def approximated_accuracy(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Mean belief in the predicted class among the candidates, q = p * S / sum_S p; unbiased where p is the
    posterior and sets are uniform.
    """
    inside = log_p.masked_fill(~_candidates(labels), float("-inf"))
    return _mean(torch.softmax(inside.double(), 1).gather(1, log_p.argmax(1, keepdim=True)).squeeze(1))


def unbiased_accuracy(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Accuracy by the law's signed rewrite of the 0-1 loss: unbiased wherever the law is right; 95 % normal interval
    over strata. Where several classes may hold it is the share of right answers to "does it hold?".
    """
    _check_known("unbiased-accuracy", law)
    signed = law.rewrite(labels, torch.float64)
    losses = _wrong_answers(log_p) if isinstance(labels, MultiLabel) else zero_one_losses(log_p.double())
    value = 1 - float(signed.parts(losses).sum())
    half = 1.959964 * math.sqrt(_variance(signed, losses))
    return Measured(value, value - half, value + half)


def _variance(signed: Signed, losses: Tensor) -> float:
    each = signed.each(losses).sum(1)
    stratum = torch.zeros(len(each), dtype=torch.long) if signed.stratum is None else signed.stratum
    total = 0.0
    for g in range(signed.n_strata):
        inside = each[stratum == g]
        if len(inside) > 1:
            total += float(inside.var(unbiased=True)) / len(inside)
    return total


def _wrong_answers(log_p: Tensor) -> Tensor:
    """(n, 2 L) 1 / L where "yes" is not the answer at a threshold of 1/2, and then where "no" is not."""
    yes = log_p.double() >= math.log(0.5)
    return torch.cat([~yes, yes], 1).double() / log_p.shape[1]


def seen_auc(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """The mean over classes of how often a held-out row known to hold the class is ranked above one not known to; an
    increasing affine function of the true macro-AUC's terms where positives are told at random. Classes of which the
    held-out rows show one kind alone are left out. For labels of several classes at once.
    """
    if not isinstance(labels, MultiLabel):
        raise RefusedError(f"seen-auc with {labels.kind} labels", "multi-label ones", "use likelihood")
    return Measured(macro_auc(labels.positive.cpu().numpy(), log_p.cpu().numpy()))


def proportion_error(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Minus the mean distance between the share of each class in a held-out bag and the mean prediction of its rows,
    sum_k |share_k - mean p_k| / 2; for bags with counts. Bags of any size.
    """
    if not isinstance(labels, Bags):
        raise RefusedError(f"proportion error with {labels.kind} labels", "bags with counts", "use likelihood")
    sizes = labels.sizes().double()[:, None]
    predicted = labels.gathered(log_p[labels.members].double().exp()) / sizes
    return _mean(-(labels.counts / sizes - predicted).abs().sum(1) / 2)


def absolute_error(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Minus the mean distance between held-out targets and predictions; of targets seen too low it flatters low
    predictions.
    """
    if not isinstance(labels, Targets):
        raise RefusedError(f"absolute error with {labels.kind} labels", "real targets", "use the kind's default")
    return _mean(-(labels.value - log_p[:, 0].double()).abs())


def upper_risk(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Minus the mean of 2 max(seen - f, 0) / c + f: up to a constant that no prediction moves, minus the absolute error
    on complete values, where a share c of the values is complete and the others lie below the prediction.
    """
    if not isinstance(labels, Lower) or not isinstance(law, Incomplete):
        raise RefusedError(f"upper risk with {labels.kind} labels", "lower targets under the law Incomplete")
    f = log_p[:, 0].double()
    return _mean(-(2 * (labels.value - f).clamp_min(0) / law.observed + f))


def divergence(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Minus the mean Kullback-Leibler divergence KL(d || p) of held-out label distributions; 95 % normal interval. For
    distributions as given: where they are biased, likelihood under the law that knows the bias.
    """
    if not isinstance(labels, Distribution):
        raise RefusedError(f"divergence with {labels.kind} labels", "label distributions", "use likelihood")
    shares = labels.shares.to(log_p.dtype)
    return _mean((shares * log_p - torch.xlogy(shares, shares)).sum(1))


def oracle_accuracy(log_p: Tensor, labels: Labels, law: Law) -> Measured:
    """Accuracy against true labels (Exact). It uses clean labels: an oracle."""
    if type(labels) is not Exact:
        raise RefusedError(f"oracle accuracy from {labels.kind} labels", "the true labels as sf.labels.Exact")
    return _mean((log_p.argmax(1) == labels.y).double())


CRITERIA: dict[str, Callable[[Tensor, Any, Any], Measured]] = {
    "likelihood": likelihood,
    "agreement": agreement,
    "covering-rate": covering_rate,
    "approximated-accuracy": approximated_accuracy,
    "unbiased-accuracy": unbiased_accuracy,
    "proportion-error": proportion_error,
    "seen-auc": seen_auc,
    "absolute-error": absolute_error,
    "upper-risk": upper_risk,
    "divergence": divergence,
    "oracle-accuracy": oracle_accuracy,
}
# For epochs, scores, and methods where sfumato.portfolio has no criterion of its own and no law says better;
# docs/measurements/{auto,weak}.md say what each won (read off true test labels: an oracle).
DEFAULT = {
    "exact": "agreement",
    "noisy": "agreement",
    "partial": "covering-rate",
    "complementary": "unbiased-accuracy",
    "pu": "unbiased-accuracy",
    "semi": "unbiased-accuracy",
    "bags": "likelihood",
    "bag-values": "likelihood",
    "sets": "likelihood",
    "pairs": "unbiased-accuracy",
    "comparisons": "unbiased-accuracy",
    "triplets": "unbiased-accuracy",
    "confidence": "unbiased-accuracy",
    "confidence-differences": "unbiased-accuracy",
    "similarities": "unbiased-accuracy",
    "targets": "absolute-error",
    "lower": "upper-risk",
    "masks": "agreement",
    "distribution": "divergence",
    "multi-label": "seen-auc",
    "votes": "agreement",
}
# What method="auto" trains for a kind of which sfumato.portfolio has no table, chosen by hand from the tables in
# docs/measurements (those of bags and below before any table of theirs was made). Those hold test accuracies: an oracle
# shaped the lists, so what auto reaches on the same sets flatters. The naive baseline of the kind comes first and is
# never left out. Masks have no list: one method stands for them, and its network is the user's own.
SHORT_LIST = {
    "exact": ("ce", "regularised-ce"),
    "noisy": ("ce", "regularised-ce", "gce", "forward", "elr"),
    "partial": ("average", "cc", "proden", "lws"),
    "complementary": ("average", "scl-nl", "ure-ga", "mcl-exp"),
    "pu": ("unlabeled-as-negative", "nnpu", "elkan-noto", "vpu"),
    "semi": ("supervised", "pseudo-label", "mean-teacher", "softmatch"),
    "bags": ("naive", "proportion", "llpfc", "easyllp"),
    "bag-values": ("naive", "noisy-or", "mil-max", "mil-attention", "aggregate-uum"),
    "sets": ("naive", "uu", "uu-nn", "um-ssc"),
    "pairs": ("turned-likelihood", "sd", "su", "sdu"),
    "comparisons": ("naive", "pcomp", "pcomp-relu", "pcomp-teacher"),
    "triplets": ("turned-likelihood", "signed-risk"),
    "confidence": ("naive", "pconf"),
    "confidence-differences": ("naive", "confdiff"),
    "similarities": ("sconf",),
    "multi-label": ("an", "wan", "ll-cp", "spml-em-apl"),
    "distribution": ("naive", "sa-bfgs", "ldl-lrr", "ldl-scl"),
    "votes": ("naive", "crowd-layer", "union-net", "conal"),
    "targets": ("l1",),
    "lower": ("l1", "u2-regression"),
}
# The same where the labels are known to follow such a matrix, of which the other methods know nothing.
BIASED_LIST = ("average", "scl-nl", "l-w", "forward")
# Kinds whose labels suggest no class for a single row: nobody who knows no better would know what to do, and the first
# of the list is no naive baseline.
NO_BASELINE = frozenset({"pairs", "triplets", "similarities"})


def default(kind: str, law: Law | type[Law] | None = None) -> str:
    """The criterion where nobody names one: that of the law which the labels are known to follow, where it says better
    than their kind; every law has a likelihood.

    A biased matrix of complementary labels is told apart from the uniform law here: the inverse that an unbiased
    accuracy needs multiplies chance until methods cannot be told apart, the likelihood needs none (decision 23).

    Args: kind of the labels; law, as stated or filled in, None where nobody knows it.
    """
    if biased(law):
        return "likelihood"
    return DEFAULT.get(kind, "likelihood")


def in_turn(first: str, kind: str, law: Law | type[Law] | None = None) -> tuple[str, ...]:
    """The criteria to try one after the other, until one can be measured: the first, the default, and the two that
    stand for every law.
    """
    return tuple(dict.fromkeys((first, default(kind, law), "likelihood", "unbiased-accuracy")))


def biased(law: Law | type[Law] | None) -> bool:
    """Whether complementary labels follow a matrix that is not the uniform one."""
    if isinstance(law, type):
        return issubclass(law, BiasedComplementary)
    if not isinstance(law, BiasedComplementary):
        return False
    even = BiasedComplementary.uniform(len(law.transition)).transition.to(law.transition)
    return not torch.allclose(law.transition, even, rtol=0, atol=1e-6)


def short_list(kind: str, law: Law | type[Law] | None = None) -> tuple[str, ...]:
    """What method="auto" trains of a kind without a table, the naive baseline first."""
    return BIASED_LIST if biased(law) else SHORT_LIST[kind]


def criterion(name: str, log_p: Tensor, labels: Labels, law: Law | type[Law]) -> Measured:
    """A criterion by name, higher is better.

    Args: name, a key of CRITERIA; log_p (n, K), one line per row that the labels show; labels; law, its class
    where a fact of it is missing. Errors: unknown name, unequal lengths, a criterion that this kind or law does not
    have.
    """
    if name not in CRITERIA:
        raise ParameterError(f"criterion {name!r}", f"one of {sorted(CRITERIA)}")
    shown = int(labels.sizes().sum())
    if len(log_p) != shown:
        raise ShapeError(f"{len(log_p)} predictions for {shown} rows that the labels speak of", "one per row")
    return CRITERIA[name](log_p, labels, law)
