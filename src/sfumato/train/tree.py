"""Memories are tensors or nested dicts of tensors: a few pure functions over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """(path, tensor) of every leaf, in order."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))


def mapped(change: Callable[[Tensor], Any], tree: Any) -> Any:
    """The same tree with every leaf changed."""
    if isinstance(tree, dict):
        return {key: mapped(change, value) for key, value in tree.items()}
    return None if tree is None else change(tree)


def take(tree: Any, rows: Tensor) -> Any:
    """The leaves at ``rows``; a trainable matrix is looked up so that its gradient stays sparse."""

    def one(leaf: Tensor) -> Tensor:
        if isinstance(leaf, torch.nn.Parameter) and leaf.ndim == 2:
            return torch.nn.functional.embedding(rows, leaf, sparse=True)
        return leaf.index_select(0, rows)  # of wide rows ten times sooner than leaf[rows]

    return mapped(one, tree)


def scatter(tree: Any, rows: Tensor, new: Any) -> None:
    """Write the leaves of ``new`` into ``tree`` at ``rows``, in place; keys that are not in ``new`` stay."""
    if isinstance(tree, dict):
        for key, value in new.items():
            scatter(tree[key], rows, value)
    elif new is not None:
        tree[rows] = new.detach().to(tree.dtype)


def replace(tree: Any, new: Any) -> Any:
    """``tree`` with the leaves of ``new`` in place of its own; keys that are not in ``new`` stay."""
    if isinstance(tree, dict) and isinstance(new, dict):
        return {key: replace(value, new[key]) if key in new else value for key, value in tree.items()}
    return new.detach() if isinstance(new, Tensor) else tree


def load(tree: Any, flat: dict[str, Tensor], prefix: str) -> None:
    """Copy saved leaves back into ``tree``, in place; one that has grown since (a queue) takes its saved size."""
    with torch.no_grad():
        for path, leaf in leaves(tree):
            saved = flat[f"{prefix}.{path}"]
            if leaf.shape != saved.shape and not isinstance(leaf, torch.nn.Parameter):
                leaf.resize_(saved.shape)
            leaf.copy_(saved)
