"""Orders, fills, positions, the ledger and logs."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.store import logs as logs_module
from sequence_paper.store.records import EdgeWrites, LogLine
from sequence_paper.store.trades import Fill, Order, Position
from sequence_paper.store.trading import entries_of
from sequence_paper.venue.position import Position as Booked
from sequence_paper.venue.position import after_fill
from support.rows import OWNER


def order(number: int, account_id: str, status: str = "OPEN", **more) -> Order:
    given = {
        "order_id": f"graph:dep_1:main-1:{number}",
        "account_id": account_id,
        "side": "buy",
        "order_type": "limit",
        "tif": "gtc",
        "price_1e9": 50_000 * 10**9,
        "qty_1e8": 10**8,
        "filled_qty_1e8": 0,
        "filled_notional_1e9": 0,
        "fees_1e9": 0,
        "status": status,
        "created_ns": number,
        "updated_ns": number,
    }
    return Order(**(OWNER | given | more))


def fill(number: int, account_id: str, **more) -> Fill:
    given = {
        "fill_id": f"f{number}",
        "order_id": "graph:dep_1:main-1:1",
        "account_id": account_id,
        "side": "buy",
        "price_1e9": 50_000 * 10**9,
        "qty_1e8": 10**7,
        "fee_1e9": 8 * 10**9,
        "liquidity": "maker",
        "realized_pnl_1e9": 3,
        "ts_ns": number,
    }
    return Fill(**(OWNER | given | more))


def position(account_id: str, **more) -> Position:
    owner = {name: OWNER[name] for name in ("mode", "deployment", "venue", "symbol", "instrument_type")}
    numbers = {f.name: 0 for f in dataclasses.fields(Position) if f.type == "int"}
    return Position(**(owner | numbers | {"account_id": account_id} | more))


def test_an_order_is_one_row_at_its_newest_state(store, account):
    mine = account.account_id
    store.commit(EdgeWrites(orders=[order(1, mine, "NEW"), order(2, mine), order(1, mine, "OPEN")]))
    store.commit(EdgeWrites(orders=[order(1, mine, "FILLED", filled_qty_1e8=10**8)]))
    found, total = store.orders.page(mine, "sandbox", limit=10, offset=0)
    assert total == 2
    assert [(o.order_id[-1], o.status) for o in found] == [("2", "OPEN"), ("1", "FILLED")]
    assert store.orders.open_on("venue-edge-kraken") == [order(2, mine)]
    assert store.orders.open_on("venue-edge-coinbase") == []


def test_what_an_algo_makes_up_is_kept_exactly(store, account):
    wild = order(1, account.account_id, "REJECTED", client_key=2**64 - 1, price_1e9=2**63, reject_code=2)
    store.commit(EdgeWrites(orders=[wild]))
    assert store.orders.page(account.account_id, "sandbox", limit=1, offset=0)[0] == [wild]


def test_pages_and_filters(store, account):
    mine = account.account_id
    many = [order(n, mine, symbol="ETH-USD" if n % 2 else "BTC-USD") for n in range(1, 8)]
    store.commit(EdgeWrites(orders=many))
    page, total = store.orders.page(mine, "sandbox", limit=3, offset=2)
    assert ([o.created_ns for o in page], total) == ([5, 4, 3], 7)
    assert store.orders.page(mine, "sandbox", limit=9, offset=0, symbol="ETH-USD")[1] == 4
    assert store.orders.page(mine, "sandbox", limit=9, offset=0, order_id=many[3].order_id)[0] == [many[3]]
    assert store.orders.page(mine, "live", limit=9, offset=0) == ([], 0)
    assert store.orders.page(mine, "sandbox", limit=9, offset=0, deployment_id="dep_2") == ([], 0)


def test_a_fill_written_twice_is_one_fill_and_moves_money_once(store, account):
    mine = account.account_id
    store.commit(EdgeWrites(fills=[fill(1, mine)]))
    store.commit(EdgeWrites(fills=[fill(1, mine), fill(2, mine, side="sell")]))
    assert store.fills.page(mine, "sandbox", limit=9, offset=0)[1] == 2
    assert store.fills.totals(mine, "sandbox", "dep_1") == {"main": (2, 6, 16 * 10**9)}
    # Bought and sold 0.1 BTC at the same price: only the two fees are gone.
    assert store.ledger.balances(mine, "sandbox") == {("kraken", "BTC"): 0, ("kraken", "USD"): -16 * 10**9}


@given(
    side=st.sampled_from(["buy", "sell"]),
    price=st.integers(1, 10**15),
    qty=st.integers(1, 10**12),
    fee=st.integers(-(10**12), 10**12),
)
def test_ledger_entries_are_what_moved_rounded_half_even_as_positions_are(side, price, qty, fee):
    base, quote, paid = entries_of(fill(1, "acct", side=side, price_1e9=price, qty_1e8=qty, fee_1e9=fee))
    sign = 1 if side == "buy" else -1
    assert base.amount_1e9 == sign * qty * 10
    assert quote.amount_1e9 == -sign * round(Fraction(price * qty, 10**8))
    assert quote.amount_1e9 == -after_fill(Booked(), sign, price, qty, fee).cost_1e9
    assert (paid.amount_1e9, paid.kind) == (-fee, "rebate" if fee < 0 else "fee")
    assert len({e.entry_id for e in (base, quote, paid)}) == 3


def test_a_perpetual_moves_only_its_result_and_fee():
    kinds = [(e.kind, e.asset, e.amount_1e9) for e in entries_of(fill(1, "a", instrument_type="perp"))]
    assert kinds == [("trade", "USD", 3), ("fee", "USD", -8 * 10**9)]


def test_a_position_belongs_to_the_name_and_outlives_the_registration(store, account, register):
    mine = (account.account_id, "sandbox")
    made = register("mm")
    held = position(account.account_id, qty_1e8=-5, avg_entry_1e9=7, fill_count=1)
    store.commit(EdgeWrites(positions=[held]))
    store.deployments.delete(*mine, made.deployment.deployment_id, set())
    register("mm")
    assert store.positions.of_deployment(*mine, "mm", "kraken") == [held]
    more = dataclasses.replace(held, qty_1e8=0, fill_count=2)
    store.commit(EdgeWrites(positions=[held, more]))
    assert [p for _, p in store.positions.of_account(*mine)] == [more]
    assert store.positions.of_account(account.account_id, "live") == []
    assert store.positions.of_deployment(*mine, "mm", "coinbase") == []


def test_a_batch_is_written_whole_or_not_at_all(store, account, register):
    made = register()
    broken = LogLine(made.deployment.deployment_id, "main", "e", None, "level is missing", 1)
    with pytest.raises(Exception, match=r"(?i)null"):
        store.commit(
            EdgeWrites(
                orders=[order(1, account.account_id)], fills=[fill(1, account.account_id)], logs=[broken]
            )
        )
    assert store.orders.page(account.account_id, "sandbox", limit=1, offset=0) == ([], 0)
    assert store.ledger.balances(account.account_id, "sandbox") == {}


class TestLogs:
    @pytest.fixture
    def deployment_id(self, register):
        return register().deployment.deployment_id

    def write(self, store, deployment_id, *messages, level=2, label="main"):
        lines = [LogLine(deployment_id, label, "e", level, text, 9) for text in messages]
        store.commit(EdgeWrites(logs=lines))

    def test_numbers_run_on_and_a_reader_continues_where_it_was(self, store, deployment_id):
        self.write(store, deployment_id, "a", "b", "c")
        self.write(store, deployment_id, "d")
        newest = store.logs.read(deployment_id, limit=2)
        assert [(s.seq, s.line.message) for s in newest] == [(3, "c"), (4, "d")]
        rest = store.logs.read(deployment_id, limit=2, after=1)
        assert [(s.seq, s.line.message) for s in rest] == [(2, "b"), (3, "c")]
        assert store.logs.read(deployment_id, limit=9, after=4) == []
        assert store.logs.head(deployment_id) == 4

    def test_level_is_a_threshold_and_label_a_filter(self, store, deployment_id):
        self.write(store, deployment_id, "fine", level=1)
        self.write(store, deployment_id, "bad", level=4, label="hedger")
        self.write(store, deployment_id, "odd", level=3)
        messages = [s.line.message for s in store.logs.read(deployment_id, limit=9, level=3)]
        assert messages == ["bad", "odd"]
        hedger = store.logs.read(deployment_id, limit=9, label="hedger")
        assert [s.line.message for s in hedger] == ["bad"]

    def test_old_lines_go_and_lines_of_the_gone_are_dropped(self, store, deployment_id, monkeypatch):
        monkeypatch.setattr(logs_module, "KEEP", 10)
        monkeypatch.setattr(logs_module, "_TRIM_EVERY", 5)
        for n in range(30):
            self.write(store, deployment_id, str(n))
        kept = [s.seq for s in store.logs.read(deployment_id, limit=100)]
        assert kept == list(range(21, 31))
        self.write(store, "dep_gone", "nobody reads this")
        assert store.logs.read("dep_gone", limit=9) == []
