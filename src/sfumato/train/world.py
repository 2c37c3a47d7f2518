"""Data-parallel training by torchrun: each process shows its network its own rows of a batch and keeps their memory.

Outputs are gathered, so every process sees the whole batch's z and computes the same risk: hooks that are no plain mean
over rows (corrections, set losses) stay exact. Gradients flow into a process's own rows only, and are summed. Dropout
is refused, since one mask over the batch cannot be shared out; a network that draws in ways unknown here has a stream
of its own in each process, and is then not the same as in one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from sfumato.core.errors import ParameterError, RefusedError, SfumatoError
from sfumato.learn.objective import Objective

from .networks import dropping
from .optimizers import laid_out
from .tree import mapped

T = TypeVar("T")

ALONE = (
    "x",
    "forward",
    "embed",
    "features",
    "peer_features",
    "strong",
    "teacher_strong",
    "peer_forward",
    "target",
    "outliers",
    "rng",
)


class World:
    """The processes of one training: rank r of size owns the memory places and rows with number = r (mod size)."""

    def __init__(self) -> None:
        if not dist.is_initialized():
            raise ParameterError(
                "parallel training without a process group",
                "processes started by torchrun",
                "call sfumato.train.world.join()",
            )
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def check(self, objective: Objective, nets: Iterable[nn.Module]) -> None:
        """Refuse by name what would not be the same as in one process."""
        named = sorted(objective.named() & set(ALONE))
        if named or {"epoch", "learns", "solve"} & set(objective.hooks()):
            why = f"names {', '.join(named)}" if named else "has a hook epoch, learns or solve"
            raise RefusedError(
                f"{type(objective).__name__} in several processes: it {why}",
                "hooks on z, s, w and memory",
                "train it in one",
            )
        for net in nets:
            if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in net.modules()):
                raise RefusedError(
                    "BatchNorm in several processes: its statistics would differ",
                    "a network without BatchNorm",
                    "use GroupNorm",
                )
            if (layer := dropping(net)) is not None:
                raise RefusedError(
                    f"{type(layer).__name__} that drops units in several processes: its masks would differ",
                    "a network without dropout",
                    "set dropout=0",
                )

    def owned(self, slot: Tensor) -> Tensor:
        """(b,) which entries of the batch are this process's."""
        return slot % self.size == self.rank

    def places(self, slot: Tensor) -> Tensor:
        """Where the memory of this process's own entries stands."""
        return torch.div(slot[self.owned(slot)], self.size, rounding_mode="floor")

    def mine(self, tree: Any) -> Any:
        """The part of a memory per row that this process keeps; trainable rows stay trainable."""

        def one(leaf: Tensor) -> Tensor:
            own = leaf.detach()[self.rank :: self.size].clone()
            return nn.Parameter(own) if isinstance(leaf, nn.Parameter) else own

        return mapped(one, tree)

    def joined(self, tree: Any, slot: Tensor) -> Any:
        """Each process's own entries put together in the order of the batch; gradients flow into one's own alone."""
        owner = slot % self.size
        count = torch.bincount(owner, minlength=self.size).tolist()
        order = torch.argsort(torch.argsort(owner, stable=True))

        def one(local: Tensor) -> Tensor:
            sent = local.detach().byte() if local.dtype == torch.bool else local.detach()
            padded = sent.new_zeros(max(count), *sent.shape[1:])
            padded[: len(sent)] = sent
            parts = [torch.empty_like(padded) for _ in range(self.size)]
            dist.all_gather(parts, padded)
            whole = [part[: count[r]].to(local.dtype) for r, part in enumerate(parts)]
            whole[self.rank] = local
            return torch.cat(whole)[order]

        return mapped(one, tree)

    @torch.no_grad()
    def whole(self, tree: Any, n: int) -> Any:
        """A whole memory per row from the parts that the processes keep."""
        return self.joined(tree, torch.arange(n))

    @staticmethod
    def wait() -> None:
        """Until every process is here."""
        dist.barrier()

    def told(self, ask: Callable[[], T]) -> T:
        """What the first process finds, or its error, in all of them: machines need not share a disk."""
        found: list[Any] = [None]
        if self.rank == 0:
            try:
                found = [ask()]
            except SfumatoError as error:
                found = [error]
        dist.broadcast_object_list(found)
        if isinstance(found[0], SfumatoError):
            raise found[0]
        return found[0]  # type: ignore[no-any-return]

    def sum_gradients(self, nets: Iterable[nn.Module]) -> None:
        """Add up the processes' gradients, in one message; a weight that has one in no process stays without."""
        parameters = [p for net in nets for p in net.parameters() if p.requires_grad]
        if not parameters:
            return
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        known = parts[0].new_tensor([float(p.grad is not None) for p in parameters])
        flat = torch.cat([part.reshape(-1) for part in (*parts, known)])
        dist.all_reduce(flat)
        *sums, known = flat.split([*(p.numel() for p in parameters), len(parameters)])
        for p, total, processes in zip(parameters, sums, known.tolist(), strict=True):
            p.grad = laid_out(total.view_as(p), p) if processes else None


def join() -> World:
    """Join the processes that torchrun started, each with a GPU of its own where there are any: tensors on a GPU travel
    by nccl, those on a processor by gloo.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        raise ParameterError(
            "parallel training in a process that torchrun did not start",
            "torchrun --nproc-per-node N script.py",
            "or leave parallel=False",
        )
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    world = World()
    if world.size != int(os.environ["WORLD_SIZE"]):
        raise ParameterError(f"{world.size} processes of {os.environ['WORLD_SIZE']}", "all that torchrun started")
    return world
