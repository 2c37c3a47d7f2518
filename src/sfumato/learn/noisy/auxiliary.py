"""Two heads on the same features: what the auxiliary one is taught does not move what is predicted."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sfumato.labels.heads import Softmax


@dataclass(frozen=True)
class WithAuxiliary(Softmax):
    """z (n, 2K): p = softmax of the first K; the others are an auxiliary head on the same features."""

    name: str = "softmax with an auxiliary head"

    def width(self, k: int) -> int:
        return 2 * k

    def log_p(self, z: Tensor) -> Tensor:
        return super().log_p(z[:, : z.shape[1] // 2])
