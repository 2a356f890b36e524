"""Any process dies at any moment: nothing acknowledged is lost, nothing is executed twice, and the books add up."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from pathlib import Path
from typing import Any

from sequence_paper.analysis.reconcile import lines, reconcile
from sequence_paper.store import Store
from support.paper import Paper
from support.processes import PATIENCE, listening, wait_until
from support.traders import Trader, ready
from support.wat import one_action

MOMENTS = [
    ("kraken", 1),
    ("api", 1),
    ("nats", 1),
    ("binance", 2),
    ("api", 3),
    ("kraken", 4),
    ("nats", 2),
]
"""Who dies, at the which write to the database from now on."""


def restart(paper: Paper, victim: str) -> None:
    child = {"api": paper.api, "nats": paper.nats}.get(victim) or paper.edges[victim]
    child.kill()
    child.start()
    if victim == "api":
        wait_until(paper.api_healthy, "the API answers again")
    if victim == "nats":
        port = int(paper.nats.command[-1])
        wait_until(lambda: listening(port), "the bus listens again")


class Customer:
    """Sends orders and ends some of them until told to stop, and remembers every answer."""

    def __init__(self, paper: Paper) -> None:
        self.trader = Trader(paper)
        self.price = self.trader.price()
        self.graphs: list[str] = []
        self.resting: dict[str, str] = {}  # graph id -> order id, until its cancel was answered
        self.cancelled: dict[str, str] = {}  # graph id -> what the answer to its cancel said had become of it
        self.fills: dict[str, Any] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Customer:
        self.trader.ok("PUT", "/sandbox/settings", {"default_balances": {"USD": 10**6, "BTC": 100}})
        self.trader.ok("POST", "/sandbox/reset")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            try:
                self._one(number)
            except (OSError, ValueError):
                self._stop.wait(0.02)  # no answer: nothing was acknowledged, and somebody has to start first

    def _one(self, number: int) -> None:
        side, venue = ("buy", "sell")[number % 2], ("kraken", "binance", None)[number % 3]
        body = {"symbol": "BTC-USD", "side": side, "qty": 0.001, "graph_id": f"g{number}"}
        body |= {"venue": venue} if venue else {}
        rests = number % 4 == 0
        body |= {"price": self.price * (3 if side == "sell" else 1) // 2, "tif": "gtc"} if rests else {}
        status, answer = self.trader("POST", "/orders", body)
        if status == 200:
            self.graphs.append(f"g{number}")
            if rests:
                self.resting[f"g{number}"] = answer["node_order_id"]
                self.end(f"g{number}")
        status, answer = self.trader("GET", "/fills?limit=1000")
        if status == 200:
            self.fills |= {fill["fill_id"]: fill for fill in answer["fills"]}

    def end(self, graph_id: str) -> bool:
        """Whether the cancel of a resting order was answered; nothing was acknowledged when it was not."""
        status, answer = self.trader("DELETE", f"/orders/{self.resting[graph_id]}")
        if status == 200:
            self.cancelled[graph_id] = answer["status"]
            del self.resting[graph_id]
        return status == 200


def deploy(trader: Trader) -> str:
    """An algo that buys at every book of both venues, as often as its limits allow."""
    body = {
        "name": "steady",
        "wasm_base64": base64.b64encode(one_action(kind_type=1, qty=10**5)).decode(),
        "symbols": ["BTC-USD"],
        "instances": [
            {"label": venue, "venue": venue, "symbols": ["BTC-USD"]} for venue in ("kraken", "binance")
        ],
        "risk": {"max_order_rate": 4},
        "start_immediately": True,
    }
    status, answer = trader("POST", "/deployments", body)
    assert status < 300, answer
    return str(answer["deployment_id"])


def writes(database: Path, count: int) -> None:
    """Return as soon as the database was written to so often. Every transaction appends to the log beside it."""
    log, until = database.with_name(f"{database.name}-wal"), time.monotonic() + PATIENCE
    for _ in range(count):
        seen = log.stat().st_mtime_ns
        while log.stat().st_mtime_ns == seen:
            assert time.monotonic() < until, "nothing is written any more"
            time.sleep(0.0002)


def adds_up(store: Store) -> None:
    report = reconcile(store.audit.rows())
    assert report.differences == [], "\n".join(lines(report))


def test_kill_9_of_any_part_at_a_write_loses_nothing_and_doubles_nothing(paper):
    store = Store(paper.db)
    try:
        with Customer(paper) as customer:
            trader = customer.trader
            steady = deploy(trader)
            for victim, count in MOMENTS:
                before = len(customer.graphs)
                wait_until(lambda n=before: len(customer.graphs) > n + 2, "orders are taken")
                writes(paper.folder / "paper.db", count)
                restart(paper, victim)
                adds_up(store)
            before = len(customer.graphs)
            wait_until(lambda: len(customer.graphs) > before + 3, "orders are taken after the last death")
        wait_until(lambda: trader("POST", f"/deployments/{steady}/stop")[0] == 200, "the algo is stopped")
        for graph_id in list(customer.resting):  # whose cancel met a death
            wait_until(lambda left=graph_id: customer.end(left), f"{graph_id} can be cancelled")
        wait_until(lambda: not store.routes.unfinished(), "all legs are answered and all cancels through")
        ended = {graph_id: trader.ended(graph_id) for graph_id in customer.graphs}
        adds_up(store)
        rows = store.audit.rows()
        mine = [order for order in rows.orders if order.parent_id is not None]
        children = [child for graph in ended.values() for child in graph["nodes"][0]["children"]]
        assert len({child["node_order_id"] for child in children}) == len(children)
        assert {child["node_order_id"] for child in children} <= {order.order_id for order in mine}
        # One that no edge took in time, since it was dead, was refused before it was cancelled, and the answer said so.
        assert set(customer.cancelled.values()) - {"REJECTED"} == {"CANCELLED"}
        assert {name: ended[name]["status"] for name in customer.cancelled} == customer.cancelled
        stored = {fill.fill_id: fill for fill in rows.fills}
        assert {fill_id: fill["fee_1e9"] for fill_id, fill in customer.fills.items()} == {
            fill_id: stored[fill_id].fee_1e9 for fill_id in customer.fills
        }
        by_algo = [order for order in rows.orders if order.deployment_id == steady]
        assert {order.venue for order in by_algo} == {"kraken", "binance"}
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
    ready(paper)


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
