"""Orders with their steps, fills and log lines as clients see them, in an answer of the API or in a stream."""

from __future__ import annotations

from sequence_paper.store.records import StoredLogLine
from sequence_paper.store.tracing import TraceSteps
from sequence_paper.store.trades import Fill, Order
from sequence_paper.store.words import LEVELS, OPEN_ORDER_STATUSES, Json


def order_view(order: Order) -> Json:
    """A row of `GET /v1/orders` and of the channel `orders`."""
    _, graph_id, node_id, _ = [*order.order_id.split(":"), "", "", ""][:4]
    filled = order.filled_qty_1e8
    return {
        "node_order_id": order.order_id,
        "order_id": order.order_id,
        "graph_id": graph_id,
        "node_id": node_id,
        "parent_id": order.parent_id,
        "client_order_id": str(order.client_key),
        "deployment_id": order.deployment_id,
        "deployment": order.deployment,
        "label": order.label,
        "edge_id": order.edge_id,
        "venue": order.venue,
        "instrument_type": order.instrument_type,
        "symbol": order.symbol,
        "is_sandbox": order.mode == "sandbox",
        "side": order.side,
        "order_type": order.order_type,
        "tif": order.tif,
        "expire_ns": order.expire_ns,
        "reduce_only": order.reduce_only,
        "price_1e9": order.price_1e9,
        "qty_1e8": order.qty_1e8,
        "filled_qty_1e8": filled,
        "avg_fill_price_1e9": order.filled_notional_1e9 * 100_000_000 // filled if filled else None,
        "fees_1e9": order.fees_1e9,
        "status": order.status,
        "is_terminal": order.status not in OPEN_ORDER_STATUSES,
        "failure_reason": order.failure_reason,
        "reject_code": order.reject_code,
        "created_ns": order.created_ns,
        "updated_ns": order.updated_ns,
    }


def fill_view(fill: Fill) -> Json:
    """A row of `GET /v1/fills` and of the channel `fills`."""
    return {
        "fill_id": fill.fill_id,
        "node_order_id": fill.order_id,
        "deployment_id": fill.deployment_id,
        "deployment": fill.deployment,
        "label": fill.label,
        "edge_id": fill.edge_id,
        "venue": fill.venue,
        "symbol": fill.symbol,
        "is_sandbox": fill.mode == "sandbox",
        "is_prediction": False,
        "side": fill.side,
        "price_1e9": fill.price_1e9,
        "qty_1e8": fill.qty_1e8,
        "fee_1e9": fill.fee_1e9,
        "liquidity": fill.liquidity,
        "realized_pnl_1e9": fill.realized_pnl_1e9,
        "feed_state": fill.feed_state,
        "certainty": fill.certainty,
        "ts_ns": fill.ts_ns,
    }


def log_view(stored: StoredLogLine) -> Json:
    """A row of `GET /v1/deployments/{id}/logs` and of the channel `logs:{id}`."""
    line = stored.line
    return {
        "seq": stored.seq,
        "ts_ns": line.ts_ns,
        "level": LEVELS[line.level],
        "label": line.label,
        "edge_id": line.edge_id,
        "message": line.message,
    }


def step_view(piece: TraceSteps, index: int) -> Json:
    """One step of an order; ``n`` counts the steps of the order from 0."""
    stage, ts_ns, feed_ns, detail = piece.steps[index]
    return {
        "order_id": piece.order_id,
        "label": piece.label,
        "n": piece.first + index,
        "stage": stage,
        "ts_ns": ts_ns,
        "feed_ns": feed_ns,
        "detail": detail,
    }
