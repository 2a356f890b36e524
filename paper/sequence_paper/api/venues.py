"""Where an account can trade and within which limits: `/v1/venues`, `/v1/risk_limits`."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from sequence_paper.api.answers import described
from sequence_paper.api.bodies import MAX_OPEN_ORDERS, RiskBody
from sequence_paper.api.fleet import EdgeView, Fleet
from sequence_paper.api.listed import rules_row
from sequence_paper.api.market import MarketView
from sequence_paper.api.platform import Here, Who, json, needs_key
from sequence_paper.api.venue_answers import RiskLimitsAnswer, VenuesAnswer
from sequence_paper.store.words import Json
from sequence_paper.venue.rules import venue_fees

router = APIRouter(prefix="/v1", tags=["venues"], dependencies=[needs_key])


@router.get("/venues", responses=described(VenuesAnswer))
async def venues(here: Here) -> Response:
    """Every venue of which an edge has announced itself, and whether one is there now, with what it trades."""
    now = time.time_ns()
    rows = venue_rows(await here.run(here.fleet))
    return json({"venues": [row | {"markets": _markets(row, here.market, now)} for row in rows]})


@router.get("/risk_limits", responses=described(RiskLimitsAnswer))
async def risk_limits(here: Here, who: Who) -> Response:
    """Limits that hold for every deployment of the account, whatever its own say; null is no limit.

    The only one is the room for open orders in the algo interface; edges refuse an order beyond it.
    """
    held: dict[str, int | None] = dict.fromkeys(
        name for name in RiskBody.model_fields if name != "reduce_only"
    )
    switch = await here.run(lambda: here.store.switches.get(who.account.account_id, who.mode))
    limits = held | {"max_open_orders": MAX_OPEN_ORDERS}
    return json({"limits": limits, "kill_switch": switch.view()})


def _markets(row: Json, market: MarketView, now_ns: int) -> list[Json]:
    """Symbol by symbol: the rules, and how the book stands that was last shown."""
    found = []
    for symbol in row["symbols"]:
        book = next((one for one in market.books(symbol) if one.venue == row["venue"]), None)
        found.append(
            {
                "symbol": symbol,
                **rules_row(row["venue"], symbol),
                "state": None if book is None else book.state,
                "usable": book is not None and book.usable(now_ns),
                "age_ms": None if book is None else book.age_ms(now_ns),
            }
        )
    return found


def venue_rows(fleet: Fleet) -> list[Json]:
    """One row a venue, by name."""
    by_venue: dict[str, list[EdgeView]] = {}
    for edge in fleet.values():
        by_venue.setdefault(edge.venue, []).append(edge)
    return [_venue(venue, edges) for venue, edges in sorted(by_venue.items())]


def _venue(venue: str, edges: list[EdgeView]) -> Json:
    fees = venue_fees(venue)
    return {
        "venue": venue,
        "connected": any(edge.alive for edge in edges),
        "instrument_types": sorted({edge.instrument_type for edge in edges}),
        "symbols": sorted({symbol for edge in edges for symbol in edge.symbols}),
        "edges": sorted(edge.edge_id for edge in edges if edge.alive),
        "last_heartbeat": max(edge.beat_ns for edge in edges) // 1_000_000_000,
        "fees": None if fees is None else {"maker_ppm": fees.maker_ppm, "taker_ppm": fees.taker_ppm},
    }
