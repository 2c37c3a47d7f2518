"""The settings of an estimator: read, set and cloned the way scikit-learn does, the method's own among them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from sklearn.base import BaseEstimator

from sfumato import catalogue
from sfumato.core.errors import ParameterError
from sfumato.labels import Labels
from sfumato.learn.objective import Objective
from sfumato.train.assembly import DTYPES
from sfumato.train.config import Config
from sfumato.train.loop import Run


class Settings(BaseEstimator):
    """What an estimator is told before it sees data."""

    def __init__(
        self,
        method: Any = "auto",
        network: Any = "mlp",
        hidden: Sequence[int] = (500,),
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 128,
        lr: float = 1e-3,
        weight_decay: float = 1e-5,
        optimizer: str = "adam",
        schedule: str | None = None,
        average: float | None = None,
        standardise: bool = True,
        precision: str = "float32",
        device: str = "cpu",
        seed: int = 0,
        law: Any = None,
        needs: Mapping[str, Any] | None = None,
        validation: float = 0.0,
        patience: int | None = None,
        epoch: str = "last",
        choose_by: str | None = None,
        sampling: str = "uniform",
        workers: Any = 1,
        parallel: bool = False,
        checkpoint: str | Path | None = None,
        verbose: bool | Callable[[Run], None] = False,
    ) -> None:
        self.method, self.network, self.hidden, self.dropout = method, network, hidden, dropout
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.optimizer, self.schedule, self.average, self.precision = optimizer, schedule, average, precision
        self.standardise = standardise
        self.device, self.seed, self.law, self.needs = device, seed, law, needs
        self.validation, self.patience, self.epoch, self.choose_by = validation, patience, epoch, choose_by
        self.sampling, self.parallel = sampling, parallel
        self.workers, self.checkpoint, self.verbose = workers, checkpoint, verbose

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings; with ``deep`` also the method's tunable fields as method__name."""
        out = {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }
        if deep and self.method != "auto":
            inner = self.method if isinstance(self.method, Objective) else self._named(self.method, None)
            out |= {f"method__{k}": v for k, v in inner.get_params().items()}
        return out

    def set_params(self, **params: Any) -> Self:
        """Set settings; method__q=0.5 sets a field of the method."""
        inner = {k.removeprefix("method__"): params.pop(k) for k in list(params) if k.startswith("method__")}
        known = self.get_params(deep=False)
        for name, value in params.items():
            if name not in known:
                raise ParameterError(f"{type(self).__name__} has no setting {name!r}", f"one of {sorted(known)}")
            setattr(self, name, value)
        if inner:
            base = self.method if isinstance(self.method, Objective) else self._named(self.method, None)
            self.method = type(base)(**base.get_params(deep=False)).set_params(**inner)
        return self

    @staticmethod
    def _named(name: Any, labels: Labels | None) -> Objective:
        if not isinstance(name, str):
            raise ParameterError(f"method of type {type(name).__name__}", "a name, an Objective, or 'auto'")
        card = catalogue.method(name, "learn", None if labels is None else labels.kinds())
        objective = card.cls()
        assert isinstance(objective, Objective)
        return objective

    def _config(self, objective: Objective, seed: int | None = None) -> Config:
        own = {
            name: getattr(self, name)
            for name in ("epochs", "batch_size", "lr", "weight_decay", "optimizer", "precision", "device")
        }
        recipe = dict(objective.recipe)
        for name in ("schedule", "average"):
            if (value := getattr(self, name)) is not None:
                recipe[name] = value
        return Config(**own | recipe, seed=self.seed if seed is None else seed)

    def _dtype(self) -> torch.dtype:
        if self.precision not in DTYPES:
            raise ParameterError(f"precision = {self.precision!r}", f"one of {sorted(DTYPES)}")
        return DTYPES[self.precision]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags
