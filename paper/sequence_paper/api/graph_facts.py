"""What the store and the market say of the nodes of a graph, in the planner's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sequence_paper.api.order_bodies import Wanted
from sequence_paper.graphs import Edge, Facts, Graph, Node, Pacing, State
from sequence_paper.graphs.risk import Traded
from sequence_paper.routing import Venue
from sequence_paper.routing.supply import best_levels
from sequence_paper.store import Store
from sequence_paper.store.graphing import GraphKey, GraphRow, NodeRow
from sequence_paper.store.parent_state import NO_LIQUIDITY, Legs, filled_1e8, status_of
from sequence_paper.store.routing import Parent
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json

Orders = Sequence[tuple[Parent, Legs]]
_STATE = ("activated_ns", "whole", "steps", "due_ns", "cancelled", "closed", "failure")


@dataclass(frozen=True, slots=True)
class Held:
    """A graph as the store has it: its nodes in their order, and every order that they sent."""

    row: GraphRow
    nodes: Sequence[NodeRow]
    orders: Mapping[str, Orders]

    @property
    def graph(self) -> Graph:
        return Graph([node_of(node) for node in self.nodes], [edge_of(edge) for edge in self.row.edges])

    def node(self, node_id: str) -> NodeRow:
        return next(node for node in self.nodes if node.node_id == node_id)

    def cuts(self, node: NodeRow) -> bool:
        """Whether it sends more than one order: slices, or what fills release."""
        follows = any(
            edge["target"] == node.node_id and edge["trigger"] == "on_fill" and not edge["cancels"]
            for edge in self.row.edges
        )
        return follows or node.pacing is not None

    def states(self) -> dict[str, State]:
        return {node.node_id: state_of(node) for node in self.nodes}

    def facts(self) -> dict[str, Facts]:
        """As far as the store knows."""
        return {node.node_id: facts_of(self.orders[node.node_id]) for node in self.nodes}


def load(store: Store, key: GraphKey) -> Held | None:
    """Reads the database; None when there is no such graph.

    The orders are read after the graph: what they say is as new as its version or newer, and only grows.
    """
    found = store.graphs.get(key)
    if found is None:
        return None
    row, nodes = found
    orders: dict[str, list[tuple[Parent, Legs]]] = {node.node_id: [] for node in nodes}
    for parent, legs in store.routes.of_graph(*key):
        # The name of a slice begins with that of its node, which has no dot.
        orders[parent.node_id.partition(".")[0]].append((parent, legs))
    return Held(row, nodes, orders)


def wanted_of(node: NodeRow) -> Wanted:
    return Wanted(**node.wanted)


def node_of(node: NodeRow) -> Node:
    pacing = None if node.pacing is None else Pacing(node.pacing["slices"], node.pacing["interval_ns"])
    return Node(node.node_id, node.wanted["qty_1e8"], pacing, node.lot_1e8)


def edge_of(row: Json) -> Edge:
    return Edge(**row)


def state_of(node: NodeRow) -> State:
    return State(**{name: getattr(node, name) for name in _STATE})


def columns(state: State) -> dict[str, Any]:
    """As they are stored."""
    return {name: getattr(state, name) for name in _STATE}


def facts_of(orders: Orders) -> Facts:
    """Sums over what is stored: a fill that is seen twice is there once."""
    legs = [order for _, found in orders for _, order in found if order is not None]
    accepted = any(_accepted(order) for order in legs)
    return Facts(
        sent_1e8=sum(parent.qty_1e8 for parent, _ in orders),
        filled_1e8=sum(filled_1e8(found) for _, found in orders),
        is_open=any(status_of(*pair) in OPEN_ORDER_STATUSES for pair in orders),
        accepted=accepted,
        refused=bool(orders) and not accepted and all(_refused(*pair) for pair in orders),
    )


def _accepted(order: Order) -> bool:
    """A venue had it; not what ended on its way there."""
    never = order.status == "CANCELLED" and order.failure_reason in ("REQUESTED", "EDGE_RESTARTED")
    return order.status not in ("NEW", "REJECTED") and not never


def _refused(parent: Parent, legs: Legs) -> bool:
    if parent.failure is not None:
        return parent.failure != NO_LIQUIDITY
    return any(order is not None and order.status == "REJECTED" for _, order in legs)


def traded(want: Wanted, orders: Orders, venues: Sequence[Venue]) -> Traded:
    """What the orders of a node came to, and the mid of all usable venues."""
    bid, ask = best_levels([venue for venue in venues if not venue.problem])
    legs = [order for _, found in orders for _, order in found if order is not None]
    return Traded(
        want.side,
        sum(order.filled_qty_1e8 for order in legs),
        sum(order.filled_notional_1e9 for order in legs),
        sum(order.fees_1e9 for order in legs),
        (bid + ask) // 2 if bid and ask else 0,
    )


def smallest(want: Wanted, venues: Sequence[Venue]) -> int | None:
    """The smallest order that a usable venue of it takes now; None when there is none."""
    found = [_smallest_at(want, venue) for venue in _usable(want, venues)]
    return min((qty for qty in found if qty is not None), default=None)


def lot_1e8(want: Wanted, venues: Sequence[Venue]) -> int:
    """The finest lot of the venues that it may go to."""
    return min((v.rules.lot_size_1e8 for v in venues if want.venue in (None, v.name)), default=1)


def _usable(want: Wanted, venues: Sequence[Venue]) -> Iterable[Venue]:
    return (venue for venue in venues if not venue.problem and want.venue in (None, venue.name))


def _smallest_at(want: Wanted, venue: Venue) -> int | None:
    side = venue.asks if want.side == "buy" else venue.bids
    px = want.limit_1e9 or (side[0][0] if side else 0)
    if not px:
        return None
    rules = venue.rules
    least = max(rules.min_qty_1e8, -(-rules.min_notional_1e9 * 10**8 // px))
    lots = -(-least // rules.lot_size_1e8) * rules.lot_size_1e8
    return lots if not rules.too_small(px, lots) else lots + rules.lot_size_1e8
