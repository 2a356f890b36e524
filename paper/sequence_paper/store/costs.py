"""What a cost analysis reads of trading: orders with their fills, newest first, and counts over all there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sequence_paper.analysis.counts import Counts
from sequence_paper.store.database import Database
from sequence_paper.store.schema import fills, orders
from sequence_paper.store.trades import Fill, Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Mode

_BATCH = 500
"""Ids in one statement: databases bound how many values one may carry."""


_ENDED = orders.c.status.not_in((*OPEN_ORDER_STATUSES, "REJECTED"))
Traded = tuple[Order, list[Fill]]


@dataclass(frozen=True, slots=True)
class Cut:
    """Orders newest first; `traded` with their fills, `missed` ended without one and were not rejected."""

    traded: list[Traded]
    missed: list[Order]
    counts: dict[str, Counts]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which orders: of one account and mode, and further conditions. Times are the feed's, of the order's creation.

    `deployment` is an id or a name; by its name the orders of earlier registrations count too.
    """

    account_id: str
    mode: Mode
    symbol: str | None = None
    deployment: str | None = None
    venue: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    order_id: str | None = None

    def where(self) -> sa.ColumnElement[bool]:
        """The conditions on `orders`."""
        at = orders.c
        found = (at.account_id == self.account_id) & (at.mode == self.mode)
        for column, value in ((at.symbol, self.symbol), (at.venue, self.venue), (at.order_id, self.order_id)):
            if value is not None:
                found &= column == value
        if self.deployment is not None:
            found &= (at.deployment_id == self.deployment) | (at.deployment == self.deployment)
        if self.since_ns is not None:
            found &= at.created_ns >= self.since_ns
        if self.until_ns is not None:
            found &= at.created_ns < self.until_ns
        return found


class Costs:
    """Reads `orders` and `fills`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def cut(self, scope: Scope, limit: int) -> Cut:
        """One consistent state: at most `limit` orders with a fill and as many that ended without, and all counts."""
        where = scope.where()
        with self._db.reading() as connection:
            traded = _newest(connection, where & (orders.c.filled_qty_1e8 > 0), limit)
            missed = _newest(connection, where & _ENDED & (orders.c.filled_qty_1e8 == 0), limit)
            return Cut(_with_fills(connection, traded), missed, _counts(connection, where))

    def of(self, order_ids: Sequence[str]) -> list[Traded]:
        """These orders, of whatever account, with their fills; at most a few hundred."""
        with self._db.reading() as connection:
            found = _newest(connection, orders.c.order_id.in_(order_ids), len(order_ids))
            return _with_fills(connection, found)

    def any_of(
        self, account_id: str, mode: Mode, *, symbol: str | None = None, deployment: str | None = None
    ) -> bool:
        """Whether there ever was an order of it."""
        scope = Scope(account_id, mode, symbol=symbol, deployment=deployment)
        with self._db.reading() as connection:
            return (
                connection.execute(sa.select(orders.c.seq).where(scope.where()).limit(1)).first() is not None
            )


def _newest(connection: sa.Connection, where: sa.ColumnElement[bool], limit: int) -> list[Order]:
    query = sa.select(*_columns(orders, Order)).where(where).order_by(orders.c.seq.desc()).limit(limit)
    return [Order(**row._mapping) for row in connection.execute(query)]


def _with_fills(connection: sa.Connection, found: Sequence[Order]) -> list[Traded]:
    by_order: dict[str, list[Fill]] = {order.order_id: [] for order in found}
    ids = list(by_order)
    for start in range(0, len(ids), _BATCH):
        mine = fills.c.order_id.in_(ids[start : start + _BATCH])
        for row in connection.execute(sa.select(*_columns(fills, Fill)).where(mine).order_by(fills.c.seq)):
            by_order[row.order_id].append(Fill(**row._mapping))
    return [(order, by_order[order.order_id]) for order in found]


def _counts(connection: sa.Connection, where: sa.ColumnElement[bool]) -> dict[str, Counts]:
    at = orders.c
    mid: sa.ColumnElement[float] = sa.cast(at.decision_mid_1e9, sa.Double())
    query = (
        sa.select(
            at.venue,
            sa.func.count(),
            _number_of(at.filled_qty_1e8 > 0),
            _number_of(at.status == "FILLED"),
            _number_of(at.status == "REJECTED"),
            _number_of(at.status == "CANCELLED"),
            _number_of(at.status.in_(OPEN_ORDER_STATUSES)),
            sa.func.sum(sa.case((_ENDED, at.qty_1e8 * mid), else_=0.0)),
            sa.func.sum(sa.case((_ENDED, at.filled_qty_1e8 * mid), else_=0.0)),
        )
        .where(where)
        .group_by(at.venue)
    )
    return {venue: Counts(*numbers) for venue, *numbers in connection.execute(query)}


def _columns(table: sa.Table, row: type[Any]) -> list[sa.Column[Any]]:
    return [table.c[field.name] for field in dataclasses.fields(row)]


def _number_of(what: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((what, 1), else_=0))
