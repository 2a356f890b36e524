"""Coinbase Advanced Trade's public WebSocket: channels `level2`, `market_trades` and `heartbeats`.

Integrity: every message of a connection carries `sequence_num`, one more than the last, over all channels together.
One that is missing is lost for good, so the connection is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sequence_paper.feed.events import BUY, SELL, Event, Side
from sequence_paper.feed.wire.book import Change, WireBook
from sequence_paper.feed.wire.decimals import price_1e9, qty_1e8, time_ns
from sequence_paper.feed.wire.parser import Parsed

CHANNELS: Final = ("heartbeats", "level2", "market_trades")
_SIDES: Final[Mapping[str, Side]] = {"bid": BUY, "offer": SELL, "ask": SELL}


class CoinbaseParser:
    """See `Parser`. Symbols are the venue's own."""

    venue = "coinbase"
    quiet_ns = 5_000_000_000  # heartbeats come every second

    def __init__(self, symbols: Sequence[str]) -> None:
        self._books = {symbol: WireBook(symbol) for symbol in symbols}
        self._next = 0

    def path(self, symbols: Sequence[str]) -> str:
        """One address for everything."""
        return "/"

    def opened(self, recv_ns: int) -> Parsed:
        """Subscribe, and count from 0."""
        self._next = 0
        wanted = list(self._books)
        requests = [{"type": "subscribe", "product_ids": wanted, "channel": channel} for channel in CHANNELS]
        return Parsed(send=[json.dumps(request) for request in requests])

    def frame(self, text: str, recv_ns: int) -> Parsed:
        """As `Parser.frame`."""
        try:
            return self._understand(json.loads(text), recv_ns)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Parsed(broken=f"a frame that cannot be read ({type(error).__name__}: {error})")

    def fetched(self, symbol: str, text: str, recv_ns: int) -> Parsed:
        """Nothing is fetched here."""
        return Parsed()

    def closed(self, recv_ns: int) -> Parsed:
        """As `Parser.closed`."""
        return Parsed(self._lose(recv_ns))

    def _understand(self, said: Mapping[str, Any], recv_ns: int) -> Parsed:
        if said.get("type") == "error":
            return Parsed(broken=f"refused: {said.get('message')}")
        number = int(said["sequence_num"])
        if number < self._next:
            return Parsed()  # sent twice; what it says is in the book already
        if number > self._next:
            why = f"message {number} came where {self._next} was due"
            return Parsed(self._lose(recv_ns), broken=why)
        self._next = number + 1
        parsed = Parsed()
        for event in said.get("events", ()):
            if said["channel"] == "l2_data":
                parsed.events += self._level2(event, recv_ns)
            elif said["channel"] == "market_trades" and event["type"] == "update":
                parsed.events += [self._trade(row, recv_ns) for row in reversed(event["trades"])]
        return parsed

    def _level2(self, event: Mapping[str, Any], recv_ns: int) -> list[Event]:
        book = self._books[event["product_id"]]
        changes: list[Change] = []
        at = 0
        for update in event["updates"]:
            side = _SIDES[update["side"]]
            changes.append((side, price_1e9(update["price_level"]), qty_1e8(update["new_quantity"])))
            at = max(at, time_ns(update["event_time"]))
        if event["type"] == "snapshot":
            bids, asks = ([(px, size) for of, px, size in changes if of == side] for side in (BUY, SELL))
            return [book.load(bids, asks, recv_ns, at)]
        return book.update(changes, recv_ns, at) if book.valid else []

    def _trade(self, row: Mapping[str, Any], recv_ns: int) -> Event:
        # The venue names the side of the order that was there: the aggressor's is the other one.
        aggressor: Side = SELL if row["side"] == "BUY" else BUY
        book = self._books[row["product_id"]]
        return book.trade(
            price_1e9(row["price"]), qty_1e8(row["size"]), aggressor, recv_ns, time_ns(row["time"])
        )

    def _lose(self, recv_ns: int) -> list[Event]:
        return [event for book in self._books.values() for event in book.lose(recv_ns)]
