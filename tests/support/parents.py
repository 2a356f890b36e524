"""A parent with rounds, legs and orders, as the API and edges store them."""

from __future__ import annotations

from typing import Any

from sequence_paper.store.routing import Parent, Route, RouteLeg
from sequence_paper.store.trades import Order

ACCOUNT = ("acct_1", "sandbox")
_ASKED = ("BTC-USD", "buy", "market", "ioc", "sor", 100, None, None, 1, 10)
PARENT = Parent("graph:g:order:0", *ACCOUNT, "g", "order", "digest", *_ASKED)


def route(number: int) -> Route:
    return Route(PARENT.order_id, number, *ACCOUNT, number, {"legs": []}, [])


def leg(number: int, round_: int = 1) -> RouteLeg:
    return RouteLeg(
        f"graph:g:order:{number}", PARENT.order_id, round_, "edge", "kraken", {"qty_1e8": 100}, 10
    )


def order(order_id: str, **more: Any) -> Order:
    empty = dict.fromkeys(("deployment_id", "deployment", "label"), "")
    figures = dict.fromkeys(
        ("filled_qty_1e8", "filled_notional_1e9", "fees_1e9", "created_ns", "updated_ns"), 0
    )
    kind = {
        "instrument_type": "spot",
        "symbol": "BTC-USD",
        "side": "buy",
        "order_type": "market",
        "tif": "ioc",
    }
    where = {"account_id": ACCOUNT[0], "mode": ACCOUNT[1], "edge_id": "edge", "venue": "kraken"}
    known = {
        "order_id": order_id,
        "price_1e9": None,
        "qty_1e8": 100,
        "status": "NEW",
        "parent_id": PARENT.order_id,
    }
    return Order(**{**where, **empty, **kind, **figures, **known, **more})
