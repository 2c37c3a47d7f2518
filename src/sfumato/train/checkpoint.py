"""Checkpoints: one flat set of tensors beside one JSON (``parts.files``), and fingerprints of what they belong to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sfumato.parts.files import FORMAT as FORMAT
from sfumato.parts.files import check_writable as check_writable
from sfumato.parts.files import read as read
from sfumato.parts.files import save as save
from sfumato.parts.files import write_atomic as write_atomic

PLACES, PIECE = 16_384, 4096


def digest(*values: Any) -> str:
    """A short fingerprint of data and settings, so that a checkpoint is never resumed on something else."""
    h = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            t = value.detach().cpu().contiguous()
            h.update(str((t.dtype, tuple(t.shape))).encode())
            if t.numel():
                h.update(t.reshape(-1).view(torch.uint8).numpy().data)  # no copy: it may be all of X
        else:
            h.update(repr(value).encode())
        h.update(b"\0")
    return h.hexdigest()[:32]


def sampled(path: Path, blocks: int) -> str:
    """A short fingerprint of a file: its size and pieces of 4 kB, evenly spaced from its beginning to its end.

    A file up to 64 MB is looked at whole; of a longer one 16,384 pieces, and no fewer than its ``blocks``.
    """
    h = hashlib.sha256()
    with path.open("rb", buffering=0) as f:
        size = f.seek(0, 2)
        h.update(str(size).encode())
        last = max(-(-size // PIECE) - 1, 0)  # the number of the last piece, which holds the end: parquet's index
        count = min(last, max(PLACES, blocks))
        for number in range(count + 1):
            f.seek((last * number // count if count else 0) * PIECE)
            h.update(f.read(PIECE))
    return h.hexdigest()[:16]
