"""What is kept of an order's life while it lives: the decision behind it, its book, and steps not yet stored."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from sequence_paper.feed.events import Level
from sequence_paper.store.tracing import Step
from sequence_paper.store.words import Json


class TraceClock:
    """Wall time in ns that never steps back: the time of day read once, and the monotonic counter since.

    Corrections of the machine's clock after the start are not followed, so that differences are true durations.
    """

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.perf_counter_ns()

    def now(self) -> int:
        return self._offset + time.perf_counter_ns()

    def at(self, counter_ns: int) -> int:
        """The time at which ``time.perf_counter_ns`` was this."""
        return self._offset + counter_ns

    def not_before(self, ts_ns: int) -> None:
        """Go on from there if it lies ahead: the machine's clock was set back since an earlier process wrote it."""
        self._offset += max(0, ts_ns - self.now())


class Decision(NamedTuple):
    """The callback an action came from. Times by ``time.perf_counter_ns``."""

    callback: str
    received: int
    """When the edge took up what caused the callback: a piece of the feed, a message, an order to shut down."""
    began: int
    ended: int


class DecisionBook(NamedTuple):
    """The order's own venue as the algo saw it, best first."""

    seq: int
    ts_ns: int
    state: str
    bids: list[Level]
    asks: list[Level]

    def row(self) -> Json:
        return {
            "seq": self.seq,
            "ts_ns": self.ts_ns,
            "state": self.state,
            "bids": self.bids,
            "asks": self.asks,
        }


@dataclass(slots=True)
class OrderTrace:
    """Of one live order. ``count``: steps so far, stored or not; ``skipped``: amends that are only counted."""

    book: DecisionBook | None = None
    arrival_mid_1e9: int = 0
    count: int = 0
    skipped: int = 0
    headed: bool = False
    waiting: list[Step] = field(default_factory=list)

    def add(self, step: Step) -> None:
        self.waiting.append(step)
        self.count += 1
