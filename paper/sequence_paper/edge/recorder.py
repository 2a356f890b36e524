"""What the market showed, taken down while the feed is worked off and written to the tick store between slices."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final, Protocol

from sequence_paper.feed.events import FeedState, Trade
from sequence_paper.store.ticks import records
from sequence_paper.venue.market import Market
from sequence_paper.venue.shown import Touch

log = logging.getLogger(__name__)

MAX_BUFFER: Final = 4 * 1024 * 1024
_BATCH: Final = 64 * 1024
_FLUSH_SECONDS: Final = 0.2
_STATE: Final = {FeedState(word): code for code, word in enumerate(records.STATES)}


class Writes(Protocol):
    """The part of a tick writer that is needed here."""

    def write(self, data: bytes, count: int) -> None:
        """Keep ``count`` whole records."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Recorder:
    """Called by the core for every instant of the feed: it only packs bytes. ``flush`` is for between slices.

    The best of each book is taken down when it changed, and with a sample of the depth at every whole second of
    feed time, just before what that second brings. So all venues are sampled at equal times.
    """

    def __init__(self, markets: Mapping[str, Market], writer: Writes) -> None:
        self._writer = writer
        self._markets = {symbol: (number, market) for number, (symbol, market) in enumerate(markets.items())}
        self._best: dict[str, Touch | None] = dict.fromkeys(markets)
        self._buffer = bytearray()
        self._count = 0
        self._full = False
        self._flushed_at = time.monotonic()

    def best(self, symbol: str, now_ns: int) -> None:
        """The book of a symbol may have changed at this instant."""
        number, market = self._markets[symbol]
        best = market.touch()
        if best != self._best[symbol]:
            self._best[symbol] = best
            self._take(records.tob(number, _STATE[best[0]], True, now_ns, *best[1:]))

    def trade(self, trade: Trade) -> None:
        """A public print."""
        number, market = self._markets[trade.symbol]
        state = _STATE[market.feed_state]
        self._take(records.trade(number, state, trade.ts_ns, trade.px_1e9, trade.qty_1e8, trade.aggressor))

    def second(self, now_ns: int) -> None:
        """A second of feed time begins; this is how the last one ended. A feed that went silent shows here."""
        for symbol, (number, market) in self._markets.items():
            best = (market.state_at(now_ns), *market.touch()[1:])
            state, changed = _STATE[best[0]], best != self._best[symbol]
            self._best[symbol] = best
            self._take(records.tob(number, state, changed, now_ns, *best[1:]))
            self._take(records.depth(number, state, now_ns, *market.flat_depth(records.MAX_LEVELS)))

    def flush(self, *, everything: bool = False) -> None:
        """Hand over what was taken down, when it is worth a write."""
        due = len(self._buffer) >= _BATCH or time.monotonic() - self._flushed_at >= _FLUSH_SECONDS
        if self._count and (due or everything):
            self._writer.write(bytes(self._buffer), self._count)
            self._buffer.clear()
            self._count, self._full = 0, False
            self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Write the rest and finish the segment."""
        self.flush(everything=True)
        self._writer.close()

    def _take(self, record: bytes) -> None:
        if len(self._buffer) >= MAX_BUFFER:
            if not self._full:
                log.error(
                    "more market data in one slice than %d bytes: the rest of it is not recorded", MAX_BUFFER
                )
            self._full = True
            return
        self._buffer += record
        self._count += 1
