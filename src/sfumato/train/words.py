"""What one step can bring to a hook: each word is computed when first asked and shared by all hooks of the step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sfumato.core import streams
from sfumato.labels import Labels, Law
from sfumato.parts import augment

from . import layers, learned
from .networks import still
from .sampler import side_rows
from .tree import mapped, take

if TYPE_CHECKING:
    from .assembly import Assembly


class Words(dict[str, Any]):
    """The words of one member at one step; ``s``, ``w``, ``law``, needs and constants are filled in, the rest is
    computed when asked.
    """

    def __init__(
        self, run: Assembly, member: int, at: Tensor, slot: Tensor, place: tuple[int, int], filled: dict[str, Any]
    ) -> None:
        super().__init__(filled)
        self.run, self.member, self.at, self.slot, self.place = run, member, at, slot, place
        self.others: list[Words] = []
        self.passes, self.moved = 0, False

    def __missing__(self, word: str) -> Any:
        if self.run.learns and word in (modules := self.run.learned[self.member]):
            given = learned.asked(modules[word], self)
            self.run.seed_dropout(*self.place, self.member, -1 - list(modules).index(word))
            value = modules[word](**given)
        else:
            value = getattr(self, "_" + word)()
        self[word] = value
        return value

    def _law(self) -> Law:
        return learned.bound(self.run, self)

    def _x(self) -> Tensor:
        return self.run.rows_of(self.at)

    def _z(self) -> Tensor:
        self.run.seed_dropout(*self.place, self.member)
        with self.run.autocast():
            z: Tensor = self.run.nets[self.member](self._own_x())
        self["features"] = self.run.captured[self.member]
        whole: Tensor = self._joined(z if z.dtype == self.run.dtype else z.to(self.run.dtype))
        return whole

    def _own_x(self) -> Tensor:
        """The rows that this process shows its network: all of the batch, unless others share it."""
        world = self.run.world
        x: Tensor = self["x"] if world is None else self.run.rows_of(self.at[world.owned(self.slot)])
        return x

    def _joined(self, part: Any) -> Any:
        return part if self.run.world is None else self.run.world.joined(part, self.slot)

    def _features(self) -> Tensor:
        self["z"]
        features: Tensor = self["features"]
        return features

    def _forward(self) -> Callable[[Tensor], Tensor]:
        def forward(x: Tensor) -> Tensor:
            net = self.run.nets[self.member]
            self.passes += (
                1  # every pass has a stream of its own: its dropout is a function of the step, not of what ran before
            )
            self.run.seed_dropout(*self.place, self.member, self.passes)
            # where no hook asks for z, nothing else moves BatchNorm's statistics: the first pass that learns has to
            moves = torch.is_grad_enabled() and not self.moved and not {"z", "features"} & self.run.stepped
            self.moved = self.moved or moves
            with contextlib.nullcontext() if moves else still(net), self.run.autocast():
                return net(x).to(self.run.dtype)  # type: ignore[no-any-return]

        return forward

    def _embed(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        def embed(x: Tensor) -> tuple[Tensor, Tensor]:
            z = self["forward"](x)
            return z, self.run.captured[self.member].to(self.run.dtype)

        return embed

    def _peer(self) -> Tensor:
        return self.others[0]["z"].detach()  # type: ignore[no-any-return]

    def _peer_features(self) -> Tensor:
        return self.others[0]["features"].detach()  # type: ignore[no-any-return]

    def _peer_forward(self) -> Callable[[Tensor], Tensor]:
        forward = self.others[0]["forward"]

        def detached(x: Tensor) -> Tensor:
            with torch.no_grad():
                return forward(x)  # type: ignore[no-any-return]

        return detached

    def _teacher(self) -> Tensor:
        with torch.no_grad(), self.run.autocast():
            return self._joined(self.run.teachers[self.member](self._own_x()).to(self.run.dtype))  # type: ignore[no-any-return]

    def _teacher_strong(self) -> Tensor:
        view = augment.strong(self["x"], self.run.rng("teacher strong", *self.place, self.member))
        with torch.no_grad(), self.run.autocast():
            return self.run.teachers[self.member](view).to(self.run.dtype)  # type: ignore[no-any-return]

    def _peer_teacher(self) -> Tensor:
        return self.others[0]["teacher"]  # type: ignore[no-any-return]

    def _strong(self) -> Tensor:
        return self["forward"](augment.strong(self["x"], self.run.rng("strong", *self.place, self.member)))  # type: ignore[no-any-return]

    def _rows(self) -> Any:
        world = self.run.world
        rows = take(self.run.memory[self.member]["rows"], self.slot if world is None else world.places(self.slot))
        # a memory kept in half precision is used in the run's own
        own = mapped(lambda leaf: leaf.to(self.run.dtype) if leaf.dtype == torch.float16 else leaf, rows)
        return self._joined(own)

    def _bank(self) -> Any:
        return self.run.memory[self.member]["bank"]

    def _rng(self) -> torch.Generator:
        return self.run.rng("hook", *self.place, self.member)

    def _layers(self) -> layers.Layers:
        return layers.chain(self.run.nets[self.member])

    def _parameters(self) -> dict[str, Tensor]:
        return {name: p.detach() for name, p in self.run.nets[self.member].named_parameters()}

    def _group(self) -> Any:
        return None if self.run.group is None else self.run.group[self.at]

    def _side(self, name: str) -> Tensor:
        side = self.run.sides[name]
        epoch, step = self.place
        # every step moves on by the largest batch: where they differ in size, none begins before the last one's end
        stride = min(self.run.tallest, len(side))
        rows = side_rows(self.run.config.seed, name, len(side), stride, epoch * self.run.sampler.steps + step)
        return side[rows[: len(self.at)].to(side.device)]

    def _target(self) -> Tensor:
        return self._side("target")

    def _outliers(self) -> Tensor:
        return self._side("outliers")


def weighed(given: dict[str, Any], s: Labels) -> dict[str, Any]:
    """What a hook is given, with weights per observation; one that names no ``s`` sees rows alone, and gets them per
    row.
    """
    if "w" in given and "s" not in given and given["w"] is not None:
        return given | {"w": s.spread(given["w"])}
    return given


def generator(run: Assembly, purpose: str, *place: int) -> torch.Generator:
    """The stream of one purpose and place on the run's device."""
    return streams.rng(run.config.seed, purpose, *place, device=str(run.device))
