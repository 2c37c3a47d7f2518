"""Ray's tasks are asked to leave, and forced only where they do not."""

from __future__ import annotations

from typing import Any

import pytest

from sfumato.bench.hands import OnRay


class Cluster:
    """Stands for the module ray: a task that ends after so many cancellations, and what was cancelled how."""

    def __init__(self, deaf: int) -> None:
        self.deaf, self.cancelled = deaf, []

    def remote(self, **_: Any) -> Any:
        return lambda function: function

    def wait(self, tasks: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return (tasks, []) if len(self.cancelled) >= self.deaf else ([], tasks)

    def cancel(self, task: Any, force: bool = False) -> None:
        self.cancelled.append(force)


@pytest.mark.parametrize(("deaf", "expected"), [(0, []), (1, [False]), (2, [False, True])])
def test_a_task_is_forced_only_where_it_does_not_leave(deaf: int, expected: list[bool]) -> None:
    cluster = Cluster(deaf)
    OnRay(cluster, "store", "grid").end("task")
    assert cluster.cancelled == expected
