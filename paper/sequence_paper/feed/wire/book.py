"""One symbol's book as a venue's messages build it, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sequence_paper.feed.events import (
    BUY,
    SELL,
    BookDelta,
    BookSnapshot,
    Event,
    FeedState,
    FeedStatus,
    Level,
    Side,
    Trade,
)
from sequence_paper.venue.book import Book

_ALL: Final = 1 << 30

Change = tuple[Side, int, int]
"""(side, px_1e9, sz_1e8): absolute size, 0 removes"""


class WireBook:
    """Numbers events, keeps levels, and says when the book cannot be believed.

    `depth`: as many levels a side as the venue keeps us informed of; 0 = all of them.
    """

    def __init__(self, symbol: str, depth: int = 0) -> None:
        self.symbol = symbol
        self.valid = False
        self._depth = depth
        self._book = Book()
        self._seq = 0

    def load(self, bids: Iterable[Level], asks: Iterable[Level], ts_ns: int, venue_ns: int) -> Event:
        """A snapshot: from now on the book is believed."""
        self._book.load(BookSnapshot(self.symbol, ts_ns, tuple(bids), tuple(asks), 0))
        self._cut(BUY)
        self._cut(SELL)
        self.valid = True
        shown, offered = (tuple(self._book.top_of(side, _ALL)) for side in (BUY, SELL))
        return BookSnapshot(self.symbol, ts_ns, shown, offered, self._next(), venue_ns)

    def update(self, changes: Sequence[Change], ts_ns: int, venue_ns: int) -> list[Event]:
        """One message's changes, removals first: between them the book must not look crossed."""
        final = {(side, px): max(0, size) for side, px, size in changes}
        for (side, px), size in final.items():
            self._book.apply(side, px, size)
        for side in (BUY, SELL):
            final |= {(side, px): 0 for px in self._cut(side)}
        ordered = sorted(final.items(), key=lambda change: change[1] > 0)
        return [
            BookDelta(self.symbol, ts_ns, side, px, size, self._next(), venue_ns)
            for (side, px), size in ordered
        ]

    def trade(self, px_1e9: int, qty_1e8: int, aggressor: Side, ts_ns: int, venue_ns: int) -> Event:
        """A public print."""
        return Trade(self.symbol, ts_ns, px_1e9, qty_1e8, aggressor, self._next(), venue_ns)

    def lose(self, ts_ns: int) -> list[Event]:
        """Something is missing: the book is not believed until the next snapshot. Said once."""
        if not self.valid:
            return []
        self.valid = False
        return [FeedStatus(self.symbol, ts_ns, FeedState.GAP, self._next())]

    def top(self, side: Side, count: int) -> list[Level]:
        """Best levels first."""
        return self._book.top_of(side, count)

    def _cut(self, side: Side) -> list[int]:
        """Levels beyond the depth, of which the venue tells us nothing any more; returns their prices."""
        if not self._depth:
            return []
        gone = [px for px, _ in self._book.top_of(side, _ALL)[self._depth :]]
        for px in gone:
            self._book.apply(side, px, 0)
        return gone

    def _next(self) -> int:
        seq, self._seq = self._seq, self._seq + 1
        return seq
