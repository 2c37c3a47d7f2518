"""Results of aggregation on disk: one safetensors file whose header tells what its arrays are. No pickle: what is
built from a file is a dataclass of this room, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import FileError, ParameterError, SfumatoError
from sfumato.labels import Votes
from sfumato.parts import files

from .reader import Reader
from .result import Aggregated

KIND = "aggregation"


def save(found: Aggregated, path: Path) -> None:
    """Write a result with its votes."""
    tensors: dict[str, Tensor] = {}
    files.save(path, tensors, {"kind": KIND, "result": _packed(found, "result", tensors)})


def load(path: Path) -> Aggregated:
    """Read a result."""
    tensors, meta = files.read(path)
    if meta.get("kind") != KIND:
        raise FileError(f"{path} holds no aggregation", "a file that result.save wrote")
    try:
        found = _built(meta["result"], tensors)
        if not isinstance(found, Aggregated) or found.posterior.shape != (len(found.votes), found.votes.k):
            raise ValueError("a posterior of other votes")
    except (KeyError, TypeError, ValueError, AttributeError, SfumatoError) as error:
        raise FileError(f"{path} is damaged: {error}", "a whole file of this version of sfumato") from None
    return found


def _packed(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """JSON for a value; its arrays go into ``tensors`` under names that begin with its own."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (np.ndarray, Tensor)):
        tensors[name] = value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))
        return {"array": name, "torch": isinstance(value, Tensor)}
    if isinstance(value, Votes):
        held = {f.name: getattr(value, f.name) for f in fields(value)}
        told = {k: _names(v, f"{name}.{k}", tensors) for k, v in held.items() if isinstance(v, tuple)}
        return {"votes": told | {k: _packed(v, f"{name}.{k}", tensors) for k, v in held.items() if k not in told}}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_packed(v, f"{name}.{i}", tensors) for i, v in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"map": [[str(k), _packed(v, f"{name}.{k}", tensors)] for k, v in value.items()]}
    form = type(value).__name__
    if is_dataclass(value) and _forms().get(form) is type(value):
        return {
            "form": form,
            "of": {f.name: _packed(getattr(value, f.name), f"{name}.{f.name}", tensors) for f in fields(value)},
        }
    raise ParameterError(f"a {form} in a result", "numbers, names, arrays and what sfumato.aggregate knows")


def _names(names: tuple[Any, ...], at: str, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Names as bytes of JSON: there may be millions, and a header is short."""
    plain = [v.item() if isinstance(v, np.generic) else v for v in names]
    for v in plain:
        if not (v is None or isinstance(v, (str, int, float, bool))):
            raise ParameterError(
                f"a name {v!r} of type {type(v).__name__}", "strings and numbers", "rename before saving"
            )
    tensors[at] = torch.frombuffer(bytearray(json.dumps(plain).encode()), dtype=torch.uint8)
    return {"names": at}


def _built(told: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(told, dict):
        return told
    match told:
        case {"array": name, "torch": kept}:
            return tensors[name] if kept else tensors[name].numpy()
        case {"names": name}:
            return tuple(json.loads(tensors[name].numpy().tobytes()))
        case {"votes": of}:
            return Votes(**{k: _built(v, tensors) for k, v in of.items()})
        case {"list": of}:
            return [_built(v, tensors) for v in of]
        case {"tuple": of}:
            return tuple(_built(v, tensors) for v in of)
        case {"map": of}:
            return {k: _built(v, tensors) for k, v in of}
        case {"form": form, "of": of}:
            return _forms()[form](**{k: _built(v, tensors) for k, v in of.items()})
    raise ValueError(f"a part {sorted(told)[:3]} that is unknown")


def _forms() -> dict[str, Any]:
    """The dataclasses that a file may name: results, what they consist of, and readers."""
    from sfumato import aggregate

    open_ = (getattr(aggregate, name) for name in aggregate.__all__)
    return {c.__name__: c for c in (*open_, *Reader.__subclasses__()) if is_dataclass(c) and isinstance(c, type)}
