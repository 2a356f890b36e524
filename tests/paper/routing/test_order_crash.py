"""Any process dies at any moment: no acknowledged order is lost, and none is executed twice."""

from __future__ import annotations

import threading
from collections import defaultdict

import pytest

from sequence_paper.store import Store
from support.paper import Paper
from support.processes import listening, wait_until
from support.traders import Trader, ready


def restart(paper: Paper, victim: str) -> None:
    child = {"api": paper.api, "nats": paper.nats}.get(victim) or paper.edges[victim]
    child.kill()
    child.start()
    if victim == "api":
        wait_until(paper.api_healthy, "the API answers again")
    if victim == "nats":
        port = int(paper.nats.command[-1])
        wait_until(lambda: listening(port), "the bus listens again")


@pytest.mark.parametrize("victim", ["api", "kraken", "nats"])
def test_kill_9_under_way_loses_nothing_and_doubles_nothing(paper, victim):
    trader = Trader(paper)
    acknowledged: list[str] = []
    stop, enough = threading.Event(), threading.Event()

    def send() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            body = {"symbol": "BTC-USD", "side": "buy", "qty": 0.001, "graph_id": f"g{number}"}
            venue = ("kraken", "binance", None)[number % 3]
            try:
                status, _ = trader("POST", "/orders", body | ({"venue": venue} if venue else {}))
            except (OSError, ValueError):
                stop.wait(0.05)
                continue  # no answer: nothing was acknowledged
            if status == 200:
                acknowledged.append(f"g{number}")
                if len(acknowledged) >= 6:
                    enough.set()
            stop.wait(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    assert enough.wait(90)
    restart(paper, victim)
    before = len(acknowledged)
    wait_until(lambda: len(acknowledged) > before + 3, "orders are taken again")
    stop.set()
    sender.join(60)
    store = Store(paper.db)
    try:
        wait_until(lambda: not store.routes.unfinished(), "every leg is answered or given up")
        graphs = [trader.ended(graph_id) for graph_id in acknowledged]
        orders = [child for graph in graphs for child in graph["nodes"][0]["children"]]
        assert len({order["node_order_id"] for order in orders}) == len(orders)
        filled: dict[str, int] = defaultdict(int)
        for fill in trader.ok("GET", "/fills?limit=1000")["fills"]:
            filled[fill["node_order_id"]] += fill["qty_1e8"]
        shown = trader.ok("GET", "/orders?limit=1000")["orders"]
        assert {
            order["node_order_id"]: order["filled_qty_1e8"] for order in shown if order["filled_qty_1e8"]
        } == filled
        assert all(filled[order["node_order_id"]] <= order["qty_1e8"] for order in shown)
        held = trader.ok("GET", "/positions")["positions"]
        assert sum(row["qty_1e8"] for row in held) == sum(filled.values())
    finally:
        store.close()


def test_a_resting_order_survives_its_edge_and_can_still_be_cancelled(paper):
    trader = Trader(paper)
    low = {"symbol": "BTC-USD", "side": "buy", "qty": 0.01, "price": trader.price() - 2000, "venue": "kraken"}
    sent = trader.ok("POST", "/orders", low)
    assert sent["status"] == "OPEN"
    paper.edges["kraken"].kill()
    # Nobody can end it now, but that it has to end is remembered.
    status, answer = trader("DELETE", f"/orders/{sent['node_order_id']}")
    assert status == 503, answer
    assert trader.graph(sent["graph_id"])["status"] == "OPEN"
    paper.edges["kraken"].start()
    assert trader.ended(sent["graph_id"])["status"] == "CANCELLED"


def test_an_order_for_an_edge_that_is_away_is_given_up_in_time(paper):
    trader = Trader(paper)
    paper.edges["kraken"].kill()
    body = {"symbol": "BTC-USD", "side": "buy", "qty": 0.01, "venue": "kraken", "graph_id": "late"}
    sent = trader.ok("POST", "/orders", body)
    graph = trader.ended("late")
    assert graph["status"] == "REJECTED", sent
    assert graph["failure_reason"] in ("NETWORK", "STALE_VENUE")
    paper.edges["kraken"].start()
    ready(paper)
    # The edge is back, the order is not: its first row was taken.
    assert trader.graph("late")["nodes"][0]["filled_qty_1e8"] == 0
    assert trader.ok("POST", "/orders", body)["status"] == "REJECTED"
