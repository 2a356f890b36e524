"""One token bucket per account, shared by everything that calls the platform for it, with lanes."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from enum import IntEnum


class Lane(IntEnum):
    """Order of service: a smaller one is always next."""

    STOP = 0  # stop and delete
    START = 1
    REGISTER = 2  # and updates
    POLL = 3  # lists and other reading


POLL_SHARE = 10.0
"""Seconds: a poll that has waited so long goes before starts and registrations, never before a stop."""

_LONGEST_PAUSE = (
    300.0  # a Retry-After above this is taken for a mistake, not for an order to be silent for hours
)


class RateLimiter:
    """`rps` tokens a second, up to `burst` at once. The account's profile and the platform's headers win over both.

    poll_share: seconds, normally the account's poll interval. clock: monotonic seconds.
    """

    def __init__(
        self,
        rps: float = 5.0,
        burst: float = 10.0,
        *,
        poll_share: float = POLL_SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._poll_share = poll_share
        self._rps = self._agreed_rps = max(rps, 0.01)
        self._burst = self._agreed_burst = max(burst, 1.0)
        self._tokens = self._burst
        self._filled_at = clock()
        self._silent_until = -math.inf
        self._waiting: dict[Lane, deque[tuple[float, asyncio.Future[None]]]] = {
            lane: deque() for lane in Lane
        }
        self._timer: asyncio.TimerHandle | None = None

    @property
    def rps(self) -> float:
        return self._rps

    @property
    def burst(self) -> float:
        return self._burst

    def waiting(self) -> dict[Lane, int]:
        """How many calls wait in each lane."""
        return {lane: len(queue) for lane, queue in self._waiting.items()}

    async def acquire(self, lane: Lane) -> None:
        """Wait for a token. A stop is always next; a poll that waited for `poll_share` seconds comes right after it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[lane].append((self._clock(), future))
        self._serve()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back()  # it was given a token that it will not use
            self._serve()
            raise

    def give_back(self) -> None:
        """Return a token that was acquired for a call that is not made after all."""
        self._tokens = min(self._tokens + 1.0, self._burst)
        self._serve()

    def configure(self, rps: float, burst: float | None = None) -> None:
        """Take the budget of the account's profile (burst 2 × rps when not given)."""
        self._refill()
        self._rps = self._agreed_rps = max(rps, 0.01)
        self._burst = self._agreed_burst = max(burst if burst is not None else 2.0 * rps, 1.0)
        self._tokens = min(self._tokens, self._burst)
        self._serve()

    def adapt(self, headers: Mapping[str, str], status: int = 200) -> None:
        """Learn from an answer: X-RateLimit-Limit, X-RateLimit-Remaining (tokens that the platform
        still grants), and Retry-After (seconds) on 429 and 503. What cannot be read is ignored."""
        self._refill()
        limit = number(headers.get("x-ratelimit-limit"))
        if limit is not None and limit >= 1.0:
            # It may mean calls a second or calls at once, so it can only lower what was agreed on.
            self._rps = min(self._agreed_rps, limit)
            self._burst = min(self._agreed_burst, max(2.0 * self._rps, 1.0))
        remaining = number(headers.get("x-ratelimit-remaining"))
        if remaining is not None:
            self._tokens = min(self._tokens, remaining)
        if status in (429, 503):
            self._be_silent(number(headers.get("retry-after")), status)
        self._tokens = min(self._tokens, self._burst)
        self._serve()

    def _be_silent(self, seconds: float | None, status: int) -> None:
        if seconds is None and status == 429:
            seconds = 1.0 / self._rps
        if seconds is not None:
            self._tokens = min(self._tokens, 0.0)
            self._silent_until = max(self._silent_until, self._clock() + min(seconds, _LONGEST_PAUSE))

    def _refill(self) -> None:
        now = self._clock()
        since = max(self._filled_at, min(self._silent_until, now))
        self._tokens = min(self._tokens + (now - since) * self._rps, self._burst)
        self._filled_at = now

    def _serve(self) -> None:
        """Hand out the tokens there are, best lane first, and come back when the next one is due."""
        self._refill()
        now = self._clock()
        while now >= self._silent_until and self._tokens >= 1.0 - 1e-9:
            queue = self._next_queue(now)
            if queue is None:
                break
            _, future = queue.popleft()
            if not future.done():
                self._tokens -= 1.0
                future.set_result(None)
        self._arm(now)

    def _next_queue(self, now: float) -> deque[tuple[float, asyncio.Future[None]]] | None:
        polls = self._waiting[Lane.POLL]
        overdue = bool(polls) and now - polls[0][0] >= self._poll_share
        order = (Lane.STOP, Lane.POLL, Lane.START, Lane.REGISTER) if overdue else tuple(Lane)
        return next((self._waiting[lane] for lane in order if self._waiting[lane]), None)

    def _arm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(self._waiting.values()):
            delay = max((1.0 - self._tokens) / self._rps, 0.0) + max(self._silent_until - now, 0.0)
            self._timer = asyncio.get_running_loop().call_later(delay, self._serve)


def number(text: str | None) -> float | None:
    """A header's number, 0 or more; None for anything else, such as the date form of Retry-After."""
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) and value >= 0 else None
