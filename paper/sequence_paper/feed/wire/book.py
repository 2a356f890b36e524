"""One symbol's book as a venue's messages build it, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
        self._levels: dict[Side, dict[int, int]] = {BUY: {}, SELL: {}}
        self._seq = 0

    def load(self, bids: Iterable[Level], asks: Iterable[Level], ts_ns: int, venue_ns: int) -> Event:
        """A snapshot: from now on the book is believed."""
        self._levels = {BUY: dict(bids), SELL: dict(asks)}
        for levels in self._levels.values():
            for px in [px for px, size in levels.items() if size <= 0]:
                del levels[px]
        self._cut(BUY)
        self._cut(SELL)
        self.valid = True
        return BookSnapshot(
            self.symbol, ts_ns, tuple(self.top(BUY)), tuple(self.top(SELL)), self._next(), venue_ns
        )

    def update(self, changes: Sequence[Change], ts_ns: int, venue_ns: int) -> list[Event]:
        """One message's changes, removals first: between them the book must not look crossed."""
        final: dict[tuple[Side, int], int] = {}
        for side, px, size in changes:
            final[(side, px)] = size
        for side in (BUY, SELL):
            levels = self._levels[side]
            for (of, px), size in final.items():
                if of == side:
                    if size > 0:
                        levels[px] = size
                    else:
                        levels.pop(px, None)
            for px in self._cut(side):
                final[(side, px)] = 0
        ordered = sorted(final.items(), key=lambda change: change[1] > 0)
        return [
            BookDelta(self.symbol, ts_ns, side, px, max(0, size), self._next(), venue_ns)
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

    def top(self, side: Side, count: int | None = None) -> list[Level]:
        """Best levels first."""
        prices = sorted(self._levels[side], reverse=side == BUY)[:count]
        return [(px, self._levels[side][px]) for px in prices]

    def _cut(self, side: Side) -> list[int]:
        """Levels beyond the depth, of which the venue tells us nothing any more; returns their prices."""
        levels = self._levels[side]
        if not self._depth or len(levels) <= self._depth:
            return []
        gone = sorted(levels, reverse=side == BUY)[self._depth :]
        for px in gone:
            del levels[px]
        return gone

    def _next(self) -> int:
        seq, self._seq = self._seq, self._seq + 1
        return seq
