"""Binance's public spot streams: `<symbol>@depth@100ms` and `<symbol>@trade`, and the depth snapshot over REST.

Integrity: each depth message spans update ids `U`..`u`, and begins with the id after the last one. Messages are kept
back until the snapshot is there; those it already contains are dropped, and the first that follows must begin at or
before the id after the snapshot's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sequence_paper.feed.events import BUY, SELL, Event, Side
from sequence_paper.feed.wire.book import Change, WireBook
from sequence_paper.feed.wire.decimals import price_1e9, qty_1e8
from sequence_paper.feed.wire.parser import Fetch, Parsed

_SIDES: Final[tuple[tuple[str, Side], ...]] = (("b", BUY), ("a", SELL))
LEVELS: Final = 1000
MAX_WAITING: Final = 1000
"""Messages kept back for one snapshot: far more than come while one is fetched."""


@dataclass(slots=True)
class _Stream:
    book: WireBook
    last_id: int = 0
    fetching: bool = False
    waiting: list[Mapping[str, Any]] = field(default_factory=list)


class BinanceParser:
    """See `Parser`. `BTC-USD` is read from `BTCUSDT`: the venue lists no pair against the dollar itself."""

    venue = "binance"
    quiet_ns = 5_000_000_000  # depth comes ten times a second

    def __init__(self, symbols: Sequence[str]) -> None:
        self._streams = {wire_symbol(symbol): _Stream(WireBook(symbol, LEVELS)) for symbol in symbols}

    def path(self, symbols: Sequence[str]) -> str:
        """The combined stream of all symbols."""
        names = [wire_symbol(symbol).lower() for symbol in symbols]
        return "/stream?streams=" + "/".join(f"{name}@depth@100ms/{name}@trade" for name in names)

    def opened(self, recv_ns: int) -> Parsed:
        """What is wanted stands in the path; books begin with their first message."""
        for stream in self._streams.values():
            stream.waiting.clear()
            stream.fetching = False
        return Parsed()

    def frame(self, text: str, recv_ns: int) -> Parsed:
        """As `Parser.frame`."""
        try:
            said = json.loads(text)
            data = said.get("data")
            if data is None:
                return Parsed()
            stream = self._streams[data["s"]]
            match data["e"]:
                case "depthUpdate":
                    return self._depth(stream, data, recv_ns)
                case "trade":
                    return Parsed([_trade(stream.book, data, recv_ns)])
                case _:
                    return Parsed()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Parsed(broken=f"a frame that cannot be read ({type(error).__name__}: {error})")

    def fetched(self, symbol: str, text: str, recv_ns: int) -> Parsed:
        """The snapshot, and what was kept back for it."""
        stream = self._streams[wire_symbol(symbol)]
        stream.fetching = False
        try:
            said = json.loads(text)
            last_id = int(said["lastUpdateId"])
            bids, asks = (
                [(price_1e9(px), qty_1e8(size)) for px, size in said[key]] for key in ("bids", "asks")
            )
        except (ValueError, KeyError, TypeError) as error:
            return Parsed(broken=f"a snapshot that cannot be read ({type(error).__name__}: {error})")
        kept = [data for data in stream.waiting if int(data["u"]) > last_id]
        if kept and int(kept[0]["U"]) > last_id + 1:
            stream.waiting = kept
            return self._fetch(stream)  # older than what we have: there is a hole in between
        stream.waiting = []
        stream.last_id = last_id
        parsed = Parsed([stream.book.load(bids, asks, recv_ns, 0)])
        for data in kept:
            follow = self._depth(stream, data, recv_ns)
            parsed.events += follow.events
            parsed.fetch += follow.fetch
        return parsed

    def closed(self, recv_ns: int) -> Parsed:
        """As `Parser.closed`."""
        return Parsed([event for stream in self._streams.values() for event in stream.book.lose(recv_ns)])

    def _depth(self, stream: _Stream, data: Mapping[str, Any], recv_ns: int) -> Parsed:
        first, last = int(data["U"]), int(data["u"])
        if not stream.book.valid:
            if len(stream.waiting) >= MAX_WAITING:
                return Parsed(broken=f"no snapshot of {stream.book.symbol} came in time")
            stream.waiting.append(data)
            return Parsed() if stream.fetching else self._fetch(stream)
        if last <= stream.last_id:
            return Parsed()  # sent twice, or contained in the snapshot
        if first > stream.last_id + 1:
            parsed = Parsed(stream.book.lose(recv_ns))
            stream.waiting = [data]
            parsed.fetch += self._fetch(stream).fetch
            return parsed
        stream.last_id = last
        changes: list[Change] = []
        for key, side in _SIDES:
            changes += [(side, price_1e9(px), qty_1e8(size)) for px, size in data[key]]
        return Parsed(stream.book.update(changes, recv_ns, int(data["E"]) * 1_000_000))

    def _fetch(self, stream: _Stream) -> Parsed:
        stream.fetching = True
        path = f"/api/v3/depth?symbol={wire_symbol(stream.book.symbol)}&limit={LEVELS}"
        return Parsed(fetch=[Fetch(stream.book.symbol, path)])


def wire_symbol(symbol: str) -> str:
    """`BTC-USD` as Binance writes what stands in for it."""
    base, _, quote = symbol.partition("-")
    return base + ("USDT" if quote == "USD" else quote)


def _trade(book: WireBook, data: Mapping[str, Any], recv_ns: int) -> Event:
    aggressor: Side = SELL if data["m"] else BUY  # m: the buyer was the maker
    return book.trade(
        price_1e9(data["p"]), qty_1e8(data["q"]), aggressor, recv_ns, int(data["T"]) * 1_000_000
    )
