"""Everything an account has open at one venue is cancelled at once, and nothing else."""

from __future__ import annotations

LOW = {"symbol": "BTC-USD", "side": "buy", "qty": 0.01}


def test_open_orders_at_a_venue_are_cancelled_and_others_stay(trader, new_trader):
    other = new_trader()
    price = trader.price() - 2000
    sent = [
        trader.ok("POST", "/orders", {**LOW, "price": price - number, "venue": venue})["node_order_id"]
        for number, venue in enumerate(("kraken", "kraken", "coinbase"))
    ]
    foreign = other.ok("POST", "/orders", {**LOW, "price": price, "venue": "kraken"})["node_order_id"]
    answer = trader.ok("POST", "/venue_cancel_all/kraken")
    assert (answer["venue"], answer["count"]) == ("kraken", 2)
    statuses = [trader.ok("GET", f"/orders/{order_id}")["status"] for order_id in sent]
    assert statuses == ["CANCELLED", "CANCELLED", "OPEN"]
    assert other.ok("GET", f"/orders/{foreign}")["status"] == "OPEN"
    assert trader.ok("POST", "/venue_cancel_all/kraken") == {"venue": "kraken", "cancelled": [], "count": 0}
    for who in (trader, other):
        for venue in ("kraken", "coinbase"):
            who.ok("POST", f"/venue_cancel_all/{venue}")


def test_a_venue_that_nobody_trades_at_is_not_found(trader):
    status, answer = trader("POST", "/venue_cancel_all/nowhere")
    assert status == 404
    assert "nowhere" in answer["error"]["message"]
