"""The reader beside the real data: the folder SFUMATO_REAL_DATA, or shared/data beside the repository."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType


def folder() -> Path:
    """Where the real data are looked for."""
    return Path(os.environ.get("SFUMATO_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def loader() -> ModuleType | None:
    """The reader, or None where the data are absent."""
    path = folder() / "load_real.py"
    spec = importlib.util.spec_from_file_location("load_real", path)
    if spec is None or spec.loader is None or not path.is_file():
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def needed() -> ModuleType:
    """The reader, for a script that can do nothing without it."""
    found = loader()
    if found is None:
        raise SystemExit(f"no load_real.py in {folder()}: set SFUMATO_REAL_DATA")
    return found
