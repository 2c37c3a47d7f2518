"""Rows that do not fit into memory: read block by block, a bounded number of blocks at a time."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.errors import ParameterError, TableError


class Store(ABC):
    """Rows (n, ...) on disk in blocks. Abstract: a subclass reads one block.

    Args: starts (b + 1,) row numbers where blocks begin, then n, each larger than the one before; shape of one row;
    window, how many blocks may be in memory at a time. Batches drawn in the order of a Sampler with the same window
    read every block once per epoch. Errors: NaN or infinity, named by its row when its block is read. Copies and
    pickles carry no rows.
    """

    def __init__(self, starts: Tensor, shape: tuple[int, ...], window: int) -> None:
        self.window = whole("window", window, "a number of blocks")
        if len(starts) < 2 or int(starts[0]) != 0 or bool((starts.diff() < 1).any()) or 0 in shape:
            raise TableError(
                f"blocks that begin at {starts.tolist()[:6]} with rows of shape {tuple(shape)}",
                "at least one row in each block and one number in each row",
            )
        self.starts, self.row_shape = starts, tuple(shape)
        self.shape = (int(starts[-1]), *self.row_shape)
        self.tall = int(starts.diff().max())
        self.shift: Tensor | None = None
        self.scale: Tensor | None = None
        self.__dict__.update(self._nothing_held())

    def _nothing_held(self) -> dict[str, Any]:
        """The buffer before the first block: slot, which place of it holds a block (-1: none); held, the blocks in it,
        the one read longest ago first; reads, how many blocks were read.
        """
        slot = torch.full((len(self.starts) - 1,), -1)
        return {"slot": slot, "held": [], "buffer": torch.empty(0), "reads": 0}

    slot: Tensor
    held: list[int]
    buffer: Tensor
    reads: int

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, **self._nothing_held()}

    def __len__(self) -> int:
        return self.shape[0]

    @abstractmethod
    def read(self, block: int) -> NDArray[Any]:
        """The rows of one block; they are not written into."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A short text that tells this store's content, before it is scaled, from another's."""

    def scaled(self, shift: Any, scale: Any) -> Store:
        """The same rows as (x - shift) / scale."""
        twin = copy.copy(self)
        twin.shift = torch.as_tensor(shift, dtype=torch.float32)
        twin.scale = torch.as_tensor(scale, dtype=torch.float32)
        return twin

    def block(self, number: int, out: Tensor | None = None) -> Tensor:
        """One block as float32, read now, finite; into ``out`` where given."""
        with np.errstate(over="ignore"):  # what float32 cannot hold is told below
            rows = torch.from_numpy(np.ascontiguousarray(self.read(number), dtype=np.float32))
        self.reads += 1
        if self.shift is not None and self.scale is not None:
            rows = torch.sub(rows, self.shift, out=out).div_(self.scale)  # the array may be the subclass's own
        elif out is not None:
            rows = out.copy_(rows)
        # one pass: a sum is finite only of finite numbers; where it is not, the sum alone may be too large
        if not bool(rows.sum().isfinite()):
            self._look(number, rows)
        return rows

    def _look(self, number: int, rows: Tensor) -> None:
        """Name the first entry of a block that is not finite, if there is one."""
        bad = (~rows.isfinite()).nonzero()
        if not len(bad):
            return
        place = tuple(bad[0].tolist())
        row, inside = int(self.starts[number]) + place[0], place[1:]
        where = f"row {row}, column {inside[0]}" if len(inside) == 1 else f"row {row}, entry {inside}"
        holds = "holds NaN" if bool(rows[place].isnan()) else "is infinite in float32"
        raise TableError(
            f"{where} of the rows on disk {holds}",
            "numbers that are finite, scaled too",
            "fill them, and write the file",
        )

    def _load(self, number: int) -> None:
        """Read a block into the buffer; when all its places are taken, the block read longest ago leaves."""
        places = min(self.window, len(self.slot))
        if not len(self.buffer):
            self.buffer = torch.empty(places * self.tall, *self.row_shape)
        if len(self.held) == places:
            self.slot[self.held.pop(0)] = -1
        place = min(set(range(places)).difference(self.slot[self.held].tolist()))
        first, size = place * self.tall, int(self.starts[number + 1] - self.starts[number])
        self.block(number, self.buffer[first : first + size])
        self.slot[number] = place
        self.held.append(number)

    def take(self, at: Tensor) -> Tensor:
        """The rows ``at``, in their order."""
        if not len(at):  # a process may own no row of a batch
            return torch.empty(0, *self.row_shape)
        number = torch.searchsorted(self.starts, at, right=True) - 1
        inside = at - self.starts[number]
        out = torch.empty(len(at), *self.row_shape)
        left = torch.ones(len(at), dtype=torch.bool)
        while True:  # once; twice for a batch across two windows, which takes what is in memory first
            place = self.slot[number]
            here = left & (place >= 0)
            if bool(here.all()):  # the common case pays for one gather
                return self.buffer.index_select(0, place * self.tall + inside)
            if bool(here.any()):
                out[here] = self.buffer.index_select(0, (place * self.tall + inside)[here])
                left &= ~here
            missing = torch.unique(number[left])
            if not len(missing):
                return out
            for block in missing[: self.window].tolist():
                self._load(block)

    def chunks(self, size: int) -> Iterator[Tensor]:
        """All rows in order, at most ``size`` at a time."""
        for number in range(len(self.starts) - 1):
            yield from self.block(number).split(size)


def whole(name: str, value: Any, what: str) -> int:
    """A whole number of at least 1, or an error that names the setting."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ParameterError(f"{name} = {value!r}", f"{what}, an integer of at least 1")
    return value


def moments(store: Store) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation per feature in one pass over the blocks."""
    total = np.zeros(store.row_shape)
    square = np.zeros(store.row_shape)
    pivot: NDArray[np.float64] | None = None  # differences from a row: no cancellation at large means
    for number in range(len(store.starts) - 1):
        rows = store.block(number).numpy()
        pivot = rows[0].astype(np.float64) if pivot is None else pivot
        apart = rows - pivot
        total += apart.sum(0)
        square += (apart * apart).sum(0)
    assert pivot is not None
    mean = total / len(store)
    return pivot + mean, np.sqrt(np.maximum(square / len(store) - mean * mean, 0))
