"""The events every feed produces, and the protocol every feed follows.

Units: prices ``_1e9`` (quote currency x 10^9), quantities ``_1e8`` (base currency x 10^8), times ns since the
Unix epoch, all ``int``. Within one feed events are ordered by ``(ts_ns, seq)`` and ``seq`` rises by one per event
and symbol, starting with 0 for the snapshot. ``ts_ns`` of live data is when we received it, ``venue_ns`` what the
venue stamped on it (0: it did not, or the data is generated or reconstructed).

Events are values that nobody changes. The two frequent ones are not frozen, because a frozen one takes four times as
long to make.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, Protocol, TypeAlias

Side: TypeAlias = Literal[1, -1]
BUY: Final = 1
SELL: Final = -1

Level: TypeAlias = tuple[int, int]
"""(px_1e9, sz_1e8)"""


class FeedState(StrEnum):
    """What may be believed about the book. Everything but ``OK`` suspends fills."""

    OK = "ok"
    GAP = "gap"
    CROSSED = "crossed"
    STALE = "stale"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """The whole book: ``bids`` best (highest) first, ``asks`` best (lowest) first."""

    symbol: str
    ts_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    seq: int
    venue_ns: int = 0


@dataclass(slots=True)
class BookDelta:
    """One level now shows ``sz_1e8`` (absolute, 0 removes). ``side``: BUY is a bid level, SELL an ask level."""

    symbol: str
    ts_ns: int
    side: Side
    px_1e9: int
    sz_1e8: int
    seq: int
    venue_ns: int = 0


@dataclass(slots=True)
class Trade:
    """A public print. ``aggressor`` is the taker's side: BUY took from the asks.

    A feed sends the print before the book change it caused.
    """

    symbol: str
    ts_ns: int
    px_1e9: int
    qty_1e8: int
    aggressor: Side
    seq: int
    venue_ns: int = 0


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """The feed's own word on its health, from this moment until the next status of the symbol."""

    symbol: str
    ts_ns: int
    state: FeedState
    seq: int = 0


Event: TypeAlias = BookSnapshot | BookDelta | Trade | FeedStatus


@dataclass(frozen=True, slots=True)
class FeedAbout:
    """What a feed is, for every view that shows its data.

    ``venue`` is the name it plays on this platform; ``original_venue`` and ``recorded_on`` (YYYY-MM-DD) say where a
    recording really comes from (both empty for generated data). ``dataset`` names the recording or the seed.
    ``start_ns``/``end_ns`` bound the event times; ``end_ns`` is None for a feed without end.
    """

    kind: Literal["generated", "replay", "live"]
    dataset: str
    venue: str
    symbols: tuple[str, ...]
    start_ns: int
    end_ns: int | None
    original_venue: str = ""
    recorded_on: str = ""

    def label(self) -> str:
        """One phrase for tables: what the data is, and for whom it stands in."""
        if self.kind == "generated":
            return f"generated ({self.dataset})"
        if self.kind == "live":
            return f"live from {self.dataset}"
        recorded = f"{self.original_venue}, {self.recorded_on}"
        return f"replay of {self.dataset} ({recorded}) standing in for {self.venue}"


class Feed(Protocol):
    """A source of events. No clock inside: the caller decides when it asks (see ``feed.clock``)."""

    @property
    def about(self) -> FeedAbout: ...

    @property
    def arrived(self) -> asyncio.Event | None:
        """Set while a live feed has something to take; None for data that is all there."""
        ...

    def work(self) -> Coroutine[Any, Any, None] | None:
        """What must run along with a live feed, until it is cancelled; None for data that is all there."""
        ...

    def save(self) -> None:
        """Bring to the disk what was recorded so far, if anything is."""
        ...

    def prime(self) -> list[Event]:
        """One ``BookSnapshot`` per symbol at ``about.start_ns``, an uncrossed book. Call once, first.

        A live feed has none yet: its books come with the connection.
        """
        ...

    def peek_ns(self) -> int | None:
        """Time of the next event, None at the end of the data, or while a live feed has nothing new."""
        ...

    def next_until(self, ts_ns: int) -> list[Event]:
        """Consume and return all events with ``event.ts_ns <= ts_ns``, in order."""
        ...

    def __iter__(self) -> Iterator[Event]:
        """Consume the remaining events one by one."""
        ...
