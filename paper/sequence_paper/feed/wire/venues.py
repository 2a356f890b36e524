"""Which venues can be read live, where they are, and which parser reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.wire.binance import BinanceParser
from sequence_paper.feed.wire.coinbase import CoinbaseParser
from sequence_paper.feed.wire.kraken import KrakenParser
from sequence_paper.feed.wire.parser import Parser


@dataclass(frozen=True, slots=True)
class LiveVenue:
    """`socket`: WebSocket address without path; `rest`: address of documents, empty when none is needed."""

    socket: str
    rest: str
    make: Callable[[Sequence[str]], Parser]


LIVE: Final[Mapping[str, LiveVenue]] = {
    "kraken": LiveVenue("wss://ws.kraken.com", "", KrakenParser),
    "coinbase": LiveVenue("wss://advanced-trade-ws.coinbase.com", "", CoinbaseParser),
    "binance": LiveVenue("wss://stream.binance.com:9443", "https://api.binance.com", BinanceParser),
}


def live_venue(venue: str) -> LiveVenue:
    """Raises FeedError for a venue that we cannot read."""
    found = LIVE.get(venue)
    if found is None:
        raise FeedError(f"{venue} has no live feed here", f"live feeds: {', '.join(LIVE)}")
    return found


def parser_of(venue: str, symbols: Sequence[str]) -> Parser:
    """A fresh parser. Raises FeedError as `live_venue`."""
    return live_venue(venue).make(symbols)
