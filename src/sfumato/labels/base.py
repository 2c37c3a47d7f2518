"""What every kind of labels shares: axis 0 is the observation, validated once, sliced and re-pointed for free
afterwards.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import ParameterError, RefusedError, ShapeError

from .heads import log_softmax


class Labels:
    """Observations made instead of the truth. Axis 0 = observations; subclasses are frozen dataclasses over tensors.

    ``columns`` names the fields with one entry per observation; ``spans`` those that say which rows an observation
    speaks of, where it may be several; ``k`` is the number of classes, ``classes`` their names in code order.
    """

    kind: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    spans: ClassVar[tuple[str, ...]] = ()
    k: int
    classes: tuple[Any, ...] | None

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """This kind and the kinds it is a case of, nearest first: noisy labels can be read as exact ones."""
        return tuple(dict.fromkeys(kind for base in cls.__mro__ if (kind := base.__dict__.get("kind")) is not None))

    def __len__(self) -> int:
        return len(getattr(self, self.columns[0]))

    @property
    def shape(self) -> tuple[int]:
        return (len(self),)

    @property
    def row(self) -> Tensor | None:
        """Which row of X each observation speaks of; None = observation i speaks of row i."""
        return None

    def _replaced(self, changes: dict[str, Any]) -> Self:
        # Slices of validated labels are valid: skip the constructor, which would check again at every batch.
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.update(changes)
        return new

    def __getitem__(self, obs: Any) -> Self:
        if not isinstance(obs, Tensor):  # a batch of the loop is one
            if isinstance(obs, tuple) and len(obs) == 2 and obs[1] is Ellipsis:
                obs = obs[0]  # scikit-learn indexes y[rows, ...]
            if isinstance(obs, (int, np.integer)):
                obs = [int(obs)]
            if not isinstance(obs, (Tensor, slice)):
                obs = torch.as_tensor(np.asarray(obs))
        return self._replaced({name: value[obs] for name in self.columns if (value := getattr(self, name)) is not None})

    def to(self, device: str | torch.device) -> Self:
        """The same labels with their tensors on ``device``."""
        own = (*self.columns, *self.spans)
        return self._replaced({name: value.to(device) for name in own if (value := getattr(self, name)) is not None})

    def cover(self, obs: Tensor) -> tuple[Tensor, Self]:
        """(rows of X to show the network, these observations re-pointed into those rows)."""
        return obs, self.taken(obs)

    def taken(self, obs: Tensor) -> Self:
        """``self[obs]``, and for a tensor of numbers none below 0 ten times sooner where rows are wide."""
        own = {name: value for name in self.columns if (value := getattr(self, name)) is not None}
        try:  # asked at every step: what is no such tensor is found out by failing, which costs a batch nothing
            return self._replaced({name: value.index_select(0, obs) for name, value in own.items()})
        except (TypeError, RuntimeError, IndexError):
            return self[obs]

    def sizes(self) -> Tensor:
        """(len,) how many rows each observation speaks of."""
        return torch.ones(len(self), dtype=torch.long)

    def places(self, obs: Tensor) -> Tensor:
        """Where the memory of these observations stands, one place per row that ``cover`` shows (a row that serves two
        observations has two).
        """
        return obs

    def gathered(self, values: Tensor) -> Tensor:
        """(rows shown, ...) summed within each observation: (len, ...)."""
        return values

    def spread(self, w: Tensor) -> Tensor:
        """(len,) the weight of each observation, laid on every row that it shows."""
        return w

    def within(self, rows: Any) -> Self:
        """The observations that lie wholly inside ``rows``, re-pointed to positions in ``rows``."""
        return self[rows]

    def ties(self, n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """(n,) group number per row of X; rows of one group may not be split (for GroupKFold)."""
        return np.arange(n)

    def lift(self, w: Tensor) -> Tensor:
        """Row weights (n,) lifted to observation weights (len,)."""
        return w

    def strata(self) -> Tensor | None:
        """(len,) stratum of each observation, spread evenly over batches; None = there is only one."""
        return None

    def n_rows(self) -> int | None:
        """How many rows X must have; None = at least as many as the largest row named."""
        return len(self)

    def by_row(self, n: int) -> ByRow:
        """A view with one entry per row of X, for scikit-learn's splitters."""
        return ByRow(self, np.arange(n))

    def reading(self) -> Tensor:
        """(rows shown, K) what somebody who knows no better takes for the label of each row, as shares that sum to one;
        a row of zeros where nothing is told. Errors: labels that suggest no class for a row.
        """
        raise RefusedError(f"a naive reading of {self.kind} labels", "labels that suggest a class for each row")

    def default_law(self) -> type[Law]:
        """The law that is assumed where nobody names one."""
        raise RefusedError(f"{type(self).__name__} has no default law", "a law", "pass law=...")

    def law_for(self, law: type[Law]) -> type[Law]:
        """The law to use where a method names ``law``: these labels may know their own sampling scheme better."""
        return law


class ByRow:
    """Labels seen row by row, so that scikit-learn's splitters can slice them; unwrapped at fit."""

    def __init__(self, labels: Labels, rows: Any) -> None:
        self.labels, self.rows = labels, np.asarray(rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int]:
        return (len(self.rows),)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        # Distinct fractions read as a continuous target: splitters then do not stratify on something that is not a
        # class.
        return np.asarray(self.rows, dtype=np.float64) + 0.5

    def __getitem__(self, index: Any) -> ByRow:
        if isinstance(index, tuple):
            index = index[0]
        return ByRow(self.labels, self.rows[index])

    def unwrap(self) -> Labels:
        return self.labels.within(torch.as_tensor(self.rows))


class Signed:
    """A risk rewritten as a signed sum: R = sum_k r_k, r_k = sum_strata mean_{i in stratum} coef[i, k] * loss_k(z_i).

    Each r_k estimates E[P(k | x) loss_k(z)], so r_k >= 0 in expectation wherever the loss is non-negative: that is
    what corrections use.

    Args: coef (entries, K); stratum (observations,) or None for one; n_strata; row (entries,) the row that an entry
    speaks of and owner (entries,) its observation, both None where entry, row and observation are one; an observation
    counts with the sum of its entries.
    """

    __slots__ = ("coef", "n_strata", "owner", "row", "stratum")

    def __init__(
        self,
        coef: Tensor,
        stratum: Tensor | None = None,
        n_strata: int = 1,
        row: Tensor | None = None,
        owner: Tensor | None = None,
    ) -> None:
        self.coef, self.stratum, self.n_strata, self.row, self.owner = coef, stratum, n_strata, row, owner

    def each(self, losses: Tensor) -> Tensor:
        """(observations, K) the signed losses of each observation."""
        signed = self.coef * (losses if self.row is None else losses[self.row])
        if self.owner is None:
            return signed
        count = int(self.owner[-1]) + 1 if len(self.owner) else 0  # owners are in order
        return signed.new_zeros(count, signed.shape[1]).index_add(0, self.owner, signed)

    def parts(self, losses: Tensor, w: Tensor | None = None) -> Tensor:
        """(K,) the parts r_k for per-class losses (rows, K) and observation weights w (observations,)."""
        each = self.each(losses)
        n = len(each)
        if self.stratum is None:
            if w is None:
                return each.sum(0) / max(n, 1)
            return (each * w[:, None]).sum(0) / w.sum().clamp_min(torch.finfo(losses.dtype).tiny)
        weight = torch.ones(n, dtype=losses.dtype, device=losses.device) if w is None else w.to(losses.dtype)
        total = torch.zeros(self.n_strata, dtype=losses.dtype, device=losses.device).index_add(0, self.stratum, weight)
        share = weight / total.clamp_min(torch.finfo(losses.dtype).tiny)[self.stratum]
        return (each * share[:, None]).sum(0)


class Law(ABC):
    """P(observation | true label, x): simulator, likelihood, sign-weighted rewrite and test oracle in one. A
    dataclass whose fields are needs.

    ``per_row`` names fields with one entry per row of X; ``read_off`` those that the labels themselves tell;
    ``invertible`` whether ``rewrite`` exists; ``identifiable`` whether its likelihood alone tells the posterior (that
    of similar pairs tells it up to an exchange of the classes); ``joint_tilt`` whether sampling looked at the truths of
    several rows at once, so that no tilt of single rows undoes it (the E-step is then Bayes' rule, but not the
    gradient of the likelihood); ``exact_size`` how many classes a population may have before its
    enumeration is refused.
    """

    eats: ClassVar[type[Labels]]
    head: ClassVar[Any]
    per_row: ClassVar[tuple[str, ...]] = ()
    read_off: ClassVar[tuple[str, ...]] = ()
    invertible: ClassVar[bool] = True
    identifiable: ClassVar[bool] = True
    joint_tilt: ClassVar[bool] = False

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        """The names of the facts that this law needs."""
        return tuple(field.name for field in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else ()

    @classmethod
    def read(cls, labels: Any) -> dict[str, Any]:
        """The fields that the labels themselves tell (shares, size distributions)."""
        return {}

    @classmethod
    def bound(cls, **fields: Any) -> Self:
        """This law with fields already known to be valid (a learned matrix at every step): skips the checks."""
        law = object.__new__(cls)
        law.__dict__.update(fields)
        return law

    @classmethod
    def check_reach(cls, labels: Any) -> None:
        """Refuse labels whose exact likelihood would be out of reach; asked before training by methods that need it."""
        return None

    def _map(self, change: Any) -> Self:
        return type(self).bound(**{name: change(name, getattr(self, name)) for name in self.needs()})

    def at(self, rows: Any) -> Self:
        """This law with its per-row fields taken at ``rows``."""
        if not self.per_row:
            return self
        return self._map(lambda name, value: value[rows] if name in self.per_row else value)

    def to(self, device: Any, dtype: torch.dtype) -> Self:
        """This law with its tensors on ``device`` in ``dtype``."""
        return self._map(lambda _, value: value.to(device=device, dtype=dtype) if isinstance(value, Tensor) else value)

    def sample(self, y: Any, k: int, rng: torch.Generator) -> Labels:
        """Draw observations for true labels y (n,) of k classes."""
        raise RefusedError(f"{type(self).__name__} cannot be sampled")

    def population(self, joint: Tensor) -> tuple[Tensor, Any, Tensor]:
        """Every observation with its exact probability under a finite joint (m, K) = P(x, y): (x_index, labels,
        weight).
        """
        raise RefusedError(f"{type(self).__name__} cannot be enumerated")

    def tilt(self, log_p: Tensor) -> Tensor:
        """log P(truth | x) among the rows that were sampled; differs from log_p only where sampling looked at the
        truth.
        """
        return log_p

    def log_prob(self, log_p: Tensor, labels: Any) -> Tensor:
        """(n,) log P(observation | x). Its gradient with respect to ``tilt(log_p)`` is the E-step."""
        raise RefusedError(
            f"{type(self).__name__} has no likelihood",
            "a law with one",
            "use a method by a rewrite of the risk, and a criterion of the kind",
        )

    def posterior(self, log_p: Tensor, labels: Any) -> Tensor:
        """(n, K) the E-step P(truth | x, observation)."""
        raise RefusedError(f"{type(self).__name__} has no posterior")

    def rewrite(self, labels: Any, dtype: torch.dtype = torch.float32) -> Signed:
        """The clean risk as a signed sum over classes and samples."""
        raise RefusedError(
            f"{type(self).__name__} has no sign-weighted rewrite: it cannot be inverted",
            "an invertible law",
            "use a likelihood method",
        )

    def clean(self, y: Tensor, k: int) -> Any:
        """The observation that tells all, or None where there is none."""
        return None


class Channel(Law):
    """A law over single rows that is a channel: P(o | x) = sum_k P(k | x) P(o | k, x). Subclasses give
    ``log_likelihood``.
    """

    @abstractmethod
    def log_likelihood(self, labels: Any, dtype: torch.dtype) -> Tensor:
        """(n, K) log P(o_i | truth = k, x_i)."""

    def log_prob(self, log_p: Tensor, labels: Any) -> Tensor:
        return torch.logsumexp(self.tilt(log_p) + self.log_likelihood(labels, log_p.dtype), dim=1)

    def posterior(self, log_p: Tensor, labels: Any) -> Tensor:
        return log_softmax(self.tilt(log_p) + self.log_likelihood(labels, log_p.dtype)).exp()


def check_joint(joint: Tensor, limit: int) -> Tensor:
    """A (m, K) joint P(x, y) of float64 that sums to one, with at most ``limit`` classes to enumerate over."""
    joint = torch.as_tensor(joint, dtype=torch.float64)
    if joint.ndim != 2 or not bool((joint >= 0).all()) or abs(float(joint.sum()) - 1) > 1e-9:
        raise ShapeError(
            f"joint of shape {tuple(joint.shape)} and sum {float(joint.sum()):.6g}",
            "(m, K) probabilities that sum to one",
        )
    if joint.shape[1] > limit:
        raise RefusedError(f"a population of {joint.shape[1]} classes", f"at most {limit} for this law", "use sample()")
    return joint


def check_unit(name: str, value: Any, *, low_open: bool, high_open: bool) -> float:
    """A number between 0 and 1, ends open or closed as said."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} = {value!r}", "a number between 0 and 1") from None
    low_ok = number > 0 if low_open else number >= 0
    high_ok = number < 1 if high_open else number <= 1
    if not (low_ok and high_ok):
        interval = ("(" if low_open else "[") + "0, 1" + (")" if high_open else "]")
        raise ParameterError(f"{name} = {number:g}", f"a number in {interval}")
    return number


def check_stochastic(name: str, value: Any, ndim: int = 2, square: bool = True) -> Tensor:
    """A row-stochastic square matrix (or one per row of X, or per source, which need not be square) as float64."""
    try:
        matrix = torch.as_tensor(np.asarray(value) if not isinstance(value, Tensor) else value).to(torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ParameterError(f"{name} of type {type(value).__name__}", "a matrix of numbers") from None
    if matrix.ndim != ndim or (square and matrix.shape[-1] != matrix.shape[-2]):
        wanted = "(K, K)" if ndim == 2 else "(n, K, K)" if square else "(sources, K, M)"
        raise ShapeError(f"{name} of shape {tuple(matrix.shape)}", wanted)
    if not bool(torch.isfinite(matrix).all()) or bool((matrix < 0).any()):
        raise ParameterError(f"{name} holds negative or non-finite entries", "probabilities")
    off = float((matrix.sum(-1) - 1).abs().max()) if matrix.numel() else 0.0
    if off > 1e-5:
        hint = (
            "rows and columns look swapped: pass its transpose"
            if float((matrix.sum(-2) - 1).abs().max()) < 1e-5
            else "divide each row by its sum"
        )
        raise ParameterError(
            f"{name} has rows that miss one by up to {off:.3g}",
            "rows that sum to one: [i, j] = P(observed j | true i)",
            hint,
        )
    return matrix / matrix.sum(-1, keepdim=True)
