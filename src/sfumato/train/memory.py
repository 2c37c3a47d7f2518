"""What a method remembers: per row shown ("rows") and as a whole ("bank"), begun by its hooks, written after a step."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sfumato.core.errors import RefusedError

from . import tree
from .store import Store
from .words import weighed

if TYPE_CHECKING:
    from .assembly import Assembly


WHOLE = {"n", "rng", "x"}  # a hook start that names one of these sees all rows at once
SLICE = 16_384


@torch.no_grad()
def begin(run: Assembly, member: int, size: int = SLICE) -> dict[str, Any]:
    """The memory that the hooks start and stock begin with, where and as it is kept.

    A hook start that names none of n, rng and x speaks of each row by itself: it is asked for ``size`` observations at
    a time, so that making a table in half precision takes little more than the table.
    """
    memory: dict[str, Any] = {"rows": None, "bank": None}
    draws = run.rng("start", member)
    if "start" in run.hooks:
        sliced = run.single and not WHOLE & set(run.hooks["start"][1]) and len(run.labels) > size
        made = _in_slices(run, member, size) if sliced else asked(run, member, "start", slice(None), draws)
        memory["rows"] = run.world.mine(made) if run.world is not None else made
    if "stock" in run.hooks:
        memory["bank"] = asked(run, member, "stock", slice(None), draws)
    return memory


def asked(run: Assembly, member: int, hook: str, part: slice, draws: torch.Generator | None = None) -> Any:
    """What a hook returns for some observations, where and as it is kept."""
    function, words = run.hooks[hook]
    rows, s = run.labels.cover(torch.arange(len(run.labels), device=run.device)[part])
    w = None if run.w is None else run.w[part]
    given = run.with_learned({**run.constants(rows), "s": s, "w": w, "rng": draws}, member)
    given["group"] = None if run.group is None else run.group[rows]
    if "x" in words:
        if isinstance(run.X, Store):
            raise RefusedError(
                f"{type(run.objective).__name__} on rows on disk: it begins with a look at all of them",
                "a method that needs batches alone",
                "load the rows into memory",
            )
        given["x"] = run.rows_of(rows)
    half = run.config.memory == "half" and hook == "start"
    return tree.mapped(
        functools.partial(_kept, run, half), function(**weighed({word: given[word] for word in words}, s))
    )


def _in_slices(run: Assembly, member: int, size: int) -> Any:
    """The hook start, asked slice by slice."""
    n = len(run.labels)

    def room(leaf: Tensor) -> Tensor:
        whole = leaf.new_empty(n, *leaf.shape[1:])
        return nn.Parameter(whole) if isinstance(leaf, nn.Parameter) else whole

    whole: Any = None
    for first in range(0, n, size):
        part = slice(first, min(first + size, n))
        made = asked(run, member, "start", part)
        whole = tree.mapped(room, made) if whole is None else whole
        for (_, all_rows), (_, some) in zip(tree.leaves(whole), tree.leaves(made), strict=True):
            all_rows[part] = some
    return whole


def _kept(run: Assembly, half: bool, leaf: Tensor) -> Tensor:
    """A leaf of memory where and as it is kept."""
    moved: Tensor = run.placed(leaf.detach()).to(run.device)
    if isinstance(leaf, nn.Parameter):
        return nn.Parameter(moved.clone())
    return moved.half() if half and moved.is_floating_point() else moved.clone()


def keep(run: Assembly, member: int, new: Mapping[str, Any], slot: Tensor) -> None:
    """Write what a hook returned: rows at their places, the bank as a whole."""
    memory = run.memory[member]
    if "rows" in new:
        if run.world is None:
            tree.scatter(memory["rows"], slot, new["rows"])
        else:
            own = run.world.owned(slot)
            tree.scatter(memory["rows"], run.world.places(slot), tree.mapped(lambda leaf: leaf[own], new["rows"]))
    if "bank" in new:
        memory["bank"] = tree.replace(memory["bank"], new["bank"])


def whole(run: Assembly, member: int) -> dict[str, Any]:
    """A member's memory with the rows of all processes."""
    memory = run.memory[member]
    return memory if run.world is None else {**memory, "rows": run.world.whole(memory["rows"], len(run.labels))}
