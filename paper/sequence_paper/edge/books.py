"""Shows the books of an edge to whoever listens on the bus: the best 100 levels, when they changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

import orjson

from sequence_paper.edge.bus import EdgeBus
from sequence_paper.edge.core import EdgeCore
from sequence_paper.feed.events import FeedState, Level
from sequence_paper.mesh import wire
from sequence_paper.store.words import InstrumentType, Json

LEVELS: Final = 100
_EVERY_SECONDS: Final = 0.025
_AT_LEAST_NS: Final = 1_000_000_000

_Shown = tuple[FeedState, list[Level], list[Level]]


class BookCaster:
    """Looks at the markets from outside: events of the feed and callbacks know nothing of it."""

    def __init__(self, core: EdgeCore, edge_id: str, venue: str, instrument_type: InstrumentType) -> None:
        self._core = core
        self._about: Json = {"edge_id": edge_id, "venue": venue, "instrument_type": instrument_type}
        self._moved: dict[str, tuple[FeedState, int]] = {}  # state and number of the newest event looked at
        self._shown: dict[str, _Shown] = {}
        self._sent_ns: dict[str, int] = {}
        self._seq: dict[str, int] = {}

    async def run(self, bus: EdgeBus) -> None:
        """Until cancelled. Books are taken between slices of work, one a turn of the event loop."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            if bus.connected:
                for subject, payload in self.due(time.time_ns()):
                    await bus.send_out(subject, payload)
                    await asyncio.sleep(0)

    def due(self, now_ns: int) -> Iterator[tuple[str, bytes]]:
        """(subject, payload) of each book that changed since it was last shown, or was not shown for a second."""
        for symbol, market in self._core.markets.items():
            old = now_ns - self._sent_ns.get(symbol, 0) >= _AT_LEAST_NS
            moved = (market.state_at(self._core.now_ns), market.book_seq)
            if moved == self._moved.get(symbol) and not old:
                continue
            self._moved[symbol] = moved
            shown = (moved[0], *market.depth(LEVELS))
            if shown == self._shown.get(symbol) and not old:
                continue
            self._shown[symbol], self._sent_ns[symbol] = shown, now_ns
            self._seq[symbol] = self._seq.get(symbol, 0) + 1
            state, bids, asks = shown
            book = {
                **self._about,
                "symbol": symbol,
                "ts_ns": self._core.now_ns,
                "sent_ns": now_ns,
                "seq": self._seq[symbol],
                "state": state.value,
                "bids": bids,
                "asks": asks,
            }
            yield wire.book_subject(self._about["venue"], symbol), orjson.dumps(book)
