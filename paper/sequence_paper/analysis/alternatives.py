"""What the same quantity would have cost elsewhere, on the books as they were recorded: by the router's own search."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sequence_paper.analysis.facts import Gap, OrderFacts, Value
from sequence_paper.feed.events import BUY, SELL, Level, Side
from sequence_paper.routing import Venue, route


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """All-in costs in money × 10^9 (negative for what a sell brings in): the best split, the best single venue."""

    cheapest: Value
    single: Value
    single_venue: str = ""


def elsewhere(order: OrderFacts, books: Sequence[Venue]) -> Elsewhere:
    """For the quantity that was filled. An order that rested is not compared: it chose to wait, not where to take."""
    if not order.fills:
        return Elsewhere(Gap.UNFILLED, Gap.UNFILLED)
    if any(fill.maker for fill in order.fills):
        return Elsewhere(Gap.MAKER, Gap.MAKER)
    if len(books) < 2:
        gap = Gap.ONE_VENUE if books else Gap.NO_DATA
        return Elsewhere(gap, gap)
    side: Side = BUY if order.side > 0 else SELL
    qty = order.filled_1e8
    best = route(side, qty, [_near(book, qty) for book in books])
    whole = [other for other in best.alternatives if other.kind == "venue" and other.qty_1e8 == qty]
    cheapest = Gap.SHALLOW if best.unfilled_1e8 else Fraction(side * best.total_1e9)
    if not whole:
        return Elsewhere(cheapest, Gap.SHALLOW)
    return Elsewhere(cheapest, Fraction(side * whole[0].total_1e9), whole[0].name)


def _near(book: Venue, qty_1e8: int) -> Venue:
    """Only the levels that a split of the quantity can reach, with room for a lot and the minimum: a sample has 200."""
    enough = 2 * qty_1e8 + book.rules.lot_size_1e8 + book.rules.min_qty_1e8
    return replace(book, bids=_first(book.bids, enough), asks=_first(book.asks, enough))


def _first(levels: Sequence[Level], enough_1e8: int) -> Sequence[Level]:
    before = itertools.accumulate((size for _, size in levels), initial=0)
    return [level for level, sum_ in zip(levels, before, strict=False) if sum_ < enough_1e8]
