"""Rows as the platform gives them, for the tests of the view."""

from typing import Any

from sequence_operator.cli.watch.model import Model

SECOND = 1_000_000_000
START = 1_767_571_200 * SECOND


def order(number: int, **changes: Any) -> dict[str, Any]:
    """An open post-only sell of the maker."""
    row = {
        "deployment_id": "dep_1",
        "order_id": f"graph:dep_1:maker:{number}",
        "label": "maker",
        "venue": "kraken",
        "symbol": "BTC-USD",
        "side": "sell",
        "qty_1e8": 50_000,
        "filled_qty_1e8": 0,
        "price_1e9": 97_000_100_000_000,
        "tif": "post_only",
        "status": "OPEN",
        "failure_reason": None,
        "updated_ns": START + number * SECOND,
    }
    return row | changes


def fill(number: int, **changes: Any) -> dict[str, Any]:
    """The execution that fills `order(number)`."""
    row = {
        "deployment_id": "dep_1",
        "fill_id": f"graph:dep_1:maker:{number}/50000",
        "node_order_id": f"graph:dep_1:maker:{number}",
        "label": "maker",
        "venue": "kraken",
        "symbol": "BTC-USD",
        "side": "sell",
        "qty_1e8": 50_000,
        "price_1e9": 97_000_100_000_000,
        "fee_1e9": 77_600_080,
        "liquidity": "maker",
        "ts_ns": START + number * SECOND + 1,
    }
    return row | changes


def edge(venue: str, p99: int | None, **changes: Any) -> dict[str, Any]:
    """An edge as `GET /v1/edges` has it."""
    latency = None if p99 is None else {"p50": 2_800, "p99": p99}
    row = {
        "edge_id": f"venue-edge-{venue}",
        "alive": True,
        "callback_latency_ns": latency,
        "feed": {"state": "live"},
    }
    return row | changes


def link(sender: str, receiver: str, **changes: Any) -> dict[str, Any]:
    """A pair as `GET /v1/deployments/{id}/mesh` has it."""
    row = {"from": sender, "to": receiver, "p50_ns": 310_000, "p99_ns": 1_200_000, "dropped": 0}
    return row | {"messages": {"count": 12}, "allowed": True} | changes


def model() -> Model:
    """A running deployment with two instances and nothing else."""
    made = Model("xvenue", "sandbox", "dep_1")
    instances = [
        {"label": "maker", "venue": "kraken", "edge_id": "venue-edge-kraken", "status": "running"},
        {"label": "hedger", "venue": "coinbase", "edge_id": "venue-edge-coinbase", "status": "running"},
    ]
    made.deployment({"status": "running", "instances": instances})
    return made
