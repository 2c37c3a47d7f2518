"""Positive and unlabeled rows: some positives are marked, everything else is unknown."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sfumato.core.errors import LabelError, ParameterError, ShapeError

from .base import Channel, Law, Signed, check_joint, check_unit
from .encode import check_codes, column, encode, is_missing
from .exact import OFF
from .heads import SOFTMAX
from .pointed import Pointed

SCHEMES = ("case-control", "single-sample")


@dataclass(frozen=True, eq=False)
class PU(Pointed):
    """One flag per observation: labeled positive, or unlabeled. Class 1 is the positive one.

    Args: flag (n,) boolean, True = labeled positive; scheme "case-control" (the unlabeled are a sample of everything,
    positives were drawn apart) or "single-sample" (one sample, some of its positives got labeled); classes (negative,
    positive) names; pointer (n,) the row of X that each observation speaks of, or None for row i. k is 2. Errors: no
    positive, no unlabeled row, unknown scheme, wrong shape.
    """

    flag: Tensor
    scheme: str = "case-control"
    classes: tuple[Any, ...] | None = None
    pointer: Tensor | None = None
    k: int = 2
    kind: ClassVar[str] = "pu"
    columns: ClassVar[tuple[str, ...]] = ("flag", "pointer")

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ParameterError(f"scheme {self.scheme!r}", f"one of {SCHEMES}")
        if self.k != 2 or (self.classes is not None and len(self.classes) != 2):
            raise ParameterError(f"k = {self.k}, classes {self.classes}", "two classes: (negative, positive)")
        flag = torch.as_tensor(self.flag if isinstance(self.flag, Tensor) else np.asarray(self.flag))
        if flag.ndim != 1 or len(flag) == 0:
            raise ShapeError(f"flags of shape {tuple(flag.shape)}", "(n,), n >= 1")
        if flag.dtype != torch.bool:
            raise LabelError(
                f"flags of dtype {flag.dtype}",
                "booleans, True = labeled positive",
                "use PU.from_flags(...) for numbers or strings",
            )
        if bool(flag.all()) or not bool(flag.any()):
            raise LabelError(
                "no " + ("unlabeled" if bool(flag.all()) else "labeled positive") + " observation",
                "both labeled positives and unlabeled rows",
            )
        object.__setattr__(self, "flag", flag)
        self._check_pointer()

    @classmethod
    def from_flags(cls, flags: Any, scheme: str = "case-control", classes: tuple[Any, ...] | None = None) -> Self:
        """From one flag per row: True/False, 1/0 or 1/-1, 1 = labeled positive."""
        y, names = encode(flags, None, "PU flags")
        allowed = ((False, True), (0, 1), (-1, 1), (0.0, 1.0), (-1.0, 1.0))
        if names not in allowed:
            raise LabelError(
                f"flags with values {list(names)[:10]}",
                "True/False, 1/0 or 1/-1",
                "use PU.from_labels(values, positive=...)",
            )
        return cls(y == 1, scheme, classes)

    @classmethod
    def from_labels(cls, values: Any, positive: Any, scheme: str = "case-control") -> Self:
        """From a column that holds ``positive`` on labeled rows and blanks (None, NaN, "") on all others."""
        plain = list(values)
        flag = np.array([not is_missing(v) and v == positive for v in plain])
        for i, (value, f) in enumerate(zip(plain, flag, strict=True)):
            if not f and not is_missing(value) and value != "":
                raise LabelError(
                    f"PU labels: entry {i} is {value!r}",
                    f"{positive!r} or a blank",
                    "use sf.labels.Semi where negatives are labeled too",
                )
        return cls(torch.from_numpy(flag), scheme, (f"not {positive}", positive))

    @classmethod
    def from_counts(cls, n_positive: int, n_unlabeled: int, scheme: str = "case-control") -> Self:
        """For two stacked samples X = [positives; unlabeled]."""
        if n_positive < 1 or n_unlabeled < 1:
            raise LabelError(f"{n_positive} positives and {n_unlabeled} unlabeled", "at least one of each")
        return cls(torch.arange(n_positive + n_unlabeled) < n_positive, scheme)

    @classmethod
    def from_frame(cls, frame: Any, name: str, scheme: str = "case-control") -> Self:
        """From one column of flags of a data frame."""
        return cls.from_flags(column(frame, name), scheme)

    def reading(self) -> Tensor:
        """The unlabeled as negatives."""
        return one_hot(self.flag.long(), 2).double()

    def strata(self) -> Tensor:
        return self.flag.long()

    def default_law(self) -> type[Law]:
        return self.law_for(CaseControl)

    def law_for(self, law: type[Law]) -> type[Law]:
        return SingleSample if law is CaseControl and self.scheme == "single-sample" else law


def flag_table(likelihood_positive: Tensor, likelihood_negative: Tensor, labels: PU) -> Tensor:
    """(n, 2) log P(flag | truth) from P(flagged | positive) and P(flagged | negative), each (n,) or ()."""
    from .noisy import log_or_off

    p = torch.stack(torch.broadcast_tensors(likelihood_negative, likelihood_positive), -1).expand(len(labels), 2)
    return log_or_off(torch.where(labels.flag[:, None], p, 1 - p))


class OneSample(Channel):
    """One sample in which positives are labeled with probability e(x), negatives never. Abstract: subclasses give
    ``labeling``.
    """

    eats = PU
    head = SOFTMAX

    @abstractmethod
    def labeling(self, like: Tensor) -> Tensor:
        """() or (n,) P(labeled | positive)."""

    def sample(self, y: Any, k: int, rng: torch.Generator) -> PU:
        y = check_codes(y, 2, "true labels")
        draw = torch.rand(len(y), generator=rng, dtype=torch.float64)
        return PU((draw < self.labeling(draw)) & (y == 1), "single-sample")

    def population(self, joint: Tensor) -> tuple[Tensor, PU, Tensor]:
        joint = check_joint(joint, 2)
        flagged = joint[:, 1] * self.labeling(joint)
        m = len(joint)
        weight = torch.stack([joint.sum(1) - flagged, flagged], 1).reshape(-1)
        return torch.arange(m).repeat_interleave(2), PU(torch.tensor([False, True]).repeat(m), "single-sample"), weight

    def log_likelihood(self, labels: PU, dtype: torch.dtype) -> Tensor:
        like = torch.empty(0, dtype=dtype, device=labels.flag.device)
        return flag_table(self.labeling(like), like.new_zeros(()), labels)

    def rewrite(self, labels: PU, dtype: torch.dtype = torch.float32) -> Signed:
        # labeled rows: l+ / e + (1 - 1/e) l-; unlabeled rows: l-   (inverse propensity; with e = share / prior this
        # is uPU)
        inverse = (1 / self.labeling(torch.empty(0, dtype=dtype, device=labels.flag.device))).expand(len(labels))
        flag = labels.flag.to(dtype)
        return Signed(torch.stack([1 - flag * inverse, flag * inverse], 1))

    def clean(self, y: Tensor, k: int) -> PU | None:
        e = self.labeling(torch.empty(0, dtype=torch.float64))
        both = bool((y == 1).any()) and bool((y == 0).any())
        return PU(y == 1, "single-sample") if both and bool((e == 1).all()) else None


@dataclass(frozen=True)
class SingleSample(OneSample):
    r"""One sample, positives labeled completely at random: P(labeled | +) = c = share / prior.

    Args: prior P(+) in (0, 1); share of labeled rows in (0, prior], read off the labels.
    """

    prior: float
    share: float
    read_off = ("share",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prior", check_unit("prior", self.prior, low_open=True, high_open=True))
        object.__setattr__(self, "share", check_unit("share", self.share, low_open=True, high_open=True))
        if self.share > self.prior * (1 + 1e-9):
            raise ParameterError(
                f"prior {self.prior:.4g} below the labeled share {self.share:.4g}",
                "a prior of at least the labeled share",
                "in one sample every labeled row is a positive",
            )

    @classmethod
    def read(cls, labels: PU) -> dict[str, Any]:
        return {"share": float(labels.flag.double().mean())}

    def labeling(self, like: Tensor) -> Tensor:
        return torch.as_tensor(min(self.share / self.prior, 1.0), dtype=like.dtype, device=like.device)


@dataclass(frozen=True)
class SelectedAtRandom(OneSample):
    r"""One sample, positives labeled with a known propensity: P(labeled | +, row) = e(row).

    Args: propensity (n,) in (0, 1], one per row of X.
    """

    propensity: Tensor
    per_row = ("propensity",)

    def __post_init__(self) -> None:
        e = torch.as_tensor(self.propensity).to(torch.float64)
        if e.ndim != 1:
            raise ShapeError(f"propensity of shape {tuple(e.shape)}", "(n,)")
        if not bool(((e > 0) & (e <= 1)).all()):
            raise ParameterError(
                "a propensity outside (0, 1]",
                "P(labeled | positive, row) in (0, 1]",
                "clip tiny propensities yourself, knowing the bias",
            )
        object.__setattr__(self, "propensity", e)

    def labeling(self, like: Tensor) -> Tensor:
        return self.propensity.to(dtype=like.dtype, device=like.device)


@dataclass(frozen=True)
class CaseControl(Channel):
    r"""Two samples: positives from p(x | +), unlabeled from p(x). Of all observations a share rho is labeled.

    P(labeled | x) = a p / (a p + 1 - rho), a = rho / prior, p = P(+ | x).

    Args: prior P(+) in (0, 1); share rho in (0, 1), read off the labels.
    """

    prior: float
    share: float
    eats = PU
    head = SOFTMAX
    read_off = ("share",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prior", check_unit("prior", self.prior, low_open=True, high_open=True))
        object.__setattr__(self, "share", check_unit("share", self.share, low_open=True, high_open=True))

    read = SingleSample.read

    def sample(self, y: Any, k: int, rng: torch.Generator) -> PU:
        """All rows are the unlabeled sample; labeled positives are drawn from the positive rows with replacement and
        point to them.
        """
        y = check_codes(y, 2, "true labels")
        positives = (y == 1).nonzero().squeeze(1)
        if len(positives) == 0:
            raise LabelError("no positive row to draw labeled positives from", "at least one")
        count = max(1, round(len(y) * self.share / (1 - self.share)))
        drawn = positives[torch.randint(len(positives), (count,), generator=rng)]
        return PU(
            torch.arange(count + len(y)) < count, "case-control", pointer=torch.cat([drawn, torch.arange(len(y))])
        )

    def population(self, joint: Tensor) -> tuple[Tensor, PU, Tensor]:
        joint = check_joint(joint, 2)
        if abs(float(joint[:, 1].sum()) - self.prior) > 1e-9:
            raise ParameterError(
                f"a joint of prior {float(joint[:, 1].sum()):.6g} under prior {self.prior:.6g}", "the same prior"
            )
        m = len(joint)
        weight = torch.stack([(1 - self.share) * joint.sum(1), self.share / self.prior * joint[:, 1]], 1).reshape(-1)
        return torch.arange(m).repeat_interleave(2), PU(torch.tensor([False, True]).repeat(m), "case-control"), weight

    def tilt(self, log_p: Tensor) -> Tensor:
        # drawing positives apart raises their share: P(+ | x, sampled) is p times (a + 1 - rho) / (1 - rho), normalised
        lift = np.log1p(self.share / self.prior / (1 - self.share))
        return torch.log_softmax(log_p + log_p.new_tensor([0.0, lift]), dim=1)

    def log_likelihood(self, labels: PU, dtype: torch.dtype) -> Tensor:
        a = self.share / self.prior
        like = torch.empty((), dtype=dtype, device=labels.flag.device)
        return flag_table(like.new_tensor(a / (a + 1 - self.share)), like.new_zeros(()), labels)

    def rewrite(self, labels: PU, dtype: torch.dtype = torch.float32) -> Signed:
        # pi mean_P l+  and  mean_U l- - pi mean_P l-
        flag = labels.flag.to(dtype)
        return Signed(torch.stack([1 - flag - self.prior * flag, self.prior * flag], 1), labels.flag.long(), 2)


__all__ = ["OFF", "PU", "CaseControl", "SelectedAtRandom", "SingleSample"]
