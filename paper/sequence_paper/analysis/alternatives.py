"""What the same quantity would have cost elsewhere, on the books as they were recorded: by the router's own search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sequence_paper.analysis.facts import Gap, OrderFacts, Value
from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.routing import Venue, route
from sequence_paper.routing.model import PER_MONEY


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """All-in costs in money × 10^9 (negative for what a sell brings in): the best split, the best single venue.

    `split` says how much the best split takes where.
    """

    cheapest: Value
    single: Value
    single_venue: str = ""
    split: tuple[tuple[str, int], ...] = ()


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
    best = route(side, qty, books)
    whole = [other.name for other in best.alternatives if other.kind == "venue" and other.qty_1e8 == qty]
    single: Value = Gap.SHALLOW
    if whole:
        alone = route(side, qty, [book for book in books if book.name == whole[0]])
        single = Fraction(alone.cost_e23, PER_MONEY)
    cheapest = Gap.SHALLOW if best.unfilled_1e8 else Fraction(best.cost_e23, PER_MONEY)
    split = tuple((leg.venue, leg.qty_1e8) for leg in best.legs)
    return Elsewhere(cheapest, single, whole[0] if whole else "", split)
