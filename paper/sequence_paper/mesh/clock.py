"""How far another machine's clock is from ours, as an interval that holds the truth.

An exchange has four times: we send at ``sent`` (our clock), the peer hears it at ``heard`` and answers at ``answered``
(its clock), and we have the answer at ``back`` (ours). Neither way takes less than no time, so the offset (their clock
minus ours) is at most heard - sent and at least answered - back, however unequal the two ways are. Every exchange
gives such an interval and the offset lies in all of them; older ones are widened by what two clocks may drift apart
meanwhile.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

DRIFT_PPM: Final = 50
"""How fast two clocks may move apart: ordinary crystals without correction."""
_KEPT: Final = 16
"""Exchanges; at one a second older ones are so wide by drift that they say nothing."""


class Exchange(NamedTuple):
    """Four wall-clock times in nanoseconds."""

    sent_ns: int
    heard_ns: int
    answered_ns: int
    back_ns: int


class Offset(NamedTuple):
    """Their clock minus ours lies within ``offset_ns`` ± ``bound_ns``."""

    offset_ns: int
    bound_ns: int


SAME_CLOCK: Final = Offset(0, 0)


class PeerClock:
    """The newest exchanges with one peer.

    A clock that is set (not slewed) is noticed when intervals no longer meet: the old ones are then forgotten.
    """

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque(maxlen=_KEPT)

    def add(self, exchange: Exchange) -> None:
        """Learn from an exchange; one in which our own clock was set back teaches nothing."""
        now = exchange.back_ns
        if now < exchange.sent_ns or _interval(exchange, now)[0] > _interval(exchange, now)[1]:
            return
        self._kept.append(exchange)
        while self._meet(now) is None:
            self._kept.popleft()

    def offset(self, now_ns: int) -> Offset | None:
        """What is known now; None before the first exchange."""
        met = self._meet(now_ns) if self._kept else None
        if met is None:
            return None
        lowest, highest = met
        return Offset((lowest + highest) // 2, (highest - lowest + 1) // 2)

    def _meet(self, now_ns: int) -> tuple[int, int] | None:
        intervals = [_interval(exchange, now_ns) for exchange in self._kept]
        low, high = max(low for low, _ in intervals), min(high for _, high in intervals)
        return (low, high) if low <= high else None


def _interval(exchange: Exchange, now_ns: int) -> tuple[int, int]:
    """The least and the most the offset can be now; the way there bounded it at ``sent``, the way back at ``back``."""
    return (
        exchange.answered_ns - exchange.back_ns - _drift(now_ns - exchange.back_ns),
        exchange.heard_ns - exchange.sent_ns + _drift(now_ns - exchange.sent_ns),
    )


def _drift(age_ns: int) -> int:
    return max(0, age_ns) * DRIFT_PPM // 1_000_000 + 1
