"""Orders, fills, positions and the ledger: written by edges, read by everybody."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.schema import fills, ledger, orders, positions
from sequence_paper.store.tables import columns_of
from sequence_paper.store.trades import Fill, LedgerEntry, Order, Position
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Mode
from sequence_paper.venue.fees import notional_1e9

_POSITION_KEY = ["account_id", "mode", "deployment", "venue", "symbol"]
_PART = 10**9


class Orders:
    """Table `orders`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open_on(self, edge_id: str) -> list[Order]:
        """Orders of that edge that are not final, oldest first: what a restarted edge has to restore or to end."""
        query = sa.select(orders).where(orders.c.edge_id == edge_id, orders.c.status.in_(OPEN_ORDER_STATUSES))
        with self._db.reading() as connection:
            return [_order(row) for row in connection.execute(query.order_by(orders.c.seq))]

    def open_at(self, account_id: str, mode: Mode, venue: str) -> list[Order]:
        """What an account has open at a venue, oldest first."""
        where = _matching(orders, account_id, mode, None, None, None) & (orders.c.venue == venue)
        query = sa.select(orders).where(where, orders.c.status.in_(OPEN_ORDER_STATUSES))
        with self._db.reading() as connection:
            return [_order(row) for row in connection.execute(query.order_by(orders.c.seq))]

    def resting(self, account_id: str, mode: Mode) -> list[Order]:
        """What an account has open in books, oldest first."""
        where = _matching(orders, account_id, mode, None, None, None)
        query = sa.select(orders).where(where, orders.c.status.in_(("OPEN", "PARTIALLY_FILLED")))
        with self._db.reading() as connection:
            return [_order(row) for row in connection.execute(query.order_by(orders.c.seq))]

    def get(self, order_id: str) -> Order | None:
        """One order, whoever's."""
        with self._db.reading() as connection:
            row = connection.execute(sa.select(orders).where(orders.c.order_id == order_id)).one_or_none()
        return None if row is None else _order(row)

    def claim(self, order: Order) -> tuple[Order, bool]:
        """Insert the first row of an order unless it has one. The stored row, and whether it is ours."""
        with self._db.writing() as connection:
            before = connection.execute(sa.select(orders).where(orders.c.order_id == order.order_id)).first()
            if before is not None:
                return _order(before), False
            self._db.insert_new(connection, orders, [columns_of(order)], ["order_id"])
            row = connection.execute(sa.select(orders).where(orders.c.order_id == order.order_id)).one()
        return _order(row), _order(row) == order

    def page(
        self,
        account_id: str,
        mode: Mode,
        *,
        limit: int,
        offset: int,
        symbol: str | None = None,
        order_id: str | None = None,
        deployment_id: str | None = None,
    ) -> tuple[list[Order], int]:
        """Newest first, and how many there are in all."""
        where = _matching(orders, account_id, mode, symbol, order_id, deployment_id)
        rows, total = _page(self._db, orders, where, limit, offset)
        return [_order(row) for row in rows], total


class Fills:
    """Table `fills`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(
        self,
        account_id: str,
        mode: Mode,
        *,
        limit: int,
        offset: int,
        symbol: str | None = None,
        order_id: str | None = None,
        deployment_id: str | None = None,
    ) -> tuple[list[Fill], int]:
        """Newest first, and how many there are in all."""
        where = _matching(fills, account_id, mode, symbol, order_id, deployment_id)
        rows, total = _page(self._db, fills, where, limit, offset)
        return [Fill(**_without(row, "seq")) for row in rows], total

    def head(self, account_id: str, mode: Mode) -> int:
        """Number of the newest fill, 0 when there is none."""
        where = _matching(fills, account_id, mode, None, None, None)
        with self._db.reading() as connection:
            return connection.execute(sa.select(sa.func.max(fills.c.seq)).where(where)).scalar() or 0

    def after(self, account_id: str, mode: Mode, seq: int, limit: int) -> list[tuple[int, Fill]]:
        """The first fills numbered above `seq`, oldest first, with their numbers: a reader misses none.

        Numbers follow the order in which fills became readable (see `save_trading`).
        """
        where = _matching(fills, account_id, mode, None, None, None) & (fills.c.seq > seq)
        query = sa.select(fills).where(where).order_by(fills.c.seq).limit(limit)
        with self._db.reading() as connection:
            return [(row.seq, Fill(**_without(row, "seq"))) for row in connection.execute(query)]

    def totals(self, account_id: str, mode: Mode, deployment_id: str) -> dict[str, tuple[int, int, int]]:
        """By label: number of fills, realized result before fees, fees paid (both × 10^9)."""
        where = _matching(fills, account_id, mode, None, None, deployment_id)
        sums = (sa.func.sum(fills.c.realized_pnl_1e9), sa.func.sum(fills.c.fee_1e9))
        query = sa.select(fills.c.label, sa.func.count(), *sums).where(where).group_by(fills.c.label)
        with self._db.reading() as connection:
            return {label: (n, int(pnl), int(fees)) for label, n, pnl, fees in connection.execute(query)}


class Positions:
    """Table `positions`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of_deployment(self, account_id: str, mode: Mode, deployment: str, venue: str) -> list[Position]:
        """What an edge continues from when it loads an instance."""
        where = (positions.c.deployment == deployment) & (positions.c.venue == venue)
        return [position for _, position in self._select(account_id, mode, where)]

    def of_account(
        self, account_id: str, mode: Mode, deployment: str | None = None
    ) -> list[tuple[int, Position]]:
        """Every position (of one deployment name) with its stable number, by number."""
        where = sa.true() if deployment is None else positions.c.deployment == deployment
        return self._select(account_id, mode, where)

    def _select(
        self, account_id: str, mode: Mode, where: sa.ColumnElement[bool]
    ) -> list[tuple[int, Position]]:
        query = sa.select(positions).where(
            positions.c.account_id == account_id, positions.c.mode == mode, where
        )
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(positions.c.position_id)).all()
        return [(row.position_id, Position(**_without(row, "position_id"))) for row in rows]


class Ledger:
    """Table `ledger`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def balances(self, account_id: str, mode: Mode) -> dict[tuple[str, str], int]:
        """Sum of all movements by (venue, asset), × 10^9."""
        where = (ledger.c.account_id == account_id) & (ledger.c.mode == mode)
        return self._sums(where)

    def earned(self, account_id: str, mode: Mode) -> dict[tuple[str, str], int]:
        """As `balances`, of what trading has brought since the last reset: without what was given."""
        where = (ledger.c.account_id == account_id) & (ledger.c.mode == mode)
        return self._sums(where & (ledger.c.kind != "deposit"))

    def _sums(self, where: sa.ColumnElement[bool]) -> dict[tuple[str, str], int]:
        query = sa.select(ledger.c.venue, ledger.c.asset, *summed(ledger.c.amount_1e9)).where(where)
        with self._db.reading() as connection:
            rows = connection.execute(query.group_by(ledger.c.venue, ledger.c.asset))
            return {(venue, asset): total(*parts) for venue, asset, *parts in rows}


def summed(column: sa.ColumnElement[int]) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    """A sum in two parts, since the whole may not fit the 64 bits that a database adds in: give them to `total`."""
    return sa.func.sum(column // _PART), sa.func.sum(column % _PART)


def total(parts: int, rest: int) -> int:
    """Of what `summed` selects."""
    return int(parts) * _PART + int(rest)


def number_in_commit_order(database: Database, connection: sa.Connection, writes: EdgeWrites) -> None:
    """First thing in a transaction that writes fills: Postgres gives numbers before it commits.

    Two edges at once could else show fill 7 before fill 6, and who has read up to 7 would never see 6. Before any row
    is locked, so that nobody who holds the turn waits for somebody who wants it.
    """
    if writes.fills and not database.is_sqlite:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7306375124)"))


def save_trading(database: Database, connection: sa.Connection, writes: EdgeWrites) -> None:
    """Orders, fills with their ledger entries, and positions, inside a caller's transaction."""
    newest = {
        order.order_id: order for order in writes.orders
    }  # one batch may carry several states of an order
    database.upsert(connection, orders, [columns_of(o) for o in newest.values()], ["order_id"])
    database.insert_new(connection, fills, [columns_of(f) for f in writes.fills], ["fill_id"])
    entries = [columns_of(entry) for fill in writes.fills for entry in entries_of(fill)]
    database.insert_new(connection, ledger, entries, ["entry_id"])
    held = {tuple(getattr(p, name) for name in _POSITION_KEY): p for p in writes.positions}
    database.upsert(connection, positions, [columns_of(p) for p in held.values()], _POSITION_KEY)


def entries_of(fill: Fill) -> list[LedgerEntry]:
    """What a fill moves: for spot the base and the quote asset and the fee; for a perp the realized result and the fee.

    The quote amount is price × quantity rounded to 10^-9, ties to even, as positions are booked: the two add up.
    """
    base, quote = fill.symbol.split("-")[:2]
    sign = 1 if fill.side == "buy" else -1
    moves: list[tuple[Any, str, int]]
    if fill.instrument_type == "spot":
        notional = notional_1e9(fill.price_1e9, fill.qty_1e8)
        moves = [("trade", base, sign * fill.qty_1e8 * 10), ("trade", quote, -sign * notional)]
    else:
        moves = [("trade", quote, fill.realized_pnl_1e9)]
    moves.append(("rebate" if fill.fee_1e9 < 0 else "fee", quote, -fill.fee_1e9))
    return [
        LedgerEntry(
            entry_id=f"{fill.fill_id}/{number}",
            account_id=fill.account_id,
            mode=fill.mode,
            deployment=fill.deployment,
            venue=fill.venue,
            kind=kind,
            asset=asset,
            amount_1e9=amount,
            ref=fill.fill_id,
            ts_ns=fill.ts_ns,
        )
        for number, (kind, asset, amount) in enumerate(moves)
    ]


def _matching(
    table: sa.Table,
    account_id: str,
    mode: Mode,
    symbol: str | None,
    order_id: str | None,
    deployment_id: str | None,
) -> sa.ColumnElement[bool]:
    where = (table.c.account_id == account_id) & (table.c.mode == mode)
    for column, value in (("symbol", symbol), ("order_id", order_id), ("deployment_id", deployment_id)):
        if value is not None:
            where &= table.c[column] == value
    return where


def _page(
    database: Database, table: sa.Table, where: sa.ColumnElement[bool], limit: int, offset: int
) -> tuple[list[sa.Row[Any]], int]:
    query = sa.select(table).where(where).order_by(table.c.seq.desc()).limit(limit).offset(offset)
    with database.reading() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one()
        return list(connection.execute(query).all()), total


def _order(row: sa.Row[Any]) -> Order:
    return Order(**_without(row, "seq"))


def _without(row: sa.Row[Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row._mapping.items() if key != name}
