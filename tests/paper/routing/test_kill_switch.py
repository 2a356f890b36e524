"""The kill switch over HTTP and real edges: what is refused, what goes on, and what restarts and a lost bus change."""

from __future__ import annotations

import base64

import pytest

from support.algos import build_algos
from support.processes import listening, wait_until
from support.traders import Trader, ready

BUY = {"symbol": "BTC-USD", "side": "buy", "qty": 0.01}
ON = {"active": True, "reason": "drill"}
EDGES = [f"venue-edge-{venue}" for venue in ("kraken", "coinbase", "binance")]


@pytest.fixture(scope="module")
def wasm() -> bytes:
    return build_algos()["asker"]


def put_on(trader: Trader) -> None:
    answer = trader.ok("POST", "/kill_switch", {"reason": "drill"})
    assert {name: answer[name] for name in ON} == ON


def refused(trader: Trader, method: str, path: str, body: object = None) -> None:
    status, answer = trader(method, path, body)
    assert status == 409, answer
    assert "kill switch is on (drill)" in answer["error"]["message"]
    assert answer["kill_switch"]["active"]


def test_orders_are_refused_and_open_ones_stay_and_can_be_cancelled(paper):
    trader = Trader(paper)
    resting = trader.ok("POST", "/orders", {**BUY, "price": trader.price() - 2000, "graph_id": "rests"})
    answer = trader.ok("PUT", "/kill_switch", {"reason": "drill"})
    assert answer["edges"] == dict.fromkeys(EDGES, True)
    refused(trader, "POST", "/orders", BUY)
    refused(trader, "PATCH", f"/orders/{resting['node_order_id']}", {"new_qty_1e8": 2_000_000})
    for path in ("/account", "/risk_limits"):
        assert trader.ok("GET", path)["kill_switch"]["reason"] == "drill"
    # A repeated request is answered as before, and an open order is left alone until somebody cancels it.
    again = trader.ok("POST", "/orders", {**BUY, "price": _price(trader, "rests"), "graph_id": "rests"})
    assert (again["node_order_id"], again["status"]) == (resting["node_order_id"], "OPEN")
    assert trader.ok("DELETE", f"/orders/{resting['node_order_id']}")["status"] == "CANCELLED"
    assert trader.ok("POST", "/orders/preview", BUY)["candidate_venues"]
    trader.clear_kill_switch()
    trader.ok("POST", "/orders", BUY)


def _price(trader: Trader, graph_id: str) -> int:
    return int(trader.graph(graph_id)["nodes"][0]["price_1e9"]) // 10**9


def test_only_an_admin_clears_it_and_only_for_its_own(paper):
    trader, other = Trader(paper), Trader(paper)
    put_on(trader)
    status, answer = trader("POST", "/kill_switch/clear")
    assert status == 403
    assert "admin" in answer["error"]["message"]
    other.clear_kill_switch()
    assert trader.ok("GET", "/kill_switch")["active"]
    other.ok("POST", "/orders", BUY)
    assert trader.clear_kill_switch() == {
        "active": False,
        "reason": None,
        "since_ns": None,
        "edges": dict.fromkeys(EDGES, True),
    }


def test_a_chase_ends_with_what_it_has(paper):
    trader = Trader(paper)
    node = {
        "node_id": "a",
        "instrument": {"symbol": "BTC-USD"},
        "side": "buy",
        "order_type": "market",
        "quantity": {"fixed": {"qty_1e8": 10**13}},  # more than there is: round follows round
        "execution": {"policy": "aggressive_chase"},
    }
    sent = trader.ok("POST", "/orders", {"nodes": [node]})
    put_on(trader)
    ended = trader.ended(sent["graph_id"])
    assert ended["status"] in ("PARTIAL", "REJECTED")
    assert ended["failure_reason"] == "KILL_SWITCH"


def test_deployments_do_not_start_and_running_ones_are_refused_with_102(paper, wasm):
    trader = Trader(paper)
    body = {
        "name": "asker",
        "wasm_base64": base64.b64encode(wasm).decode(),
        "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
        "params": _intent(1),
    }
    put_on(trader)
    refused(trader, "POST", "/deployments", {**body, "start_immediately": True})
    status, row = trader("POST", "/deployments", body)
    assert status == 201, row
    refused(trader, "POST", f"/deployments/{row['deployment_id']}/start")
    trader.clear_kill_switch()
    trader.ok("POST", f"/deployments/{row['deployment_id']}/start")
    wait_until(lambda: trader.ok("GET", "/fills")["fills"], "its first intent fills")
    put_on(trader)
    trader.ok("PATCH", f"/deployments/{row['deployment_id']}", {"params": _intent(2)})
    rejected = wait_until(lambda: _rejected(trader), "its second intent is refused")
    assert [(order["reject_code"], order["failure_reason"]) for order in rejected] == [(102, "KILL_SWITCH")]
    assert trader.ok("GET", f"/deployments/{row['deployment_id']}")["status"] == "running"
    trader("DELETE", f"/deployments/{row['deployment_id']}")


def _rejected(trader: Trader) -> list[dict[str, object]]:
    orders = trader.ok("GET", "/orders?limit=1000")["orders"]
    return [order for order in orders if order["status"] == "REJECTED"]


def _intent(number: int) -> list[dict[str, object]]:
    values = {"venue": 1, "qty": number * 1_000_000, "policy": 0, "ttl": 0, "beyond": 50}
    return [
        {"name": name, "slot": slot, "type": "int", "value": value}
        for slot, (name, value) in enumerate(values.items())
    ]


def test_an_edge_that_the_bus_does_not_reach_learns_it_from_the_store(paper):
    """And a killed API, edge and bus know it when they are back."""
    trader = Trader(paper)
    put_on(trader)
    paper.nats.kill()
    other = Trader(paper)
    cut_off = other.ok("POST", "/kill_switch", {"reason": "drill"})
    assert cut_off["edges"] == dict.fromkeys(EDGES, False)
    for child in (paper.api, paper.edges["kraken"]):
        child.kill()
    paper.nats.start()
    wait_until(lambda: listening(int(paper.nats.command[-1])), "the bus listens again")
    paper.api.start()
    paper.edges["kraken"].start()
    wait_until(paper.api_healthy, "the API answers again")
    ready(paper)
    refused(trader, "POST", "/orders", BUY)
    refused(other, "POST", "/orders", {**BUY, "venue": "kraken"})
    other.clear_kill_switch()
    wait_until(lambda: other("POST", "/orders", BUY)[0] == 200, "orders are taken again")
