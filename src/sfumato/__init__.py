"""sfumato: machine learning when the labels are imperfect and the world shifts.

Everything is loaded when first used: ``import sfumato`` imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> the module that has it ("" = the module itself)
_ROOMS = (
    "labels",
    "learn",
    "aggregate",
    "rules",
    "estimate",
    "score",
    "adapt",
    "infer",
    "select",
    "checks",
    "data",
    "bench",
    "audit",
    "active",
)
_NAMES = {
    "Classifier": "sfumato.estimators",
    "Regressor": "sfumato.estimators",
    "load": "sfumato.estimators",
    "methods": "sfumato.catalogue",
}

if TYPE_CHECKING:
    from sfumato.audit import audit
    from sfumato.catalogue import methods
    from sfumato.estimators import Classifier, Regressor, load

__all__ = ["Classifier", "Regressor", "__version__", "audit", "load", "methods"]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in _ROOMS:
        try:
            return importlib.import_module(f"sfumato.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"sfumato.{name}":
                raise
    raise AttributeError(f"module 'sfumato' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_ROOMS})
