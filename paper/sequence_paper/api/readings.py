"""What an account has done and holds: `/v1/account`, `/v1/orders`, `/v1/fills`, `/v1/positions`, `/v1/edges`."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from sequence_paper.api.answers import described
from sequence_paper.api.balances import balance_rows
from sequence_paper.api.errors import ApiError
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.api.reading_answers import (
    AccountAnswer,
    EdgesAnswer,
    FillsAnswer,
    OrderAnswer,
    OrdersAnswer,
    PositionsAnswer,
)
from sequence_paper.api.rows import unrealized
from sequence_paper.api.sandbox import given_cash_1e9, given_rows
from sequence_paper.api.stored_orders import stored_order
from sequence_paper.store.records import Caller
from sequence_paper.store.trades import Order, Position
from sequence_paper.store.views import fill_view, order_view
from sequence_paper.store.words import Json

router = APIRouter(prefix="/v1", tags=["readings"], dependencies=[needs_key])

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=2**62)]
_CASH = ("USD", "USDC", "USDT")


def _wanted(
    limit: Limit = 50,
    offset: Offset = 0,
    symbol: str | None = None,
    node_order_id: str | None = None,
    deployment_id: str | None = None,
) -> Json:
    """Which orders or fills, in the words of the store's `page`."""
    chosen = {"symbol": symbol, "order_id": node_order_id, "deployment_id": deployment_id}
    return {"limit": limit, "offset": offset, **chosen}


Wanted = Annotated[Json, Depends(_wanted)]


@router.get("/account", responses=described(AccountAnswer))
async def account(here: Here, who: Who) -> Response:
    """Whose key this is, and what its trading has come to. `rate_limit_qps` is shared by all keys of the account."""
    found = who.account
    totals = (await here.run(lambda: _positions(here, who, None, None, False)))["totals"]
    switch = await here.run(lambda: here.store.switches.get(found.account_id, who.mode))
    return json(
        {
            "account_id": found.account_id,
            "name": found.name,
            "mode": who.mode,
            "tier": found.tier,
            "rate_limit_qps": found.rate_limit_qps,
            "capital": {
                "available_usd_1e9": await here.run(lambda: _available(here, who)),
                "cash_usd_1e9": totals["cash_usd_1e9"],
                "nav_usd_1e9": totals["nav_usd_1e9"],
            },
            "kill_switch": switch.view(),
        }
    )


@router.get("/orders", responses=described(OrdersAnswer))
async def orders(here: Here, who: Who, wanted: Wanted) -> Response:
    """Orders at venues, newest first; those with a `parent_id` are legs.

    A parent, or a node of a graph, is shown when asked for by its id.
    """
    mine = (who.account.account_id, who.mode)

    def work() -> tuple[list[Order], int]:
        found, total = here.store.orders.page(*mine, **wanted)
        if found or wanted["order_id"] is None:
            return found, total
        parent = stored_order(here.store, *mine, wanted["order_id"])
        return ([], 0) if parent is None else ([parent[0]], 1)

    found, total = await here.run(work)
    return json(_page("orders", [order_view(order) for order in found], total, wanted))


@router.get("/orders/{node_order_id:path}", responses=described(OrderAnswer))
async def order(node_order_id: str, here: Here, who: Who) -> Response:
    """One order with its fills; a parent has those of its legs."""
    mine = (who.account.account_id, who.mode)

    def work() -> Json:
        found, _ = here.store.orders.page(*mine, limit=1, offset=0, order_id=node_order_id)
        ids = [node_order_id]
        if not found:
            parent = stored_order(here.store, *mine, node_order_id)
            if parent is None:
                raise ApiError(404, f"no order {node_order_id} in this account and mode")
            found, ids = [parent[0]], [leg.order_id for leg, _ in parent[1]]
        filled = [
            fill
            for order_id in ids
            for fill in here.store.fills.page(*mine, limit=1000, offset=0, order_id=order_id)[0]
        ]
        return order_view(found[0]) | {"fills": [fill_view(fill) for fill in filled]}

    return json(await here.run(work))


@router.get("/fills", responses=described(FillsAnswer))
async def fills(here: Here, who: Who, wanted: Wanted) -> Response:
    """Fills, newest first."""
    mine = (who.account.account_id, who.mode)
    found, total = await here.run(lambda: here.store.fills.page(*mine, **wanted))
    return json(_page("fills", [fill_view(fill) for fill in found], total, wanted))


@router.get("/positions", responses=described(PositionsAnswer))
@router.get("/positions/unified", responses=described(PositionsAnswer))
async def positions(
    here: Here,
    who: Who,
    venues: str | None = None,
    kinds: str | None = None,
    include_closed: bool = False,
) -> Response:
    """Positions of all deployments, also of removed ones; `venues` and `kinds` are comma-separated."""
    return json(await here.run(lambda: _positions(here, who, _words(venues), _words(kinds), include_closed)))


@router.get("/edges", responses=described(EdgesAnswer))
async def edges(here: Here) -> Response:
    """Edges that have announced themselves; `feed` says what stands behind the venue's name, `clock` how far
    the clocks of other edges are from its own."""
    return json({"edges": await here.run(here.edge_rows)})


def _available(here: Platform, who: Caller) -> int | None:
    """Dollars that can be spent; None when they are not counted anywhere."""
    rows = [row for row in balance_rows(here, who) if row["counted"] and row["asset"] in _CASH]
    return sum(row["available_1e9"] for row in rows) if rows else None


def _positions(
    here: Platform, who: Caller, venues: set[str] | None, kinds: set[str] | None, include_closed: bool
) -> Json:
    mine = (who.account.account_id, who.mode)
    every = here.store.positions.of_account(*mine)
    given = here.store.sandbox.positions(mine[0]) if who.mode == "sandbox" else []
    sells = _sells(here.store.orders.resting(*mine))
    rows = [_position(number, position, sells) for number, position in every] + given_rows(given, here.market)
    shown = [
        row
        for row in rows
        if (include_closed or row["qty_1e8"] != 0)
        and (venues is None or row["venue"] in venues)
        and (kinds is None or row["instrument"]["kind"] in kinds)
    ]
    earned = here.store.ledger.earned(*mine)
    cash = sum(amount for (_, asset), amount in earned.items() if asset in _CASH)
    totals = {
        # Accounts begin with nothing: cash is what trading has brought in and cost so far, and what was given.
        "nav_usd_1e9": cash + sum(row["current_value_usd_1e9"] for row in rows),
        "cash_usd_1e9": cash + given_cash_1e9(given),
        "unrealized_pnl_usd_1e9": sum(row["unrealized_pnl_usd_1e9"] for row in rows),
        "realized_pnl_usd_1e9": sum(row["realized_pnl_usd_1e9"] for row in rows),
        "fees_usd_1e9": sum(row["fees_usd_1e9"] for row in rows),
    }
    return {"positions": shown, "totals": totals, "as_of_ns": time.time_ns()}


def _sells(orders: list[Order]) -> dict[tuple[str, str, str], int]:
    """By deployment, venue and symbol: what open orders may still sell."""
    found: dict[tuple[str, str, str], int] = {}
    for order in orders:
        if order.side == "sell":
            place = (order.deployment, order.venue, order.symbol)
            found[place] = found.get(place, 0) + order.qty_1e8 - order.filled_qty_1e8
    return found


def _position(number: int, position: Position, sells: dict[tuple[str, str, str], int]) -> Json:
    perp = position.instrument_type == "perp"
    open_result = unrealized(position)
    selling = sells.get((position.deployment, position.venue, position.symbol), 0)
    locked = min(selling, max(0, position.qty_1e8))
    return {
        "id": number,
        "venue": position.venue,
        "deployment": position.deployment,
        "instrument": {"kind": "perp" if perp else "crypto", "symbol": position.symbol},
        "qty_1e8": position.qty_1e8,
        "locked_qty_1e8": locked,
        "available_qty_1e8": position.qty_1e8 - locked,
        "entry_price_usd_1e9": position.avg_entry_1e9,
        "current_price_usd_1e9": position.mark_1e9,
        # A perpetual is worth what closing it would bring; coins are worth their price.
        "current_value_usd_1e9": open_result if perp else position.mark_1e9 * position.qty_1e8 // 100_000_000,
        "unrealized_pnl_usd_1e9": open_result,
        "realized_pnl_usd_1e9": position.realized_pnl_1e9,
        "session_realized_pnl_usd_1e9": position.session_realized_pnl_1e9,
        "fees_usd_1e9": position.fees_1e9,
        "lifecycle": {"state": "active" if position.qty_1e8 else "closed"},
        "transferable": False,
        "settled": False,
        "settled_mark_usd_1e9": None,
        "updated_ns": position.updated_ns,
    }


def _page(name: str, rows: list[Json], total: int, wanted: Json) -> Json:
    limit, offset = wanted["limit"], wanted["offset"]
    more = offset + len(rows) < total
    return {name: rows, "total": total, "limit": limit, "offset": offset, "has_more": more}


def _words(text: str | None) -> set[str] | None:
    return {word.strip() for word in text.split(",") if word.strip()} if text else None
