"""Forecast, live view, review and summary: each figure recomputed from what is stored."""

from __future__ import annotations

import pytest


def cost_by_hand(order, fills, bid, ask):
    """bps of what was paid with fees against the mid, from the fills themselves."""
    side = 1 if order["side"] == "buy" else -1
    paid = sum(f["price_1e9"] * f["qty_1e8"] / 1e8 + side * f["fee_1e9"] for f in fills)
    paper = sum(f["qty_1e8"] for f in fills) * (bid + ask) / 2 / 1e8
    return 1e4 * side * (paid - paper) / paper


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_review_is_what_the_fills_say(trader, side):
    sent = trader.ok("POST", "/orders", {"symbol": "BTC-USD", "side": side, "qty": 1.2})
    graph = trader.ended(sent["graph_id"])
    parent = sent["node_order_id"]
    fills = trader.ok("GET", f"/orders/{parent}")["fills"]
    route = graph["routes"][0]
    row = trader.ok("GET", f"/execution/review/{parent}")
    by_hand = cost_by_hand(graph["nodes"][0], fills, route["bid_1e9"], route["ask_1e9"])
    assert row["cost_bps"] == pytest.approx(by_hand, abs=1e-6)
    assert row["estimated_cost_bps"] == route["est_cost_bps"]
    assert row["versus_estimate_bps"] == pytest.approx(row["cost_bps"] - row["estimated_cost_bps"])
    single = min(
        a["est_cost_bps"]
        for a in route["alternatives"]
        if a["kind"] == "venue" and a["qty_1e8"] == 120_000_000
    )
    assert row["best_single_venue_bps"] == single
    assert sum(venue["share_pct"] for venue in row["venues"]) == pytest.approx(100)
    live = trader.ok("GET", f"/execution/live/{parent}")
    assert (live["status"], live["is_terminal"], live["remaining"]) == ("FILLED", True, None)
    # Over one order the summary is that order.
    whole = trader.ok("GET", "/execution/summary")
    assert whole["orders"] == 1
    assert whole["cost_bps"] == {"mean": pytest.approx(row["cost_bps"]), "n": 1}
    assert whole["fees_1e9"] == sum(fill["fee_1e9"] for fill in fills)


def test_an_open_order_shows_what_its_rest_would_cost(trader):
    body = {"symbol": "BTC-USD", "side": "buy", "qty": 0.5, "price": trader.price() - 900, "venue": "kraken"}
    sent = trader.ok("POST", "/orders", body)
    live = trader.ok("GET", f"/execution/live/{sent['node_order_id']}")
    assert live["remaining"]["qty_1e8"] == 50_000_000
    assert live["cost_bps"] is None
    [child] = live["children"]
    single = trader.ok("GET", f"/execution/live/{child['node_order_id']}")
    assert single["status"] == "OPEN"
    trader.ok("DELETE", f"/execution_graphs/{sent['graph_id']}")


def test_a_forecast_says_what_is_measured_and_what_is_not(trader):
    shown = trader.ok("GET", "/execution/forecast?symbol=BTC-USD&side=buy&qty=0.5")
    assert shown["now"]["qty_1e8"] == 50_000_000
    costs = [
        point["est_cost_bps"] for point in shown["capacity"] if not point["qty_1e8"] - point["routed_1e8"]
    ]
    assert len(costs) > 1
    assert shown["urgency"]["low"] is None
    measured = shown["measured"]
    assert measured["size_usd"] > 0
    assert measured["n"] + measured["short"] == 0 or 0 <= measured["fill_confidence"] <= 1
    simulated = trader.ok("GET", "/execution/simulate?symbol=BTC-USD&side=sell&qty=0.5&urgency=low")
    assert simulated["side"] == "sell"
    assert "not modelled" in simulated["note"]


def test_pools_are_in_the_answers_with_their_source(trader):
    row = trader.ok("GET", "/intelligence/routing?symbol=BTC-USD&side=buy&qty=2")
    assert [pool["name"] for pool in row["pools"]] == ["amm-30bps", "amm-5bps"]
    assert all(pool["source"].startswith("generated (seed ") for pool in row["pools"])
    assert all(row["skipped"][pool["name"]].startswith("priced only") for pool in row["pools"])
    assert all(pool["break_even_1e8"] is None or pool["break_even_1e8"] > 0 for pool in row["pools"])


@pytest.mark.parametrize("path", ["live", "review"])
def test_an_order_that_does_not_exist(trader, path):
    status, answer = trader("GET", f"/execution/{path}/graph:none:order:0")
    assert status == 404
    assert "graph:none:order:0" in answer["error"]["message"]
