"""Many linear heads on frozen features as one stack: runs that differ in method or hyper-parameters share every batch.

Equal to separate runs to floating-point tolerance. The runs share the order of rows, so a stack never stands for
independent seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.core.errors import RefusedError, ShapeError
from sfumato.core.streams import key
from sfumato.labels import Labels, Law
from sfumato.learn.objective import Objective

from .config import Config
from .sampler import Sampler
from .tree import leaves, mapped, scatter, take

WORDS = {"z", "s", "w", "law", "head", "k", "n", "rows", "progress", "epochs"}


@dataclass
class Head:
    """One run of a stack: its objective, its learning rate and weight decay (Adam)."""

    objective: Objective
    lr: float = 1e-3
    weight_decay: float = 1e-5


def _check(heads: Sequence[Head], law: Law) -> None:
    for head in heads:
        if head.objective.head_for(law) != law.head:
            raise RefusedError(
                f"{type(head.objective).__name__} in a stack: it has a head of its own",
                "methods that read the law's head",
                "run it through sfumato.train.pool.run_jobs",
            )
        extra = head.objective.named() - WORDS - set(law.needs())
        if head.objective.mix is not None:
            raise RefusedError(
                f"{type(head.objective).__name__} in a stack: its batches have a mix of strata of their own",
                "methods that share their batches",
                "run it through sfumato.train.pool.run_jobs",
            )
        if extra or head.objective.members != 1 or {"learns", "stock", "epoch"} & set(head.objective.hooks()):
            why = (
                f"names {sorted(extra)}"
                if extra
                else "keeps a memory of the whole, learns a need, or has several members"
            )
            raise RefusedError(
                f"{type(head.objective).__name__} in a stack: it {why}",
                f"hooks that name only {sorted(WORDS)}",
                "run it through sfumato.train.pool.run_jobs",
            )


class Stack:
    """Linear heads z = x W_m + b_m, m = 1..M, trained side by side by Adam.

    Args: X (n, d) features; labels of n rows; heads, one per run; law with its needs filled in; config gives epochs,
    batch_size, schedule and seed (its lr and weight_decay are the heads' own business); w (n,) weights or None. All is
    done where X lies and in its dtype.
    """

    def __init__(
        self, X: Tensor, labels: Labels, heads: Sequence[Head], law: Law, config: Config, w: Tensor | None = None
    ) -> None:
        if X.ndim != 2 or len(X) != len(labels):
            raise ShapeError(f"features of shape {tuple(X.shape)} and {len(labels)} labels", "(n, d) and n labels")
        _check(heads, law)
        self.X, self.labels, self.heads, self.config = X, labels.to(X.device), list(heads), config
        self.w = None if w is None else w.to(X)
        self.law = law.to(X.device, X.dtype)
        self.width = law.head.width(labels.k)
        d, m = X.shape[1], len(heads)
        weights = []
        for _ in heads:  # every run starts where a run of its own would: from the seed
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(key(config.seed * 1009, "network"))
                layer = torch.nn.Linear(d, self.width)
            weights.append(torch.cat([layer.weight.detach().T, layer.bias.detach()[None]]))
        self.weight = torch.stack(weights, 1).reshape(d + 1, m * self.width).to(X).requires_grad_()
        self.hooks = [head.objective.hooks() for head in self.heads]
        self.groups = self._alike()
        self.memory = [self._start(hooks) for hooks in self.hooks]
        for head, memory in zip(heads, self.memory, strict=True):
            if any(isinstance(leaf, torch.nn.Parameter) for _, leaf in leaves(memory)):
                raise RefusedError(
                    f"{type(head.objective).__name__} in a stack: it trains its rows, and a stack trains heads alone",
                    "methods whose rows are written, not trained",
                    "run it through sfumato.train.pool.run_jobs",
                )

    def _alike(self) -> list[list[int]]:
        """Runs with one and the same memoryless objective are one batched risk; all others are asked in turn."""
        groups: dict[str, list[int]] = {}
        for i, head in enumerate(self.heads):
            alone = "start" in self.hooks[i]
            groups.setdefault(f"{i}" if alone else f"{type(head.objective).__qualname__}{head.objective!r}", []).append(
                i
            )
        return list(groups.values())

    def _start(self, hooks: dict[str, Any]) -> Any:
        if "start" not in hooks:
            return None
        function, words = hooks["start"]
        given = {
            "s": self.labels,
            "n": len(self.X),
            "k": self.labels.k,
            "law": self.law,
            "w": self.w,
            "head": self.law.head,
        }
        return mapped(lambda leaf: leaf.to(self.X.device), function(**{word: given[word] for word in words}))

    def _given(self, obs: Tensor, progress: float) -> dict[str, Any]:
        return {
            "s": self.labels.taken(obs),
            "w": None if self.w is None else self.w[obs],
            "law": self.law.at(obs),
            "head": self.law.head,
            "k": self.labels.k,
            "n": len(self.X),
            "progress": progress,
            "epochs": self.config.epochs,
        } | {name: getattr(self.law, name) for name in self.law.needs()}

    def _risk(self, z: Tensor, given: dict[str, Any], obs: Tensor) -> Tensor:
        total = z.new_zeros(())
        for group in self.groups:
            function, words = self.hooks[group[0]]["risk"]
            if len(group) == 1:
                own = given | {"z": z[:, group[0]], "rows": take(self.memory[group[0]], obs)}
                total = total + function(**{word: own[word] for word in words})
            else:
                one = lambda zi, f=function, ws=words: f(**{word: zi if word == "z" else given[word] for word in ws})  # noqa: E731
                part = z if len(group) == len(self.heads) else z[:, group]
                total = total + torch.vmap(one, in_dims=1)(part).sum()
        return total

    def fit(self) -> Stack:
        """Train all heads to the end."""
        c, m = self.config, len(self.heads)
        sampler = Sampler(self.labels.sizes(), c.batch_size, c.seed, self.labels.strata())
        columns = torch.arange(m, device=self.X.device).repeat_interleave(self.width)
        lr = self.X.new_tensor([head.lr for head in self.heads])[columns]
        decay = self.X.new_tensor([head.weight_decay for head in self.heads])[columns]
        first, second = torch.zeros_like(self.weight), torch.zeros_like(self.weight)
        total, done = c.epochs * sampler.steps, 0
        for epoch in range(c.epochs):
            for batch in sampler.epoch(epoch):
                obs = batch.to(self.X.device)
                progress = done / total
                given = self._given(obs, progress)
                z = torch.addmm(self.weight[-1], self.X.index_select(0, obs), self.weight[:-1]).view(
                    len(obs), m, self.width
                )
                (gradient,) = torch.autograd.grad(self._risk(z, given, obs), self.weight)
                done += 1
                with torch.no_grad():
                    self._renew(z, given, obs)
                    gradient.addcmul_(decay, self.weight)
                    first.lerp_(gradient, 0.1)
                    second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                    scale = second.sqrt().div_((1 - 0.999**done) ** 0.5).add_(1e-8)
                    self.weight.addcdiv_(first * (lr * (-c.rate(progress) / (1 - 0.9**done))), scale)
        return self

    def _renew(self, z: Tensor, given: dict[str, Any], obs: Tensor) -> None:
        for i, hooks in enumerate(self.hooks):
            if "renew" in hooks:
                function, words = hooks["renew"]
                own = given | {"z": z[:, i].detach(), "rows": take(self.memory[i], obs)}
                scatter(self.memory[i], obs, function(**{word: own[word] for word in words})["rows"])

    @torch.no_grad()
    def logits(self, X: Tensor) -> Tensor:
        """(M, n, width) z of every head."""
        return (
            torch.addmm(self.weight[-1], X, self.weight[:-1]).view(len(X), len(self.heads), self.width).transpose(0, 1)
        )
