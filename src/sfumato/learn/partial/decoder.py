"""A decoder from label distributions to features, learned beside a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

UNITS = 128  # of the hidden layer (released: as many as x has numbers)


class Decoder(nn.Module):
    """The weights of d (n, K) -> ReLU units -> x (n, numbers of x)."""

    def __init__(self, k: int, width: int, rng: torch.Generator) -> None:
        super().__init__()

        def glorot(out: int, into: int) -> nn.Parameter:
            drawn = torch.empty(out, into, device=rng.device).normal_(generator=rng)
            return nn.Parameter(drawn * (2 / (out + into)) ** 0.5)

        self.first, self.bias = glorot(UNITS, k), nn.Parameter(torch.full((UNITS,), 0.01))
        self.second, self.shift = glorot(width, UNITS), nn.Parameter(torch.full((width,), 0.01))

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.first, self.bias, self.second, self.shift


def decoded(d: Tensor, weights: tuple[Tensor, ...]) -> Tensor:
    """(n, numbers of x) what a decoder's weights make of label distributions d (n, K)."""
    first, bias, second, shift = (part.to(d.dtype) for part in weights)
    return torch.relu(d @ first.T + bias) @ second.T + shift
