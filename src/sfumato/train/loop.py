"""The one loop. It knows no method by name: hooks say what they need by naming it, and memory is whatever a hook
returned.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from sfumato.core.errors import DivergedError

from . import layers, memory, optimizers, resume
from .assembly import Assembly
from .interrupt import interruptible
from .words import Words


class Run(Assembly):
    """One training run, from wherever it stands to its end."""

    # ------------------------------------------------------------------ one step, one epoch

    def _step(self, obs: Tensor) -> None:
        members = self.words(obs)
        if "afresh" in self.hooks:
            for m, words in enumerate(members):
                layers.begin(self, m, words)
        risks = [self.call("risk", words) for words in members]
        for m, risk in enumerate(risks):
            optimizers.forget_gradients(self.optimizers[m])
            if (extra := self.extra[m]) is not None:
                optimizers.forget_gradients(extra)
            if risk.requires_grad:
                risk.backward()
            self.total += risk.detach()
        if self.world is not None:
            self.world.sum_gradients(self.nets)
        if "gradient" in self.hooks:
            for m, words in enumerate(members):
                layers.hand_over(self, m, words)
        for m in range(len(self.nets)):
            optimizers.advance(self.optimizers[m])
            if (extra := self.extra[m]) is not None:
                extra.step()
        if self.teachers:
            self._average()
        if "renew" in self.hooks:
            with torch.no_grad():
                for m, words in enumerate(members):
                    for name in ("z", "features", "strong"):
                        if isinstance(words.get(name), Tensor):
                            words[name] = words[name].detach()
                    memory.keep(self, m, self.call("renew", words), words.slot)

    def _average(self) -> None:
        done = self.epoch * self.sampler.steps + self.step
        decay = self.config.teacher if self.config.average is None else self.config.average
        decay = min(decay, (1 + done) / (10 + done))
        with torch.no_grad():
            for net, teacher in zip(self.nets, self.teachers, strict=True):
                torch._foreach_lerp_(list(teacher.parameters()), list(net.parameters()), 1 - decay)
                for old, new in zip(teacher.buffers(), net.buffers(), strict=True):
                    old.copy_(new)

    def _after_epoch(self) -> None:
        if "epoch" not in self.hooks:
            return
        obs = torch.arange(len(self.labels), device=self.device)
        at, s = self.labels.cover(obs)
        place, slot = (self.epoch, self.sampler.steps), self.slots(obs)
        if self.learns:
            self.seed_dropout(*place, -1)
        with torch.no_grad():
            filled = {**self.constants(at), "s": s, "w": self.w}
            members = [Words(self, m, at, slot, place, self.with_learned(filled, m)) for m in range(len(self.nets))]
            for m, words in enumerate(members):
                words.others = members[:m] + members[m + 1 :]
                named = set(self.hooks["epoch"][1])
                if {"features", "peer_features"} & named:
                    z, features = self.outputs(m)
                    words["z"], words["features"] = z[at], features[at]
                elif {"z", "peer"} & named:
                    words["z"] = self.logits(self.X, [self.nets[m]])[0][at]
            for m, words in enumerate(members):
                memory.keep(self, m, self.call("epoch", words), words.slot)

    # ------------------------------------------------------------------ the loop

    def fit(
        self,
        *,
        validate: Callable[[Run], float] | None = None,
        patience: int | None = None,
        on_epoch: Callable[[Run], None] | None = None,
        save: Path | None = None,
        save_seconds: float = 30.0,
        stop_after: int | None = None,
    ) -> Run:
        """Train to the end, from wherever this run stands.

        validate: run -> criterion, higher is better, measured after each epoch on weak validation labels; patience:
        stop after so many epochs without a better one. on_epoch is told after each epoch. save: a file that always
        holds a whole checkpoint, at most save_seconds old; on Ctrl-C it is written before KeyboardInterrupt is
        raised. stop_after: stop after so many steps (to be continued).
        """
        # dropout draws from the default generators, which are the user's again at the end
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            if "solve" in self.hooks:
                return self._solved(validate, on_epoch)
            if save is not None and resume.begun(self, save):
                self.load(save)
            last_saved, done = time.monotonic(), 0
            with interruptible() as interrupted:
                while self.epoch < self.config.epochs and not self._out_of_patience(patience):
                    batches = self.sampler.epoch(self.epoch)
                    for number in range(self.step, len(batches)):
                        self._set_rate()
                        self._step(batches[number].to(self.device))
                        self.step = number + 1
                        done += 1
                        stop = stop_after is not None and done >= stop_after
                        # processes that train together must agree on when to save: at ends of epochs
                        now = self.world is None and (interrupted or time.monotonic() - last_saved >= save_seconds)
                        if save is not None and (stop or now):
                            self.save(save)
                            last_saved = time.monotonic()
                        if interrupted:
                            raise KeyboardInterrupt
                        if stop:
                            return self
                    self._close_epoch(len(batches), validate)
                    if save is not None and self.world is not None:
                        self.save(save)
                    if on_epoch is not None:
                        on_epoch(self)
                if save is not None:
                    self.save(save)
                if interrupted:  # after the last step: all is done and saved, but whoever asked for this is to stop
                    raise KeyboardInterrupt
        return self

    def _solved(self, validate: Callable[[Run], float] | None, on_epoch: Callable[[Run], None] | None) -> Run:
        """Networks found in one go by the hook solve, in place of epochs; there is nothing to save on the way."""
        assert self.objective.predictor is not None
        for m in range(len(self.nets)):
            found = memory.asked(self, m, "solve", slice(None), self.rng("solve", m))
            self.nets[m] = self.objective.predictor(**found).train()
        self.teachers = [self._copied(net) for net in self.nets] if self.teachers else []
        risk = float("nan")  # of a method that has none
        if "risk" in self.hooks:
            with torch.no_grad():
                members = self.words(torch.arange(len(self.labels), device=self.device))
                risk = sum(float(self.call("risk", words)) for words in members) / len(members)
        self.epoch = self.config.epochs
        self._measure({"epoch": 1.0, "risk": risk}, validate)
        if on_epoch is not None:
            on_epoch(self)
        return self

    def _measure(self, entry: dict[str, float], validate: Callable[[Run], float] | None) -> None:
        """One line of the history, and the best epoch by what ``validate`` says."""
        if validate is not None:
            entry["validation"] = validate(self)
            known = entry["validation"] == entry["validation"]  # a criterion that is NaN is never the best
            if known and (self.best is None or entry["validation"] > self.best[0]):
                weights = [{k: v.clone() for k, v in net.state_dict().items()} for net in self.final()]
                self.best = (entry["validation"], int(entry["epoch"]), weights)
        self.history.append(entry)

    def _set_rate(self) -> None:
        if self.config.schedule == "constant":
            return
        lr = self.config.lr * self.config.rate(
            (self.epoch * self.sampler.steps + self.step) / (self.config.epochs * self.sampler.steps)
        )
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = lr

    def _close_epoch(self, steps: int, validate: Callable[[Run], float] | None) -> None:
        risk = float(self.total) / steps / len(self.nets)
        if risk != risk or risk in (float("inf"), float("-inf")):
            raise DivergedError(
                f"the training risk is {risk} after epoch {self.epoch + 1}",
                "a finite risk",
                "lower lr, or check X for huge values",
            )
        self._after_epoch()
        self._measure({"epoch": float(self.epoch + 1), "risk": risk}, validate)
        self.total.zero_()
        self.epoch, self.step = self.epoch + 1, 0

    def _out_of_patience(self, patience: int | None) -> bool:
        return patience is not None and self.best is not None and self.epoch - self.best[1] >= patience

    # ------------------------------------------------------------------ stop and resume

    def state(self) -> dict[str, Tensor]:
        """Every tensor that the rest of training depends on, by name."""
        return resume.state(self)

    def save(self, path: Path) -> None:
        """Write a checkpoint, atomically."""
        resume.save(self, path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint; one of other data or settings is refused."""
        resume.load(self, path)
