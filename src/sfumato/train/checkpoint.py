"""Checkpoints: one flat set of tensors beside one JSON (``parts.files``), and fingerprints of what they belong to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato.parts.files import FORMAT as FORMAT
from sfumato.parts.files import read as read
from sfumato.parts.files import save as save
from sfumato.parts.files import write_atomic as write_atomic


def digest(*values: Any) -> str:
    """A short fingerprint of data and settings, so that a checkpoint is never resumed on something else."""
    import hashlib

    h = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            t = value.detach().cpu().contiguous()
            h.update(str((t.dtype, tuple(t.shape))).encode())
            h.update(t.reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b"")
        else:
            h.update(repr(value).encode())
        h.update(b"\0")
    return h.hexdigest()[:32]
