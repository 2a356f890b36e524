"""From live objects to stored rows."""

from __future__ import annotations

from typing import Any, Final, Literal

from sequence_paper.edge.hosted import ACKED, PARTIAL, Hosted, LiveOrder
from sequence_paper.feed.events import BUY
from sequence_paper.store.trades import Fill, Order
from sequence_paper.store.words import OrderStatus
from sequence_paper.venue.orders import Filled, OrderType

Tif = Literal["gtc", "gtd", "ioc", "fok", "post_only"]

_TIF: Final[dict[OrderType, Tif]] = {
    OrderType.LIMIT: "gtc",
    OrderType.MARKET: "ioc",
    OrderType.IOC: "ioc",
    OrderType.FOK: "fok",
    OrderType.POST_ONLY: "post_only",
}
TYPES: Final[dict[str, OrderType]] = {
    "gtc": OrderType.LIMIT,
    "gtd": OrderType.LIMIT,
    "ioc": OrderType.IOC,
    "fok": OrderType.FOK,
    "post_only": OrderType.POST_ONLY,
}
"""How a limit order's time in force is called here."""


def _owner(hosted: Hosted, edge_id: str, symbol: str) -> dict[str, Any]:
    want = hosted.want
    return {
        "account_id": want.account_id,
        "mode": want.mode,
        "deployment_id": want.deployment_id,
        "deployment": want.name,
        "label": want.label,
        "edge_id": edge_id,
        "venue": want.venue,
        "instrument_type": want.instrument_type,
        "symbol": symbol,
    }


def order_row(
    hosted: Hosted,
    edge_id: str,
    order: LiveOrder,
    status: OrderStatus,
    now_ns: int,
    *,
    reject_code: int | None = None,
    reason: str | None = None,
) -> Order:
    """The newest state of an order; ``now_ns`` on the feed's clock."""
    return Order(
        **_owner(hosted, edge_id, order.symbol),
        order_id=order.order_id,
        side="buy" if order.side == BUY else "sell",
        order_type="market" if order.type is OrderType.MARKET else "limit",
        tif="gtd" if order.expire_ns and order.type is OrderType.LIMIT else _TIF[order.type],
        price_1e9=order.px_1e9 or None,
        qty_1e8=order.qty_1e8,
        filled_qty_1e8=order.filled_1e8,
        filled_notional_1e9=order.notional_1e9,
        fees_1e9=order.fees_1e9,
        status=status,
        created_ns=order.created_ns,
        updated_ns=now_ns,
        client_key=order.algo_id,
        reject_code=reject_code,
        failure_reason=reason,
        decision_mid_1e9=order.decision_mid_1e9,
        parent_id=order.parent_id,
        expire_ns=order.expire_ns or None,
        reduce_only=order.reduce_only,
    )


def live_order(row: Order) -> LiveOrder:
    """A resting order from its stored row."""
    kind = OrderType.MARKET if row.order_type == "market" else TYPES[row.tif]
    return LiveOrder(
        order_id=row.order_id,
        algo_id=row.client_key,
        symbol=row.symbol,
        side=1 if row.side == "buy" else -1,
        type=kind,
        qty_1e8=row.qty_1e8,
        px_1e9=row.price_1e9 or 0,
        created_ns=row.created_ns,
        status=PARTIAL if row.filled_qty_1e8 else ACKED,
        filled_1e8=row.filled_qty_1e8,
        notional_1e9=row.filled_notional_1e9,
        fees_1e9=row.fees_1e9,
        decision_mid_1e9=row.decision_mid_1e9,
        parent_id=row.parent_id,
        expire_ns=row.expire_ns or 0,
        reduce_only=row.reduce_only,
    )


def fill_id(order_id: str, filled_1e8: int) -> str:
    """``filled_1e8``: including the fill; it makes the id unique and repeatable."""
    return f"{order_id}/{filled_1e8}"


def fill_row(
    hosted: Hosted, edge_id: str, order: LiveOrder, filled: Filled, realized_1e9: int, mid_1e9: int
) -> Fill:
    """``order`` already includes the fill."""
    return Fill(
        **_owner(hosted, edge_id, order.symbol),
        fill_id=fill_id(order.order_id, order.filled_1e8),
        order_id=order.order_id,
        side="buy" if order.side == BUY else "sell",
        price_1e9=filled.px_1e9,
        qty_1e8=filled.qty_1e8,
        fee_1e9=filled.fee_1e9,
        liquidity="maker" if filled.maker else "taker",
        realized_pnl_1e9=realized_1e9,
        ts_ns=filled.ts_ns,
        mid_1e9=mid_1e9,
        feed_state=filled.feed.value,
        certainty=filled.certainty.value,
    )
