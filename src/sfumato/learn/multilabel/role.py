"""ROLE: a classifier and a table of estimated labels teach each other, held to an expected count of positives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sfumato.core.card import method
from sfumato.labels import MultiLabel, SinglePositive
from sfumato.learn.objective import Objective
from sfumato.parts.losses import mean, softplus

from .assume_negative import yes_no

SURE = math.log(0.995 / 0.005)  # the logit that a known label starts at


@method("role", paper="cole2021multilabel")
@dataclass
class Role(Objective):
    r"""Regularised online label estimation: each of the prediction p and a trainable table q of the labels is fitted to
    the other (held fixed) and to what is known, and both to the expected number of positives per row.

    R = 1/2 [ F(p, q) + F(q, p) ],
    F(a, b) = mean_i w_i sum_k [ BCE(a_ik, b_ik) - 1[+] log a_ik - 1[-] log(1 - a_ik) ]
    + (mean_i sum_k a_ik - sum_k prior_k)^2 / L

    [+] and [-]: known to hold, known not to (the paper has positives alone). q = sigmoid(rows) starts at .995, .005
    and, where nothing is known, .5 (the released code draws in [.4, .6]).

    Args: none; the rate of the table is 100, about one step on its own loss per visit in batches of a hundred. Assumes:
    ``prior`` (L,), the share of rows in which each class holds; only its sum is used. Shapes: z (n, L), rows (n, L)
    trainable.
    """

    law = SinglePositive
    rates: ClassVar[Mapping[str, float]] = {"rows": 100.0}

    def start(self, s: MultiLabel) -> Tensor:
        return nn.Parameter(SURE * s.signs.float())

    def risk(self, z: Tensor, s: MultiLabel, w: Tensor | None, rows: Tensor, prior: Any) -> Tensor:
        expected = torch.as_tensor(prior, dtype=z.dtype, device=z.device).sum()
        return (self.one(z, rows, s, w, expected) + self.one(rows, z, s, w, expected)) / 2

    def one(self, z: Tensor, other: Tensor, s: MultiLabel, w: Tensor | None, expected: Tensor) -> Tensor:
        """F(sigmoid(z), sigmoid(other))."""
        known = s.positive * softplus(-z) + s.negative * softplus(z)
        fit = mean((yes_no(z, torch.sigmoid(other.detach())) + known).sum(1), w)
        return fit + (mean(torch.sigmoid(z).sum(1), w) - expected) ** 2 / s.k
