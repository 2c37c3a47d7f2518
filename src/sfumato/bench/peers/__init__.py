"""External methods in a grid, as ``peer:NAME``: one small adapter per file, or an object of the user's own.

An adapter is an object with ``name``, ``kind`` (the kind of labels it takes), ``missing()`` (why it cannot run here,
or None) and ``fit(X, labels, seed)``, which returns a function from X (n, d) to probabilities (n, K). Of votes X holds
the items' numbers (n, 1); an adapter with ``classes_at_most`` is not run on sets of more classes, and the ``modules``
that one names are loaded before the clock starts.
``peer:logistic`` is the PEER of the module ``logistic`` here, or an entry of a module's PEERS;
``peer:package.module:object`` is anything that can be imported.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from sfumato.core.errors import ParameterError

PREFIX = "peer:"
PredictProba = Callable[[NDArray[Any]], NDArray[Any]]
T = TypeVar("T")


class Peer(Protocol):
    """What an external method must have."""

    name: str
    kind: str

    def missing(self) -> str | None:
        """Why it cannot run on this machine, or None."""

    def fit(self, X: NDArray[Any], labels: Any, seed: int) -> PredictProba:
        """Train on X (n, d) and labels of its kind; the result maps X (m, d) to probabilities (m, K)."""


class Guarded:
    """A peer whose ``missing`` answers or is refused by name, and which cannot end the process that runs it."""

    def __init__(self, asked: str, peer: Any) -> None:
        self.asked, self.peer = asked, peer

    def __getattr__(self, part: str) -> Any:
        return getattr(self.peer, part)

    def missing(self) -> str | None:
        """Why it cannot run on this machine, or None."""
        try:
            why = self.peer.missing()
        except (Exception, SystemExit) as error:
            saw = f"{self.asked}: missing() raised {type(error).__name__}: {error}"
            raise ParameterError(saw, "why it cannot run here as a text, or None") from None
        if not (why is None or isinstance(why, str)):
            raise ParameterError(f"{self.asked}: missing() gave {why!r}", "why it cannot run here as a text, or None")
        return why

    def fit(self, X: NDArray[Any], labels: Any, seed: int) -> PredictProba:
        """The peer's own fit and its function; an exit becomes an error, which is recorded like any other."""
        predict_proba = self._here(self.peer.fit, X, labels, seed)
        return lambda rows: self._here(predict_proba, rows)

    def _here(self, call: Callable[..., T], *given: Any) -> T:
        try:
            return call(*given)
        except SystemExit as error:
            raise RuntimeError(f"{self.asked} ended the process: SystemExit({error})") from None


@cache
def _packaged() -> dict[str, Peer]:
    found: dict[str, Peer] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found |= module.PEERS if hasattr(module, "PEERS") else {info.name: module.PEER}
    return found


def names() -> list[str]:
    """The adapters that are packaged."""
    return sorted(_packaged())


def find(name: str) -> Peer:
    """The adapter of ``peer:NAME`` or ``peer:package.module:object``."""
    told = name.removeprefix(PREFIX)
    module, colon, attribute = told.partition(":")
    if colon:
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:  # a module of the user's own may do anything when it is imported
            saw = f"{name}: {type(error).__name__}: {error}"
            raise ParameterError(saw, "peer:package.module:object that can be imported") from None
    elif told in _packaged():
        found = _packaged()[told]
    else:
        raise ParameterError(f"a peer named {told!r}", f"one of {', '.join(names())}, or peer:package.module:object")
    lacks = [part for part in ("name", "kind", "missing", "fit") if not hasattr(found, part)]
    if lacks:
        raise ParameterError(f"{name} has no {', '.join(lacks)}", "name, kind, missing() and fit(X, labels, seed)")
    return Guarded(name, found)
