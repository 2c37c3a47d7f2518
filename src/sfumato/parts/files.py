"""Files that are whole or absent: written atomically (write, fsync, replace), one flat set of tensors beside one JSON.
No pickle is ever written or read.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from torch import Tensor

from sfumato.core.errors import FileError

FORMAT = 1


def write_atomic(path: Path, data: bytes) -> None:
    """Write, fsync and rename over ``path``: a reader sees the old file or the new one, never a part."""
    handle, temporary = _beside(path)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _beside(path: Path) -> tuple[int, str]:
    """A new temporary file in the folder of ``path``, which is made where it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(dir=path.parent, prefix="." + path.name)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error}", "a path in a folder that may be written to") from None


def check_writable(path: Path) -> None:
    """Refuse a path where no file can be written, before there is anything to lose; makes its folder."""
    if path.is_dir():
        raise FileError(f"{path} is a folder", "the path of a file")
    handle, temporary = _beside(path)
    os.close(handle)
    Path(temporary).unlink()


def save(path: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """One file: the JSON rides in the safetensors header, so that tensors and their meaning can never come from two
    different moments.
    """
    from safetensors.torch import save as pack

    flat = {name: t.detach().to("cpu").contiguous().clone() for name, t in tensors.items()}
    write_atomic(path, pack(flat, {"sfumato": json.dumps({"format": FORMAT, **meta})}))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, meta); a truncated, foreign or newer file is one clear error."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileError(f"no file {path}", "a file written by sfumato")
    try:
        with safe_open(str(path), framework="pt") as f:
            meta = (f.metadata() or {}).get("sfumato")
            tensors = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(
            f"{path} cannot be read: {error}", "a whole safetensors file", "restore it from a copy, or train again"
        ) from None
    if meta is None:
        raise FileError(f"{path} was not written by sfumato", "a file with sfumato's header")
    try:
        parsed = json.loads(meta)
    except json.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise FileError(f"{path} has a damaged header", "a file written by sfumato") from None
    if parsed.get("format") != FORMAT:
        raise FileError(
            f"{path} has format {parsed.get('format')}", f"format {FORMAT}", "use the version of sfumato that wrote it"
        )
    return tensors, parsed
