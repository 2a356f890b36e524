"""Routing problems in small numbers: prices in whole units of money, quantities in single units of ``qty_1e8``."""

from __future__ import annotations

from hypothesis import strategies as st

from sequence_paper.feed.events import BUY, SELL
from sequence_paper.routing import Pool, Venue
from sequence_paper.venue.rules import SymbolRules

PX = 10**8
"""A price at which one unit of quantity is worth one unit of ``money_1e9``."""


def venue(name, asks, bids=(), *, fee=0, lot=1, min_qty=0, min_notional=0, **more) -> Venue:
    """``asks`` and ``bids``: (price, size) pairs, best first."""
    rules = SymbolRules("BTC-USD", PX, lot, min_qty, min_notional, 0, 0)
    levels = [[(px * PX, size) for px, size in side] for side in (bids, asks)]
    return Venue(name, *levels, rules, fee, **more)


def pool(name="uni", *, base=1_000, px=100, fee=3_000, gas=0, problem="") -> Pool:
    """``base`` coins of 18 decimals at a price of ``px`` in a quote token of 6."""
    return Pool(name, base * 10**18, base * px * 10**6, 18, 6, fee, gas, "test", problem)


def levels(low: int, high: int, *, descending: bool) -> st.SearchStrategy[list[tuple[int, int]]]:
    side = st.dictionaries(st.integers(low, high), st.integers(1, 4), min_size=0, max_size=4)
    return side.map(lambda found: sorted(found.items(), reverse=descending))


@st.composite
def venues(draw, lots=(1, 2, 4), minima=True):
    """One to three venues; lots nest, as those of real venues do."""
    return [
        venue(
            name,
            draw(levels(100, 108, descending=False)),
            draw(levels(92, 99, descending=True)),
            fee=draw(st.sampled_from((0, 1_000, 2_600, 40_000, -1_000))),
            lot=draw(st.sampled_from(lots)),
            min_qty=draw(st.integers(0, 4)) if minima else 0,
            min_notional=draw(st.sampled_from((0, 150, 350))) if minima else 0,
        )
        for name in ("kraken", "coinbase", "binance")[: draw(st.integers(1, 3))]
    ]


SIDES = st.sampled_from((BUY, SELL))
