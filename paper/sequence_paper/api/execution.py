"""`/v1/execution/…`: what an order would cost, how one is doing, and what routed orders came to."""

from __future__ import annotations

import time
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from sequence_paper.api import intel_figures
from sequence_paper.api.errors import ApiError
from sequence_paper.api.execution_views import progress, review, summary, twice_mid
from sequence_paper.api.intelligence import SIDES, SideWord, require
from sequence_paper.api.offers import offers
from sequence_paper.api.parents import leg_view
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.api.routing_now import quantity
from sequence_paper.api.stored_orders import stored_order, stored_routes
from sequence_paper.feed.events import Side
from sequence_paper.routing import Decision, decision_row, route
from sequence_paper.store.parent_state import Legs
from sequence_paper.store.records import Caller
from sequence_paper.store.routing import Route
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json

router = APIRouter(prefix="/v1/execution", tags=["execution"], dependencies=[needs_key])

_WINDOW_S: Final = 3600
_SIZES: Final = ((1, 4), (1, 2), (1, 1), (2, 1), (4, 1), (8, 1))
"""Of the asked quantity, for the capacity curve."""
_PATIENT: Final = "patience is not modelled: an order is sent at once, whatever its urgency"
Urgency = Literal["low", "medium", "high"]


@router.get("/forecast")
async def forecast(here: Here, symbol: str, side: SideWord, qty: str) -> Response:
    """Expected (median) and downside (90 %) cost on recorded books, and what the books of now say.

    `measured` is null where nothing was recorded, and its costs are null where the recorded depth did not reach the
    size. `fill_confidence`: the share of recorded seconds in which the venues together showed enough.
    """
    require(here, symbol)
    wanted, way = quantity(qty), SIDES[side]
    decision = await here.run(lambda: _decide(here, symbol, way, wanted))
    measured = await here.run(lambda: _measured(here, symbol, way, decision))
    curve = await here.run(
        lambda: [_point(_decide(here, symbol, way, max(1, wanted * n // d))) for n, d in _SIZES]
    )
    return json(
        {
            "symbol": symbol,
            "side": side,
            "qty_1e8": wanted,
            "now": _point(decision),
            "measured": measured,
            "capacity": curve,
            "venues": [row for row in decision_row(decision)["alternatives"] if row["kind"] == "venue"],
            "urgency": {"high": _point(decision), "medium": None, "low": None, "note": _PATIENT},
        }
    )


@router.get("/simulate")
async def simulate(
    here: Here, symbol: str, side: SideWord, qty: str, urgency: Urgency | None = None
) -> Response:
    """The route an order would take now, and the levels it would take there. Nothing is sent."""
    require(here, symbol)
    wanted = quantity(qty)
    decision = await here.run(lambda: _decide(here, symbol, SIDES[side], wanted))
    note = _PATIENT if urgency in ("low", "medium") else None
    return json({"symbol": symbol, "urgency": urgency, "note": note, **decision_row(decision)})


@router.get("/live/{node_order_id:path}")
async def live(node_order_id: str, here: Here, who: Who) -> Response:
    """How far an order is: a routed one with its legs, or one at a venue; and what the rest would cost now."""
    order, legs, decisions = await here.run(lambda: _found(here, who, node_order_id))
    rest = order.qty_1e8 - order.filled_qty_1e8
    is_open = order.status in OPEN_ORDER_STATUSES
    way = SIDES[order.side]
    left = await here.run(lambda: _decide(here, order.symbol, way, rest)) if is_open and rest else None
    return json(
        progress(order, twice_mid(order, decisions))
        | {
            "is_terminal": not is_open,
            "remaining": None if left is None else _point(left),
            "children": [leg_view(*pair) for pair in legs],
            "as_of_ns": time.time_ns(),
        }
    )


@router.get("/review/{node_order_id:path}")
async def reviewed(node_order_id: str, here: Here, who: Who) -> Response:
    """What an order came to, beside what its route was expected to cost. Formulas: `api/execution_views.py`."""
    return json(review(*await here.run(lambda: _found(here, who, node_order_id))))


@router.get("/summary")
async def summarised(here: Here, who: Who, limit: Annotated[int, Query(ge=1, le=500)] = 200) -> Response:
    """The newest routed orders of the account together."""
    mine = (who.account.account_id, who.mode)
    routes = here.store.routes

    def work() -> Json:
        found = routes.recent(*mine, limit)
        return summary([(p, routes.legs(p.order_id), routes.decisions(p.order_id)) for p in found])

    return json(await here.run(work))


def _found(here: Platform, who: Caller, order_id: str) -> tuple[Order, Legs, list[Route]]:
    mine = (who.account.account_id, who.mode)
    stored = stored_order(here.store, *mine, order_id)
    if stored is not None:
        return *stored, stored_routes(here.store, stored[1], order_id)
    orders, _ = here.store.orders.page(*mine, limit=1, offset=0, order_id=order_id)
    if not orders:
        raise ApiError(404, f"no order {order_id} in this account and mode")
    return orders[0], [], []


def _decide(here: Platform, symbol: str, side: Side, qty_1e8: int) -> Decision:
    venues, _ = offers(here.market, symbol)
    return route(side, qty_1e8, venues, here.pools.of(symbol))


def _measured(here: Platform, symbol: str, side: Side, decision: Decision) -> Json | None:
    """From recorded book samples; None when there are none, or there is no price to turn the quantity into money."""
    usd = decision.mid_1e9 * decision.qty_1e8 // 10**17
    if here.ticks is None or not usd:
        return None
    found = intel_figures.slippage(here.ticks, symbol, side, [usd], _WINDOW_S)["routed"]
    [point] = found["points"]
    seen = point["n"] + point["short"]
    return {
        "size_usd": usd,
        "expected_bps": point["all_in_p50_bps"],
        "downside_bps": point["all_in_p90_bps"],
        "fill_confidence": point["n"] / seen if seen else None,
        "n": point["n"],
        "short": point["short"],
        "first_ns": found["first_ns"],
        "last_ns": found["last_ns"],
        "venues": found["venues"],
        "reason": found["reason"],
    }


def _point(decision: Decision) -> Json:
    return {
        "qty_1e8": decision.qty_1e8,
        "routed_1e8": decision.routed_1e8,
        "est_cost_bps": decision.cost_bps,
        "est_avg_px_1e9": decision.est_avg_px_1e9 or None,
        "est_fees_1e9": decision.fees_1e9,
        "venues": [leg.venue for leg in decision.legs],
    }
