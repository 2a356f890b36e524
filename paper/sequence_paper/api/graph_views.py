"""Graphs of several nodes as clients see them: every node in the shape of an order, with the orders that it sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sequence_paper.api.graph_bodies import edge_view
from sequence_paper.api.graph_facts import Held, edge_of, node_of, state_of, wanted_of
from sequence_paper.api.parents import leg_view, parent_order, route_view
from sequence_paper.graphs import Facts, Graph, status_of
from sequence_paper.graphs.triggers import fired
from sequence_paper.store.graphing import NodeRow
from sequence_paper.store.parent_state import Legs
from sequence_paper.store.routing import Parent, Route
from sequence_paper.store.trades import Order
from sequence_paper.store.views import order_view
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json, OrderStatus


def node_order(found: Held, node: NodeRow) -> Order:
    """A node in the shape of an order: the sum of what it sent."""
    parents = [parent_order(*pair) for pair in found.orders[node.node_id]]
    want, row = wanted_of(node), found.row
    status = _status(found, node, found.facts()[node.node_id])
    failed = next((one for one in parents if one.failure_reason is not None), None)
    ended_badly = status not in ("FILLED", *OPEN_ORDER_STATUSES)
    return Order(
        order_id=node.order_id,
        account_id=row.account_id,
        mode=row.mode,
        deployment_id="",
        deployment="",
        label="",
        edge_id="",
        venue=want.venue or "sor",
        instrument_type="spot",
        symbol=want.symbol,
        side=want.side,
        order_type="market" if want.limit_1e9 is None else "limit",
        tif="ioc" if want.chase else want.tif,
        price_1e9=want.limit_1e9,
        qty_1e8=want.qty_1e8,
        filled_qty_1e8=sum(one.filled_qty_1e8 for one in parents),
        filled_notional_1e9=sum(one.filled_notional_1e9 for one in parents),
        fees_1e9=sum(one.fees_1e9 for one in parents),
        status=status,
        created_ns=min((one.created_ns for one in parents), default=row.created_ns),
        updated_ns=max((one.updated_ns for one in parents), default=row.created_ns),
        reject_code=failed.reject_code if failed and status == "REJECTED" else None,
        failure_reason=(node.failure or (failed.failure_reason if failed else None)) if ended_badly else None,
        expire_ns=want.expire_ns,
        reduce_only=want.reduce_only,
    )


def graph_submitted(found: Held) -> Json:
    """The answer to a submission. Slices and the timeouts between them are counted as nodes and edges."""
    slices = sum(node.pacing["slices"] for node in found.nodes if node.pacing is not None)
    legs = [leg.order_id for orders in found.orders.values() for _, pairs in orders for leg, _ in pairs]
    return {
        "graph_id": found.row.graph_id,
        "status": graph_status(found),
        "node_count": len(found.nodes) + slices,
        "edge_count": len(found.row.edges) + slices,
        "node_order_id": found.nodes[0].order_id,
        "nodes": {node.node_id: node.order_id for node in found.nodes},
        "children": legs,
        "failure_reason": _failure(found),
    }


def full_graph_view(found: Held, decisions: Mapping[str, Sequence[Route]], now_ns: int) -> Json:
    """Everything there is of a graph. `decisions` by order."""
    row = found.row
    pause = {"reason": row.pause_reason, "at_ns": row.paused_at_ns} if row.paused_at_ns else None
    return graph_submitted(found) | {
        "is_terminal": row.done,
        "created_ns": row.created_ns,
        "pause": pause,
        "cancel_requested": row.cancel,
        "risk": {"max_loss_usd_1e9": row.max_loss_1e9},
        "nodes": [_node_view(found, node) for node in found.nodes],
        "edges": _edges(found, now_ns),
        "routes": [route_view(route) for routes in decisions.values() for route in routes],
    }


def graph_status(found: Held) -> str:
    """PAUSED, or what its nodes came to so far; those that never began count only if the whole graph was cancelled."""
    facts = found.facts()
    if found.row.paused_at_ns and not found.row.done:
        return "PAUSED"
    if not found.row.done:
        if any(fact.filled_1e8 for fact in facts.values()):
            return "PARTIALLY_FILLED"
        return "OPEN" if any(fact.accepted for fact in facts.values()) else "NEW"
    began = [node for node in found.nodes if node.activated_ns is not None or found.row.cancel]
    ends = {_status(found, node, facts[node.node_id]) for node in began}
    if ends in ({"FILLED"}, {"REJECTED"}):
        return ends.pop()
    return "PARTIAL" if ends & {"FILLED", "PARTIAL"} else "CANCELLED"


def _status(found: Held, node: NodeRow, facts: Facts) -> OrderStatus:
    return status_of(node_of(node), state_of(node), facts)


def _failure(found: Held) -> str | None:
    """Of the first node that has one, once the graph ended without being filled."""
    if not found.row.done or graph_status(found) == "FILLED":
        return None
    began = [node for node in found.nodes if node.activated_ns is not None]
    return next((why for node in began if (why := node_order(found, node).failure_reason)), None)


def _node_view(found: Held, node: NodeRow) -> Json:
    orders = found.orders[node.node_id]
    state = "waiting" if node.activated_ns is None and not node.closed else "active"
    view = order_view(node_order(found, node))
    pacing = node.pacing
    return view | {
        "state": "done" if view["is_terminal"] else state,
        "policy": "aggressive_chase" if node.wanted["chase"] else "sor",
        "activated_ns": node.activated_ns,
        "sent_qty_1e8": sum(parent.qty_1e8 for parent, _ in orders),
        "pacing": None
        if pacing is None
        else {"num_slices": pacing["slices"], "interval_ms": pacing["interval_ns"] // 10**6},
        "slices_sent": node.steps if pacing is not None else None,
        "amending": node.amend is not None,
        "orders": [_sent_view(*pair) for pair in orders],
        "children": [leg_view(*pair) for _, legs in orders for pair in legs],
    }


def _sent_view(parent: Parent, legs: Legs) -> Json:
    return order_view(parent_order(parent, legs)) | {"children": [leg.order_id for leg, _ in legs]}


def _edges(found: Held, now_ns: int) -> list[Json]:
    graph: Graph = found.graph
    nodes = {node.node_id: node for node in graph.nodes}
    states, facts, clock = found.states(), found.facts(), found.row.clock_ns(now_ns)
    rows = []
    for row in found.row.edges:
        edge = edge_of(row)
        source = edge.source
        has = fired(edge, nodes[source], states[source], facts[source], clock) is not None
        rows.append(edge_view(edge) | {"fired": has})
    return rows
