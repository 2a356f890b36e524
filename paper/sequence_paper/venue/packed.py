"""The best levels of a book in bytes, kept in step with each change.

To cut them out and pack them anew at every event takes longer than all of matching does.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from typing import Final

from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.venue.book import Book

LEVELS: Final = 20
"""Of each side."""
_LEVEL = struct.Struct("<QQ")
_SIZE: Final = _LEVEL.size
_SIDE: Final = LEVELS * _SIZE


class PackedTop:
    """``data``: (px_1e9, sz_1e8) of the best bids, then of the best asks, each best first and filled up with zeros.

    ``counts``: how many there are of each.
    """

    __slots__ = ("_book", "counts", "data")

    def __init__(self, book: Book) -> None:
        self._book = book
        self.data = bytearray(2 * _SIDE)
        self.counts = (0, 0)

    def load(self) -> None:
        """All levels may be others."""
        self._load(BUY, 0)
        self._load(SELL, _SIDE)
        self._count()

    def changed(self, side: Side, px_1e9: int, before_1e8: int, after_1e8: int) -> None:
        """The book has just taken up this change of a level."""
        book, data = self._book, self.data
        if side == BUY:
            prices, begin = book.bid_prices, 0
            better = len(prices) - bisect_right(prices, px_1e9)
        else:
            prices, begin = book.ask_prices, _SIDE
            better = bisect_left(prices, px_1e9)
        if better >= LEVELS:
            return
        at, end = begin + better * _SIZE, begin + _SIDE
        if after_1e8 > 0:
            if not before_1e8:
                data[at + _SIZE : end] = data[at : end - _SIZE]
                self._count()
            _LEVEL.pack_into(data, at, px_1e9, after_1e8)
        elif before_1e8:
            data[at : end - _SIZE] = data[at + _SIZE : end]
            _LEVEL.pack_into(data, end - _SIZE, *self._last(side))
            self._count()

    def _load(self, side: Side, begin: int) -> None:
        flat = self._book.flat(side, LEVELS)
        self.data[begin : begin + _SIDE] = struct.pack(f"<{len(flat)}Q", *flat).ljust(_SIDE, b"\0")

    def _count(self) -> None:
        book = self._book
        self.counts = min(len(book.bid_prices), LEVELS), min(len(book.ask_prices), LEVELS)

    def _last(self, side: Side) -> tuple[int, int]:
        """The worst level that is shown, (0, 0) when there are fewer."""
        book = self._book
        prices, sizes = (book.bid_prices, book.bids) if side == BUY else (book.ask_prices, book.asks)
        if len(prices) < LEVELS:
            return 0, 0
        px = prices[-LEVELS] if side == BUY else prices[LEVELS - 1]
        return px, sizes[px]
