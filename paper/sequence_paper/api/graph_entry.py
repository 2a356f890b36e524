"""Graphs of several nodes: what order entry does with them, and the paths that only they have."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from sequence_paper.api.errors import ApiError
from sequence_paper.api.graph_admission import admitted
from sequence_paper.api.graph_amend import AmendRefusedError, Change
from sequence_paper.api.graph_bodies import Draft
from sequence_paper.api.graph_facts import Held, load
from sequence_paper.api.graph_views import full_graph_view, graph_status, graph_submitted, node_order
from sequence_paper.api.kill_switch import refusal, refuse_if_on
from sequence_paper.api.order_bodies import AmendBody
from sequence_paper.api.placing import order_id_of
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.store.graphing import GraphKey, GraphRow, NodeRow
from sequence_paper.store.ids import new_id
from sequence_paper.store.records import Caller
from sequence_paper.store.routes import GraphTakenError
from sequence_paper.store.switches import KillSwitchOnError
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json

router = APIRouter(prefix="/v1/execution_graphs", tags=["orders"], dependencies=[needs_key])

_BY_CLIENT = "REQUESTED"


@router.post("/{graph_id}/pause")
async def pause(graph_id: str, here: Here, who: Who) -> Response:
    """Send nothing more of a graph (ours). What was sent stays where it is, and its clock stands still."""
    key = await _key(here, who, graph_id)
    await here.run(lambda: here.store.graphs.pause(key, _BY_CLIENT, time.time_ns()))
    return json(graph_submitted(await _held(here, key)))


@router.post("/{graph_id}/resume")
async def resume(graph_id: str, here: Here, who: Who) -> Response:
    """Go on with a paused graph; one that is not paused stays as it is. 409 while the kill switch is on."""
    key = await _key(here, who, graph_id)
    try:
        await here.run(lambda: here.store.graphs.resume(key, time.time_ns()))
    except KillSwitchOnError as error:
        raise refusal(error.switch) from None
    await here.graphs.resume(key)
    return json(graph_submitted(await _held(here, key)))


@router.patch("/{graph_id}/nodes/{node_id}")
async def amend(graph_id: str, node_id: str, body: AmendBody, here: Here, who: Who) -> Response:
    """New total quantity or limit price of a node, before or after it was sent."""
    key = await _key(here, who, graph_id)
    if node_id not in {node.node_id for node in (await _held(here, key)).nodes}:
        raise ApiError(404, f"graph {graph_id} has no node {node_id}")
    return json(await amend_node(here, who, key, node_id, body))


# -- what order entry asks --------------------------------------------------------------------------------------


async def submit_graph(here: Platform, who: Caller, draft: Draft, content: str) -> Held:
    """Store and begin a graph, unless it exists. Raises 422 that names every problem, with nothing stored."""
    mine = (who.account.account_id, who.mode)
    graph_id = draft.graph_id or new_id("graph")
    found = await here.run(lambda: load(here.store, GraphKey(*mine, graph_id)))
    if found is None:
        now = time.time_ns()
        lots = admitted(here, who, draft, now)
        row = GraphRow(
            *mine, graph_id, content, now, [asdict(edge) for edge in draft.edges], draft.max_loss_1e9
        )
        try:
            row = await here.graphs.submit(row, _rows(row, draft, lots))
        except KillSwitchOnError as error:
            raise refusal(error.switch) from None
        except GraphTakenError:
            raise taken(graph_id) from None
        found = await here.run(lambda: load(here.store, row.key))
    if found is None or found.row.content != content:
        raise taken(graph_id)
    return found


def taken(graph_id: str) -> ApiError:
    return ApiError(409, f"graph_id {graph_id} was used for another order", field="graph_id")


async def cancel_graph(here: Platform, key: GraphKey) -> Json:
    """End all of a graph; one that has ended stays as it is."""
    await here.run(lambda: here.store.graphs.cancel(key))
    return await _ended(here, key, [node.node_id for node in (await _held(here, key)).nodes])


async def cancel_node(here: Platform, key: GraphKey, node_id: str) -> Json:
    """End one node; what follows from its end begins."""
    await here.run(lambda: here.store.graphs.cancel_node(key, node_id))
    return await _ended(here, key, [node_id])


async def _ended(here: Platform, key: GraphKey, names: Sequence[str]) -> Json:
    await here.graphs.end(key, names)
    found = await _held(here, key)
    orders = [node_order(found, found.node(name)) for name in names]
    if any(order.status in OPEN_ORDER_STATUSES for order in orders):
        raise ApiError(503, "an edge did not answer; the cancel is kept and goes on by itself")
    status = orders[0].status if len(names) < len(found.nodes) else graph_status(found)
    return {"graph_id": key.graph_id, "node_order_id": orders[0].order_id, "status": status}


async def amend_node(here: Platform, who: Caller, key: GraphKey, node_id: str, body: AmendBody) -> Json:
    """What a node is to trade from now on."""
    change = Change(body.new_qty_1e8 or 0, body.new_constraints.max_price_1e9 if body.new_constraints else 0)
    if change == Change():
        raise ApiError(422, "new_qty_1e8: give a new quantity, a new price, or both", field="new_qty_1e8")
    await here.run(lambda: refuse_if_on(here, who))  # it may add to what is open
    try:
        await here.graphs.amend(key, node_id, change)
    except AmendRefusedError as error:
        raise ApiError(409, f"not amended: {error}") from None
    except TimeoutError:
        raise ApiError(503, "an edge did not answer; the amend is kept and goes on by itself") from None
    found = await _held(here, key)
    order = node_order(found, found.node(node_id))
    return {"node_order_id": order.order_id, "status": order.status, "mode": "native"}


async def graph_shown(here: Platform, found: Held) -> Json:
    """A graph with its nodes, their orders and legs, and every decision of the router."""
    ids = [parent.order_id for orders in found.orders.values() for parent, _ in orders]
    decisions = await here.run(lambda: {one: here.store.routes.decisions(one) for one in ids})
    return full_graph_view(found, decisions, time.time_ns())


def _rows(row: GraphRow, draft: Draft, lots: Sequence[int]) -> list[NodeRow]:
    return [
        NodeRow(
            *row.key,
            want.node_id,
            number,
            order_id_of(want, row.account_id, row.mode, row.graph_id),
            asdict(want),
            None if pacing is None else asdict(pacing),
            lot,
        )
        for number, (want, pacing, lot) in enumerate(zip(draft.wanted, draft.pacings, lots, strict=True))
    ]


async def _key(here: Platform, who: Caller, graph_id: str) -> GraphKey:
    """Raises 404, and 409 for a plain order."""
    key = GraphKey(who.account.account_id, who.mode, graph_id)
    if await here.run(lambda: here.store.graphs.get(key)) is not None:
        return key
    if await here.run(lambda: here.store.routes.by_graph(*key)) is not None:
        raise ApiError(
            409, f"graph {graph_id} is one order that was sent at once: nothing of it is to follow"
        )
    raise ApiError(404, f"no execution graph {graph_id} in this account and mode")


async def _held(here: Platform, key: GraphKey) -> Held:
    found = await here.run(lambda: load(here.store, key))
    if found is None:
        raise ApiError(404, f"no execution graph {key.graph_id} in this account and mode")
    return found
