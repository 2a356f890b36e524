"""Orders of an account without an algo: `/v1/orders` (submit, preview, amend, cancel) and `/v1/execution_graphs`."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import Any

import orjson
from fastapi import APIRouter, Body
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from sequence_paper.api.dispatch import ASK_SECONDS
from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.graph_admission import graph_preview
from sequence_paper.api.graph_bodies import Draft, draft
from sequence_paper.api.graph_entry import (
    amend_node,
    cancel_graph,
    cancel_node,
    graph_shown,
    submit_graph,
    taken,
)
from sequence_paper.api.graph_facts import load
from sequence_paper.api.graph_views import graph_submitted
from sequence_paper.api.kill_switch import refusal, refuse_if_on
from sequence_paper.api.offers import offers
from sequence_paper.api.order_bodies import AmendBody, GraphBody, SimpleBody, Wanted, simple
from sequence_paper.api.parents import graph_view, parent_order, submitted
from sequence_paper.api.placing import decide, first_round, new_parent
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.routing import decision_row
from sequence_paper.store.graphing import GraphKey
from sequence_paper.store.ids import new_id
from sequence_paper.store.parent_state import Legs
from sequence_paper.store.records import Caller
from sequence_paper.store.routes import GraphTakenError
from sequence_paper.store.routing import Parent
from sequence_paper.store.switches import KillSwitchOnError
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json

router = APIRouter(prefix="/v1", tags=["orders"], dependencies=[needs_key])
_BODY = Body(description="the simple form, or a graph of nodes and edges")


@router.post("/orders")
async def submit(here: Here, who: Who, body: dict[str, Any] = _BODY) -> Response:
    """Route an order, or send it to the venue it names. The same `graph_id` and content again is no new order."""
    asked = _parsed(body)
    # The client repeats a request with the very same bytes; what it left out is not part of what it asked for.
    content = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    if isinstance(asked, Draft) and asked.goes_on:
        return json(graph_submitted(await submit_graph(here, who, asked, content)))
    want = _single(asked)
    graph_id = want.graph_id or new_id("graph")
    mine = (who.account.account_id, who.mode)
    found = await here.run(lambda: here.store.routes.by_graph(*mine, graph_id))
    if found is None:
        now = time.time_ns()
        venues, books = offers(here.market, want.symbol, now)
        parent = new_parent(want, *mine, graph_id, content, venues, now)
        pools = here.pools.of(want.symbol)
        try:
            found = await here.orders.place(first_round(parent, venues, books, pools, now))
        except KillSwitchOnError as error:
            raise refusal(error.switch) from None
        except GraphTakenError:
            raise taken(graph_id) from None
    if found.content != content:
        raise taken(graph_id)
    return json(submitted(found, await _legs(here, found)))


@router.post("/orders/preview")
async def preview(here: Here, who: Who, body: dict[str, Any] = _BODY) -> Response:
    """What an order would cost now: venues, fees and slippage of the route it would take. Nothing is sent."""
    asked = _parsed(body)
    if isinstance(asked, Draft) and asked.goes_on:
        return json(await here.run(lambda: graph_preview(here, who, asked)))
    want = _single(asked)
    now = time.time_ns()
    venues, _ = offers(here.market, want.symbol, now)
    parent = new_parent(want, who.account.account_id, who.mode, "preview", "", venues, now)
    decision = decide(parent, parent.qty_1e8, venues, here.pools.of(want.symbol))
    side = decision.side
    slippage = (
        (decision.est_avg_px_1e9 - decision.mid_1e9) * side if decision.mid_1e9 and decision.legs else None
    )
    shown = {
        "symbol": parent.symbol,
        "estimated_fee_1e9": decision.fees_1e9,
        "estimated_slippage_1e9": None if slippage is None else slippage * decision.routed_1e8 // 10**8,
        "estimated_total_1e9": decision.total_1e9,
        "candidate_venues": [leg.venue for leg in decision.legs],
    }
    return json(shown | decision_row(decision))


@router.patch("/orders/{node_order_id:path}")
async def amend(node_order_id: str, body: AmendBody, here: Here, who: Who) -> Response:
    """New total quantity or limit price of a resting order; the venue's rules decide whether it keeps its place."""
    node = await here.run(lambda: _node(here, who, node_order_id))
    if node is not None:
        return json(await amend_node(here, who, *node, body))
    order = await here.run(lambda: _one_order(here, who, node_order_id))
    price = body.new_constraints.max_price_1e9 if body.new_constraints else 0
    if not price and body.new_qty_1e8 is None:
        raise invalid("new_qty_1e8", "give a new quantity, a new price, or both")
    await here.run(lambda: refuse_if_on(here, who))  # it may add to what is open
    asked = {"op": "amend", "order_id": order.order_id, "qty_1e8": body.new_qty_1e8 or 0, "price_1e9": price}
    reply = await _asked(here, order, asked)
    if reply.get("error"):
        raise ApiError(409, f"not amended: {reply['error']}")
    if order.parent_id is not None:
        parent_id, qty = order.parent_id, body.new_qty_1e8 or 0
        await here.run(lambda: _amended(here, parent_id, qty, price))
    return json({"node_order_id": node_order_id, "status": reply["order"]["status"], "mode": "native"})


@router.delete("/orders/{node_order_id:path}")
async def cancel(node_order_id: str, here: Here, who: Who) -> Response:
    """End an order: a routed one with all its legs, or a single one at its venue. One that has ended stays as it is."""
    mine = (who.account.account_id, who.mode)
    node = await here.run(lambda: here.store.graphs.of_order(*mine, node_order_id))
    if node is not None:
        return json(await cancel_node(here, *node))
    parent = await here.run(lambda: here.store.routes.by_order(*mine, node_order_id))
    if parent is not None:
        return json(await _cancelled(here, parent))
    order = await here.run(lambda: _one_order(here, who, node_order_id))
    if order.status in OPEN_ORDER_STATUSES:
        reply = await _asked(here, order, {"op": "cancel", "order_id": order.order_id})
        if reply.get("error"):
            raise ApiError(503, f"not cancelled yet: {reply['error']}")
    order = await here.run(lambda: _one_order(here, who, order.order_id))
    return json({"node_order_id": node_order_id, "status": order.status})


@router.get("/execution_graphs/{graph_id}")
async def graph(graph_id: str, here: Here, who: Who) -> Response:
    """A graph with its legs and the router's decisions."""
    found = await here.run(lambda: load(here.store, GraphKey(who.account.account_id, who.mode, graph_id)))
    if found is not None:
        return json(await graph_shown(here, found))
    parent = await _graph(here, who, graph_id)
    decisions = await here.run(lambda: here.store.routes.decisions(parent.order_id))
    return json(graph_view(parent, await _legs(here, parent), decisions))


@router.delete("/execution_graphs/{graph_id}")
async def end_graph(graph_id: str, here: Here, who: Who) -> Response:
    """End all of a graph."""
    key = GraphKey(who.account.account_id, who.mode, graph_id)
    if await here.run(lambda: here.store.graphs.get(key)) is not None:
        return json(await cancel_graph(here, key))
    return json(await _cancelled(here, await _graph(here, who, graph_id)))


async def _cancelled(here: Platform, parent: Parent) -> Json:
    await here.orders.cancel(parent)
    legs = await _legs(here, parent)
    order = parent_order(parent, legs)
    if order.status in OPEN_ORDER_STATUSES and not parent.more:
        raise ApiError(503, "an edge did not answer; the cancel is kept and goes on by itself")
    return {"graph_id": parent.graph_id, "node_order_id": parent.order_id, "status": order.status}


async def _graph(here: Platform, who: Caller, graph_id: str) -> Parent:
    mine = (who.account.account_id, who.mode)
    found = await here.run(lambda: here.store.routes.by_graph(*mine, graph_id))
    if found is None:
        raise ApiError(404, f"no execution graph {graph_id} in this account and mode")
    return found


async def _legs(here: Platform, parent: Parent) -> Legs:
    return await here.run(lambda: here.store.routes.legs(parent.order_id))


async def _asked(here: Platform, order: Order, request: Json) -> Json:
    reply = await here.orders.ask(order.edge_id, request)
    if reply is None:
        raise ApiError(
            503, f"{order.edge_id} did not answer within {ASK_SECONDS:g} s", headers={"Retry-After": "1"}
        )
    return reply


def _one_order(here: Platform, who: Caller, order_id: str) -> Order:
    """The order at a venue: of a routed order with one leg, that leg."""
    mine = (who.account.account_id, who.mode)
    found, _ = here.store.orders.page(*mine, limit=1, offset=0, order_id=order_id)
    if found:
        return found[0]
    if here.store.routes.by_order(*mine, order_id) is None:
        raise ApiError(404, f"no order {order_id} in this account and mode")
    legs = [order for _, order in here.store.routes.legs(order_id) if order is not None]
    if len(legs) != 1:
        raise ApiError(409, f"{order_id} has {len(legs)} legs: name the one to change")
    return legs[0]


def _node(here: Platform, who: Caller, order_id: str) -> tuple[GraphKey, str] | None:
    """The node of a graph that an order id means: its own, or that of the only leg that it has."""
    mine = (who.account.account_id, who.mode)
    node = here.store.graphs.of_order(*mine, order_id)
    found, _ = here.store.orders.page(*mine, limit=1, offset=0, order_id=order_id)
    if node is not None or not found or found[0].parent_id is None:
        return node
    parent_id = found[0].parent_id
    alone = len(here.store.routes.legs(parent_id)) == 1
    return here.store.graphs.of_order(*mine, parent_id) if alone else None


def _amended(here: Platform, parent_id: str, qty_1e8: int, limit_1e9: int) -> None:
    """A parent with one leg is what that leg is."""
    if len(here.store.routes.legs(parent_id)) == 1:
        here.store.routes.amended(parent_id, qty_1e8, limit_1e9)


def _parsed(body: dict[str, Any]) -> Wanted | Draft:
    try:
        if "nodes" in body:
            return draft(GraphBody.model_validate(body))
        return simple(SimpleBody.model_validate(body))
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()]
        raise RequestValidationError(problems) from None


def _single(asked: Wanted | Draft) -> Wanted:
    """The one order that it is."""
    if isinstance(asked, Wanted):
        return asked
    return replace(asked.wanted[0], max_notional_1e9=asked.max_notional_1e9)
