"""Drives an ``EdgeCore`` by its feed: priming, the gate, pacing, the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.delivery import Delivery
from sequence_paper.feed.clock import Clock, PacedClock
from sequence_paper.feed.events import Feed, FeedState

FeedPhase = Literal["priming", "waiting", "live", "suspect", "ended"]

_SLICE_NS: Final = 2_000_000
"""Work at most so long (wall time) before everybody else on the event loop gets a turn."""
_BURST_NS: Final = 50_000_000
"""Feed time taken at once when running as fast as possible."""


class Pump:
    """``after`` is awaited between slices of work: it stores and announces what happened."""

    def __init__(
        self,
        core: EdgeCore,
        feed: Feed,
        clock: Clock,
        *,
        gate: int,
        until_ns: int | None,
        after: Callable[[], Awaitable[None]],
        urgent: Callable[[], bool],
    ) -> None:
        """``gate``: instances that must run before simulated time does. ``until_ns``: event time of the end.

        ``urgent``: whether something waits that must leave now; it ends a slice.
        """
        self._core, self._feed, self._clock = core, feed, clock
        self._gate, self._after, self._urgent = gate, after, urgent
        self._delivery = Delivery(core, feed, until_ns)
        self._phase: FeedPhase = "priming"
        self._moved = asyncio.Event()

    @property
    def phase(self) -> FeedPhase:
        """``suspect``: live, but at least one book cannot be believed at the moment."""
        if self._phase == "live" and any(
            market.feed_state is not FeedState.OK for market in self._core.markets.values()
        ):
            return "suspect"
        return self._phase

    def status_changed(self) -> None:
        """An instance started or stopped: look at the gate again."""
        self._moved.set()

    def prime(self) -> None:
        """Deliver the snapshots, so that books are valid and instances warm."""
        self._delivery.prime()
        self._phase = "waiting"

    async def run(self) -> None:
        """Until the end of the feed; the caller cancels it otherwise."""
        await self._wait_for_gate()
        self._phase = "live"
        if isinstance(self._clock, PacedClock):
            self._clock.release()
        while await self._step():
            await self._after()
        self._delivery.finish()
        self._core.observe()
        self._phase = "ended"
        await self._after()

    async def _wait_for_gate(self) -> None:
        while len(self._core.roster.running) < self._gate:
            self._moved.clear()
            await self._moved.wait()

    async def _step(self) -> bool:
        """Wait until something is due, then work for one slice; False at the end."""
        due = self._delivery.next_due()
        if due is None:
            return False
        delay = self._clock.delay(due)
        await self._wait(delay)
        stop = time.perf_counter_ns() + _SLICE_NS
        while True:
            due = self._delivery.next_due()
            if due is None:
                return False
            if self._clock.delay(due) > 0 or time.perf_counter_ns() > stop:
                return True
            self._deliver(due)
            if self._urgent():
                return True

    async def _wait(self, seconds: float) -> None:
        """Until then, or until a live feed has something."""
        arrived = self._feed.arrived
        if seconds <= 0:
            await asyncio.sleep(0)
        elif arrived is None:
            # The loop's own resolution is a millisecond; sleeping for less would only burn CPU.
            await asyncio.sleep(max(seconds, 0.001))
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await arrived.wait()

    def _deliver(self, due: int) -> None:
        burst = due
        if self._clock.delay(due + _BURST_NS) == 0.0:
            burst = due + _BURST_NS
        self._clock.advance(self._delivery.deliver(due, burst))
