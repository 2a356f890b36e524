"""Orders, fills, positions, logs, mesh and metrics as the API shows what edges have written."""

from __future__ import annotations

from typing import Any

import pytest

from sequence_paper.store.records import EdgeWrites, LogLine
from sequence_paper.store.trades import Fill, Order, Position
from support.rows import OWNER

BTC, USD = 10**8, 10**9


class Desk:
    """A deployment with one instance `main` on kraken that has traded."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.row = desk.create("mm")
        self.path = f"/deployments/{self.row['deployment_id']}"
        self.owner = OWNER | {
            "account_id": desk.account.account_id,
            "deployment_id": self.row["deployment_id"],
        }

    def order_id(self, number: int) -> str:
        return f"graph:{self.row['deployment_id']}:main-1:{number}"

    def write(self, **rows: Any) -> None:
        self.desk.store.commit(EdgeWrites(**rows))

    def order(self, number: int, status: str = "OPEN", **more: Any) -> Order:
        given = {
            "order_id": self.order_id(number),
            "side": "buy",
            "order_type": "limit",
            "tif": "post_only",
            "price_1e9": 50_000 * USD,
            "qty_1e8": BTC // 10,
            "filled_qty_1e8": 0,
            "filled_notional_1e9": 0,
            "fees_1e9": 0,
            "status": status,
            "created_ns": number,
            "updated_ns": number,
            "client_key": number,
        }
        return Order(**(self.owner | given | more))

    def fill(self, number: int, **more: Any) -> Fill:
        given = {
            "fill_id": f"{self.order_id(1)}/{number}",
            "order_id": self.order_id(1),
            "side": "buy",
            "price_1e9": 50_000 * USD,
            "qty_1e8": BTC // 10,
            "fee_1e9": 8 * USD,
            "liquidity": "maker",
            "realized_pnl_1e9": 0,
            "ts_ns": number,
        }
        return Fill(**(self.owner | given | more))

    def position(self, qty: int, **more: Any) -> Position:
        keys = ("account_id", "mode", "deployment", "venue", "symbol", "instrument_type")
        given = {
            "qty_1e8": qty,
            "avg_entry_1e9": 50_000 * USD,
            "realized_pnl_1e9": 7 * USD,
            "session_day": 20_000,
            "session_realized_pnl_1e9": 5 * USD,
            "fees_1e9": 16 * USD,
            "mark_1e9": 51_000 * USD,
            "updated_ns": 9,
            "fill_count": 2,
        }
        return Position(**({key: self.owner[key] for key in keys} | given | more))


@pytest.fixture
def traded(desk) -> Desk:
    return Desk(desk)


def test_an_order_in_the_words_of_the_platform(traded):
    filled = {
        "filled_qty_1e8": BTC // 20,
        "filled_notional_1e9": 2_400 * USD,
        "fees_1e9": 4,
        "status": "PARTIAL",
    }
    traded.write(orders=[traded.order(1, **filled), traded.order(2)], fills=[traded.fill(1)])
    listed = traded.desk.ok("GET", "/orders")
    assert (listed["total"], listed["limit"], listed["offset"], listed["has_more"]) == (2, 50, 0, False)
    newest, oldest = listed["orders"]
    assert (newest["node_order_id"], newest["status"]) == (traded.order_id(2), "OPEN")
    assert (newest["is_terminal"], newest["avg_fill_price_1e9"]) == (False, None)
    assert oldest["graph_id"] == traded.row["deployment_id"]
    assert (oldest["node_id"], oldest["client_order_id"]) == ("main-1", "1")
    assert (oldest["status"], oldest["is_terminal"], oldest["is_sandbox"]) == ("PARTIAL", True, True)
    assert oldest["avg_fill_price_1e9"] == 48_000 * USD
    one = traded.desk.ok("GET", f"/orders/{traded.order_id(1)}")
    assert one["filled_qty_1e8"] == BTC // 20
    assert [fill["fee_1e9"] for fill in one["fills"]] == [8 * USD]


def test_orders_are_paged_and_filtered(traded):
    traded.write(orders=[traded.order(n, symbol="ETH-USD" if n % 2 else "BTC-USD") for n in range(1, 6)])
    page = traded.desk.ok("GET", "/orders?limit=2&offset=1")
    assert [order["created_ns"] for order in page["orders"]] == [4, 3]
    assert (page["total"], page["has_more"]) == (5, True)
    assert traded.desk.ok("GET", "/orders?symbol=ETH-USD")["total"] == 3
    found = traded.desk.ok("GET", f"/orders?node_order_id={traded.order_id(3)}")["orders"]
    assert [order["created_ns"] for order in found] == [3]
    assert traded.desk.ok("GET", f"/orders?deployment_id={traded.row['deployment_id']}&limit=1")["total"] == 5
    assert traded.desk.ok("GET", "/orders?deployment_id=dep_other")["orders"] == []
    for bad in ("limit=0", "limit=1001", "offset=-1", "limit=ten"):
        refused = traded.desk.error(422, "GET", f"/orders?{bad}")
        assert refused["error"]["details"][0]["field"] == bad.partition("=")[0]


def test_what_one_mode_traded_the_other_does_not_see(traded):
    traded.write(orders=[traded.order(1)], fills=[traded.fill(1)], positions=[traded.position(BTC)])
    live = traded.desk.other_mode()
    for path, name in (("/orders", "orders"), ("/fills", "fills"), ("/positions", "positions")):
        assert len(traded.desk.ok("GET", path)[name]) == 1
        assert traded.desk("GET", path, key=live)[1][name] == []
    assert traded.desk("GET", f"/orders/{traded.order_id(1)}", key=live)[0] == 404


def test_fills(traded):
    traded.write(fills=[traded.fill(1), traded.fill(2, side="sell", symbol="ETH-USD", liquidity="taker")])
    listed = traded.desk.ok("GET", "/fills?limit=1")
    assert (listed["total"], listed["has_more"]) == (2, True)
    newest = listed["fills"][0]
    assert (newest["side"], newest["liquidity"], newest["node_order_id"]) == (
        "sell",
        "taker",
        traded.order_id(1),
    )
    assert traded.desk.ok("GET", "/fills?symbol=BTC-USD")["total"] == 1


def test_positions_are_valued_at_the_mark(traded):
    closed = traded.position(0, symbol="ETH-USD")
    traded.write(positions=[traded.position(BTC // 5), closed], fills=[traded.fill(1), traded.fill(2)])
    for path in ("/positions", "/positions/unified"):
        answer = traded.desk.ok("GET", path)
        (held,) = answer["positions"]
        assert held["instrument"] == {"kind": "crypto", "symbol": "BTC-USD"}
        assert (held["venue"], held["deployment"], held["qty_1e8"]) == ("kraken", "mm", BTC // 5)
        assert held["unrealized_pnl_usd_1e9"] == 200 * USD
        assert held["current_value_usd_1e9"] == 10_200 * USD
        assert held["lifecycle"] == {"state": "active"}
        # Two buys of 0.1 at 50,000 with 8 of fee each have been paid.
        assert answer["totals"]["cash_usd_1e9"] == -10_016 * USD
        assert answer["totals"]["nav_usd_1e9"] == 184 * USD
    capital = traded.desk.ok("GET", "/account")["capital"]
    assert capital == {"available_usd_1e9": None, "cash_usd_1e9": -10_016 * USD, "nav_usd_1e9": 184 * USD}
    assert len(traded.desk.ok("GET", "/positions?include_closed=true")["positions"]) == 2
    assert traded.desk.ok("GET", "/positions?venues=coinbase,okx")["positions"] == []
    assert len(traded.desk.ok("GET", "/positions?venues=coinbase,kraken&kinds=crypto")["positions"]) == 1
    assert traded.desk.ok("GET", "/positions?kinds=perp")["positions"] == []


def test_positions_outlive_the_deployment_and_show_in_its_successor(traded):
    traded.write(positions=[traded.position(-BTC)])
    traded.desk("DELETE", traded.path)
    assert traded.desk.ok("GET", "/positions")["positions"][0]["qty_1e8"] == -BTC
    again = traded.desk.create("mm")
    assert again["instances"][0]["positions"][0]["qty_1e8"] == -BTC
    (edge,) = again["edges"]
    assert (edge["position_1e8"], edge["unrealized_pnl_1e9"]) == (-BTC, -1_000 * USD)
    assert (edge["realized_pnl_1e9"], edge["session_realized_pnl_1e9"]) == (7 * USD, 5 * USD)


class TestLogs:
    @pytest.fixture
    def logs(self, traded):
        def lines(*messages: str, level: int = 2, label: str = "main") -> None:
            deployment_id = traded.row["deployment_id"]
            traded.write(
                logs=[LogLine(deployment_id, label, "venue-edge-kraken", level, m, 5) for m in messages]
            )

        lines("one", "two")
        lines("three", level=4, label="hedger")
        return traded, lines

    def test_rows_and_their_order(self, logs):
        traded, _ = logs
        answer = traded.desk.ok("GET", f"{traded.path}/logs")
        assert answer["next"] == 3
        assert answer["logs"][0] == {
            "seq": 1,
            "ts_ns": 5,
            "level": "INFO",
            "label": "main",
            "edge_id": "venue-edge-kraken",
            "message": "one",
        }
        newest = traded.desk.ok("GET", f"{traded.path}/logs?limit=1")
        assert [line["message"] for line in newest["logs"]] == ["three"]

    def test_following_misses_nothing_and_repeats_nothing(self, logs):
        traded, lines = logs
        seen, after = [], 0
        for _ in range(3):
            answer = traded.desk.ok("GET", f"{traded.path}/logs?limit=2&after={after}")
            seen += [line["seq"] for line in answer["logs"]]
            after = answer["next"]
            if len(seen) == 3:
                lines("four", "five")
        assert seen == [1, 2, 3, 4, 5]
        idle = traded.desk.ok("GET", f"{traded.path}/logs?after={after}")
        assert idle == {"logs": [], "next": 5}

    def test_a_filter_moves_on_past_what_it_hides(self, logs):
        traded, lines = logs
        answer = traded.desk.ok("GET", f"{traded.path}/logs?after=0&level=error")
        assert ([line["message"] for line in answer["logs"]], answer["next"]) == (["three"], 3)
        lines("four")
        answer = traded.desk.ok("GET", f"{traded.path}/logs?after=3&level=WARN")
        assert answer == {"logs": [], "next": 4}
        hedger = traded.desk.ok("GET", f"{traded.path}/logs?label=hedger")["logs"]
        assert [line["message"] for line in hedger] == ["three"]

    def test_a_level_that_does_not_exist_is_refused(self, logs):
        traded, _ = logs
        refused = traded.desk.error(422, "GET", f"{traded.path}/logs?level=loud")
        assert refused["error"]["details"][0]["field"] == "level"


def test_metrics_add_up(traded):
    traded.write(
        orders=[traded.order(1, "FILLED")],
        fills=[traded.fill(1), traded.fill(2, side="sell", realized_pnl_1e9=30 * USD)],
        positions=[traded.position(BTC // 10)],
    )
    answer = traded.desk.ok("GET", f"{traded.path}/metrics")
    (main,) = answer["instances"]
    assert (main["fills"], main["realized_pnl_1e9"], main["fees_1e9"]) == (2, 30 * USD, 16 * USD)
    assert (main["position_1e8"], main["unrealized_pnl_1e9"]) == (BTC // 10, 100 * USD)
    assert main["feed"]["kind"] == "test"
    assert answer["totals"]["pnl_1e9"] == (30 + 100 - 16) * USD
    assert answer["totals"]["fills"] == 2


def test_edges_are_listed_with_what_stands_behind_them(desk):
    found = {edge["edge_id"]: edge for edge in desk.ok("GET", "/edges")["edges"]}
    kraken = found["venue-edge-kraken"]
    assert (kraken["alive"], kraken["region"], kraken["remote"]) == (True, "local", False)
    assert (kraken["symbols"], kraken["feed"]["kind"]) == (["BTC-USD", "ETH-USD"], "test")
