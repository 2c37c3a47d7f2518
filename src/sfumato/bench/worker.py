"""What a process of the executor does: take a task, do it, record it, until the grid is finished.

Importing this module loads every method. The fork server imports it once, and each worker starts with all of it.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sfumato.catalogue import discover_all

from .owner import Owner
from .perform import perform, warm
from .record import failure
from .stacked import perform_stack
from .store import Store

_POLL = 0.3  # seconds between two looks at what others hold


def work(store: Store, grid: str, after: Callable[[], None], lost: Callable[[], bool] = lambda: False) -> None:
    """Take runs until the grid is finished; what others hold is waited for, since they may die.

    Args: after, called after each task; lost, whether nobody waits for this process any more, which then ends at once.
    """
    me = Owner(store.living, lost)
    try:
        warm()
        while True:
            claimed = store.claim(grid, me)
            if not claimed:
                if not store.counts(grid)["claimed"]:
                    return
                time.sleep(_POLL)
                continue
            try:
                store.commit(_done(claimed), me)
            except BaseException:
                store.release(list(claimed), me)
                raise
            after()
    finally:
        me.close()


def _done(claimed: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of a task; whatever else goes wrong in it is a result as well, and stops no other task."""
    try:
        if next(iter(claimed.values()))["train"].get("stack"):
            return perform_stack(claimed)
        return [perform(name, job) for name, job in claimed.items()]
    except Exception as error:
        return [failure(name, job, error) for name, job in claimed.items()]


def orphan() -> bool:
    """Whether the process that started this one has ended."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def serve(path: str, grid: str) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the fork server, which made this process, ignores it
    with suppress(KeyboardInterrupt):  # the parent heard it too, and says so once
        work(Store(path), grid, lambda: None, orphan)


def serve_ray(path: str, grid: str) -> None:
    """The life of a task of a Ray cluster: cancelled, it gives its runs back; Ray ends it where its driver died."""
    with suppress(KeyboardInterrupt):
        work(Store(path), grid, lambda: None)


discover_all()
