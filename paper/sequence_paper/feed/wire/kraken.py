"""Kraken's public WebSocket API, version 2: channels `book` and `trade`.

Integrity: each book message carries a CRC-32 over the ten best levels of both sides, written as the venue wrote them:
prices and sizes without the point and without leading zeros. It covers what nobody else would notice, a lost message
in between.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sequence_paper.feed.events import BUY, SELL, Event, Side
from sequence_paper.feed.wire.book import Change, WireBook
from sequence_paper.feed.wire.decimals import price_1e9, qty_1e8, time_ns
from sequence_paper.feed.wire.parser import Parsed

DEPTH: Final = 100
CHECKED: Final = 10
_SIDES: Final[tuple[tuple[str, Side], ...]] = (("bids", BUY), ("asks", SELL))


class KrakenParser:
    """See `Parser`. Symbols like `BTC-USD`, on the wire `BTC/USD`."""

    venue = "kraken"
    quiet_ns = 5_000_000_000  # a heartbeat comes about every second while nothing else does

    def __init__(self, symbols: Sequence[str]) -> None:
        self._books = {wire_symbol(symbol): WireBook(symbol, DEPTH) for symbol in symbols}
        # The very digits of each level, for the checksum: (side, px_1e9) → (price, size) as written.
        self._written: dict[str, dict[tuple[Side, int], str]] = {name: {} for name in self._books}

    def path(self, symbols: Sequence[str]) -> str:
        """One address for everything."""
        return "/v2"

    def opened(self, recv_ns: int) -> Parsed:
        """Subscribe to books and trades."""
        return Parsed(
            send=[_request("subscribe", "book", self._books), _request("subscribe", "trade", self._books)]
        )

    def frame(self, text: str, recv_ns: int) -> Parsed:
        """As `Parser.frame`."""
        try:
            said = json.loads(text, parse_float=str, parse_int=str)
            return self._understand(said, recv_ns)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Parsed(broken=f"a frame that cannot be read ({type(error).__name__}: {error})")

    def fetched(self, symbol: str, text: str, recv_ns: int) -> Parsed:
        """Nothing is fetched here."""
        return Parsed()

    def closed(self, recv_ns: int) -> Parsed:
        """As `Parser.closed`."""
        return Parsed([event for book in self._books.values() for event in book.lose(recv_ns)])

    def _understand(self, said: Mapping[str, Any], recv_ns: int) -> Parsed:
        if said.get("success") is False:
            return Parsed(broken=f"{said.get('method')} was refused: {said.get('error')}")
        match said.get("channel"):
            case "book":
                parsed = Parsed()
                for part in said["data"]:
                    self._book(part, said["type"] == "snapshot", recv_ns, parsed)
                return parsed
            case "trade" if said["type"] == "update":
                return Parsed([self._trade(row, recv_ns) for row in said["data"]])
            case _:  # status, heartbeat, acknowledgements, trades of before the subscription
                return Parsed()

    def _book(self, part: Mapping[str, Any], snapshot: bool, recv_ns: int, parsed: Parsed) -> None:
        name = part["symbol"]
        book, written = self._books[name], self._written[name]
        if not snapshot and not book.valid:
            return  # of before the new subscription that a bad checksum led to
        if snapshot:
            written.clear()
        changes: list[Change] = []
        for key, side in _SIDES:
            for level in part.get(key, ()):
                px, size = price_1e9(level["price"]), qty_1e8(level["qty"])
                changes.append((side, px, size))
                if size:
                    written[(side, px)] = _digits(level["price"]) + _digits(level["qty"])
                else:
                    written.pop((side, px), None)
        at = time_ns(part["timestamp"]) if "timestamp" in part else 0
        if snapshot:
            sides = {side: [(px, size) for of, px, size in changes if of == side] for _, side in _SIDES}
            events = [book.load(sides[BUY], sides[SELL], recv_ns, at)]
        else:
            events = book.update(changes, recv_ns, at)
        self._forget_cut(name)
        wanted = int(part["checksum"])
        if self._checksum(name) == wanted:
            parsed.events += events
            return
        # What these changes led to is not the venue's book: nobody may see them as if it were.
        parsed.events += book.lose(recv_ns)
        parsed.send += [_request("unsubscribe", "book", [name]), _request("subscribe", "book", [name])]

    def _forget_cut(self, name: str) -> None:
        book, written = self._books[name], self._written[name]
        if len(written) > 2 * DEPTH:
            kept = {(side, px) for _, side in _SIDES for px, _ in book.top(side, DEPTH)}
            for key in [key for key in written if key not in kept]:
                del written[key]

    def _checksum(self, name: str) -> int:
        book, written = self._books[name], self._written[name]
        digits = [written[(side, px)] for side in (SELL, BUY) for px, _ in book.top(side, CHECKED)]
        return zlib.crc32("".join(digits).encode())

    def _trade(self, row: Mapping[str, Any], recv_ns: int) -> Event:
        aggressor: Side = BUY if row["side"] == "buy" else SELL
        book = self._books[row["symbol"]]
        price, size = price_1e9(row["price"]), qty_1e8(row["qty"])
        return book.trade(price, size, aggressor, recv_ns, time_ns(row["timestamp"]))


def wire_symbol(symbol: str) -> str:
    """`BTC-USD` as Kraken writes it."""
    return symbol.replace("-", "/")


def _digits(decimal: str) -> str:
    return decimal.replace(".", "").lstrip("0")


def _request(method: str, channel: str, names: Mapping[str, object] | Sequence[str]) -> str:
    params: dict[str, object] = {"channel": channel, "symbol": list(names)}
    if channel == "book":
        params["depth"] = DEPTH
    if method == "subscribe":
        params["snapshot"] = channel == "book"
    return json.dumps({"method": method, "params": params})
