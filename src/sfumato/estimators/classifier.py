"""The scikit-learn face of every method for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin

from sfumato.core.errors import ParameterError
from sfumato.labels import ByRow, Labels, Targets
from sfumato.labels.heads import OneVsRest

from .door import as_labels
from .learner import Learner


class Classifier(ClassifierMixin, Learner):
    """Learn a classifier from labels of any kind.

    Args:
        method: a name (``sfumato methods`` lists them), an Objective, or "auto": a short list, learned from a grid of
            small runs, is trained and the best by a criterion on held-out weak labels, which all count alike there, is
            kept; the naive baseline is always in the list, and ``choice_`` says what was tried, why, and what the
            choice may cost.
        network: "linear", "mlp", "residual" (frozen features), "resnet" (images), a torch module, or a factory (shape,
            width) -> module. A method that is solved in one go has a predictor of its own, and no use for network,
            epochs, batch_size, lr, weight_decay, optimizer and checkpoint.
        hidden: widths of the mlp's hidden layers.
        dropout: in [0, 1), after each hidden layer.
        epochs: passes over the data, at least 1.
        batch_size: rows per step, at least 1.
        lr: learning rate > 0.
        weight_decay: >= 0.
        optimizer: "adam", "adamw" or "sgd" (momentum .9).
        schedule: "constant", "cosine" or "step"; None leaves it to the method.
        average: decay in [0, 1) of the weight average that predicts; None leaves it to the method.
        standardise: each column of numbers (each channel of images) to mean 0 and spread 1 of the training rows, as
            most networks want it; False where a pipeline has scaled X already, or where its scales tell something
            (principal directions, embeddings).
        precision: "float32", "float64", or "bfloat16" for autocast.
        device: "cpu" or "cuda".
        seed: the integer >= 0 that all randomness follows from.
        law: a law (instance or class) in place of the method's own.
        needs: facts about the world by name, values or Estimators: {"prior": 0.3}, {"transition": sf.estimate...}.
        validation: share of observations in [0, 1) held out; each epoch is measured on their weak labels.
        patience: stop after so many epochs without a better one.
        epoch: predict with the "last" or the "chosen" epoch.
        choose_by: the name of the criterion; None is the kind's default, see sfumato.select.
        sampling: "uniform" passes over the rows; "balanced" draws each given class equally often; "weighted" draws
            rows by sample_weight in place of weighting their loss.
        workers: processes for the short list of "auto", or an Executor of sfumato.train.executor.
        parallel: train together with the other processes that torchrun started.
        checkpoint: a file to save to and resume from.
        verbose: True for a progress bar, or a function told after each epoch.

    Fitted: classes_, method_ (card), objective_, law_, needs_, history_, scores_ (auto: criterion per candidate),
    choice_ (auto: the card of the choice, see sfumato.choice), chosen_epoch_.
    Errors: labels and X of different lengths, a method that does not take this kind, a missing need, a bad setting.
    """

    def _read(self, labels: Any, fresh: bool = False) -> Labels:
        found = as_labels(labels)
        if isinstance(found, Targets):
            raise ParameterError(f"{found.kind} labels for a Classifier", "labels of classes", "use sf.Regressor")
        return found

    def _name_classes(self, labels: Labels) -> None:
        super()._name_classes(labels)
        self.classes_ = np.asarray(labels.classes if labels.classes is not None else range(labels.k))

    def predict_proba(self, X: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(n, K) P(truth | x), columns in the order of classes_. Where several classes may hold at once, P(class
        holds | x), and rows do not sum to one.
        """
        log_p = self._log_p(X).double()
        if isinstance(self.head_, OneVsRest):
            return np.asarray(log_p.exp().numpy())
        return np.asarray(torch.softmax(log_p, 1).numpy())

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """(n,) the most probable class by name; where several may hold at once, (n, L) 1 where P(class holds | x) is at
        least 1/2, else 0.
        """
        self._fitted()
        if isinstance(self.head_, OneVsRest):
            return np.asarray((self.predict_proba(X) >= 0.5).astype(np.int64))
        chosen = self._log_p(X).argmax(1).numpy()
        return np.asarray(self.classes_[chosen])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy against plain true labels; with weak labels the kind's criterion (higher is better), so that grid
        search works on both.
        """
        if isinstance(y, (Labels, ByRow)):
            return float(self.criterion(X, y))
        return float(super().score(X, y, sample_weight))
