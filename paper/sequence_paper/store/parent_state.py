"""What follows for a parent from the orders of its legs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sequence_paper.store.routing import Parent, RouteLeg
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, OrderStatus

NO_LIQUIDITY: Final = "NO_LIQUIDITY"
"""The failure that is nobody's mistake: nothing was offered within the limit."""

Legs = Sequence[tuple[RouteLeg, Order | None]]


def filled_1e8(legs: Legs) -> int:
    return sum(order.filled_qty_1e8 for _, order in legs if order is not None)


def is_open(legs: Legs) -> bool:
    """Whether a leg may still fill, or is still on its way."""
    return any(order is None or order.status in OPEN_ORDER_STATUSES for _, order in legs)


def status_of(parent: Parent, legs: Legs) -> OrderStatus:
    filled = filled_1e8(legs)
    if is_open(legs) or (parent.more and filled < parent.qty_1e8):
        seen = any(order is not None for _, order in legs)
        return "PARTIALLY_FILLED" if filled else "OPEN" if seen else "NEW"
    if filled >= parent.qty_1e8:
        return "FILLED"
    if filled:
        return "PARTIAL"
    if parent.failure is not None:
        return "CANCELLED" if parent.failure == NO_LIQUIDITY else "REJECTED"
    orders = [order for _, order in legs if order is not None]
    return "REJECTED" if orders and all(order.status == "REJECTED" for order in orders) else "CANCELLED"
