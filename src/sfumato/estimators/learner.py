"""Fitting, which Classifier and Regressor share: the data at the door, one run of training, its epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from sklearn.utils import _safe_indexing
from torch import Tensor

from sfumato import select
from sfumato.choice import Choice
from sfumato.core.errors import ParameterError, RefusedError
from sfumato.core.streams import rng
from sfumato.data.encoder import TableEncoder
from sfumato.judge import at, filled
from sfumato.labels import Labels, Law
from sfumato.learn.objective import Objective
from sfumato.train import learned
from sfumato.train import needs as givers
from sfumato.train.assembly import PER_ROW
from sfumato.train.loop import Run
from sfumato.train.networks import build
from sfumato.train.pool import banks_of, on_cpu
from sfumato.train.progress import Bar
from sfumato.train.store import Store
from sfumato.train.world import join

from .auto import choose
from .door import Admitted, admit, check_kind, check_streamed, sampling
from .fitted import Fitted
from .hold_out import together


class Learner(Fitted):
    """An estimator that trains networks on labels. Abstract: its faces say which labels they read."""

    # ------------------------------------------------------------------ what differs

    def _name_classes(self, labels: Labels) -> None:
        """Keep what the outputs stand for."""
        self.k_, self.class_names_ = labels.k, labels.classes

    # ------------------------------------------------------------------ fit

    def fit(
        self,
        X: Any,
        labels: Any,
        sample_weight: Any = None,
        group: Any = None,
        target: Any = None,
        outliers: Any = None,
    ) -> Self:
        """Train on X (rows) and labels.

        Args: X (n, d) or (n, c, h, w) array, tensor, data frame, or rows on disk (``sf.data.open_rows``); labels of any
        kind (a plain array counts as noisy labels); sample_weight (n,) >= 0; group (n,) integers; target, outliers:
        side streams of rows, for methods that name them.
        """
        labels = self._read(labels, fresh=True)
        if isinstance(X, Store):
            check_streamed(self, labels)
        if self.parallel and self.method == "auto":
            raise RefusedError("method='auto' in several processes", "a named method", "choose in one process first")
        encoder = TableEncoder(standardise=self.standardise).fit(self._training_rows(X, labels))
        x = self._features(encoder, X)
        got = admit(x, labels, sample_weight, group, self.needs or {}, self._dtype())
        sides = {
            name: torch.from_numpy(encoder.transform(side)).to(self._dtype())
            for name, side in (("target", target), ("outliers", outliers))
            if side is not None
        }
        self.encoder_, self.n_features_in_ = encoder, math.prod(got.x.shape[1:])
        self._name_classes(got.labels)
        self.scores_: dict[str, Any] = {}
        self.choice_: Choice | None = None
        if self.method == "auto":
            objective, given = choose(self, got, together(labels, len(x)))
            got = replace(got, given=given)
        else:
            objective = self.method if isinstance(self.method, Objective) else self._named(self.method, got.labels)
        check_kind(objective, got.labels)
        return self._train(objective, got, sides)

    def _training_rows(self, X: Any, labels: Labels) -> Any:
        """The rows that statistics are learned on: those held out for validation are not among them."""
        if self.validation == 0 or labels.row is not None or not hasattr(X, "shape"):
            return X
        rows = labels.cover(self._split(len(labels))[0])[0].unique()
        if (labels.n_rows() or X.shape[0]) != X.shape[0] or int(rows[-1]) >= X.shape[0]:
            return X  # they do not fit, and that is said where it is checked
        return X[rows] if isinstance(X, Tensor) else _safe_indexing(X, rows.numpy())

    def _law(self, objective: Objective, labels: Labels) -> Any:
        if self.law is None:
            return objective.law_for(labels)
        law = self.law
        if not (isinstance(law, Law) or (isinstance(law, type) and issubclass(law, Law))):
            raise ParameterError(f"law of type {type(law).__name__}", "a law of sfumato.labels, an instance or a class")
        if not isinstance(labels, law.eats):
            raise ParameterError(
                f"a law over {law.eats.kind} labels with {labels.kind} labels", f"a law over {labels.kind} labels"
            )
        return law

    def _bound(
        self, objective: Objective, x: Tensor, labels: Labels, given: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        law = self._law(objective, labels)
        values = givers.supply(objective, law, given, x, labels, self.seed)
        for name in set(given) - set(values):
            if self.method != "auto":
                raise ParameterError(
                    f"a need {name!r} that {type(objective).__name__} does not have",
                    f"one of {sorted(values) or 'none'}",
                    "remove it, or choose a method that uses it",
                )
        built = givers.build_law(objective, law, values)
        return (built if built is not None else law), values

    def _split(self, m: int) -> tuple[Tensor, Tensor]:
        if not 0 <= self.validation < 1:
            raise ParameterError(f"validation = {self.validation!r}", "a share in [0, 1)")
        order = torch.randperm(m, generator=rng(self.seed, "validation"))
        held = math.ceil(self.validation * m)
        if held >= m:
            raise ParameterError(
                f"validation = {self.validation} of {m} observations", "a share that leaves some to train on"
            )
        return order[held:].sort().values, order[:held].sort().values

    def _train(
        self,
        objective: Objective,
        got: Admitted,
        sides: Mapping[str, Tensor],
    ) -> Self:
        if self.epoch not in ("last", "chosen"):
            raise ParameterError(f"epoch = {self.epoch!r}", "'last' or 'chosen'")
        if self.validation == 0 and (self.patience is not None or self.epoch == "chosen"):
            raise ParameterError(
                "patience or epoch='chosen' without held-out labels", "validation > 0", "set validation=0.1"
            )
        x, labels, group = got.x, got.labels, got.group
        law, values = self._bound(objective, x, labels, got.given)
        config, head = self._config(objective), objective.head_for(law)
        draw, w = sampling(self.sampling, labels, got.w)
        train, held = self._split(len(labels))
        whole = len(held) == 0
        rows, part = (slice(None), labels) if whole else labels.cover(train)
        instance = isinstance(law, Law)
        run = Run(
            x if whole else x[rows],
            part,
            objective,
            lambda m: build(
                self.network,
                tuple(x.shape[1:]),
                head.width(labels.k),
                self.seed * 1009 + m,
                self.hidden,
                self.dropout,
                head.layer,
            ),
            config,
            law=law.at(rows) if instance and not whole else law,
            needs={k: (v[rows] if k in PER_ROW and not whole else v) for k, v in values.items()},
            w=w if whole or w is None else w[train],
            group=None if group is None else group[rows],
            sides=sides,
            sampling=draw if whole or draw is None else draw[train],
            world=join() if self.parallel else None,
        )
        self.objective_, self.law_, self.needs_ = objective, law, values
        self.method_ = getattr(type(objective), "card", None)
        self.head_ = head
        held, kept = labels.cover(held)
        validate = None if whole else self._validator(objective, x[held], kept, filled(law, labels, values), held)
        bar = Bar()
        on_epoch = self.verbose if callable(self.verbose) else (bar if self.verbose else None)
        save = None if self.checkpoint is None else Path(self.checkpoint)
        try:
            run.fit(validate=validate, patience=self.patience, on_epoch=on_epoch, save=save)
        finally:
            bar.close()
        self.history_ = run.history
        # cloned: use("chosen") writes into the networks, and must not write over the last epoch
        self.last_ = [{k: v.cpu().clone() for k, v in net.state_dict().items()} for net in run.final()]
        self.chosen_ = None if run.best is None else [{k: v.cpu() for k, v in state.items()} for state in run.best[2]]
        self.chosen_epoch_ = None if run.best is None else run.best[1]
        self.networks_ = [net.cpu().eval() for net in run.final()]
        self.banks_ = banks_of(run)
        if not learned.named(run):  # a law that is learned row by row is known where rows are: law_ stays its class
            self.law_ = on_cpu(learned.law_on(run, x)) or self.law_
            self.head_ = objective.head_for(self.law_)  # a decision rule may look at what was learned
        return self.use(self.epoch)

    def _validator(
        self, objective: Objective, x: Tensor, labels: Labels, law: Any, held: Tensor
    ) -> Callable[[Run], float]:
        name = self.choose_by or select.default(labels.kind, law)

        def measure(run: Run) -> float:
            found = on_cpu(learned.law_on(run, x)) or at(law, held)
            each = [z.cpu() for z in run.logits(x)]  # labels and laws are there
            return float(select.criterion(name, self._averaged(objective, each, banks_of(run)), labels, found))

        return measure
