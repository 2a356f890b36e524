"""Orders through REST on real edges: what they become, what is kept of them, and what is refused."""

from __future__ import annotations

import pytest

BUY = {"symbol": "BTC-USD", "side": "buy", "qty": 0.25}


def order(**more):
    return {**BUY, **more}


def test_a_market_order_is_split_filled_and_explained(trader):
    sent = trader.ok("POST", "/orders", order(qty=1.5, graph_id="split"))
    assert (sent["graph_id"], sent["node_count"], sent["edge_count"]) == ("split", 1, 0)
    graph = trader.ended("split")
    node, [route] = graph["nodes"][0], graph["routes"]
    legs = {leg["venue"]: leg["qty_1e8"] for leg in route["legs"]}
    assert node["status"] == "FILLED"
    assert sum(legs.values()) == node["qty_1e8"] == node["filled_qty_1e8"] == 150_000_000
    assert {child["venue"]: child["qty_1e8"] for child in node["children"]} == legs
    assert {child["parent_id"] for child in node["children"]} == {sent["node_order_id"]}
    assert [one["kind"] for one in route["alternatives"]] == ["venue"] * 3 + ["all_cex", "with_pools"]
    assert {pool["source"].partition(" (")[0] for pool in route["pools"]} == {"generated"}
    assert {book["venue"] for book in route["books"]} == {"kraken", "coinbase", "binance"}
    # The parent adds up its legs, and so do the fills, the positions and what the venues charged.
    one = trader.ok("GET", f"/orders/{sent['node_order_id']}")
    assert sum(fill["qty_1e8"] for fill in one["fills"]) == 150_000_000
    assert sum(fill["fee_1e9"] for fill in one["fills"]) == one["fees_1e9"]
    held = trader.ok("GET", "/positions")["positions"]
    assert {row["venue"]: row["qty_1e8"] for row in held} == legs
    assert {row["deployment"] for row in held} == {""}


def test_the_same_graph_id_is_one_order_and_another_content_a_conflict(trader):
    first = trader.ok("POST", "/orders", order(graph_id="once"))
    again = trader.ok("POST", "/orders", order(graph_id="once"))
    assert again["node_order_id"] == first["node_order_id"]
    assert again["children"] == first["children"]
    status, answer = trader("POST", "/orders", order(graph_id="once", qty=0.3))
    assert status == 409
    assert answer["error"]["details"][0]["field"] == "graph_id"
    trader.ended("once")
    total = trader.ok("GET", "/orders")["total"]
    assert total == len(first["children"])


def test_graph_ids_belong_to_an_account(trader, new_trader):
    mine = trader.ok("POST", "/orders", order(graph_id="mine"))
    other = new_trader()
    assert other("GET", "/execution_graphs/mine")[0] == 404
    assert other("DELETE", "/execution_graphs/mine")[0] == 404
    assert other("GET", f"/orders/{mine['node_order_id']}")[0] == 404
    assert other("DELETE", f"/orders/{mine['node_order_id']}")[0] == 404
    theirs = other.ok("POST", "/orders", order(graph_id="mine", qty=0.3))
    assert theirs["node_order_id"] != mine["node_order_id"]


def test_an_order_is_good_until_its_time(trader):
    low = trader.price() - 2000
    sent = trader.ok("POST", "/orders", order(price=low, venue="kraken", tif="gtd", ttl_ms=300))
    assert sent["status"] == "OPEN"
    graph = trader.ended(sent["graph_id"])
    (leg,) = graph["nodes"][0]["children"]
    assert (leg["status"], leg["failure_reason"], leg["tif"]) == ("CANCELLED", "EXPIRED", "gtd")
    assert leg["expire_ns"] == leg["created_ns"] + 300 * 10**6


def test_a_reduce_only_order_takes_no_more_than_is_held(trader):
    status, answer = trader("POST", "/orders", order(side="sell", venue="kraken", reduce_only=True))
    assert (status, answer["status"], answer["failure_reason"]) == (200, "REJECTED", "INVALID_PARAMS")
    trader.ended(trader.ok("POST", "/orders", order(qty=0.02, venue="kraken"))["graph_id"])
    sent = trader.ok("POST", "/orders", order(side="sell", venue="kraken", reduce_only=True))
    (leg,) = trader.ended(sent["graph_id"])["nodes"][0]["children"]
    assert (leg["reduce_only"], leg["status"], leg["filled_qty_1e8"]) == (True, "FILLED", 2_000_000)
    assert trader.ok("GET", "/positions")["positions"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"tif": "gtd"},
        {"ttl_ms": 5},
        {"tif": "gtd", "ttl_ms": 5, "expire_ns": 9},
        {"tif": "ioc", "expire_ns": 9},
    ],
)
def test_only_good_till_time_takes_a_time_and_only_one(trader, more):
    status, answer = trader("POST", "/orders", order(price=90_000, **more))
    assert (status, answer["error"]["details"][0]["field"]) == (422, "tif")


def test_a_named_venue_gets_the_whole_order(trader):
    sent = trader.ok("POST", "/orders", order(venue="coinbase"))
    graph = trader.ended(sent["graph_id"])
    [child] = graph["nodes"][0]["children"]
    assert (child["venue"], child["edge_id"], child["status"]) == (
        "coinbase",
        "venue-edge-coinbase",
        "FILLED",
    )
    assert graph["routes"][0]["skipped"]["kraken"] == "the order names coinbase"
    kinds = [one["kind"] for one in graph["routes"][0]["alternatives"]]
    assert kinds == ["venue"] * 3 + ["all_cex", "with_pools"]  # what all venues would have been is kept too


def test_a_limit_order_rests_and_is_cancelled(trader):
    price = trader.price() - 500
    sent = trader.ok("POST", "/orders", order(price=price))
    assert sent["status"] == "OPEN"
    [child] = trader.graph(sent["graph_id"])["nodes"][0]["children"]
    assert child["venue"] == "binance"  # the lowest maker fee
    done = trader.ok("DELETE", f"/orders/{sent['node_order_id']}")
    assert done["status"] == "CANCELLED"
    assert trader.ok("GET", f"/orders/{child['node_order_id']}")["status"] == "CANCELLED"
    assert trader.ok("DELETE", f"/execution_graphs/{sent['graph_id']}")["status"] == "CANCELLED"


def test_a_resting_order_is_amended(trader):
    price = trader.price() - 500
    sent = trader.ok("POST", "/orders", order(price=price, venue="kraken"))
    change = {"new_qty_1e8": 20_000_000, "new_constraints": {"max_price_1e9": (price - 1) * 10**9}}
    trader.ok("PATCH", f"/orders/{sent['node_order_id']}", change)
    [child] = trader.graph(sent["graph_id"])["nodes"][0]["children"]
    assert (child["qty_1e8"], child["price_1e9"]) == (20_000_000, (price - 1) * 10**9)
    parent = trader.ok("GET", f"/orders/{sent['node_order_id']}")
    assert (parent["qty_1e8"], parent["price_1e9"]) == (20_000_000, (price - 1) * 10**9)
    status, answer = trader("PATCH", f"/orders/{sent['node_order_id']}", {})
    assert status == 422, answer
    trader.ok("DELETE", f"/execution_graphs/{sent['graph_id']}")
    status, answer = trader("PATCH", f"/orders/{sent['node_order_id']}", change)
    assert status == 409
    assert "no order" in answer["error"]["message"]


def test_the_graph_form_with_one_node(trader):
    node = {
        "node_id": "leg",
        "instrument": {"symbol": "BTC-USD", "type": "spot", "venue": None},
        "side": "sell",
        "order_type": {"limit": {"price_1e9": (trader.price() - 100) * 10**9}},
        "quantity": {"fixed": {"qty_1e8": 10_000_000}},
        "execution": {"policy": "sor", "tif": "ioc"},
        "activation": "root",
    }
    sent = trader.ok(
        "POST", "/orders", {"graph_id": "form", "nodes": [node], "edges": [], "is_sandbox": True}
    )
    assert sent["node_order_id"].startswith("graph:form:leg:")
    assert trader.ended("form")["status"] == "FILLED"


def test_a_chasing_order_goes_on_until_it_is_filled(trader):
    node = {
        "node_id": "leg",
        "instrument": {"symbol": "BTC-USD"},
        "side": "buy",
        "order_type": "market",
        "quantity": {"fixed": {"qty_1e8": 400_000_000}},
        "execution": {"policy": "aggressive_chase", "horizon_ms": 60_000},
    }
    sent = trader.ok("POST", "/orders", {"nodes": [node]})
    graph = trader.ended(sent["graph_id"])
    assert graph["status"] == "FILLED"
    assert graph["nodes"][0]["filled_qty_1e8"] == 400_000_000


def test_a_chasing_order_that_nobody_meets_waits_for_its_time(trader):
    node = {
        "node_id": "leg",
        "instrument": {"symbol": "BTC-USD"},
        "side": "buy",
        "order_type": {"limit": {"price_1e9": (trader.price() - 5_000) * 10**9}},
        "quantity": {"fixed": {"qty_1e8": 1_000_000}},
        "execution": {"policy": "aggressive_chase", "horizon_ms": 2_000},
    }
    sent = trader.ok("POST", "/orders", {"nodes": [node]})
    assert sent["status"] == "NEW"
    graph = trader.ended(sent["graph_id"])
    assert (graph["status"], graph["failure_reason"]) == ("CANCELLED", None)
    assert graph["nodes"][0]["children"] == []


def test_a_notional_is_sized_by_the_best_price(trader):
    sent = trader.ok("POST", "/orders", {"symbol": "BTC/USD", "side": "sell", "notional": 1000})
    qty = trader.ended(sent["graph_id"])["nodes"][0]["qty_1e8"]
    assert qty == pytest.approx(1000 / trader.price() * 1e8, rel=0.01)


def test_a_preview_sends_nothing(trader):
    shown = trader.ok("POST", "/orders/preview", order(order_type="market"))
    assert shown["candidate_venues"]
    assert shown["estimated_fee_1e9"] == sum(leg["est_fee_1e9"] for leg in shown["legs"])
    assert trader.ok("GET", "/orders")["total"] == 0


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (order(qty=None), 422, "body"),
        (order(notional=100), 422, "body"),
        (order(side="hold"), 422, "side"),
        (order(qty=-1), 422, "qty"),
        (order(iceberg=True), 422, "iceberg"),
        (order(symbol="NO-USD"), 422, "symbol"),
        (order(venue="okx"), 422, "venue"),
        (order(tif="post_only"), 422, "tif"),
        (order(graph_id="a:b"), 422, "graph_id"),
    ],
)
def test_what_cannot_be_an_order_is_refused_with_the_field(trader, body, status, field):
    got, answer = trader(
        "POST", "/orders", {name: value for name, value in body.items() if value is not None}
    )
    assert got == status, answer
    named = [detail["field"] or "body" for detail in answer["error"]["details"]]
    assert named == [field], answer
    assert trader.ok("GET", "/orders")["total"] == 0


def test_an_order_below_every_minimum_is_rejected_with_its_reason(trader):
    sent = trader.ok("POST", "/orders", order(qty=0.000000019))
    assert (sent["status"], sent["failure_reason"]) == ("REJECTED", "INVALID_PARAMS")
    skipped = trader.graph(sent["graph_id"])["routes"][0]["skipped"]
    assert "minimum" in skipped["kraken"]


def test_the_bound_on_slippage_holds(trader):
    shown = trader.ok("POST", "/orders/preview", order(qty=400, max_slippage_bps=1))
    assert shown["limit_1e9"] == (shown["bid_1e9"] + shown["ask_1e9"]) * 10_001 // 20_000
    assert all(leg["worst_px_1e9"] <= shown["limit_1e9"] for leg in shown["legs"])


def test_a_live_key_cannot_ask_for_the_sandbox(new_trader):
    live = new_trader(mode="live")
    status, answer = live("POST", "/orders", order(sandbox=True))
    assert status == 422
    assert "seq_test_" in answer["error"]["message"]


def test_the_official_clients_wrong_cancel_is_answered_clearly(trader):
    status, answer = trader("DELETE", "/execution_graphs/graph")
    assert status == 404
    assert "no execution graph" in answer["error"]["message"]
