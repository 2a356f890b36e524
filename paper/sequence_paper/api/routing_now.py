"""`/v1/intelligence/routing`: how the router would split an order at this moment, and why. Places nothing."""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from sequence_paper.api.errors import invalid
from sequence_paper.api.intelligence import SIDES, SideWord, require
from sequence_paper.api.market import VenueBook
from sequence_paper.api.offers import offers
from sequence_paper.api.platform import Here, json, needs_key
from sequence_paper.feed.events import Side
from sequence_paper.routing import Decision, Leg, Venue, decision_row, route
from sequence_paper.store.words import Json

router = APIRouter(prefix="/v1", tags=["intelligence"], dependencies=[needs_key])

_MAX_1E8: Final = 10**16
NO_POOLS: Final = "this platform knows no pool of the symbol"


@router.get("/intelligence/routing")
async def routing(here: Here, symbol: str, side: SideWord = "buy", qty: str = "1") -> Response:
    """The split of `qty` (human units) over the books as they are now, what else there was, and who was passed over."""
    require(here, symbol)
    wanted, now = quantity(qty), time.time_ns()
    venues, books = offers(here.market, symbol, now)
    pools = here.pools.of(symbol)
    decision = await here.run(lambda: route(SIDES[side], wanted, venues, pools, break_even=True))
    answer = decision_row(decision)
    rates = {venue.name: venue.taker_ppm for venue in venues}
    for row, leg in zip(answer["legs"], decision.legs, strict=True):
        row |= _reason(decision.side, leg, rates.get(leg.venue, 0))
    return json(
        {
            "symbol": symbol,
            **answer,
            "next": _next(decision, venues),
            "pools_note": None
            if decision.pools
            else NO_POOLS
            if not pools
            else "no pool is usable now; see `skipped`",
            "books": [_book(book, now) for book in books],
        }
    )


def _reason(side: Side, leg: Leg, taker_ppm: int) -> Json:
    """What a leg takes, and what the dearest of it costs with the fee: that decided against the others."""
    return {
        "levels": len(leg.slices),
        "taker_bps": taker_ppm / 100,
        "dearest_all_in_1e9": all_in_1e9(side, leg.slices[-1][0], taker_ppm) if leg.slices else None,
    }


def _next(decision: Decision, venues: list[Venue]) -> Json | None:
    """The cheapest level with its fee that the split leaves untouched; None when it takes everything."""
    taken = {(leg.venue, px): qty for leg in decision.legs for px, qty in leg.slices}
    side = decision.side
    left = [
        (side * all_in_1e9(side, px, venue.taker_ppm), venue.name, px)
        for venue in venues
        if not venue.problem
        for px, sz in (venue.asks if side > 0 else venue.bids)
        if taken.get((venue.name, px), 0) < sz
    ]
    if not left:
        return None
    cost, name, px = min(left)
    return {"venue": name, "px_1e9": px, "all_in_1e9": side * cost}


def all_in_1e9(side: Side, px_1e9: int, taker_ppm: int) -> int:
    """A price with the taker's fee, rounded down."""
    return px_1e9 * (10**6 + side * taker_ppm) // 10**6


def _book(book: VenueBook, now_ns: int) -> Json:
    return {
        "venue": book.venue,
        "edge_id": book.edge_id,
        "seq": book.seq,
        "state": book.state,
        "ts_ns": book.ts_ns,
        "age_ms": book.age_ms(now_ns),
    }


def quantity(text: str) -> int:
    """Human units of a query to `_1e8`. Raises 422."""
    try:
        units = Decimal(text) * 10**8
    except InvalidOperation:
        raise invalid("qty", f"{text!r} is not a number") from None
    if not units.is_finite() or not 0 < units <= _MAX_1E8:
        raise invalid("qty", "must be above 0, and at most 100,000,000")
    if units != units.to_integral_value():
        raise invalid("qty", "has more than 8 decimals")
    return int(units)
