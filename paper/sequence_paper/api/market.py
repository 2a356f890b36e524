"""The books of all venues as their edges show them on the bus, and what follows from putting them together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from sequence_paper.api.bus import Bus, Ear
from sequence_paper.mesh.wire import ALL_BOOKS

Level = tuple[int, int]
"""(px_1e9, sz_1e8)"""

AWAY: Final = "away"
"""State of a book whose edge is known to be gone; the others are those of the feed."""
FRESH_NS: Final = 1_900_000_000
"""A book is shown once a second at least: one that was not heard for so long has no edge behind it."""


@dataclass(frozen=True, slots=True)
class VenueBook:
    """One venue's book, best levels first. `ts_ns`: time of the data (the feed's); `heard_ns`: wall time, ours."""

    venue: str
    symbol: str
    instrument_type: str
    edge_id: str
    seq: int
    state: str
    bids: list[Level]
    asks: list[Level]
    ts_ns: int
    heard_ns: int

    def usable(self, now_ns: int) -> bool:
        """Whether anybody may price by it: its edge is there and believes its data."""
        return self.state == "ok" and now_ns - self.heard_ns < FRESH_NS

    def age_ms(self, now_ns: int) -> int:
        """Since we heard it."""
        return max(0, now_ns - self.heard_ns) // 1_000_000


@dataclass(frozen=True, slots=True)
class Consolidated:
    """Several venues' books as one: levels (px_1e9, sz_1e8), equal prices added. `ts_ns` of the newest part."""

    bids: list[Level]
    asks: list[Level]
    venues: list[str]
    ts_ns: int

    @property
    def crossed(self) -> bool:
        """The best bid of one venue reaches the best ask of another: there is no price between them."""
        return bool(self.bids and self.asks) and self.bids[0][0] >= self.asks[0][0]


class MarketView:
    """Newest book by symbol and venue. `on_change(told)`: `told(symbol)` is called for each book that comes in."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._books: dict[str, dict[str, VenueBook]] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._ear: Ear | None = None
        self._moved: dict[str, asyncio.Event] = {}  # symbols that somebody waits for

    async def open(self) -> None:
        """Begin to listen."""
        self._ear = await self._bus.hear(ALL_BOOKS, lambda _, payload: self.hear(payload))

    def on_change(self, told: Callable[[str], None]) -> None:
        """Call this with the symbol of every book that comes in."""
        self._watchers.append(told)

    def hear(self, payload: bytes) -> None:
        """One message of the bus. Raises what its parts raise when it is not a book."""
        said = orjson.loads(payload)
        book = VenueBook(
            venue=said["venue"],
            symbol=said["symbol"],
            instrument_type=said["instrument_type"],
            edge_id=said["edge_id"],
            seq=said["seq"],
            state=said["state"],
            bids=[(px, sz) for px, sz in said["bids"]],
            asks=[(px, sz) for px, sz in said["asks"]],
            ts_ns=said["ts_ns"],
            heard_ns=time.time_ns(),
        )
        self._books.setdefault(book.symbol, {})[book.venue] = book
        moved = self._moved.pop(book.symbol, None)
        if moved is not None:
            moved.set()
        for told in self._watchers:
            told(book.symbol)

    async def usable_within(self, symbol: str, seconds: float) -> None:
        """Wait until a book may be priced by, but no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.usable(symbol):
                    await self._moved.setdefault(symbol, asyncio.Event()).wait()

    def edge_gone(self, edge_id: str) -> None:
        """Its books cannot be believed any more; the next one that it shows can."""
        for by_venue in self._books.values():
            for venue, book in by_venue.items():
                if book.edge_id == edge_id and book.state != AWAY:
                    by_venue[venue] = replace(book, state=AWAY)
                    for told in self._watchers:
                        told(book.symbol)

    def symbols(self) -> list[str]:
        """Every symbol of which a book was ever heard, by name."""
        return sorted(self._books)

    def books(self, symbol: str) -> list[VenueBook]:
        """The newest book of each venue, by venue; also old ones and such that cannot be believed."""
        return [book for _, book in sorted(self._books.get(symbol, {}).items())]

    def usable(self, symbol: str, now_ns: int | None = None) -> list[VenueBook]:
        """Books that may be priced by now."""
        now = time.time_ns() if now_ns is None else now_ns
        return [book for book in self.books(symbol) if book.usable(now)]

    def consolidated(self, symbol: str, depth: int, now_ns: int | None = None) -> Consolidated | None:
        """The usable books as one; None when there are none."""
        found = self.usable(symbol, now_ns)
        return consolidate(found, depth) if found else None


def consolidate(books: Sequence[VenueBook], depth: int) -> Consolidated:
    """Add up levels of equal price; the `depth` best of each side."""
    return Consolidated(
        bids=_merged((book.bids for book in books), depth, best_is_high=True),
        asks=_merged((book.asks for book in books), depth, best_is_high=False),
        venues=[book.venue for book in books],
        ts_ns=max(book.ts_ns for book in books),
    )


def _merged(sides: Iterable[list[Level]], depth: int, *, best_is_high: bool) -> list[Level]:
    sizes: dict[int, int] = {}
    for levels in sides:
        for px, sz in levels[
            :depth
        ]:  # what is worse than `depth` levels of one venue cannot be among the best
            sizes[px] = sizes.get(px, 0) + sz
    return sorted(sizes.items(), reverse=best_is_high)[:depth]
