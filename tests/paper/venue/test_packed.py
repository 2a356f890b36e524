"""The packed levels of a market are those of its book, whatever changed."""

from __future__ import annotations

import random
import struct

from sequence_paper.edge import abi
from sequence_paper.feed.events import BUY, SELL, BookDelta, BookSnapshot
from sequence_paper.venue.market import Market
from sequence_paper.venue.packed import LEVELS
from sequence_paper.venue.rules import Fees, SymbolRules


def test_bytes_follow_every_change_of_a_book() -> None:
    draw = random.Random(7)
    market = Market("X", SymbolRules("X", 1, 1, 1, 0, 0, 0), Fees(0, 0))
    region = abi.BookRegion()
    assert market.packed.counts == (0, 0) and not any(market.packed.data)
    for n in range(4_000):
        if n % 500 == 0:
            bids = tuple((px, 5) for px in draw.sample(range(1, 60), n // 100))
            asks = tuple((px, 5) for px in draw.sample(range(60, 120), n // 120))
            market.on_event(BookSnapshot("X", n, bids, asks, n))
        # In turn few levels and many, so that sides run empty, and levels move in and out of what is shown.
        full = n // 250 % 2
        size = draw.choice((3, 9)) if draw.random() < (0.75 if full else 0.3) else 0
        side = draw.choice((BUY, SELL))
        px = draw.randint(1, 65) if side == BUY else draw.randint(55, 120)
        market.on_event(BookDelta("X", n, side, px, size, n))
        bids, asks = market.depth(LEVELS)
        region.show(market.packed.data, market.packed.counts)
        assert region.of(3, n) == abi.book(bids, asks, 3, n), n
        flat = [
            number
            for levels in (bids, asks)
            for pair in (levels + [(0, 0)] * LEVELS)[:LEVELS]
            for number in pair
        ]
        assert market.packed.data == struct.pack(f"<{4 * LEVELS}Q", *flat)
