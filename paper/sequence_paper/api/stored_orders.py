"""Orders that are no order at any venue: parents, and nodes of graphs, by their id."""

from __future__ import annotations

from sequence_paper.api.graph_facts import load
from sequence_paper.api.graph_views import node_order
from sequence_paper.api.parents import parent_order
from sequence_paper.store import Store
from sequence_paper.store.parent_state import Legs
from sequence_paper.store.routing import Route
from sequence_paper.store.trades import Order
from sequence_paper.store.words import Mode


def stored_order(store: Store, account_id: str, mode: Mode, order_id: str) -> tuple[Order, Legs] | None:
    """As an order, with its legs. Reads the database."""
    node = store.graphs.of_order(account_id, mode, order_id)
    if node is not None:
        key, node_id = node
        found = load(store, key)
        if found is not None:
            legs = [pair for _, pairs in found.orders[node_id] for pair in pairs]
            return node_order(found, found.node(node_id)), legs
    parent = store.routes.by_order(account_id, mode, order_id)
    if parent is None:
        return None
    pairs = store.routes.legs(order_id)
    return parent_order(parent, pairs), pairs


def stored_routes(store: Store, legs: Legs, order_id: str) -> list[Route]:
    """Every decision of the router behind these legs, or of an order that has none; first to last."""
    ids = dict.fromkeys(leg.parent_id for leg, _ in legs) or {order_id: None}
    return [route for parent_id in ids for route in store.routes.decisions(parent_id)]
