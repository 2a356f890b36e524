"""Any single row that is changed, lost or doubled is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sequence_paper.analysis.reconcile import lines, reconcile
from sequence_paper.reconcile import main
from sequence_paper.store import Store
from sequence_paper.store.audit import Rows
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.trades import Fill, LedgerEntry, Order, Position
from sequence_paper.store.trading import entries_of
from sequence_paper.venue.position import Position as Booked
from sequence_paper.venue.position import after_fill
from support.rows import OWNER

ETHER = OWNER | {"symbol": "ETH-USD"}
TRADES = [
    # (order, side, price, quantity, fee)
    ("a", 1, 3_000_123_456_789, 12_345, 7),
    ("a", 1, 3_000_123_456_790, 23_456, -3),
    ("b", -1, 3_100_000_000_001, 40_001, 9),
    ("c", 1, 2_999_999_999_999, 1, 0),
]


def good() -> Rows:
    """Four fills of three orders, after a deposit and a trade that a reset wiped."""
    fills: list[Fill] = []
    filled: dict[str, list[Fill]] = {}
    position = Booked()
    for order_id, side, px, qty, fee in TRADES:
        before = position
        position = after_fill(position, side, px, qty, fee)  # type: ignore[arg-type]
        so_far = sum(fill.qty_1e8 for fill in filled.get(order_id, [])) + qty
        fill = Fill(
            **ETHER,
            fill_id=f"{order_id}/{so_far}",
            order_id=order_id,
            side="buy" if side == 1 else "sell",
            price_1e9=px,
            qty_1e8=qty,
            fee_1e9=fee,
            liquidity="maker",
            realized_pnl_1e9=position.realized_1e9 - before.realized_1e9,
            ts_ns=1,
        )
        filled.setdefault(order_id, []).append(fill)
        fills.append(fill)
    old = replace(fills[0], fill_id="old/5", order_id="old", qty_1e8=5, deployment="gone")
    wiped = entries_of(old)
    reset = [
        replace(e, entry_id=f"r{n}", kind="reset", amount_1e9=-e.amount_1e9) for n, e in enumerate(wiped)
    ]
    deposit = replace(wiped[1], entry_id="d", kind="deposit", amount_1e9=500, deployment="")
    row = Position(
        **{k: ETHER[k] for k in ("account_id", "mode", "deployment", "venue", "symbol", "instrument_type")},
        qty_1e8=position.qty_1e8,
        avg_entry_1e9=position.avg_entry_1e9,
        realized_pnl_1e9=position.realized_1e9,
        session_day=0,
        session_realized_pnl_1e9=0,
        fees_1e9=position.fees_1e9,
        mark_1e9=0,
        updated_ns=1,
        fill_count=len(fills),
        cost_1e9=position.cost_1e9,
    )
    orders = [_order(order_id, own) for order_id, own in {"old": [old], **filled}.items()]
    ledger = [deposit, *wiped, *reset, *(entry for fill in fills for entry in entries_of(fill))]
    return Rows(orders, [old, *fills], [row], ledger, {("acct_1", "kraken", "USD"): 500})


def _order(order_id: str, fills: list[Fill]) -> Order:
    filled = sum(fill.qty_1e8 for fill in fills)
    whole = order_id != "c"
    return Order(
        **ETHER | {"deployment": fills[0].deployment},
        order_id=order_id,
        side=fills[0].side,
        order_type="limit",
        tif="gtc",
        price_1e9=1,
        qty_1e8=filled if whole else filled + 1,
        filled_qty_1e8=filled,
        filled_notional_1e9=sum(fill.price_1e9 * fill.qty_1e8 // 10**8 for fill in fills),
        fees_1e9=sum(fill.fee_1e9 for fill in fills),
        status="FILLED" if whole else "PARTIALLY_FILLED",
        created_ns=0,
        updated_ns=0,
    )


def test_what_adds_up_has_no_differences() -> None:
    report = reconcile(good())
    assert report.differences == []
    assert list(lines(report)) == ["4 orders, 5 fills, 1 positions, 19 ledger rows: all adds up"]


def of(name: str, number: int, **change: object) -> Callable[[Rows], Rows]:
    def changed(rows: Rows) -> Rows:
        table = list(getattr(rows, name))
        table[number] = replace(table[number], **change)
        return replace(rows, **{name: table})

    return changed


def without(name: str, number: int) -> Callable[[Rows], Rows]:
    return lambda rows: replace(rows, **{name: [r for n, r in enumerate(getattr(rows, name)) if n != number]})


def twice(name: str, number: int) -> Callable[[Rows], Rows]:
    return lambda rows: replace(rows, **{name: [*getattr(rows, name), getattr(rows, name)[number]]})


TABLES = {"orders": 4, "fills": 5, "positions": 1, "ledger": 19}
DAMAGE = {
    **{f"{name} {n} lost": without(name, n) for name, count in TABLES.items() for n in range(count)},
    **{
        f"{name} {n} doubled": twice(name, n)
        for name, count in TABLES.items()
        for n in range(count)
        if name != "positions"  # the database has one row for each
    },
    "a filled quantity": of("orders", 1, filled_qty_1e8=1),
    "a filled notional": of("orders", 1, filled_notional_1e9=1),
    "fees of an order": of("orders", 2, fees_1e9=8),
    "a status": of("orders", 3, status="FILLED"),
    "a status without fills": of("orders", 3, status="CANCELLED"),
    "a price of a fill": of("fills", 2, price_1e9=3_000_124_456_790),
    "a fee of a fill": of("fills", 2, fee_1e9=-4),
    "the owner of a fill": of("fills", 3, account_id="acct_2"),
    "a quantity held": of("positions", 0, qty_1e8=1),
    "a cost, by one unit": of("positions", 0, cost_1e9=good().positions[0].cost_1e9 + 1),  # type: ignore[operator]
    "a result, by one unit": of("positions", 0, realized_pnl_1e9=good().positions[0].realized_pnl_1e9 + 1),
    "fees of a position": of("positions", 0, fees_1e9=12),
    "a count of fills": of("positions", 0, fill_count=5),
    "an amount of the ledger": of("ledger", 9, amount_1e9=1),
    "a kind in the ledger": of("ledger", 9, kind="rebate"),
    "what was given": lambda rows: replace(rows, given={("acct_1", "kraken", "USD"): 501}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(damage: str) -> None:
    report = reconcile(DAMAGE[damage](good()))
    assert report.differences, damage
    assert "differences" in next(iter(lines(report)))


def test_rows_of_before_costs_were_kept_are_held_to_the_rest() -> None:
    rows = good()
    old = replace(rows, positions=[replace(rows.positions[0], cost_1e9=None)])
    assert reconcile(old).differences == []
    assert reconcile(of("positions", 0, qty_1e8=1)(old)).differences


def test_a_foreign_entry_is_found() -> None:
    rows = good()
    more = LedgerEntry("x", "acct_1", "sandbox", "mm", "kraken", "fee", "USD", -1, "nothing", 1)
    assert len(reconcile(replace(rows, ledger=[*rows.ledger, more])).differences) == 2


def test_a_database_is_checked_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, rows = f"sqlite:///{tmp_path / 'paper.db'}", good()
    store = Store(url)
    store.commit(EdgeWrites(orders=[*rows.orders[1:]], fills=[*rows.fills[1:]], positions=[*rows.positions]))
    assert main(["--db", url]) == 0
    assert capsys.readouterr().out == "3 orders, 4 fills, 1 positions, 12 ledger rows: all adds up\n"
    store.commit(EdgeWrites(orders=[replace(rows.orders[1], fees_1e9=5)]))
    store.close()
    assert main(["--db", url, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["differences"]
    assert found == {"what": "fees", "where": "a", "expected": "4", "found": "5"}
    assert main(["--db", "mysql://nowhere"]) == 2
