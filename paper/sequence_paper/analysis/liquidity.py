"""What an order of a size would have cost on books as they were sampled. Pure; integers up to the last division.

A book that does not reach the size says nothing about it: such a sample counts as worse than every other one, and a
percentile that falls on it is missing. Nothing is extrapolated.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sequence_paper.feed.events import BUY, Level, Side

SIZES_USD: Final = (1_000, 10_000, 100_000, 1_000_000)
_E17: Final = 10**17
_PPM: Final = 10**6


@dataclass(frozen=True, slots=True)
class Book:
    """One venue's book at one moment, best first; `taker_ppm` is what taking from it costs besides."""

    venue: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    taker_ppm: int


@dataclass(frozen=True, slots=True)
class Walked:
    """`slippage_bps`: of the average price against the mid, before fees; positive is a cost."""

    slippage_bps: float
    fee_bps: float

    @property
    def all_in_bps(self) -> float:
        """With fees."""
        return self.slippage_bps + self.fee_bps


@dataclass(frozen=True, slots=True)
class Point:
    """A size over all samples: `n` whose books reached it, `short` whose did not."""

    size_usd: int
    n: int
    short: int
    p50_bps: float | None
    p90_bps: float | None
    all_in_p50_bps: float | None
    all_in_p90_bps: float | None


def walk(side: Side, size_usd: int, books: Sequence[Book]) -> Walked | None:
    """Take a notional from the books, cheapest first with fees; None when they do not reach it, or have no mid.

    The mid is that of the best bid and the best ask over all of these books, also where they cross.
    """
    bids = [book.bids[0][0] for book in books if book.bids]
    asks = [book.asks[0][0] for book in books if book.asks]
    if not bids or not asks:
        return None
    twice_mid = max(bids) + min(asks)
    notional = left = size_usd * _E17
    base = fees = 0
    for px, sz, ppm in _cheapest_first(side, books):
        value = px * sz
        if value >= left:
            fees += left * ppm
            # Average price = notional / (base + left / px), as one fraction.
            over, under = notional * px, base * px + left
            slippage = side * (2 * over - twice_mid * under) * 10_000 / (twice_mid * under)
            return Walked(slippage, fees * 10_000 / (notional * _PPM))
        base += sz
        fees += value * ppm
        left -= value
    return None


def curve(side: Side, sizes_usd: Sequence[int], samples: Sequence[Sequence[Book]]) -> list[Point]:
    """One point a size; a sample is the books of one moment."""
    return [_point(size, [walk(side, size, books) for books in samples]) for size in sizes_usd]


def percentile(values: Sequence[float | None], percent: int) -> float | None:
    """One of the values (nearest rank); None stands for one that is worse than all others."""
    if not values:
        return None
    known = sorted(value for value in values if value is not None)
    rank = -(-len(values) * percent // 100)
    return known[rank - 1] if rank <= len(known) else None


def within_1e9(book: Book, side: Side, band_bps: int) -> tuple[int, bool] | None:
    """Money that stands within a distance of the mid on one side, and whether the sample ends before that distance.

    `side`: BUY for the bids. None without a mid.
    """
    if not book.bids or not book.asks:
        return None
    twice_mid = book.bids[0][0] + book.asks[0][0]
    levels = book.bids if side == BUY else book.asks
    edge = twice_mid * (10_000 - side * band_bps)  # 2 * price * 10,000 reaches no further
    inside = [(px, sz) for px, sz in levels if (20_000 * px - edge) * side >= 0]
    return sum(px * sz for px, sz in inside) // 10**8, len(inside) == len(levels)


def _point(size_usd: int, walked: Sequence[Walked | None]) -> Point:
    before = [None if w is None else w.slippage_bps for w in walked]
    all_in = [None if w is None else w.all_in_bps for w in walked]
    n = sum(w is not None for w in walked)
    return Point(
        size_usd,
        n,
        len(walked) - n,
        percentile(before, 50),
        percentile(before, 90),
        percentile(all_in, 50),
        percentile(all_in, 90),
    )


def _cheapest_first(side: Side, books: Sequence[Book]) -> Iterator[tuple[int, int, int]]:
    ladders = [
        [
            (side * px * (_PPM + side * book.taker_ppm), px, sz, book.taker_ppm)
            for px, sz in (book.asks if side == BUY else book.bids)
        ]
        for book in books
    ]
    for _, px, sz, ppm in heapq.merge(*ladders) if len(ladders) > 1 else ladders[0]:
        yield px, sz, ppm
