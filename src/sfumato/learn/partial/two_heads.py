"""A second head with a hidden layer beside the logits, which reads the features and leaves them as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from sfumato.labels import Softmax
from sfumato.labels.heads import log_softmax


class TwoHeadLayer(nn.Linear):
    """h -> (W h + b, V relu(U h + c) + d); the second part reads the features and sends them no gradient."""

    def __init__(self, d: int, width: int) -> None:
        super().__init__(d, width // 2)
        self.hidden, self.out = nn.Linear(d, d), nn.Linear(d, width // 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([super().forward(x), self.out(torch.relu(self.hidden(x.detach())))], 1)


@dataclass(frozen=True)
class TwoHeads(Softmax):
    """z (n, 2K): p = softmax of the first K; what the others mean is the method's own business."""

    layer: ClassVar[type[nn.Linear]] = TwoHeadLayer
    name: str = "softmax with a second head"

    def width(self, k: int) -> int:
        return 2 * k

    def log_p(self, z: Tensor) -> Tensor:
        return log_softmax(z[:, : z.shape[1] // 2])
