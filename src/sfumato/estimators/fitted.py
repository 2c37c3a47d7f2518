"""What a fitted estimator answers: outputs of an epoch, criteria on held-out labels, a model directory."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist
from sklearn.exceptions import NotFittedError as _SklearnNotFittedError
from torch import Tensor, nn

from sfumato import select
from sfumato.core.errors import NeedError, ParameterError, RefusedError, SfumatoError, ShapeError
from sfumato.data.encoder import TableEncoder
from sfumato.judge import filled
from sfumato.labels import Labels
from sfumato.learn.objective import Objective
from sfumato.train.store import Store

from .settings import Settings


class NotFittedError(SfumatoError, _SklearnNotFittedError):
    """The estimator was asked before it was fitted."""


class Fitted(Settings, ABC):
    """An estimator after training. Abstract: Classifier and Regressor say which labels they read."""

    encoder_: TableEncoder
    objective_: Objective
    law_: Any
    head_: Any
    needs_: dict[str, Any]
    networks_: list[nn.Module]
    banks_: list[Any]
    last_: list[dict[str, Tensor]]
    chosen_: list[dict[str, Tensor]] | None
    k_: int

    @abstractmethod
    def _read(self, labels: Any, fresh: bool = False) -> Labels:
        """Labels of the forms that this takes; ``fresh`` at fit, where nothing is known yet."""

    def _fitted(self) -> None:
        if not hasattr(self, "networks_"):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted", "a fitted one", "call fit(X, labels) first"
            )

    def _averaged(self, objective: Objective, each: list[Tensor], banks: list[Any]) -> Tensor:
        log_p = torch.stack([objective.decoded(z, self.head_, bank) for z, bank in zip(each, banks, strict=True)])
        return log_p[0] if len(each) == 1 else torch.logsumexp(log_p, 0) - math.log(len(each))

    def use(self, epoch: str) -> Self:
        """Predict with the "last" epoch or the one "chosen" on weak validation labels from now on."""
        self._fitted()
        if epoch == "chosen" and any(bank is not None for bank in self.banks_):
            raise RefusedError(
                f"the chosen epoch of {type(self.objective_).__name__}, whose decision looks at the last one's memory",
                "epoch='last'",
            )
        weights = self.last_ if epoch == "last" else self.chosen_
        if weights is None:
            raise ParameterError("no chosen epoch: nothing was held out", "epoch='last'", "fit with validation > 0")
        for net, state in zip(self.networks_, weights, strict=True):
            net.load_state_dict(state)
        return self

    def _features(self, encoder: TableEncoder, X: Any) -> Any:
        """(n, ...) features in memory, or on disk where X is there."""
        return encoder.stream(X) if isinstance(X, Store) else torch.from_numpy(encoder.transform(X)).to(self._dtype())

    @torch.no_grad()
    def outputs(self, X: Any) -> list[Tensor]:
        """What each network puts out for the rows, (n, width) before the head and the decision."""
        self._fitted()
        x = self._features(self.encoder_, X)
        each = []
        for net in self.networks_:
            parts = x.chunks(4096) if isinstance(x, Store) else x.split(4096)
            each.append(torch.cat([net(part.to(self._dtype())) for part in parts]))
        return each

    def _log_p(self, X: Any) -> Tensor:
        with torch.no_grad():
            return self._averaged(self.objective_, self.outputs(X), self.banks_)

    def criterion(self, X: Any, labels: Any, name: str | None = None) -> select.Measured:
        """A criterion of sfumato.select on held-out rows and their (weak) labels; higher is better.

        Without a name it is the one that the fitted law asks for: where two fits assume unlike laws, name one criterion
        and pass both the same ``law`` before comparing their values.
        """
        self._fitted()
        labels = self._read(labels)
        if labels.k != self.k_:
            raise ShapeError(
                f"labels of {labels.k} classes for a model of {self.k_}",
                "the same classes",
                "pass classes=clf.classes_ to the labels",
            )
        law = filled(self.law_ if isinstance(labels, self.law_.eats) else labels.default_law(), labels, self.needs_)
        name = name or self.choose_by or select.default(labels.kind, law)
        if isinstance(law, type) and name in ("likelihood", "unbiased-accuracy"):
            raise NeedError(
                f"{name} under {law.__name__} needs {[f for f in law.needs() if f not in self.needs_]}",
                "a method fitted under that law",
                "choose another criterion",
            )
        log_p = self._log_p(X)
        if len(log_p) != (labels.n_rows() or len(log_p)):
            raise ShapeError(f"X with {len(log_p)} rows and {len(labels)} labels", "one label per row")
        if labels.row is not None or labels.spans:
            rows, labels = labels.cover(torch.arange(len(labels)))
            if int(rows.max()) >= len(log_p):
                raise ShapeError(f"labels that speak of row {int(rows.max())} of X with {len(log_p)} rows", "rows of X")
            log_p = log_p[rows]
        return select.criterion(name, log_p, labels, law)

    def save(self, path: str | Path) -> None:
        """Write a model directory: model.safetensors and model.json, no pickle; of processes that trained it together
        the first one writes.
        """
        from sfumato.models import save

        self._fitted()
        together = self.parallel and dist.is_available() and dist.is_initialized()  # not so where it was unpickled
        if not together or dist.get_rank() == 0:
            save(self, Path(path))
