"""The transition matrix that a method learns in training, as an estimate: with interval, conditioning and doubts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from sfumato.core.errors import ParameterError
from sfumato.estimate.interval import Floats, Interval
from sfumato.estimate.rows import known
from sfumato.estimate.transition_anchor import TransitionAnchor
from sfumato.estimate.transition_base import MatrixEstimator, row_normalised
from sfumato.labels import ClassConditional, Noisy
from sfumato.learn.noisy.lccn import LCCN
from sfumato.learn.noisy.t_revision import TRevision
from sfumato.learn.noisy.volminnet import VolMinNet
from sfumato.learn.objective import Objective

from .config import Config
from .loop import Run
from .networks import build

LEARNERS: dict[str, type[Objective]] = {"volminnet": VolMinNet, "t-revision": TRevision, "lccn": LCCN}
_STUCK = 0.01  # a matrix that moved by less tells its start


@dataclass
class LearnedTransition(MatrixEstimator):
    r"""T[i, j] = P(given j | true i) as ``volminnet``, ``t-revision`` or ``lccn`` learns it beside a small network.

    The interval is about the learned T and as wide as that of the recount

    .. math:: \hat T_{ij} \propto \sum_{r : y_r = j} P(i \mid x_r, y_r), \quad P(i \mid x, j) \propto p_i(x)\, T_{ij}

    over resampled rows, with the network and T inside it held fixed: what another training would change is not in it.

    Args:
        method: one of the three names (li2021provably, xia2019anchor, yao2023latent). ``t-revision`` starts from
            t-anchor's matrix.
        hidden: widths of the hidden layers; epochs, lr, batch_size: of the training, as in Config.
        repeats, level: as in MatrixEstimator.

    Shapes: features (n, d), labels (n,); T (K, K). Afterwards: ``interval``, ``condition``, ``doubts``. Warns
    (NotIdentifiableWarning) where a class is never given or mostly given another name, where no entry left its start
    by .01, or where the condition number is above 100. Assumes: what the method assumes.
    """

    method: str = "volminnet"
    hidden: Sequence[int] = (128,)
    epochs: int = 30
    lr: float = 1e-3
    batch_size: int = 128

    def __post_init__(self) -> None:
        if self.method not in LEARNERS:
            raise ParameterError(f"method {self.method!r}", f"one of {sorted(LEARNERS)}")

    def estimate(self, X: ArrayLike, labels: Any, seed: int = 0) -> Floats:
        """T (K, K) from features (n, d) and labels; rows without a label are left out."""
        x, y, k = known(X, labels)
        given, spread = Noisy(torch.from_numpy(y.astype(np.int64)), k), x.std(axis=0)
        rows = torch.from_numpy(((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32))
        needs = {}
        if self.method == "t-revision":
            needs["transition"] = torch.from_numpy(TransitionAnchor(repeats=0).estimate(x, given, seed)).float()

        def network(member: int) -> torch.nn.Module:
            return build("mlp", (x.shape[1],), k, 1009 * seed + member, tuple(self.hidden))

        config = Config(epochs=self.epochs, lr=self.lr, batch_size=self.batch_size, seed=seed)
        run = Run(rows, given, LEARNERS[self.method](), network, config, law=ClassConditional, needs=needs)
        start, value = _matrix(run), _matrix(run.fit())
        p = torch.softmax(run.logits(rows)[0].double(), dim=1).numpy()
        joint = p * value.T[y]
        joint /= joint.sum(axis=1, keepdims=True)
        named = np.eye(k)[y]
        doubts = []
        if len(lost := np.flatnonzero(value.argmax(axis=1) != np.arange(k))):
            doubts.append(f"classes {lost.tolist()} are mostly given another name")
        if np.abs(value - start).max() < _STUCK:
            doubts.append(f"no entry left its start by {_STUCK}: the matrix tells the start, not the data")
        self.told(value, lambda at: row_normalised(joint[at].T @ named[at]), y, seed, doubts)
        self.interval = _about(value, self.interval)
        return value


def _matrix(run: Run) -> Floats:
    """T as it stands in a run."""
    if isinstance(run.objective, LCCN):
        found = run.objective.transition(run.memory[0]["bank"])
    else:
        found = run.learned[0]["transition"]().detach()
    return np.asarray(found.double().cpu().numpy())


def _about(value: Floats, recount: Interval) -> Interval:
    """The deviations of the recount, about the learned value."""
    low, high = (np.clip(value + end - recount.value, 0, 1) for end in (recount.low, recount.high))
    return Interval(value, low, high, recount.level, recount.repeats)
