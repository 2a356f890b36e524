"""`/v1/sandbox`: positions that are given, settings, and a reset that also reaches what edges remember."""

from __future__ import annotations

from typing import Any

import pytest

from support.processes import wait_until

USDC = {"venue": "coinbase", "kind": "crypto", "symbol": "USDC", "qty": 250.5}
COIN = {"venue": "kraken", "kind": "crypto", "symbol": "BTC", "qty": 0.5, "entry_price_usd": 100}
PERP = {"venue": "okx", "kind": "perp", "symbol": "NONE-USD-PERP", "qty": -2, "entry_price_usd": 10}
BUY = {"symbol": "BTC-USD", "side": "buy", "qty": 0.02, "venue": "kraken"}


def give(trader, *positions: dict[str, Any], replace: bool = False) -> Any:
    return trader.ok("POST", "/sandbox/positions", {"positions": list(positions), "replace": replace})


def held(trader) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = trader.ok("GET", "/positions?include_closed=true")["positions"]
    return {(row["venue"], row["instrument"]["kind"], row["instrument"]["symbol"]): row for row in rows}


def test_given_positions_are_written_over_and_replaced(trader):
    assert give(trader, USDC, COIN, PERP) == {"written": 3, "deleted": 0}
    assert give(trader, {**USDC, "qty": 1}) == {"written": 1, "deleted": 0}
    rows = held(trader)
    assert {place: row["qty_1e8"] for place, row in rows.items()} == {
        ("coinbase", "crypto", "USDC"): 10**8,
        ("kraken", "crypto", "BTC"): 5 * 10**7,
        ("okx", "perp", "NONE-USD-PERP"): -2 * 10**8,
    }
    assert give(trader, USDC, replace=True) == {"written": 1, "deleted": 3}
    assert list(held(trader)) == [("coinbase", "crypto", "USDC")]


def test_they_are_valued_and_counted(trader):
    give(trader, USDC, COIN, {"venue": "kraken", "kind": "fiat", "symbol": "EUR", "qty": 2})
    rows = held(trader)
    peg, coin = rows["coinbase", "crypto", "USDC"], rows["kraken", "crypto", "BTC"]
    assert (peg["entry_price_usd_1e9"], peg["current_value_usd_1e9"]) == (10**9, 250_500_000_000)
    assert abs(coin["current_price_usd_1e9"] - trader.price() * 10**9) < 10**9 * 1000
    assert coin["unrealized_pnl_usd_1e9"] == (coin["current_price_usd_1e9"] - 100 * 10**9) // 2
    shown = trader.ok("GET", "/positions")
    assert shown["totals"]["cash_usd_1e9"] == 252_500_000_000
    values = [row["current_value_usd_1e9"] for row in shown["positions"]]
    assert shown["totals"]["nav_usd_1e9"] == sum(values)
    only = trader.ok("GET", "/positions?kinds=fiat")["positions"]
    assert [row["instrument"]["symbol"] for row in only] == ["EUR"]


def test_without_an_entry_price_only_money_has_one(trader):
    give(trader, {**COIN, "entry_price_usd": None}, USDC)
    rows = held(trader)
    assert rows["kraken", "crypto", "BTC"]["entry_price_usd_1e9"] == 0
    assert rows["coinbase", "crypto", "USDC"]["entry_price_usd_1e9"] == 10**9


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"qty": -1}, "positions.0"),
        ({"kind": "share"}, "positions.0.kind"),
        ({"note": "x"}, "positions.0.note"),
        ({"symbol": "BTC", "qty": 10**6}, "positions"),  # at the market's price
        ({"symbol": "NONE", "qty": 10**10, "entry_price_usd": 1}, "positions"),
    ],
)
def test_what_cannot_be_given_is_refused_with_the_field(trader, change, field):
    status, answer = trader("POST", "/sandbox/positions", {"positions": [{**USDC, **change}]})
    assert status == 422
    assert [detail["field"] for detail in answer["error"]["details"]] == [field]
    assert held(trader) == {}


def test_what_is_held_already_counts_too(trader):
    money = [{**USDC, "venue": venue, "qty": 9 * 10**9} for venue in ("a", "b", "c")]
    give(trader, *money[:2])
    status, answer = trader("POST", "/sandbox/positions", {"positions": money[2:]})
    assert status == 422
    assert "more than can be counted" in answer["error"]["message"]
    give(trader, money[2], replace=True)
    assert trader.ok("GET", "/positions")["totals"]["nav_usd_1e9"] == 9 * 10**18


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "positions"), ("GET", "settings"), ("PUT", "settings"), ("POST", "reset")],
)
def test_a_live_key_is_forbidden(new_trader, method, path):
    body = {"positions": []} if path == "positions" else {"default_balances": {}}
    status, answer = new_trader(mode="live")(method, f"/sandbox/{path}", body if method != "GET" else None)
    assert (status, answer["error"]["code"]) == (403, "FORBIDDEN")


def test_a_reset_gives_the_default_balances_of_the_settings(trader):
    assert trader.ok("GET", "/sandbox/settings")["default_balances"]["USD"] == 10**9
    give(trader, COIN)
    assert trader.ok("POST", "/sandbox/reset")["deleted"] == 1
    assert held(trader)["binance", "fiat", "USD"]["qty_1e8"] == 10**17
    change = {"default_balances": {"USD": 5000.25}}
    assert trader.ok("PUT", "/sandbox/settings", change) == change
    trader.ok("POST", "/sandbox/reset")
    assert {place: row["qty_1e8"] for place, row in held(trader).items()} == {
        (venue, "fiat", "USD"): 500_025_000_000 for venue in ("binance", "coinbase", "kraken")
    }


def test_a_reset_wipes_what_was_traded_and_edges_do_not_bring_it_back(trader):
    trader.ok("PUT", "/sandbox/settings", {"default_balances": {}})
    for _ in range(2):
        sent = trader.ok("POST", "/orders", BUY)
        wait_until(lambda sent=sent: trader.graph(sent["graph_id"])["is_terminal"], "it ends")
        assert held(trader)["kraken", "crypto", "BTC-USD"]["qty_1e8"] == 2_000_000
        assert trader.ok("POST", "/sandbox/reset") == {"deleted": 1, "written": 0}
        assert held(trader) == {}
        assert trader.ok("GET", "/positions")["totals"]["cash_usd_1e9"] == 0
    assert len(trader.ok("GET", "/fills")["fills"]) >= 2  # what happened stays


def test_orders_are_held_against_what_was_given(trader):
    assert trader.ok("GET", "/account")["capital"]["available_usd_1e9"] is None
    give(trader, {"venue": "kraken", "kind": "fiat", "symbol": "USD", "qty": 5000})
    low = trader.price() - 2000
    resting = trader.ok("POST", "/orders", {**BUY, "price": low})
    sent = trader.ok("POST", "/orders", {**BUY, "qty": 0.05})
    assert (sent["status"], sent["failure_reason"]) == ("REJECTED", "INSUFFICIENT_BALANCE")
    status, answer = trader("PATCH", f"/orders/{resting['node_order_id'][:-1]}1", {"new_qty_1e8": 10**8})
    assert (status, "needs" in answer["error"]["message"]) == (409, True)
    held = low * 2 * 10**7 * 10026 // 10_000  # with the taker's fee
    (row,) = trader.ok("GET", "/balances")["balances"]
    assert row == {
        "venue": "kraken",
        "asset": "USD",
        "total_1e9": 5000 * 10**9,
        "reserved_1e9": held,
        "available_1e9": 5000 * 10**9 - held,
        "counted": True,
    }
    assert trader.ok("GET", "/account")["capital"]["available_usd_1e9"] == row["available_1e9"]
    trader.ok("DELETE", f"/orders/{resting['node_order_id']}")
    # Of coins nothing was given, so they are not counted; what is sold brings dollars that are.
    trader.ended(trader.ok("POST", "/orders", {**BUY, "side": "sell"})["graph_id"])
    coins, dollars = trader.ok("GET", "/balances")["balances"]
    assert (coins["total_1e9"], coins["available_1e9"]) == (-20_000_000, None)
    assert dollars["available_1e9"] == dollars["total_1e9"] > 5000 * 10**9


def test_nothing_is_reset_while_an_order_is_open(trader):
    give(trader, USDC)
    resting = trader.ok("POST", "/orders", {**BUY, "price": trader.price() - 2000})
    status, answer = trader("POST", "/sandbox/reset")
    assert status == 409
    assert "1 orders are open" in answer["error"]["message"]
    assert held(trader)
    trader.ok("DELETE", f"/orders/{resting['node_order_id']}")
    trader.ok("POST", "/sandbox/reset")
