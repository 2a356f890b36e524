"""What accounts keep beside trading, on both databases: given positions, balances after a reset, credentials, keys."""

from __future__ import annotations

import pytest

from sequence_paper.store.credentials import Sealed
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.sandbox import DEFAULT_BALANCES_1E8, Given
from sequence_paper.store.trades import Fill, Position
from support.parents import order

USDC = Given("kraken", "crypto", "USDC", 10**8, 10**9, 1)
OWNER = {
    "account_id": "acct_1",
    "mode": "sandbox",
    "deployment": "",
    "venue": "kraken",
    "symbol": "BTC-USD",
    "instrument_type": "spot",
}


def test_given_positions_are_written_over_or_replaced(store):
    assert store.sandbox.write("acct_1", [USDC, Given("okx", "fiat", "EUR", 5, 10**9, 1)], replace=False) == 0
    assert store.sandbox.write("acct_1", [Given("kraken", "crypto", "USDC", 7, 10**9, 2)], replace=False) == 0
    assert [row.qty_1e8 for _, row in store.sandbox.positions("acct_1")] == [7, 5]
    assert store.sandbox.write("acct_1", [USDC], replace=True) == 2
    assert [row for _, row in store.sandbox.positions("acct_1")] == [USDC]
    assert store.sandbox.positions("acct_2") == []


def test_the_balances_of_a_reset_are_those_that_were_set(store):
    assert store.sandbox.balances_1e8("acct_1") == DEFAULT_BALANCES_1E8
    for balances in ({"USD": 3}, {}):
        store.sandbox.set_balances("acct_1", balances)
        assert store.sandbox.balances_1e8("acct_1") == balances


def test_a_reset_wipes_positions_and_balances_and_keeps_what_happened(store):
    _trade(store)
    store.sandbox.write("acct_1", [USDC], replace=False)
    assert store.sandbox.busy("acct_1") == ""
    assert store.ledger.balances("acct_1", "sandbox")["kraken", "USD"] == -1_000_000_007
    seed = Given("kraken", "fiat", "USD", 9, 10**9, 3)
    assert store.sandbox.reset("acct_1", [seed]) == 2
    assert store.positions.of_account("acct_1", "sandbox") == []
    assert set(store.ledger.earned("acct_1", "sandbox").values()) == {0}
    assert store.ledger.balances("acct_1", "sandbox")["kraken", "USD"] == 90
    assert [row for _, row in store.sandbox.positions("acct_1")] == [seed]
    assert len(store.fills.page("acct_1", "sandbox", limit=9, offset=0)[0]) == 1
    assert store.sandbox.reset("acct_1", []) == 1  # and again, with nothing to bring to zero


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_open_orders_of_the_sandbox_make_it_busy(store, mode):
    store.orders.claim(order("graph:g:order:1", mode=mode, status="OPEN"))
    assert store.sandbox.busy("acct_1") == ("" if mode == "live" else "1 orders are open: cancel them first")
    assert len(store.orders.open_at("acct_1", mode, "kraken")) == 1
    assert store.orders.open_at("acct_1", mode, "okx") == []


def test_credentials_are_of_one_owner_and_venue(store):
    row = Sealed("acct_1", "live", "kraken", b"\0\xff sealed", "k1", 1)
    store.credentials.put(Sealed("acct_1", "live", "kraken", b"old", "k0", 0))
    store.credentials.put(row)
    assert store.credentials.all("acct_1", "live") == [row]
    assert store.credentials.all("acct_1", "sandbox") == []
    assert not store.credentials.remove("acct_1", "live", "okx")
    assert store.credentials.remove("acct_1", "live", "kraken")
    assert store.credentials.all("acct_1", "live") == []


def test_keys_are_rotated_and_ended(store, account):
    key = store.accounts.mint_key(account.account_id, "live", admin=True, label="desk")
    [view] = store.accounts.keys(account.account_id, "live")
    assert store.accounts.rotate_key(account.account_id, "sandbox", view.key_id) is None
    turned = store.accounts.rotate_key(account.account_id, "live", view.key_id)
    assert store.accounts.caller(key) is None
    caller = store.accounts.caller(turned)
    assert (caller.mode, caller.admin, store.accounts.view(turned).label) == ("live", True, "desk")
    assert not store.accounts.remove_key(account.account_id, "live", view.key_id)
    assert store.accounts.remove_key(account.account_id, "live", store.accounts.view(turned).key_id)
    assert store.accounts.caller(turned) is None


def _trade(store) -> None:
    fill = Fill(
        **OWNER,
        fill_id="f1",
        order_id="graph:g:order:1",
        deployment_id="",
        label="",
        edge_id="edge",
        side="buy",
        price_1e9=10**11,
        qty_1e8=10**6,
        fee_1e9=7,
        liquidity="taker",
        realized_pnl_1e9=0,
        ts_ns=1,
    )
    figures = dict.fromkeys(
        ("realized_pnl_1e9", "session_day", "session_realized_pnl_1e9", "mark_1e9", "updated_ns"), 0
    )
    held = Position(**OWNER, qty_1e8=10**6, avg_entry_1e9=10**11, fees_1e9=7, **figures)
    store.commit(EdgeWrites(fills=[fill], positions=[held]))
