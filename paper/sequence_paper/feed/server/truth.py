"""The market that the server tells of: books by symbol, and what happened since a reader last looked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sequence_paper.feed.events import BUY, BookDelta, BookSnapshot, Event, Side, Trade
from sequence_paper.venue.book import Book
from sequence_paper.venue.rules import SymbolRules

ALL: Final = 1 << 30


@dataclass(slots=True)
class Batch:
    """News of one symbol: prints first, then the levels that changed, as they are now.

    `first_id`, `last_id`: numbers of the changes, which go on from batch to batch.
    """

    symbol: str
    ts_ns: int
    first_id: int = 0
    last_id: int = 0
    trades: list[Trade] = field(default_factory=list)
    changed: dict[tuple[Side, int], int] = field(default_factory=dict)


class Truth:
    """`rules`: how prices and sizes are written, by symbol."""

    def __init__(self, rules: dict[str, SymbolRules]) -> None:
        self.rules = rules
        self.books = {symbol: Book() for symbol in rules}
        self.trade_id = 0
        self.last_id = dict.fromkeys(rules, 0)

    def take(self, events: Iterable[Event], now_ns: int) -> list[Batch]:
        """Let events happen; returns what changed, a batch a symbol."""
        batches = {symbol: Batch(symbol, now_ns) for symbol in self.books}
        for event in events:
            batch = batches[event.symbol]
            if isinstance(event, BookSnapshot):
                self.books[event.symbol].load(event)
            elif isinstance(event, BookDelta):
                self.books[event.symbol].apply(event.side, event.px_1e9, event.sz_1e8)
                batch.changed[(event.side, event.px_1e9)] = event.sz_1e8
            elif isinstance(event, Trade):
                batch.trades.append(event)
        for batch in batches.values():
            batch.first_id = self.last_id[batch.symbol] + 1
            batch.last_id = self.last_id[batch.symbol] = self.last_id[batch.symbol] + len(batch.changed)
        return [batch for batch in batches.values() if batch.trades or batch.changed]

    def crossing(self, symbol: str, size_1e8: int) -> BookDelta | None:
        """A bid beyond the best ask (size 0 takes it away again); None while a side is empty."""
        _, ask = self.books[symbol].best()
        if not ask:
            return None
        tick = self.rules[symbol].tick_size_1e9
        return BookDelta(symbol, 0, BUY, ask + 3 * tick, size_1e8, 0)

    def price(self, symbol: str, px_1e9: int) -> str:
        """As the venue writes it."""
        return decimal(px_1e9, 9, self.rules[symbol].price_precision)

    def qty(self, symbol: str, sz_1e8: int) -> str:
        """As the venue writes it."""
        return decimal(sz_1e8, 8, 8)


def decimal(value: int, digits: int, shown: int) -> str:
    """`value` / 10^`digits` with exactly `shown` digits behind the point; more where the value has them."""
    whole, part = divmod(value, 10**digits)
    fraction = f"{part:0{digits}d}".rstrip("0").ljust(shown, "0")
    return f"{whole}.{fraction}" if fraction else str(whole)
