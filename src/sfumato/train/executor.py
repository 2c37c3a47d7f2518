"""Executors: one function over many items, in turn, in processes of this machine, or on a Ray cluster.

Results come in the order of the items whatever the executor, and each item is worked on by one torch thread, so that
the bits do not depend on where it ran.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import torch
import torch.multiprocessing

from sfumato.core.errors import ParameterError


class Executor(ABC):
    """Where many pieces of work are done. Abstract."""

    @abstractmethod
    def map(self, function: Callable[[Any, Any], Any], items: Sequence[Any], shared: Any) -> Iterator[Any]:
        """function(item, shared) for every item, in order; ``shared`` travels once, not once per item."""


@dataclass(frozen=True)
class InTurn(Executor):
    """One after the other, in this process."""

    def map(self, function: Callable[[Any, Any], Any], items: Sequence[Any], shared: Any) -> Iterator[Any]:
        for item in items:
            yield _by_one_thread(function, item, shared)


def _by_one_thread(function: Callable[[Any, Any], Any], item: Any, shared: Any) -> Any:
    """function(item, shared); whoever asked for it keeps its threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order would change the last bits
    try:
        return function(item, shared)
    finally:
        torch.set_num_threads(threads)


_function: Callable[[Any, Any], Any] | None = None
_shared: Any = None


def _begin(function: Callable[[Any, Any], Any], shared: Any) -> None:
    global _function, _shared
    torch.set_num_threads(1)
    _function, _shared = function, shared


def _one(item: Any) -> Any:
    """Work of a process; an error that would not survive the way back travels as its text."""
    assert _function is not None
    try:
        return _function(item, _shared)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise RuntimeError(f"{type(error).__qualname__}: {error}") from error
        raise


@contextlib.contextmanager
def _one_thread_begun() -> Iterator[None]:
    """Processes that begin here have one thread for each of their libraries; this one's environment stays as it was."""
    given = os.environ.get("OMP_NUM_THREADS")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        yield
    finally:
        if given is None:
            del os.environ["OMP_NUM_THREADS"]


@dataclass(frozen=True)
class Processes(Executor):
    """Processes of this machine; tensors in ``shared`` stand in shared memory. A script that uses it must guard its
    entry by ``if __name__ == "__main__":``, as with every Python process pool.

    Args: workers >= 1.
    """

    workers: int

    def __post_init__(self) -> None:
        counted(self.workers)

    def map(self, function: Callable[[Any, Any], Any], items: Sequence[Any], shared: Any) -> Iterator[Any]:
        if not len(items):
            return
        context = torch.multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["sfumato.train.pool"])
        with ProcessPoolExecutor(min(self.workers, len(items)), context, _begin, (function, shared)) as pool:
            with _one_thread_begun():
                futures: deque[Future[Any]] = deque(pool.submit(_one, item) for item in items)
            try:
                while futures:  # a result that was handed out is not kept
                    yield futures.popleft().result()
            except BrokenProcessPool:
                raise ParameterError(
                    "a worker process ended before its run did",
                    "workers that stay alive",
                    "guard the script by if __name__ == '__main__':, or use one worker (out of memory looks the same)",
                ) from None
            finally:
                for future in futures:
                    future.cancel()


@dataclass(frozen=True)
class Ray(Executor):
    """A Ray cluster (``pip install sfumato[ray]``): an existing one by its address, or one started on this machine.

    Args: workers >= 1, how many items are worked on at a time; address of a cluster ("auto", "ray://host:10001"), or
    None to start one here, which is stopped again.
    """

    workers: int
    address: str | None = None

    def __post_init__(self) -> None:
        counted(self.workers)

    @contextlib.contextmanager
    def joined(self) -> Iterator[Any]:
        """The module ray, joined to the cluster; one that was started here is stopped at the end."""
        try:
            import ray
        except ImportError:
            raise ParameterError("the Ray executor without ray", "the extra", "pip install 'sfumato[ray]'") from None
        started = not ray.is_initialized()
        if started:
            if self.address is None:
                # "local": whatever cluster RAY_ADDRESS names
                ray.init(address="local", num_cpus=self.workers, include_dashboard=False, log_to_driver=False)
            else:
                try:
                    ray.init(address=self.address, log_to_driver=False)
                except (ConnectionError, ValueError) as error:
                    said = " ".join(str(error).split())[:200]
                    raise ParameterError(
                        f"no Ray cluster at {self.address!r}: {said}",
                        "the address of one that runs",
                        "ray start --head",
                    ) from None
        try:
            yield ray
        finally:
            if started:
                ray.shutdown()

    def map(self, function: Callable[[Any, Any], Any], items: Sequence[Any], shared: Any) -> Iterator[Any]:
        def work(item: Any, shared: Any) -> Any:
            torch.set_num_threads(1)
            return function(item, shared)

        with self.joined() as ray:
            task = ray.remote(work)
            stored = ray.put(shared)
            waiting: deque[Any] = deque()
            try:
                for item in items:  # no more than ``workers`` at a time, whatever the size of the cluster
                    waiting.append(task.remote(item, stored))
                    if len(waiting) == self.workers:
                        yield ray.get(waiting.popleft())
                while waiting:
                    yield ray.get(waiting.popleft())
            finally:
                for reference in waiting:  # after an error, or where nobody asks for the rest
                    ray.cancel(reference)


def counted(workers: int) -> None:
    """Refuse what is no number of workers."""
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ParameterError(f"workers = {workers!r}", "an integer of at least 1, or an Executor")


def executor(workers: int | Executor) -> Executor:
    """An executor as given, or the natural one for a number of workers."""
    if isinstance(workers, Executor):
        return workers
    counted(workers)
    return InTurn() if workers == 1 else Processes(workers)
