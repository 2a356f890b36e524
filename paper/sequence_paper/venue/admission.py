"""What a venue checks before an order enters: form, grid, minimum sizes.

Off-grid values are rounded, never to a more aggressive price nor a larger quantity: a buy's price down, a sell's
up, the quantity down. The platform's router does the same for the venues it fronts, since one algo's prices meet
different grids. ``strict`` refuses them instead, as most venues do to a direct client.
"""

from __future__ import annotations

from dataclasses import dataclass

from sequence_paper.feed.events import BUY, SELL
from sequence_paper.venue.orders import Order, OrderType
from sequence_paper.venue.rules import SymbolRules


@dataclass(frozen=True, slots=True)
class Admitted:
    """Price (0 for a market order) and quantity on the venue's grid."""

    px_1e9: int
    qty_1e8: int


def admit(
    order: Order, rules: SymbolRules, *, strict: bool, reference_1e9: int, now_ns: int
) -> Admitted | str:
    """The order on the grid, or a sentence why it is refused (reject code 2).

    ``reference_1e9``: best opposite price, the only price a market order's notional can be judged by (0: none).
    """
    if order.symbol != rules.symbol:
        return f"symbol {order.symbol!r} is not traded here, {rules.symbol} is"
    if order.side not in (BUY, SELL):
        return f"side {order.side} is neither 1 (buy) nor -1 (sell)"
    if order.expire_ns and order.expire_ns <= now_ns:
        return f"the order expired at {order.expire_ns} ns, before it arrived at {now_ns} ns"
    is_market = order.type is OrderType.MARKET
    if not is_market and order.px_1e9 <= 0:
        return f"a {order.type.name} order needs a price above 0, not {order.px_1e9}"
    return on_grid(order, rules, order.px_1e9, order.qty_1e8, strict=strict, reference_1e9=reference_1e9)


def on_grid(
    order: Order, rules: SymbolRules, px_1e9: int, qty_1e8: int, *, strict: bool, reference_1e9: int
) -> Admitted | str:
    """Round (or refuse) a price and quantity for ``order``; also used when it is amended."""
    is_market = order.type is OrderType.MARKET
    px = 0 if is_market else rules.passive_price(order.side, px_1e9)
    qty = rules.whole_lots(qty_1e8)
    if strict and not is_market and px != px_1e9:
        return f"price {px_1e9} is not a multiple of the tick {rules.tick_size_1e9} (both _1e9)"
    if strict and qty != qty_1e8:
        return f"quantity {qty_1e8} is not a multiple of the lot {rules.lot_size_1e8} (both _1e8)"
    if qty <= 0:
        return f"quantity {qty_1e8} is less than one lot of {rules.lot_size_1e8} (both _1e8)"
    if px <= 0 and not is_market:
        return f"price {px_1e9} is less than one tick of {rules.tick_size_1e9} (both _1e9)"
    judged_at = px or reference_1e9
    too_small = rules.too_small(judged_at, qty) if judged_at else ""
    return too_small or Admitted(px, qty)
