"""Observations that speak of several rows at once: what bags, pairs and triplets share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import LabelError, ParameterError, RefusedError, ShapeError

from .base import Labels, Law
from .encode import _plain, is_missing


class Grouped(Labels):
    """Observation i speaks of the rows members[offsets[i]:offsets[i + 1]]. Abstract; subclasses say what it tells.

    Args: members (r,) row numbers of X, in order of observation; offsets (len + 1,), offsets[0] = 0.
    """

    members: Tensor
    offsets: Tensor
    spans: ClassVar[tuple[str, ...]] = ("members", "offsets")

    def _check_groups(self, what: str) -> None:
        """Validate and keep members and offsets; each group holds a row, none twice."""
        members, offsets = _numbers(self.members, f"{what} members"), _numbers(self.offsets, f"{what} offsets")
        sizes = offsets[1:] - offsets[:-1]
        if len(sizes) == 0 or int(offsets[0]) != 0 or int(offsets[-1]) != len(members):
            raise ShapeError(
                f"offsets of {what} from {offsets[:1].tolist()} to {offsets[-1:].tolist()} for {len(members)} members",
                "offsets that begin with 0 and end with the number of members",
            )
        if bool((sizes < 1).any()):
            i = int((sizes < 1).nonzero()[0, 0])
            raise LabelError(f"{what}: entry {i} speaks of no row", "at least one row each", "remove it")
        if bool((members < 0).any()):
            raise LabelError(f"{what}: row number {int(members.min())}", "row numbers >= 0")
        object.__setattr__(self, "members", members)
        object.__setattr__(self, "offsets", offsets)
        owner = self.owner
        order = torch.argsort(owner * (int(members.max()) + 1) + members)
        twice = (members[order][1:] == members[order][:-1]) & (owner[order][1:] == owner[order][:-1])
        if bool(twice.any()):
            at = order[int(twice.nonzero()[0, 0])]
            raise LabelError(
                f"{what}: entry {int(owner[at])} names row {int(members[at])} twice", "each row once in an entry"
            )

    def _check_column(self, values: Tensor, name: str) -> None:
        if len(values) != len(self.offsets) - 1:
            raise ShapeError(f"{len(values)} {name} for {len(self.offsets) - 1} groups of rows", "one per group")

    # ------------------------------------------------------------------ which rows

    @property
    def owner(self) -> Tensor:
        """(r,) the observation that each member belongs to."""
        return torch.arange(len(self.offsets) - 1, device=self.offsets.device).repeat_interleave(self.sizes())

    def __getitem__(self, obs: Any) -> Self:
        if isinstance(obs, tuple) and len(obs) == 2 and obs[1] is Ellipsis:
            obs = obs[0]
        if isinstance(obs, (int, np.integer)):
            obs = [int(obs)]
        chosen = obs if isinstance(obs, (Tensor, slice)) else torch.as_tensor(np.asarray(obs))
        m = len(self.offsets) - 1
        if isinstance(chosen, slice) or chosen.dtype == torch.bool:
            chosen = torch.arange(m, device=self.offsets.device)[chosen]
        chosen = torch.where(chosen < 0, chosen + m, chosen)  # a batch costs its own size, not that of the whole
        columns = {name: value[chosen] for name in self.columns if (value := getattr(self, name)) is not None}
        sizes = self.offsets[chosen + 1] - self.offsets[chosen]
        offsets = torch.cat([sizes.new_zeros(1), torch.cumsum(sizes, 0)])
        return self._replaced({**columns, "members": self.members[self.places(chosen)], "offsets": offsets})

    def taken(self, obs: Tensor) -> Self:
        return self[obs]

    def leading(self) -> Tensor:
        """(rows shown,) whether a row is the first of its observation."""
        at = torch.arange(len(self.members), device=self.members.device)
        return at == self.offsets[:-1].repeat_interleave(self.sizes())

    def sizes(self) -> Tensor:
        return self.offsets[1:] - self.offsets[:-1]

    def places(self, obs: Tensor) -> Tensor:
        first = self.offsets[obs]
        sizes = self.offsets[obs + 1] - first
        shift = (first - (torch.cumsum(sizes, 0) - sizes)).repeat_interleave(sizes)
        return torch.arange(len(shift), device=shift.device) + shift

    def cover(self, obs: Tensor) -> tuple[Tensor, Self]:
        part = self[obs]
        rows = part.members
        return rows, part._replaced({"members": torch.arange(len(rows), device=rows.device)})

    def within(self, rows: Any) -> Self:
        rows = torch.as_tensor(rows)
        place = torch.full((int(torch.maximum(self.members.max(), rows.max())) + 1,), -1, dtype=torch.long)
        place[rows] = torch.arange(len(rows))
        inside = place[self.members]
        keep = self.gathered((inside < 0).long()) == 0
        part = self[keep]
        return part._replaced({"members": place[part.members]})

    def ties(self, n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if int(self.members.max()) >= n:
            raise ShapeError(f"a row number {int(self.members.max())} for {n} rows", "row numbers below n")
        first = self.members[self.offsets[:-1]][self.owner]
        edges = coo_array((np.ones(len(first)), (first.numpy(), self.members.numpy())), shape=(n, n))
        return np.asarray(connected_components(edges, directed=False)[1], dtype=np.int64)

    def n_rows(self) -> int | None:
        return None

    # ------------------------------------------------------------------ between rows and observations

    def gathered(self, values: Tensor) -> Tensor:
        count = len(self.offsets) - 1
        return values.new_zeros(count, *values.shape[1:]).index_add(0, self.owner, values)

    def spread(self, w: Tensor) -> Tensor:
        return w.repeat_interleave(self.sizes(), 0)

    def lift(self, w: Tensor) -> Tensor:
        """The product of the rows' weights: how much likelier the whole group is where each row is w times likelier
        (rows are independent). Errors: a product outside the range of numbers.
        """
        product = torch.ones(len(self), dtype=torch.float64, device=w.device)
        product = product.scatter_reduce(0, self.owner, w[self.members].double(), "prod").to(w.dtype)
        if not bool(torch.isfinite(product).all()) or not bool((product > 0).any()):
            raise RefusedError(
                f"row weights whose products over groups of up to {int(self.sizes().max())} rows leave the range of "
                "numbers",
                "weights near one, or smaller groups",
                "weigh the observations, not the rows",
            )
        return product


class GroupLaw(Law):
    """A law over groups of rows whose truths are independent given x. Subclasses give ``log_group``."""

    @abstractmethod
    def log_group(self, log_p: Tensor, labels: Any) -> Tensor:
        """(len,) log P(observation | its rows), from log_p (members, K) in order of the members."""

    def log_prob(self, log_p: Tensor, labels: Any) -> Tensor:
        return self.log_group(log_p[labels.members], labels)

    def posterior(self, log_p: Tensor, labels: Any) -> Tensor:
        """(members, K) the E-step, one line per member: the gradient of the log likelihood of its observation."""
        with torch.enable_grad():
            at = log_p[labels.members].detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.log_group(at, labels).sum(), at)
        return gradient


def _numbers(values: Any, what: str) -> Tensor:
    tensor = torch.as_tensor(values if isinstance(values, Tensor) else np.asarray(values))
    if tensor.ndim != 1 or len(tensor) == 0:
        raise ShapeError(f"{what} of shape {tuple(tensor.shape)}", "one dimension, not empty")
    if tensor.dtype.is_floating_point or tensor.dtype == torch.bool or tensor.is_complex():
        raise LabelError(f"{what} of dtype {tensor.dtype}", "whole numbers")
    return tensor.long()


def from_lists(lists: Iterable[Any], what: str) -> tuple[Tensor, Tensor]:
    """(members, offsets) of one list of row numbers per observation."""
    rows: list[int] = []
    offsets = [0]
    for i, entry in enumerate(lists):
        found = np.asarray(entry.tolist() if isinstance(entry, Tensor) else entry)
        if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
            raise LabelError(f"{what}: entry {i} is {entry!r}", "a list of row numbers")
        rows.extend(found.tolist())
        offsets.append(len(rows))
    if not rows:
        raise ShapeError(f"{what} is empty", "at least one observation")
    return torch.tensor(rows), torch.tensor(offsets)


def from_column(bag: Any, what: str) -> tuple[Tensor, Tensor, list[Any]]:
    """(members, offsets, names) of a column that names the group of each row of X; groups in order of first
    appearance, rows whose entry is missing belong to none.
    """
    names: dict[Any, int] = {}
    groups: list[list[int]] = []
    for row, value in enumerate(_plain(bag, f"{what} column")):
        if is_missing(value) or value == "":
            continue
        if value not in names:
            names[value] = len(groups)
            groups.append([])
        groups[names[value]].append(row)
    if not groups:
        raise LabelError(f"{what}: every row's entry is missing", "at least one named group")
    members, offsets = from_lists(groups, what)
    return members, offsets, list(names)


def of_bag(values: Any, at: Tensor, offsets: Tensor, names: list[Any], n: int) -> Any:
    """The value of each bag from lines that repeat it."""
    told = np.asarray(values)
    if len(told) != n:
        raise ShapeError(f"{len(told)} counts or proportions for {n} lines", "one per line")
    first = at[offsets[:-1]].repeat_interleave(offsets[1:] - offsets[:-1])
    same = (told[at.numpy()] == told[first.numpy()]).reshape(len(at), -1).all(1)
    if not bool(same.all()):
        owner = torch.arange(len(names)).repeat_interleave(offsets[1:] - offsets[:-1])
        raise LabelError(
            f"bag {names[int(owner[int(np.argmin(same))])]!r} has several counts or proportions on its lines",
            "one per bag",
        )
    return told[at[offsets[:-1]].numpy()]


def dealt(n: int, chances: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """(members, offsets) of n rows dealt at random into groups of g rows with chance chances[g - 1]; the last group
    takes what is left.
    """
    mean = float((chances * torch.arange(1, len(chances) + 1, dtype=chances.dtype)).sum())
    ends = torch.zeros(0, dtype=torch.long)
    while len(ends) == 0 or int(ends[-1]) < n:
        more = torch.multinomial(chances, int(n / mean) + 10, replacement=True, generator=rng) + 1
        ends = torch.cat([ends, torch.cumsum(more, 0) + (int(ends[-1]) if len(ends) else 0)])
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), ends[ends < n], torch.tensor([n])])
    return torch.randperm(n, generator=rng), offsets


def check_sizes(value: Any) -> Tensor:
    """(G,) P(a group has g rows), g = 1..G, as float64."""
    try:
        chances = torch.as_tensor(value if isinstance(value, Tensor) else np.asarray(value)).to(torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ParameterError(f"bag_sizes of type {type(value).__name__}", "a list of probabilities") from None
    if chances.ndim != 1 or len(chances) == 0 or not bool((chances >= 0).all()):
        raise ParameterError(f"bag_sizes of shape {tuple(chances.shape)}", "(G,) probabilities of sizes 1..G")
    if abs(float(chances.sum()) - 1) > 1e-6:
        raise ParameterError(f"bag_sizes that sum to {float(chances.sum()):.6g}", "probabilities that sum to one")
    return chances / chances.sum()


def of_size(g: int) -> Tensor:
    """The chances of sizes where every group has g rows."""
    return torch.nn.functional.one_hot(torch.tensor(g - 1), g).double()


def tuples(joint: Tensor, g: int, limit: int = 200_000) -> tuple[Tensor, Tensor]:
    """Every ordered g-tuple of x under the marginal of ``joint``: ((m^g, g) numbers of x, (m^g,) probabilities)."""
    m = len(joint)
    if m**g > limit:
        raise RefusedError(f"a population of {m}^{g} groups", f"at most {limit}", "use sample()")
    grid = torch.cartesian_prod(*[torch.arange(m)] * g).reshape(-1, g)
    return grid, joint.sum(1)[grid].prod(1)


def enumerated(
    joint: Tensor, chances: Tensor, observe: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Every observation of groups whose rows are drawn one by one from a finite joint, truth by truth.

    Args: joint (m, K); chances (G,) of each size; observe: (a, g) truths -> (a, c) what is told of them.
    Returns x (members), members, offsets, what is told (observations, c) and the probabilities (observations,).
    """
    m, k = joint.shape
    p = joint / joint.sum(1, keepdim=True).clamp_min(torch.finfo(joint.dtype).tiny)
    xs, sizes, told, weights = [], [], [], []
    for g in (chances > 0).nonzero().squeeze(1).tolist():
        g += 1
        groups, mass = tuples(joint, g)
        truths = torch.cartesian_prod(*[torch.arange(k)] * g).reshape(-1, g)
        kinds, which = torch.unique(observe(truths), dim=0, return_inverse=True)
        likely = p[groups[:, None, :], truths[None, :, :]].prod(2)  # (groups, truths)
        weight = chances[g - 1] * mass[:, None] * likely.new_zeros(len(groups), len(kinds)).index_add(1, which, likely)
        at, kind = (weight > 0).nonzero(as_tuple=True)
        xs.append(groups[at].reshape(-1))
        sizes.append(torch.full((len(at),), g))
        told.append(kinds[kind])
        weights.append(weight[at, kind])
    x = torch.cat(xs)
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), torch.cumsum(torch.cat(sizes), 0)])
    return x, torch.arange(len(x)), offsets, torch.cat(told), torch.cat(weights)


__all__ = ["GroupLaw", "Grouped", "check_sizes", "dealt", "enumerated", "from_column", "from_lists", "of_bag"]
