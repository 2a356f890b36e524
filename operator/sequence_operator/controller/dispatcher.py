"""Takes keys from the queue and runs passes side by side, keeping room for stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.platform.limiter import Lane

log = structlog.get_logger(__name__)

_RESERVED = 16  # places that only stops and deletions may take, for passes may wait long for the platform


class Dispatcher:
    """Up to ``concurrency`` passes at once, and a few more when they take risk away."""

    def __init__(
        self, queue: KeyedQueue[str], process: Callable[[str, Lane], Awaitable[None]], *, concurrency: int
    ) -> None:
        self._queue = queue
        self._process = process
        self._concurrency = concurrency
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            key, lane = await self._queue.get(self._worst)
            task = asyncio.create_task(self._work(key, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _worst(self) -> Lane | None:
        busy = len(self._tasks)
        if busy < self._concurrency:
            return Lane.POLL
        return Lane.STOP if busy < self._concurrency + _RESERVED else None

    async def _work(self, key: str, lane: Lane) -> None:
        try:
            await self._process(key, lane)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._tasks.discard(task)  # before `done` makes the queue ask for room again
            self._queue.done(key)

    async def drain(self, timeout: float) -> None:
        """Let the passes that run come to their end; those that do not are cancelled, which is safe at
        any point.
        """
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                log.warning("passes cancelled", count=len(late))
                await asyncio.gather(*late, return_exceptions=True)
