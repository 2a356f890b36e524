"""`POST /v1/venue_cancel_all/{venue}`: end everything an account has open at one venue, its algos' orders too."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from sequence_paper.api.answers import Answer, described
from sequence_paper.api.bodies import Name
from sequence_paper.api.errors import ApiError
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.store.trades import Order

router = APIRouter(prefix="/v1/venue_cancel_all", tags=["orders"], dependencies=[needs_key])

_AT_ONCE: Final = 16


class CancelledAnswer(Answer):
    """Which orders were open and are not any more; one that filled meanwhile is among them."""

    venue: str
    cancelled: list[str] = Field(description="order ids")
    count: int


@router.post("/{venue}", responses=described(CancelledAnswer))
async def cancel_all(venue: Name, here: Here, who: Who) -> Response:
    """Cancel every open order there. Nothing keeps algos from sending new ones: put the kill switch on first.

    503 when an edge did not answer; what is still open is in `open`, and asking again is safe.
    """
    mine = (who.account.account_id, who.mode, venue)
    fleet = await here.run(here.fleet)
    if venue not in {edge.venue for edge in fleet.values()}:
        raise ApiError(404, f"no edge trades at {venue} here")
    await here.orders.cancel_unsent(await here.run(lambda: here.store.routes.unsent_at(*mine)))
    found = await here.run(lambda: here.store.orders.open_at(*mine))
    gate = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(_cancel(here, order, gate) for order in found))
    ids = {order.order_id for order in found}
    left = [
        order for order in await here.run(lambda: here.store.orders.open_at(*mine)) if order.order_id in ids
    ]
    ended = sorted(ids - {order.order_id for order in left})
    if left:
        silent = ", ".join(sorted({order.edge_id for order in left}))
        why = f"{len(left)} orders at {venue} are still open: {silent} did not cancel them"
        still = [order.order_id for order in left]
        raise ApiError(503, why, extra={"cancelled": ended, "open": still}, headers={"Retry-After": "1"})
    return json({"venue": venue, "cancelled": ended, "count": len(ended)})


async def _cancel(here: Platform, order: Order, gate: asyncio.Semaphore) -> None:
    async with gate:
        await here.orders.ask(order.edge_id, {"op": "cancel", "order_id": order.order_id})
