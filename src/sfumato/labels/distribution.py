"""Label distributions: how far each class describes a row, as shares that sum to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError, ShapeError

from .base import Labels, Law, Signed, check_joint, check_stochastic, check_unit
from .encode import check_codes, column
from .exact import Exact, check_classes
from .heads import SOFTMAX
from .noisy import inverted, log_or_off

_ROUNDED = 1e-3  # shares printed with three or four digits miss one by no more


@dataclass(frozen=True, eq=False)
class Distribution(Labels):
    """A soft label per row: the share of each class.

    Args: shares (n, K) non-negative, rows that sum to one (up to 1e-3 of rounding, which is divided out); k number of
    classes >= 2; classes names in code order. Errors: negative or non-finite shares, rows that do not sum to one.
    """

    shares: Tensor
    k: int
    classes: tuple[Any, ...] | None = None
    kind: ClassVar[str] = "distribution"
    columns: ClassVar[tuple[str, ...]] = ("shares",)

    def __post_init__(self) -> None:
        check_classes(self.k, self.classes)
        shares = _numbers(self.shares, "shares", self.k)
        total = shares.sum(1, keepdim=True)
        off = (total - 1).abs()
        if bool((off > _ROUNDED).any()):
            i = int(off.argmax())
            raise LabelError(
                f"distribution labels: the shares of row {i} sum to {float(total[i]):.6g}",
                "rows that sum to one",
                "use from_counts(...) for votes, or divide each row by its sum",
            )
        object.__setattr__(self, "shares", shares / total)

    @classmethod
    def from_matrix(cls, shares: Any, classes: Sequence[Any] | None = None) -> Self:
        """From an (n, K) matrix whose rows sum to one."""
        table = _numbers(shares, "shares")
        return cls(table, table.shape[1], None if classes is None else tuple(classes))

    @classmethod
    def from_counts(cls, counts: Any, classes: Sequence[Any] | None = None) -> Self:
        """From an (n, K) table of votes: each row divided by its sum; a row without a vote is an error."""
        table = _numbers(counts, "counts")
        total = table.sum(1, keepdim=True)
        if bool((total == 0).any()):
            raise LabelError(
                f"row {int((total == 0).nonzero()[0, 0])} has no vote ({int((total == 0).sum())} of {len(table)} rows)",
                "a vote on every row",
                "leave these rows out of X and of the table",
            )
        return cls(table / total, table.shape[1], None if classes is None else tuple(classes))

    @classmethod
    def from_frame(cls, frame: Any, names: Sequence[str], classes: Sequence[Any] | None = None) -> Self:
        """From one column of shares per class of a data frame; the column names are the classes unless given."""
        table = np.column_stack([np.asarray(column(frame, name)) for name in names])
        return cls.from_matrix(table, tuple(names) if classes is None else classes)

    def hardened(self, rng: torch.Generator) -> Exact:
        """One class drawn from each row's shares."""
        return Exact(torch.multinomial(self.shares, 1, generator=rng).squeeze(1), self.k, self.classes)

    def seen_through(self, transition: Any) -> Self:
        """The biased distributions d T that a row-stochastic (K, K) matrix T makes of these."""
        matrix = _of_size(check_stochastic("transition", transition), self.k)
        return type(self)(self.shares.double() @ matrix, self.k, self.classes)

    def reading(self) -> Tensor:
        """The shares as they are."""
        return self.shares.double()

    def default_law(self) -> type[Law]:
        return Hardened


def _numbers(values: Any, what: str, k: int | None = None) -> Tensor:
    """(n, K) finite numbers >= 0, in float32 where they come so, else in float64."""
    try:
        table = torch.as_tensor(values if isinstance(values, Tensor) else np.asarray(values))
    except (TypeError, ValueError, RuntimeError):
        raise LabelError(f"{what} that are no numbers", "an (n, K) matrix of numbers") from None
    if table.ndim != 2 or len(table) == 0 or table.shape[1] < 2 or (k is not None and table.shape[1] != k):
        raise ShapeError(
            f"{what} of shape {tuple(table.shape)}", f"(n, {k or 'K'}): a row per observation, a column per class"
        )
    table = table if table.dtype == torch.float32 else table.to(torch.float64)
    bad = ~(torch.isfinite(table) & (table >= 0))
    if bool(bad.any()):
        i, j = bad.nonzero()[0].tolist()
        raise LabelError(f"{what}: row {i}, class {j} is {float(table[i, j]):g}", "finite numbers >= 0")
    return table


def _of_size(matrix: Tensor, k: int) -> Tensor:
    if len(matrix) != k:
        raise ShapeError(f"a {len(matrix)} x {len(matrix)} transition for {k} classes", f"({k}, {k})")
    return matrix


def _told(y: Any, k: int) -> Distribution:
    """Distributions that are sure of one class."""
    return Distribution(torch.nn.functional.one_hot(check_codes(y, k, "true labels"), k).double(), k)


@dataclass(frozen=True)
class Hardened(Law):
    r"""One class drawn from the shares is the truth: P(truth = k | x, d) = d_k, so E[d | x] = P(truth | x).

    log_prob is the mean log-probability of the drawn class, sum_k d_k log p_k = -KL(d || p) - H(d): linear in d, as are
    posterior and rewrite. Given true classes alone it draws, and enumerates, shares that are sure of them; whatever is
    linear holds in mean for soft ones.
    """

    eats = Distribution
    head = SOFTMAX

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Distribution:
        return _told(y, k)

    def population(self, joint: Tensor) -> tuple[Tensor, Distribution, Tensor]:
        joint = check_joint(joint, 1000)
        m, k = joint.shape
        return torch.arange(m).repeat_interleave(k), _told(torch.arange(k).repeat(m), k), joint.reshape(-1)

    def log_prob(self, log_p: Tensor, labels: Distribution) -> Tensor:
        return (labels.shares.to(log_p.dtype) * log_p).sum(1)

    def posterior(self, log_p: Tensor, labels: Distribution) -> Tensor:
        return labels.shares.to(log_p.dtype)

    def rewrite(self, labels: Distribution, dtype: torch.dtype = torch.float32) -> Signed:
        return Signed(labels.shares.to(dtype))

    def clean(self, y: Tensor, k: int) -> Distribution:
        return _told(y, k)


@dataclass(frozen=True)
class BiasedDistribution(Law):
    r"""The shares of the truth seen through a matrix, d = t T: a class drawn from d is the truth, flipped by T.

    log_prob is sum_j d_j log sum_i p_i T[i, j]. Given true classes alone it draws, and enumerates, shares that are sure
    of a flipped class. T = I is ``Hardened``.

    Args: transition (K, K) row-stochastic, T[i, j] = P(observed j | true i).
    """

    transition: Tensor
    eats = Distribution
    head = SOFTMAX

    def __post_init__(self) -> None:
        object.__setattr__(self, "transition", check_stochastic("transition", self.transition))

    @classmethod
    def mixture(cls, bias: Any, share: float) -> BiasedDistribution:
        r"""d = (1 - share) t + share * bias, that is T = (1 - share) I + share 1 bias^T.

        Args: bias (K,) shares that sum to one; share of the bias in [0, 1).
        """
        a = check_unit("share", share, low_open=False, high_open=True)
        b = torch.as_tensor(np.asarray(bias), dtype=torch.float64)
        if b.ndim != 1 or not bool((b >= 0).all()) or not abs(float(b.sum()) - 1) < 1e-5:
            raise ParameterError(f"bias = {b.tolist()}", "(K,) shares that sum to one")
        return cls((1 - a) * torch.eye(len(b), dtype=torch.float64) + a * b.expand(len(b), -1))

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Distribution:
        matrix = _of_size(self.transition, k)[check_codes(y, k, "true labels")]
        return _told(torch.multinomial(matrix, 1, generator=rng).squeeze(1), k)

    def population(self, joint: Tensor) -> tuple[Tensor, Distribution, Tensor]:
        joint = check_joint(joint, 1000)
        m, k = joint.shape
        weight = (joint @ self.transition.to(joint)).reshape(-1)
        x, said, keep = torch.arange(m).repeat_interleave(k), torch.arange(k).repeat(m), weight > 0
        return x[keep], _told(said[keep], k), weight[keep]

    def _joint(self, log_p: Tensor, k: int) -> Tensor:
        """(n, true, observed) log p_i T[i, j]."""
        return log_p[:, :, None] + log_or_off(_of_size(self.transition, k).to(log_p))

    def log_prob(self, log_p: Tensor, labels: Distribution) -> Tensor:
        return (labels.shares.to(log_p.dtype) * torch.logsumexp(self._joint(log_p, labels.k), 1)).sum(1)

    def posterior(self, log_p: Tensor, labels: Distribution) -> Tensor:
        share = labels.shares.to(log_p.dtype)[:, None, :]
        return (torch.softmax(self._joint(log_p, labels.k), 1) * share).sum(2)

    def rewrite(self, labels: Distribution, dtype: torch.dtype = torch.float32) -> Signed:
        inverse = inverted(_of_size(self.transition, labels.k)).to(labels.shares.device)
        return Signed((labels.shares.double() @ inverse).to(dtype))

    def clean(self, y: Tensor, k: int) -> Distribution | None:
        return _told(y, k) if torch.equal(self.transition, torch.eye(k).to(self.transition)) else None
