"""Losses of logits: per class (n, K) or per sample (n,), stable at |z| = 1e4, never reduced here; one reduction,
``mean``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.core.errors import ParameterError
from sfumato.labels.heads import log_softmax

NO_CODE = -(2**63)  # PyTorch leaves targets of -100 out of a mean unless another number is named for it
LOG_ZERO = math.log(1e-4)  # what reverse cross entropy takes for log 0


def mean(values: Tensor, w: Tensor | None) -> Tensor:
    """sum w_i l_i / sum w_i: a weight is a repetition."""
    if w is None:
        return values.mean()
    total = w.sum()  # where nothing has weight the mean is zero, and so is its gradient whatever it is multiplied by
    return (values * w).sum() / torch.where(total > 0, total, torch.ones_like(total))


def softplus(z: Tensor) -> Tensor:
    """log(1 + e^z), the loss of "no" at the logit z (that of "yes" is softplus(-z)); torch's own is linear above 20,
    and its gradient off by 2e-9 there.
    """
    return -F.logsigmoid(-z)


def cross_entropy(z: Tensor, target: Tensor) -> Tensor:
    """(n,) - sum_k target_k log p_k; target (n, K) probabilities or (n,) codes."""
    if target.ndim == 1:
        # the bits of a gather, in fewer operations
        return F.nll_loss(log_softmax(z), target, ignore_index=NO_CODE, reduction="none")
    return -(target * log_softmax(z)).sum(1)


def mean_cross_entropy(z: Tensor, target: Tensor, w: Tensor | None) -> Tensor:
    """The mean of ``cross_entropy``, each counted w_i times; of codes without weights in one operation, since for an
    MLP of one hidden layer the separate mean, there and back, is a seventieth of the whole step.
    """
    if w is None and target.ndim == 1:
        return F.nll_loss(log_softmax(z), target, ignore_index=NO_CODE)
    return mean(cross_entropy(z, target), w)


def log_losses(z: Tensor) -> Tensor:
    """(n, K) - log p_k (for two classes the logistic loss of the logit difference)."""
    return -log_softmax(z)


def mae_losses(z: Tensor) -> Tensor:
    """(n, K) 1 - p_k, half the L1 distance to the class (for two classes the sigmoid loss)."""
    return 1 - log_softmax(z).exp()


def normalized_log_losses(z: Tensor) -> Tensor:
    """(n, K) log p_k / sum_j log p_j, in [0, 1], summing to one over the classes."""
    log_p = log_softmax(z)
    return log_p / log_p.sum(1, keepdim=True)


def gce_losses(z: Tensor, q: float = 0.7) -> Tensor:
    """(n, K) (1 - p_k^q) / q."""
    return -torch.expm1(q * log_softmax(z)) / q


def squared_losses(z: Tensor) -> Tensor:
    """(n, K) ||p - e_k||^2 = sum_j p_j^2 - 2 p_k + 1 (Brier)."""
    p = log_softmax(z).exp()
    return (p * p).sum(1, keepdim=True) - 2 * p + 1


def pinball(over: Tensor, quantile: float = 0.5) -> Tensor:
    """Twice the pinball loss of y - f; at the median |y - f|."""
    return 2 * torch.where(over > 0, quantile * over, (quantile - 1) * over)


def zero_one_losses(z: Tensor) -> Tensor:
    """(n, K) 1[argmax z != k]; for measuring, it has no gradient."""
    return 1 - F.one_hot(z.argmax(1), z.shape[1]).to(z.dtype)


CLASS_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "log": log_losses,
    "logistic": log_losses,
    "mae": mae_losses,
    "sigmoid": mae_losses,
    "gce": gce_losses,
    "squared": squared_losses,
    "zero-one": zero_one_losses,
}


def class_losses(name: str) -> Callable[[Tensor], Tensor]:
    """The per-class loss of that name."""
    if name not in CLASS_LOSSES:
        raise ParameterError(f"loss {name!r}", f"one of {sorted(CLASS_LOSSES)}")
    return CLASS_LOSSES[name]
