"""What a run of training is made of, before its first step."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core import streams
from sfumato.core.errors import ParameterError, RefusedError
from sfumato.core.words import SIDE
from sfumato.labels import Labels, Law
from sfumato.learn.objective import Objective

from . import learned, memory, optimizers
from .config import Config
from .networks import draws, last_linear
from .sampler import Sampler
from .store import Store
from .words import Words, generator, weighed
from .world import World

DTYPES = {"float32": torch.float32, "bfloat16": torch.float32, "float64": torch.float64}
PER_ROW = ("transitions", "flips", "propensity")


class Assembly:
    """What a run is made of: members (networks), their optimisers and memories, the position in training, and what a
    step brings to the hooks.

    Args: X (rows, ...) tensor; labels; objective; build: member number -> fresh network; config; law (its needs
    filled in) or the class of a law with a learned field; needs: the values of needs; w (observations,) weights or
    None; group (rows,) or None; sides: side streams by name; sampling: (observations,) sampling weights or None.
    """

    def __init__(
        self,
        X: Tensor | Store,
        labels: Labels,
        objective: Objective,
        build: Callable[[int], nn.Module],
        config: Config,
        *,
        law: Law | type[Law] | None = None,
        needs: Mapping[str, Any] | None = None,
        w: Tensor | None = None,
        group: Tensor | None = None,
        sides: Mapping[str, Tensor] | None = None,
        sampling: Tensor | None = None,
        world: World | None = None,
    ) -> None:
        self.world = world
        self.config, self.objective, self.dtype = config, objective, DTYPES[config.precision]
        self.device = torch.device(config.device)
        self.X = X if isinstance(X, Store) else X.to(self.device, self.dtype)
        self.labels = labels.to(self.device)
        self.w = None if w is None else w.to(self.device, self.dtype)
        self.group = None if group is None else group.to(self.device)
        self.sides = {name: side.to(self.device, self.dtype) for name, side in (sides or {}).items()}
        self.hooks = objective.hooks()
        self.named = objective.named()
        self.stepped = {word for hook in ("risk", "renew") for word in self.hooks.get(hook, (None, ()))[1]}
        for word in SIDE:
            if word in self.named and word not in self.sides:
                raise ParameterError(
                    f"{type(objective).__name__} needs a side stream {word!r}: {SIDE[word]}",
                    "its rows",
                    f"pass {word}=X_{word} at fit",
                )
        self.law_class = law if isinstance(law, type) else None
        self.law = law.to(self.device, self.dtype) if isinstance(law, Law) else None
        self.needs = {name: self.placed(value) for name, value in (needs or {}).items()}
        self.single = bool((labels.sizes() == 1).all())
        self.sampler = Sampler(
            labels.sizes(),
            config.batch_size,
            config.seed,
            labels.strata(),
            sampling,
            objective.mix if labels.strata() is not None else None,
            *((X.starts, X.window) if isinstance(X, Store) else ()),
        )
        self.epoch, self.step = 0, 0
        self.total: Tensor = torch.zeros((), device=self.device, dtype=torch.float64)
        self.history: list[dict[str, float]] = []
        self.best: tuple[float, int, list[dict[str, Tensor]]] | None = None
        self.captured: list[Any] = [None] * objective.members
        self.learned = [learned.made(self, member) for member in range(objective.members)]
        self.learns = any(len(modules) for modules in self.learned)
        self.named |= learned.named(self)
        self.draws = any(draws(module) for modules in self.learned for module in modules.values())
        self.nets = [self._network(build, m) for m in range(objective.members)]
        self.teachers = (
            [self._copied(net) for net in self.nets]
            if {"teacher", "teacher_strong", "peer_teacher"} & self.named or config.average is not None
            else []
        )
        if world is not None:
            self._check_world(world)
        self.memory = [memory.begin(self, m) for m in range(objective.members)]
        self.optimizers = [optimizers.of_network(config, net) for net in self.nets]
        self.extra = [
            optimizers.of_learned(config, objective, modules, kept)
            for modules, kept in zip(self.learned, self.memory, strict=True)
        ]

    # ------------------------------------------------------------------ what a run is made of

    def _check_world(self, world: World) -> None:
        world.check(self.objective, self.nets)
        if not self.single:
            raise RefusedError("observations of several rows in several processes", "one row per observation")

    def placed(self, value: Any) -> Any:
        return value.to(self.device, self.dtype) if isinstance(value, Tensor) and value.is_floating_point() else value

    def _network(self, build: Callable[[int], nn.Module], member: int) -> nn.Module:
        net = build(member).to(self.device, self.dtype)
        self.draws = self.draws or draws(net)
        if {"features", "peer_features", "embed"} & self.named:

            def keep(_: nn.Module, args: tuple[Any, ...]) -> None:
                self.captured[member] = args[0]

            last_linear(net).register_forward_pre_hook(keep)
        return net.train()

    @staticmethod
    def _copied(net: nn.Module) -> nn.Module:
        twin = copy.deepcopy(net).eval()
        return twin.requires_grad_(False)

    @cached_property
    def _fixed(self) -> dict[str, Any]:
        """Words that no step changes; the head is known even where no hook asks for the law, and the law's needs are
        then nobody's business.
        """
        head = self.objective.head_for(self.law or self.law_class or self.objective.law_for(self.labels))
        values = {"n": len(self.X), "k": self.labels.k, "epochs": self.config.epochs, "law": self.law}
        return {**values, **self.needs, "head": head}

    def constants(self, rows: Any = None) -> dict[str, Any]:
        values = self._fixed.copy()
        values["progress"] = (self.epoch * self.sampler.steps + self.step) / (self.config.epochs * self.sampler.steps)
        if rows is not None:
            if self.law is not None:
                values["law"] = self.law.at(rows)
            for name in PER_ROW:
                if name in values:
                    values[name] = values[name][rows]
        return values

    def with_learned(self, values: dict[str, Any], member: int) -> dict[str, Any]:
        """Values, with those of learned needs as they stand now and the law rebuilt on them; what has a value per row,
        and then the law, waits for the step that brings the rows.
        """
        if self.learns:
            values = values | {need: module() for need, module in learned.settled(self, member)}
            if learned.named(self):
                del values["law"]
            elif learned.complete(self, values):
                values["law"] = learned.bound(self, values)
        return values

    def slots(self, obs: Tensor) -> Tensor:
        """Where the memory of these observations stands: a place of its own for each row that each of them shows (one
        row of X may serve several, as labeled positives that are also among the unlabeled do).
        """
        return self.labels.places(obs)

    @cached_property
    def tallest(self) -> int:
        """How many rows the largest batch shows."""
        return max(int(self.sampler.sizes[batch].sum()) for batch in self.sampler.epoch(0))

    # ------------------------------------------------------------------ small services to the words

    def rows_of(self, at: Tensor) -> Tensor:
        if isinstance(self.X, Store):
            return self.X.take(at.cpu()).to(self.device, self.dtype)
        return self.X.index_select(0, at)  # five times faster than X[at] on wide rows

    def rng(self, purpose: str, *place: int) -> torch.Generator:
        return generator(self, purpose, *place)

    def seed_dropout(self, *place: int) -> None:
        """Dropout draws from the default generator: point it at this step's stream, in each process its own (fit puts
        the user's state back at the end). Networks and learned needs that are known to draw nothing go without.
        Place: epoch, step, member, and for a pass of the hook's own its number, for a learned need one below zero;
        member -1 stands for the needs that all rows share.
        """
        if not self.draws:
            return
        number = streams.key(self.config.seed, "dropout", *place, *(() if self.world is None else (self.world.rank,)))
        if self.device.type == "cuda":
            at = torch.cuda.current_device() if self.device.index is None else self.device.index
            torch.cuda.default_generators[at].manual_seed(number)
        else:
            torch.default_generator.manual_seed(number)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.config.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return contextlib.nullcontext()

    # ------------------------------------------------------------------ one step, one epoch

    def call(self, hook: str, words: Words) -> Any:
        """One hook on the words it names."""
        function, names = self.hooks[hook]
        return function(**weighed({name: words[name] for name in names}, words["s"]))

    def words(self, obs: Tensor) -> list[Words]:
        """What a step on these observations brings to the hooks, one entry per member."""
        at, s = self.labels.cover(obs)
        filled = self.constants(at)
        filled["s"], filled["w"] = s, None if self.w is None else self.w[obs]
        place, slot = (self.epoch, self.step), self.slots(obs)
        if self.learns:
            self.seed_dropout(*place, -1)
        members = [Words(self, m, at, slot, place, self.with_learned(filled, m)) for m in range(len(self.nets))]
        for m, words in enumerate(members):
            words.others = members[:m] + members[m + 1 :]
        return members

    # ------------------------------------------------------------------ what comes out

    def final(self) -> list[nn.Module]:
        """The networks to predict with: the weight averages where asked for, else the networks themselves."""
        return self.teachers if self.config.average is not None else self.nets

    @torch.no_grad()
    def logits(self, X: Tensor | Store, nets: list[nn.Module] | None = None, chunk: int = 4096) -> list[Tensor]:
        """z of each network on all rows, in evaluation mode."""
        out = []
        for net in self.final() if nets is None else nets:
            was = net.training
            net.eval()
            chunks = X.chunks(chunk) if isinstance(X, Store) else X.split(chunk)
            parts = [net(part.to(self.device, self.dtype)).to(self.dtype) for part in chunks]
            net.train(was)
            out.append(torch.cat(parts) if parts else torch.empty(0))
        return out

    def outputs(self, member: int, chunk: int = 4096) -> tuple[Tensor, Tensor]:
        """z and features of one member on all rows, in evaluation mode, from one pass."""
        parts = []
        for part in self.X.chunks(chunk) if isinstance(self.X, Store) else self.X.split(chunk):
            parts.append((self.logits(part, [self.nets[member]])[0], self.captured[member].to(self.dtype)))
        return torch.cat([z for z, _ in parts]), torch.cat([features for _, features in parts])
