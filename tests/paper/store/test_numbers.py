"""Fills are numbered in the order in which they become readable, so that a reader with a number misses none."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.trades import Fill
from sequence_paper.store.trading import number_in_commit_order, save_trading
from support.postgres import Postgres
from support.processes import wait_until

_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def fill(name: str, account_id: str, mode: str = "sandbox") -> Fill:
    return Fill(
        fill_id=name,
        order_id="graph:dep_1:main:1",
        account_id=account_id,
        mode=mode,
        deployment_id="dep_1",
        deployment="mm",
        label="main",
        edge_id="venue-edge-kraken",
        venue="kraken",
        instrument_type="spot",
        symbol="BTC-USD",
        side="buy",
        price_1e9=50_000 * 10**9,
        qty_1e8=10**7,
        fee_1e9=0,
        liquidity="maker",
        realized_pnl_1e9=0,
        ts_ns=1,
    )


def writes(*names: str, account_id: str) -> EdgeWrites:
    return EdgeWrites(fills=[fill(name, account_id) for name in names])


def test_a_reader_goes_on_from_its_number_and_sees_only_its_own(store, account):
    mine = (account.account_id, "sandbox")
    assert (store.fills.head(*mine), store.fills.after(*mine, 0, 10)) == (0, [])
    store.commit(writes("a", "b", account_id=account.account_id))
    store.commit(EdgeWrites(fills=[fill("x", "acct_other"), fill("y", account.account_id, "live")]))
    store.commit(writes("c", account_id=account.account_id))
    found = store.fills.after(*mine, 0, 2)
    assert [one.fill_id for _, one in found] == ["a", "b"]
    rest = store.fills.after(*mine, found[-1][0], 10)
    assert [one.fill_id for _, one in rest] == ["c"]
    assert store.fills.head(*mine) == rest[-1][0]


def test_a_slow_transaction_never_shows_a_smaller_number_late(postgres: Postgres, request):
    """Without the turn that commits take, the second would be readable first, with the greater number."""
    from sequence_paper.store import Store

    store = Store(postgres.url("commitorder"))
    request.addfinalizer(store.close)
    account_id = store.accounts.ensure("desk").account_id
    slow, fast = writes("slow", account_id=account_id), writes("fast", account_id=account_id)
    quick = threading.Thread(target=store.commit, args=(fast,))

    def waits_or_is_done() -> bool:
        with store._db.reading() as connection:
            return bool(connection.execute(sa.text(_WAITING)).scalar()) or not quick.is_alive()

    with store._db.writing() as connection:
        number_in_commit_order(store._db, connection, slow)
        save_trading(store._db, connection, slow)
        quick.start()
        wait_until(waits_or_is_done, "the second commit waits for its turn")
        seen = store.fills.after(account_id, "sandbox", 0, 10)
    quick.join()
    cursor = seen[-1][0] if seen else 0
    seen += store.fills.after(account_id, "sandbox", cursor, 10)
    assert [one.fill_id for _, one in seen] == ["slow", "fast"]
