"""Parents as clients see them: their state follows from the orders of their legs."""

from __future__ import annotations

from collections.abc import Sequence

from sequence_paper.store.parent_state import Legs, filled_1e8, status_of
from sequence_paper.store.routing import Parent, Route, RouteLeg
from sequence_paper.store.trades import Order
from sequence_paper.store.views import order_view
from sequence_paper.store.words import Json


def parent_order(parent: Parent, legs: Legs) -> Order:
    """The parent in the shape of an order: sums of its legs. Times are the feed's as far as there are orders."""
    orders = [order for _, order in legs if order is not None]
    origin = parent.origin or {}
    failed = next((order for order in orders if order.status == "REJECTED"), None)
    status = status_of(parent, legs)
    ended_badly = status in ("REJECTED", "CANCELLED", "PARTIAL")
    return Order(
        order_id=parent.order_id,
        account_id=parent.account_id,
        mode=parent.mode,
        deployment_id=origin.get("deployment_id", ""),
        deployment=origin.get("deployment", ""),
        label=origin.get("label", ""),
        edge_id="",
        venue=parent.venue or "sor",
        instrument_type="spot",
        symbol=parent.symbol,
        side=parent.side,
        order_type=parent.order_type,
        tif=parent.tif,
        price_1e9=parent.limit_1e9,
        qty_1e8=parent.qty_1e8,
        filled_qty_1e8=filled_1e8(legs),
        filled_notional_1e9=sum(order.filled_notional_1e9 for order in orders),
        fees_1e9=sum(order.fees_1e9 for order in orders),
        status=status,
        created_ns=min((order.created_ns for order in orders), default=parent.created_ns),
        updated_ns=max((order.updated_ns for order in orders), default=parent.created_ns),
        client_key=origin.get("intent_id", 0),
        reject_code=failed.reject_code if failed and status == "REJECTED" else None,
        failure_reason=(parent.failure or (failed.failure_reason if failed else None))
        if ended_badly
        else None,
        decision_mid_1e9=0,
        **_terms(parent.terms),
    )


def _terms(terms: Json | None) -> Json:
    """How long an order without legs is good is known of its legs only, unless it named a time itself."""
    asked = terms or {}
    return {"expire_ns": asked.get("expire_ns"), "reduce_only": asked.get("reduce_only", False)}


def submitted(parent: Parent, legs: Legs) -> Json:
    """The answer to a submission."""
    order = parent_order(parent, legs)
    return {
        "graph_id": parent.graph_id,
        "status": order.status,
        "node_count": 1,
        "edge_count": 0,
        "node_order_id": parent.order_id,
        "children": [leg.order_id for leg, _ in legs],
        "failure_reason": order.failure_reason,
    }


def graph_view(parent: Parent, legs: Legs, decisions: Sequence[Route]) -> Json:
    """A graph of one node, with its legs and every decision of the router."""
    order = order_view(parent_order(parent, legs))
    return submitted(parent, legs) | {
        "is_terminal": order["is_terminal"],
        "created_ns": parent.created_ns,
        "policy": parent.policy,
        "cancel_requested": parent.cancel,
        "nodes": [order | {"children": [leg_view(*pair) for pair in legs]}],
        "edges": [],
        "routes": [route_view(route) for route in decisions],
    }


def leg_view(leg: RouteLeg, order: Order | None) -> Json:
    """The order at the venue, or that it is on its way."""
    if order is not None:
        return order_view(order)
    return {"node_order_id": leg.order_id, "venue": leg.venue, "edge_id": leg.edge_id, "status": "SENDING"}


def route_view(route: Route) -> Json:
    """A decision as stored, and as the channel `routing` carries it."""
    return {
        "parent_id": route.parent_id,
        "round": route.round,
        "at_ns": route.at_ns,
        "est_cost_bps": route.decision["est_cost_bps"],
        "chosen": [leg["venue"] for leg in route.decision["legs"]],
        **{name: value for name, value in route.decision.items() if name != "est_cost_bps"},
        "books": route.books,
    }
