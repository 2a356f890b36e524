"""What accounts were given and what is left of it, on both databases."""

from __future__ import annotations

from sequence_paper.analysis.reconcile import reconcile
from sequence_paper.store.funds import DAY_NS, AccountFunds
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.sandbox import Given
from sequence_paper.store.trades import Fill
from support.rows import OWNER


def gave(kind: str, symbol: str, qty_1e8: int, venue: str = "kraken") -> Given:
    return Given(venue, kind, symbol, qty_1e8, 0, 1)


def bought(number: int, qty_1e8: int, dollars: int, ts_ns: int, **more) -> Fill:
    figures = {"price_1e9": dollars * 10**17 // qty_1e8, "qty_1e8": qty_1e8, "fee_1e9": 0, "ts_ns": ts_ns}
    rest = {"side": "buy", "liquidity": "maker", "realized_pnl_1e9": 0, "order_id": f"o{number}"}
    return Fill(**(OWNER | figures | rest | {"fill_id": f"o{number}/{qty_1e8}"} | more))


def test_money_and_coins_that_were_given_are_counted_by_venue(store):
    rows = [
        gave("fiat", "USD", 500),
        gave("crypto", "BTC", 3),
        gave("crypto", "BTC-USD", 4),
        gave("perp", "BTC-USD-PERP", -2),
        gave("fiat", "USD", 7, "okx"),
    ]
    store.sandbox.write("acct_1", rows, replace=False)
    assert store.funds.given_at("kraken") == {"acct_1": (("BTC", 70), ("USD", 5000))}
    assert store.funds.counted("acct_1") == {("kraken", "BTC"), ("kraken", "USD"), ("okx", "USD")}
    assert store.ledger.balances("acct_1", "sandbox")["kraken", "BTC"] == 70
    store.sandbox.write("acct_1", [gave("fiat", "USD", 2)], replace=True)
    assert store.funds.given_at("okx") == {}
    assert store.ledger.balances("acct_1", "sandbox") == {
        ("kraken", "BTC"): 0,
        ("kraken", "USD"): 20,
        ("okx", "USD"): 0,
    }
    assert reconcile(store.audit.rows()).differences == []


def test_funds_are_what_was_given_and_what_trading_made_of_it(store):
    now = 20_000 * DAY_NS
    store.sandbox.write("acct_1", [gave("fiat", "USD", 1000 * 10**8)], replace=False)
    fills = [
        bought(1, 10**8, 100, now - 31 * DAY_NS),
        bought(2, 10**8, 200, now - 2 * DAY_NS),
        bought(3, 10**8, 30, now),
        bought(4, 10**8, 5, now + 1),
        bought(5, 10**8, 7, now, account_id="acct_2", mode="live"),
        bought(6, 10**8, 9, now, venue="okx"),
    ]
    store.commit(EdgeWrites(fills=fills))
    funds = store.funds.at("acct_1", "kraken", ["USD"], now)
    assert funds == AccountFunds({"USD": 665 * 10**9}, {19_998: 200 * 10**9, 20_000: 30 * 10**9})
    assert store.funds.volumes("kraken", ["USD"], now) == {
        ("acct_1", "sandbox"): funds.volume_1e9,
        ("acct_2", "live"): {20_000: 7 * 10**9},
    }


def test_sums_beyond_64_bits_are_counted(store):
    most = 9 * 10**17
    for venue in ("a", "b"):
        store.sandbox.write("acct_1", [gave("fiat", "USD", most, venue)], replace=False)
    store.sandbox.write("acct_1", [gave("fiat", "EUR", 10**8)], replace=False)
    earned = [bought(n, 10**8, 9 * 10**9, 1, side="sell", venue="a") for n in range(1, 3)]
    store.commit(EdgeWrites(fills=earned))
    assert store.ledger.balances("acct_1", "sandbox")["a", "USD"] == 27 * 10**18


def test_after_a_reset_the_ledger_is_what_was_given_anew(store):
    store.sandbox.write("acct_1", [gave("fiat", "USD", 10**8), gave("crypto", "ETH", 5)], replace=False)
    store.commit(EdgeWrites(fills=[bought(1, 10**8, 100, 1)]))
    store.sandbox.reset("acct_1", [gave("fiat", "USD", 3 * 10**8)])
    assert store.ledger.balances("acct_1", "sandbox") == {
        ("kraken", "BTC"): 0,
        ("kraken", "ETH"): 0,
        ("kraken", "USD"): 3 * 10**9,
    }
    found = [d for d in reconcile(store.audit.rows()).differences if d.what != "order"]
    assert found == []


def test_an_edge_can_forget_positions_of_one_venue_only(store):
    from sequence_paper.store.trades import Position

    figures = dict.fromkeys(
        ("avg_entry_1e9", "realized_pnl_1e9", "session_day", "session_realized_pnl_1e9", "fees_1e9"), 0
    )
    keys = ("account_id", "mode", "deployment", "symbol", "instrument_type")
    held = [
        Position(**{k: OWNER[k] for k in keys}, venue=venue, qty_1e8=1, mark_1e9=0, updated_ns=0, **figures)
        for venue in ("kraken", "okx")
    ]
    store.commit(EdgeWrites(positions=held))
    store.sandbox.forget_positions("acct_1", "kraken")
    assert [row.venue for _, row in store.positions.of_account("acct_1", "sandbox")] == ["okx"]
