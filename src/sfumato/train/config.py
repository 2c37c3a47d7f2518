"""What a run is told besides its objective: one frozen record, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from sfumato.core.errors import ParameterError

SCHEDULES = ("constant", "cosine", "step")
OPTIMIZERS = ("adam", "adamw", "sgd")
MEMORIES = ("full", "half")
PRECISIONS = ("float32", "bfloat16", "float64")


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True)
class Config:
    """Training settings.

    Args: epochs >= 1; batch_size >= 1 rows; lr > 0; weight_decay >= 0; optimizer adam, adamw or sgd (momentum .9);
    schedule constant, cosine (to zero) or step (a tenth at half and three quarters); average, decay in [0, 1) of the
    weight average used for prediction, None = off; teacher, decay of the teacher's average where a hook names one;
    precision float32, float64, or bfloat16 autocast; memory, full or half precision of the memory per row; device cpu
    or cuda; seed.
    """

    epochs: int = 100
    batch_size: int = 128
    lr: float = 1e-3
    weight_decay: float = 1e-5
    optimizer: str = "adam"
    schedule: str = "constant"
    average: float | None = None
    teacher: float = 0.999
    precision: str = "float32"
    memory: str = "full"
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or value % 1 != 0 or value < low:
                raise ParameterError(f"{name} = {value!r}", f"an integer of at least {low}")
        if not (_number(self.lr) and self.lr > 0 and math.isfinite(self.lr)):
            raise ParameterError(f"lr = {self.lr!r}", "a positive number")
        if not (_number(self.weight_decay) and self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise ParameterError(f"weight_decay = {self.weight_decay!r}", "a number >= 0")
        for name, allowed in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("memory", MEMORIES),
        ):
            if getattr(self, name) not in allowed:
                raise ParameterError(f"{name} = {getattr(self, name)!r}", f"one of {allowed}")
        for name in ("average", "teacher"):
            value, none = getattr(self, name), name == "average"
            if not (_number(value) and 0 <= value < 1) and not (none and value is None):
                raise ParameterError(f"{name} = {value!r}", "a decay in [0, 1)" + (", or None" if none else ""))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ParameterError(f"seed = {self.seed!r}", "an integer >= 0")
        self._check_device()

    def _check_device(self) -> None:
        import torch

        kind, _, number = str(self.device).partition(":")
        if kind not in ("cpu", "cuda") or not (number.isdigit() or self.device == kind):
            raise ParameterError(f"device = {self.device!r}", "cpu, cuda or cuda:NUMBER")
        if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
            raise ParameterError(
                f"device = {self.device!r}", f"one of the {torch.cuda.device_count()} CUDA devices here"
            )

    def rate(self, progress: float) -> float:
        """The factor on the learning rate at ``progress`` in [0, 1)."""
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * progress))
        if self.schedule == "step":
            return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01
        return 1.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return dict(self.__dict__)
