"""The long-running parts of a process: started by name, ended one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Tasks:
    """Tasks by name. ``stop`` is set when the process is asked to end."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[name] = asyncio.create_task(work, name=name)

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def ended(self, name: str) -> bool:
        """Whether it was started and is over, for whatever reason."""
        task = self._tasks.get(name)
        return task is not None and task.done()

    async def until_one_ends(self, names: Iterable[str]) -> bool:
        """Wait for `stop` (True), or until one of these ends by itself (False), which is logged."""
        essential = [self._tasks[name] for name in names]
        stopped = asyncio.create_task(self.stop.wait())
        done, _ = await asyncio.wait([*essential, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            failure = task.exception() if not task.cancelled() else None
            log.error(
                "ended by itself", task=task.get_name(), problem=repr(failure) if failure else "no reason"
            )
        stopped.cancel()
        return stopped in done

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run ``work`` to its end (True) unless the process is told to stop before (False)."""
        task, stopped = asyncio.create_task(work), asyncio.create_task(self.stop.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        finished = task.done()
        for each in (task, stopped):
            each.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        if finished and isinstance(results[0], Exception):
            raise results[0]
        return finished and not self.stop.is_set()

    async def cancel(self, name: str, patience: float = 0.0) -> None:
        """End one, after ``patience`` seconds in which it may end by itself; nothing when it never began."""
        task = self._tasks.pop(name, None)
        if task is None:
            return
        if patience:
            await asyncio.wait([task], timeout=patience)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
