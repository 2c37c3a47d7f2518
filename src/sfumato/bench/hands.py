"""Who does the work of a grid besides this process: processes of this machine, or tasks of a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from typing import Any

LEAVE = 30.0  # seconds that a worker has to give its runs back


class Hands(ABC):
    """Workers that take runs from one store until none is left. Abstract."""

    @abstractmethod
    def start(self) -> Any:
        """One more worker."""

    @abstractmethod
    def ended(self, worker: Any) -> bool | None:
        """None while it works, then whether it came to its end (and did not die)."""

    @abstractmethod
    def leave(self, worker: Any) -> None:
        """Wait until a worker that was told to stop has given its runs back."""

    @abstractmethod
    def end(self, worker: Any) -> None:
        """End a worker now."""


class Local(Hands):
    """Processes of this machine, made by a fork server that has every method loaded."""

    def __init__(self, path: str, grid: str) -> None:
        from . import worker  # here, since it loads every method

        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self.target, self.args = worker.serve, (path, grid)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([worker.__name__])
        with _deaf():
            ensure_running()

    def start(self) -> BaseProcess:
        process = self.context.Process(target=self.target, args=self.args, daemon=True)
        process.start()
        return process

    def ended(self, worker: BaseProcess) -> bool | None:
        return None if worker.exitcode is None else worker.exitcode == 0

    def leave(self, worker: BaseProcess) -> None:
        worker.join(LEAVE)  # it heard the Ctrl-C too

    def end(self, worker: BaseProcess) -> None:
        worker.terminate()
        worker.join()


class OnRay(Hands):
    """Tasks of a Ray cluster, each a worker on one core; the folder of the store must be the same on its machines."""

    def __init__(self, ray: Any, path: str, grid: str) -> None:
        from . import worker

        self.ray, self.args = ray, (path, grid)
        self.task = ray.remote(max_retries=0)(worker.serve_ray)

    def start(self) -> Any:
        return self.task.remote(*self.args)

    def ended(self, worker: Any) -> bool | None:
        if not self.ray.wait([worker], timeout=0)[0]:
            return None
        try:
            self.ray.get(worker)
        except self.ray.exceptions.RayTaskError:
            raise  # an error of ours, such as a store that is not there on that machine
        except self.ray.exceptions.RayError:
            return False
        return True

    def leave(self, worker: Any) -> None:
        if not self._over(worker, 0):
            self.ray.cancel(worker)
            self._over(worker, LEAVE)

    def end(self, worker: Any) -> None:
        # by force only what does not leave by itself: Ray ends the driver, this process, with a failed check where the
        # answer of a task that has just ended meets a forced cancellation
        self.leave(worker)
        if not self._over(worker, 0):
            self.ray.cancel(worker, force=True)
            self._over(worker, LEAVE)

    def _over(self, worker: Any, seconds: float) -> bool:
        return bool(self.ray.wait([worker], timeout=seconds)[0])


@contextmanager
def _deaf() -> Iterator[None]:
    """No Ctrl-C for processes that start here: the fork server would answer it with a traceback of its imports."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
