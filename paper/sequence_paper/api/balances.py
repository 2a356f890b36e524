"""What an account has of each asset at each venue: `GET /v1/balances`."""

from __future__ import annotations

import time
from collections.abc import Iterable

from fastapi import APIRouter
from starlette.responses import Response

from sequence_paper.api.answers import described
from sequence_paper.api.fleet import Fleet
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.api.reading_answers import BalancesAnswer
from sequence_paper.store.records import Caller
from sequence_paper.store.trades import Order
from sequence_paper.store.words import Json
from sequence_paper.venue.rules import venue_fees
from sequence_paper.venue.wallet import assets, needed

router = APIRouter(prefix="/v1", tags=["readings"], dependencies=[needs_key])

Place = tuple[str, str]
"""(venue, asset)"""


@router.get("/balances", responses=described(BalancesAnswer))
async def balances(here: Here, who: Who) -> Response:
    """Of every asset that was given or moved. Only what was given can run short; `available_1e9` is null for others."""
    return json({"balances": await here.run(lambda: balance_rows(here, who)), "as_of_ns": time.time_ns()})


def balance_rows(here: Platform, who: Caller) -> list[Json]:
    """By venue and asset, × 10^9; reads the database."""
    account_id, mode = who.account.account_id, who.mode
    totals = here.store.ledger.balances(account_id, mode)
    counted = here.store.funds.counted(account_id) if mode == "sandbox" else set()
    held = _held(here.store.orders.resting(account_id, mode), here.fleet())
    rows = []
    for place in sorted(totals.keys() | counted | held.keys()):
        total, reserved = totals.get(place, 0), held.get(place, 0)
        rows.append(
            {
                "venue": place[0],
                "asset": place[1],
                "total_1e9": total,
                "reserved_1e9": reserved,
                "available_1e9": total - reserved if place in counted else None,
                "counted": place in counted,
            }
        )
    return rows


def _held(orders: Iterable[Order], fleet: Fleet) -> dict[Place, int]:
    """What open orders may still need, as their edges hold it."""
    held: dict[Place, int] = {}
    for order in orders:
        base, quote = assets(order.symbol)
        rest, price = order.qty_1e8 - order.filled_qty_1e8, order.price_1e9 or 0
        if order.side == "buy":
            place, amount = (order.venue, quote), needed(1, price, rest, _worst_ppm(order.venue, fleet))
        else:
            place, amount = (order.venue, base), needed(-1, price, rest, 0)
        held[place] = held.get(place, 0) + amount
    return held


def _worst_ppm(venue: str, fleet: Fleet) -> int:
    """The highest rate of the schedule that the venue's edge goes by."""
    said = [
        edge.feed["fees"]["worst_ppm"]
        for edge in fleet.values()
        if edge.venue == venue and "fees" in edge.feed
    ]
    fees = venue_fees(venue)
    return int(said[0]) if said else max(fees.maker_ppm, fees.taker_ppm) if fees is not None else 0
