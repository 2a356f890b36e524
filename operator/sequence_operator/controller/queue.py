"""The work queue: which object is looked at next, and when again.

Level-triggered: a key carries no event, only "look at this object". Any number of wake-ups before a pass
are one pass; a wake-up during a pass is one more pass after it; two passes of one key never overlap.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sequence_operator.platform.limiter import Lane

K = TypeVar("K", bound=Hashable)

BACKOFF_FIRST = 0.5  # seconds
BACKOFF_MOST = 60.0


class KeyedQueue(Generic[K]):
    """Keys in lanes, each at most once; plus a heap of keys that are due later.

    clock: seconds, monotonic; jitter: factor for each backoff, drawn anew, so that many keys that failed
    together do not come back together.
    """

    def __init__(
        self,
        clock: Callable[[], float] | None = None,
        jitter: Callable[[], float] = lambda: random.uniform(0.75, 1.25),
    ) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self._jitter = jitter
        self._ready: tuple[OrderedDict[K, None], ...] = tuple(OrderedDict() for _ in Lane)
        self._lane: dict[K, Lane] = {}  # of the keys that are ready
        self._due: dict[K, tuple[float, Lane]] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0  # breaks ties in the heap: keys need no order
        self._running: set[K] = set()
        self._again: dict[K, Lane] = {}  # woken while running
        self._failures: dict[K, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: K, lane: Lane = Lane.POLL) -> None:
        """Look at ``key`` as soon as possible. A key that waits already keeps the better of the two lanes."""
        if key in self._running:
            self._again[key] = min(lane, self._again.get(key, lane))
            return
        self._due.pop(key, None)
        present = self._lane.get(key)
        if present is not None and present <= lane:
            return
        if present is not None:
            del self._ready[present][key]
        self._ready[lane][key] = None
        self._lane[key] = lane
        self._changed.set()

    def add_later(self, key: K, delay: float, lane: Lane = Lane.POLL) -> None:
        """Look at ``key`` after ``delay`` seconds, or sooner when something else asks for it."""
        at = self._clock() + max(delay, 0.0)
        present = self._due.get(key)
        if key in self._lane or (present is not None and present[0] <= at):
            return
        self._due[key] = (at, lane)
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))
        self._changed.set()

    def add_failed(self, key: K, lane: Lane, at_least: float = 0.0) -> float:
        """Look again after an exponential backoff of this key's own failures; returns the delay in
        seconds.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay: float = min(BACKOFF_FIRST * 2.0 ** min(failures, 20), BACKOFF_MOST) * self._jitter()
        delay = max(delay, at_least)
        self.add_later(key, delay, lane)
        return delay

    def succeeded(self, key: K) -> None:
        """Forget the failures of ``key``: its next backoff starts small again."""
        self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        """Drop everything about a key that will never come back."""
        lane = self._lane.pop(key, None)
        if lane is not None:
            del self._ready[lane][key]
        self._due.pop(key, None)
        self._again.pop(key, None)
        self._failures.pop(key, None)

    async def get(self, worst: Callable[[], Lane | None] = lambda: Lane.POLL) -> tuple[K, Lane]:
        """Wait for the next key; for one consumer. Every `get` is ended by one `done`.

        worst: asked before each look, hence after every `add` and `done`: the last lane that may be
        served now, None for none.
        """
        while True:
            self._wake_due()
            last = worst()
            for lane in Lane:
                if last is None or lane > last:
                    break
                if self._ready[lane]:
                    key, _ = self._ready[lane].popitem(last=False)
                    del self._lane[key]
                    self._running.add(key)
                    return key, lane
            await self._wait()

    def done(self, key: K) -> None:
        """The pass over ``key`` is over; it is looked at again at once when something asked meanwhile."""
        self._running.discard(key)
        self._changed.set()
        lane = self._again.pop(key, None)
        if lane is not None:
            self.add(key, lane)

    def depth(self) -> dict[Lane, int]:
        """How many keys wait in each lane."""
        return {lane: len(self._ready[lane]) for lane in Lane}

    @property
    def running(self) -> int:
        return len(self._running)

    def is_running(self, key: K) -> bool:
        """Whether a pass over this key is under way."""
        return key in self._running

    @property
    def idle(self) -> bool:
        """Nothing is ready and nothing runs (keys may be due later)."""
        return not self._lane and not self._running

    def _wake_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            present = self._due.get(key)
            if present is not None and present[0] == at:  # else it was woken, moved or forgotten since
                del self._due[key]
                self.add(key, present[1])

    async def _wait(self) -> None:
        """Sleep until a key is added or the next one is due."""
        self._changed.clear()
        timeout = max(self._heap[0][0] - self._clock(), 0.0) if self._heap else None
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return
