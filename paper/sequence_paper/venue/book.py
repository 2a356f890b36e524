"""The order book as a feed shows it: two price-to-size maps with their prices kept sorted."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from sequence_paper.feed.events import BUY, SELL, BookSnapshot, Level, Side


def reaches(side: Side, px_1e9: int, other_1e9: int) -> bool:
    """Would an order of ``side`` limited to ``px`` trade against ``other``?"""
    return px_1e9 >= other_1e9 if side == BUY else px_1e9 <= other_1e9


class Book:
    """Sizes ``_1e8`` by price ``_1e9``. Best prices are O(1), a changed level O(log n) plus a small memmove."""

    __slots__ = ("ask_prices", "asks", "bid_prices", "bids")

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        # Both ascending: the best bid is the last element, the best ask the first.
        self.bid_prices: list[int] = []
        self.ask_prices: list[int] = []

    def load(self, snapshot: BookSnapshot) -> None:
        """Replace everything. Levels of size 0 are left out."""
        self.bids = {px: sz for px, sz in snapshot.bids if sz > 0}
        self.asks = {px: sz for px, sz in snapshot.asks if sz > 0}
        self.bid_prices = sorted(self.bids)
        self.ask_prices = sorted(self.asks)

    def apply(self, side: Side, px_1e9: int, sz_1e8: int) -> int:
        """Set a level to an absolute size (0 removes); returns the size it showed before."""
        levels = self.bids if side == BUY else self.asks
        before = levels.get(px_1e9, 0)
        if sz_1e8 > 0:
            levels[px_1e9] = sz_1e8
            if not before:
                insort(self.bid_prices if side == BUY else self.ask_prices, px_1e9)
        elif before:
            del levels[px_1e9]
            prices = self.bid_prices if side == BUY else self.ask_prices
            del prices[bisect_left(prices, px_1e9)]
        return before

    def size(self, side: Side, px_1e9: int) -> int:
        """Displayed size at a price, 0 when there is none."""
        return (self.bids if side == BUY else self.asks).get(px_1e9, 0)

    def best(self) -> tuple[int, int]:
        """(best bid, best ask), 0 for an empty side."""
        bids, asks = self.bid_prices, self.ask_prices
        return (bids[-1] if bids else 0, asks[0] if asks else 0)

    def crossed(self) -> bool:
        """True when the best bid reaches the best ask: such data cannot be traded on."""
        bids, asks = self.bid_prices, self.ask_prices
        return bool(bids) and bool(asks) and bids[-1] >= asks[0]

    def from_best(self, side: Side) -> Iterator[Level]:
        """Levels of one side, best first. The book must not change meanwhile."""
        if side == BUY:
            for px in reversed(self.bid_prices):
                yield px, self.bids[px]
        else:
            for px in self.ask_prices:
                yield px, self.asks[px]

    def top(self, n: int) -> tuple[list[Level], list[Level]]:
        """The best n levels of both sides, best first."""
        return self.top_of(BUY, n), self.top_of(SELL, n)

    def top_of(self, side: Side, n: int) -> list[Level]:
        """The best n levels of one side, best first."""
        if side == BUY:
            bids = self.bids
            return [(px, bids[px]) for px in self.bid_prices[: -n - 1 : -1]] if n else []
        asks = self.asks
        return [(px, asks[px]) for px in self.ask_prices[:n]]

    def flat(self, side: Side, n: int) -> list[int]:
        """As ``top_of`` in one list, for those who only write it down: price, size, price, size, …"""
        sizes = self.bids if side == BUY else self.asks
        prices = self.bid_prices[: -n - 1 : -1] if side == BUY else self.ask_prices[:n]
        out = [0] * (2 * len(prices))
        out[::2] = prices
        out[1::2] = map(sizes.__getitem__, prices)
        return out
