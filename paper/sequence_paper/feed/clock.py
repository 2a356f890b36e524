"""The one clock that is passed in: wall time, or simulated time that only events move."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What a run loop needs to know about time."""

    def now_ns(self) -> int:
        """Present time, ns since the epoch, never decreasing."""
        ...

    def delay(self, ts_ns: int) -> float:
        """Wall seconds to wait before the event stamped ``ts_ns`` is due; 0.0 when it is due."""
        ...

    def advance(self, ts_ns: int) -> None:
        """The event stamped ``ts_ns`` is being delivered."""
        ...


class WallClock:
    """Real time. An event is due when the wall has reached its stamp."""

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._wall_ns = wall_ns
        self._last = 0

    def now_ns(self) -> int:
        # Time steps backwards when the system clock is set; an algo must never see that.
        self._last = max(self._last, self._wall_ns())
        return self._last

    def delay(self, ts_ns: int) -> float:
        return max(0, ts_ns - self.now_ns()) / 1e9

    def advance(self, ts_ns: int) -> None:
        self._last = max(self._last, ts_ns)


class PacedClock:
    """Simulated time: ``now_ns`` is the stamp of the last delivered event, so a run cannot leak real time.

    ``pace`` is simulated seconds per wall second (1, 20, ...); None means as fast as possible. The clock
    starts *held* at ``origin_ns``: time stands still until ``release()``, e.g. while instances warm up.
    """

    def __init__(
        self, origin_ns: int, pace: float | None, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        if pace is not None and not pace > 0:
            raise ValueError(f"pace must be positive or None (as fast as possible), not {pace}")
        self._origin_ns = origin_ns
        self._pace = pace
        self._monotonic_ns = monotonic_ns
        self._now_ns = origin_ns
        self._released_at: int | None = None

    @property
    def held(self) -> bool:
        """True until ``release()``; events must not be delivered meanwhile."""
        return self._released_at is None

    def release(self) -> None:
        """Let simulated time run from where it stands. A second call changes nothing."""
        if self._released_at is None:
            self._released_at = self._monotonic_ns()

    def now_ns(self) -> int:
        return self._now_ns

    def delay(self, ts_ns: int) -> float:
        """As ``Clock.delay``. Raises RuntimeError while the clock is held."""
        if self._released_at is None:
            raise RuntimeError("the simulated clock is held: call release() before waiting for an event")
        if self._pace is None:
            return 0.0
        due = (ts_ns - self._origin_ns) / self._pace
        return max(0.0, due - (self._monotonic_ns() - self._released_at)) / 1e9

    def advance(self, ts_ns: int) -> None:
        self._now_ns = max(self._now_ns, ts_ns)
