"""The channels `prices`, `book` and `fair_price`: the consolidated market, when it moved."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from sequence_paper.api.market import Consolidated, MarketView
from sequence_paper.api.pricing import FAIR_LEVELS, book_view, fair_view, prices_view
from sequence_paper.api.stream.client import StreamClient
from sequence_paper.api.stream.frames import frame
from sequence_paper.api.stream.topics import Topics
from sequence_paper.store.words import Json

LEVELS: Final = 100
_EVERY_SECONDS: Final = 0.025


class MarketShow:
    """Puts books together at most every 25 ms, and only those of symbols that somebody hears."""

    def __init__(self, market: MarketView, topics: Topics) -> None:
        self._market, self._topics = market, topics
        self._moved: set[str] = set()
        self._something = asyncio.Event()
        self._shown: dict[
            tuple[str, str], tuple[Json, str]
        ] = {}  # (topic, symbol) → without its time, as frame
        market.on_change(self.moved)

    def moved(self, symbol: str) -> None:
        """A book of that symbol came in, or cannot be believed any more."""
        self._moved.add(symbol)
        self._something.set()

    def all_moved(self) -> None:
        """From time to time: a book that nobody shows any more grows too old without a word."""
        for symbol in self._market.symbols():
            self.moved(symbol)

    def begin(self, client: StreamClient, name: str) -> None:
        """What a new client gets first: what the others have seen last, and the present state if that is another."""
        for symbol in self._symbols_of(name):
            seen, book = self._shown.get((name, symbol)), self._market.consolidated(symbol, LEVELS)
            if seen is not None:
                client.show(name, seen[1], symbol)
            if book is not None:
                self._tell_one(name, symbol, book)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            moved, self._moved = self._moved, set()
            for symbol in moved:
                self._tell(symbol)
            await asyncio.sleep(_EVERY_SECONDS)

    def _tell(self, symbol: str) -> None:
        base = symbol.partition("-")[0]
        names = [f"prices:{symbol}", f"book:{symbol}", "fair_price", f"fair_price:{base}"]
        heard = [name for name in names if name in self._topics.by_topic]
        if not heard:
            return
        book = self._market.consolidated(symbol, LEVELS)
        for name in heard:
            self._tell_one(name, symbol, book)

    def _tell_one(self, name: str, symbol: str, book: Consolidated | None) -> None:
        view = _view(name.partition(":")[0], symbol, book)
        steady = {key: value for key, value in view.items() if key != "ts_ns"}
        before = self._shown.get((name, symbol))
        if before is not None and before[0] == steady:
            return
        text = frame(name, orjson.dumps(view))
        self._shown[(name, symbol)] = (steady, text)
        for client in self._topics.by_topic[name].clients:
            client.show(name, text, symbol)

    def _symbols_of(self, name: str) -> list[str]:
        family, _, about = name.partition(":")
        if family != "fair_price":
            return [about]
        return [s for s in self._market.symbols() if not about or s.partition("-")[0] == about]


def _view(family: str, symbol: str, book: Consolidated | None) -> Json:
    if family == "prices":
        return prices_view(symbol, book)
    if family == "book":
        return book_view(symbol, book)
    return fair_view(symbol, book, FAIR_LEVELS)
